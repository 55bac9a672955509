/** Mutations of handshakes and traffic in large numbers, at sockets in a process of their own. */
import { type ChildProcess, fork } from "node:child_process"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { prove } from "../../../test/prove/table.ts"
import { attack, hostile } from "./mutations/attack.ts"
import { regressions } from "./mutations/mutate.ts"
import type { Answer, Look, Order } from "./mutations/process.ts"

const test = prove("Mutations of handshakes and traffic, at sockets that serve a good peer meanwhile")

const start = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => fork(path.join(import.meta.dirname, "mutations/process.ts"), args, { execArgv: [] })),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )

/** Fails where the process has ended instead. */
const ask = <T extends Answer["_tag"]>(child: ChildProcess, order: Order, tag: T) =>
  Effect.callback<Extract<Answer, { readonly _tag: T }>, Error>((resume) => {
    child.once("message", (answer) => {
      const given = answer as Answer // of the child
      // As was asked for.
      if (given._tag === tag) resume(Effect.succeed(given as Extract<Answer, { readonly _tag: T }>))
    })
    child.once("exit", (code, signal) => resume(Effect.fail(new Error(`the process has ended: ${code ?? signal}`))))
    child.send(order)
  })

const look = (child: ChildProcess) => Effect.map(ask(child, { _tag: "Look" }, "Looked"), ({ look }) => look)

const begin = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = yield* start(...args)
  const by = yield* hostile
  const { places } = yield* ask(child, { _tag: "Begin", hostile: by.endpoints }, "Begun")
  return { by, child, places }
})

const count = 100_000

/** What others of the machine take is no fault of ours: what counts is what was computed. */
const ms = ({ computed, millis, mostComputed }: Look["slowest"]) =>
  `${millis.toFixed(0)} ms (${computed.toFixed(0)} of it computing; ${mostComputed.toFixed(0)} at most)`

test(
  `${count} mutations crash nothing, and a good peer is served meanwhile`,
  Effect.gen(function* () {
    const { by, child, places } = yield* begin()
    // What is made once is made by then.
    yield* attack(count / 10, places, by)
    yield* Effect.sleep("3 seconds")
    const before = yield* look(child)
    const { undelivered } = yield* attack(count, places, by)
    // Handshakes that were begun are over.
    yield* Effect.sleep("3 seconds")
    const after = yield* look(child)
    yield* Effect.sleep("100 millis")
    const last = yield* look(child)
    const grown = (after.memory - before.memory) / 2 ** 20
    console.log(`what became of connections: ${JSON.stringify(after.told)}`)
    return {
      what: [
        `mutations (${regressions.length} of past crashes); ${after.received} messages received`,
        `${after.served} good requests, the slowest ${ms(after.slowest)}`,
        `the loop away for ${ms(after.gap)}`,
        `${grown.toFixed(1)} MB grown`
      ].join("; "),
      count: count + regressions.length,
      zero: {
        crashes: 0,
        "unhandled rejections": last.rejections,
        "not delivered": undelivered,
        "MB above 8": Math.max(0, Math.ceil(grown - 8)),
        // But for the two that connect again and again.
        "connections left": Math.max(0, after.resources - before.resources - 4),
        "peers left": after.peers,
        "ms of computing above 100 in a request": Math.max(0, Math.round(after.slowest.mostComputed - 100)),
        "ms above 100 that the loop was held": Math.max(0, Math.round(after.gap.mostComputed - 100)),
        "good peers not served afterwards": last.served > after.served ? 0 : 1
      }
    }
  }).pipe(Effect.scoped)
)

test(
  "they reach the decoder, the handshake and the mechanisms, each in nearly every line",
  Effect.gen(function* () {
    const mutations = 20_000
    const { by, child, places } = yield* begin("coverage")
    yield* attack(mutations, places, by)
    const { coverage } = yield* ask(child, { _tag: "End" }, "Ended")
    for (const { file, lines, missing, reached } of coverage) {
      console.log(`${file}: ${reached} of ${lines} lines${missing.map((line) => `\n    not all of ${line}`).join("")}`)
    }
    const all = coverage.reduce((sum, { lines }) => sum + lines, 0)
    const reached = coverage.reduce((sum, { reached }) => sum + reached, 0)
    const shares = coverage.map(({ file, lines, reached }) => `${file} ${Math.round((100 * reached) / lines)}`)
    return {
      what: `mutations reach ${Math.round((100 * reached) / all)} % of the lines of the protocol (${shares.join(", ")})`,
      count: mutations,
      zero: {
        "files below 90 %": coverage.filter(({ lines, reached }) => reached < 0.9 * lines).length,
        "files unknown": coverage.length === 0 ? 1 : 0
      }
    }
  }).pipe(Effect.scoped)
)
