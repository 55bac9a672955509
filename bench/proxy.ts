/**
 * `Proxy.run` beside the addon's own `Proxy`, which is libzmq's in C, in a thread: the same source and the same sink on both
 * sides, each in a process of its own, over tcp. Both are the fast forms of this library, and as fast as the addon lets
 * them be: where a row is near 1, they are what is measured.
 */
import * as path from "node:path"
import { Console, Effect, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { ChildProcess } from "effect/process"
import type { Relay } from "./peers/relay.ts"
import type { Result } from "./peers/task.ts"
import { median, print, rate } from "./table.ts"

const spawn = (relay: Relay) =>
  ChildProcess.make(process.execPath, [path.join(import.meta.dirname, "peers", "relay.ts"), JSON.stringify(relay)], {
    stderr: "inherit",
    killSignal: "SIGKILL"
  })

const lines = (process: { readonly stdout: Stream.Stream<Uint8Array, unknown> }) =>
  process.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.map((line) => JSON.parse(line)),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption)
  )

const run = Effect.fnUntraced(function* (kind: "raw" | "ours", task: Pick<Relay, "pattern" | "size" | "count">) {
  const { backend, frontend } = yield* lines(yield* spawn({ ...task, role: kind }))
  const sink = yield* spawn({ ...task, role: "sink", connect: backend })
  yield* spawn({ ...task, role: "source", connect: frontend })
  const { messages, seconds }: Result = yield* lines(sink)
  return messages / seconds
}, Effect.scoped)

const patterns = [
  { pattern: "streamer", title: "PULL to PUSH" },
  { pattern: "queue", title: "ROUTER to DEALER" },
  { pattern: "forwarder", title: "XSUB to XPUB" }
] as const

const sizes = [
  { size: 16, count: 400_000 },
  { size: 1024, count: 100_000 }
] as const

export const proxy = Command.make(
  "proxy",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each side; the median counts")
    )
  },
  Effect.fnUntraced(function* ({ repetitions }) {
    const rows: Array<ReadonlyArray<string>> = []
    for (const { count, size } of sizes) {
      for (const { pattern, title } of patterns) {
        const rates: Record<"raw" | "ours", Array<number>> = { raw: [], ours: [] }
        for (let i = 0; i < repetitions; i++) {
          for (const kind of ["raw", "ours"] as const) rates[kind].push(yield* run(kind, { pattern, size, count }))
        }
        const [a, b] = [median(rates.raw), median(rates.ours)]
        rows.push([title, `${size} B`, rate(a), rate(b), (b / a).toFixed(2)])
        yield* Console.error(`measured ${title}, ${size} B`)
      }
    }
    yield* print(["over tcp, three processes", "size", "the addon's Proxy", "effect-zmq", "ratio"], rows)
  })
).pipe(Command.withDescription("A proxy beside libzmq's own"))
