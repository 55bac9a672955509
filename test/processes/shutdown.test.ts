/** The end of programs that are asked to end: real processes, and real signals. */
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Message, Pull, Push, Socket, type Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, type Scope, Stream } from "effect"
import { start } from "../examples/program.ts"
import { rolling } from "./shutdown/rolling.ts"

const program = (name: string, ...args: ReadonlyArray<string>) =>
  start(process.execPath, path.join(import.meta.dirname, "shutdown", `${name}.ts`), ...args)

const live = (promise: string, body: Effect.Effect<void, unknown, Transport.Transport | Scope.Scope>) =>
  it.live(promise, () => Effect.provide(Effect.scoped(body), ZmqTransport.layer))

const hour = `${60 * 60 * 1000}`

/** A PULL, and what is sent to it. */
const sink = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 100_000 } })
  const endpoint = yield* Socket.endpoint(pull)
  const receive = (count: number) =>
    Pull.stream(pull).pipe(Stream.map(Message.text), Stream.take(count), Stream.runCollect)
  return { endpoint, receive, poll: Pull.poll(pull) }
})

/** Where nobody is. */
const nowhere = Effect.scoped(Effect.map(sink, ({ endpoint }) => endpoint))

const all = Array.from({ length: 1000 }, (_, i) => `${i}`)

describe("a program that is asked to end", { concurrent: true }, () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    live(
      `${signal}: delivers what it has sent, closes, says nothing, and ends with 0`,
      Effect.gen(function* () {
        const { endpoint, receive } = yield* sink
        const { ended, prints, signal: send } = yield* program("sender", endpoint, "5000", "8000", "peer")
        yield* prints(/sent/)
        yield* send(signal)
        const { code, stderr } = yield* ended
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.deepStrictEqual(yield* receive(1000), all)
      })
    )

    live(
      `a second ${signal} ends it for certain, and it says what was lost`,
      Effect.gen(function* () {
        const endpoint = yield* nowhere
        const { ended, prints, signal: send } = yield* program("sender", endpoint, hour, hour)
        yield* prints(/sent/)
        yield* send(signal)
        yield* prints(/asked/)
        yield* Effect.sleep("300 millis") // a second one, and not the first again
        yield* send(signal)
        const { code, stderr } = yield* ended
        assert.strictEqual(code, signal === "SIGINT" ? 130 : 143)
        const [line = "", ...rest] = stderr.split("\n")
        assert.match(
          line,
          new RegExp(`^Ended by a second signal \\(${signal}\\), [\\dms ]+ after it was asked to end\\. `)
        )
        assert.include(line, `1 socket not closed, whose unsent messages are lost: PUSH of ${endpoint}.`)
        assert.deepStrictEqual(rest, [""])
      })
    )
  }

  live(
    "a signal that is passed on a second time at once is no second one",
    Effect.gen(function* () {
      const { endpoint, receive } = yield* sink
      const { ended, prints, signal } = yield* program("sender", endpoint, "5000", "8000", "peer")
      yield* prints(/sent/)
      yield* signal("SIGINT")
      yield* signal("SIGINT")
      assert.strictEqual((yield* ended).code, 0)
      assert.deepStrictEqual(yield* receive(1000), all)
    })
  )

  live(
    "by its deadline it is ended, with its messages undelivered",
    Effect.gen(function* () {
      const endpoint = yield* nowhere
      const { ended, prints, signal } = yield* program("sender", endpoint, hour, "500")
      yield* prints(/sent/)
      const before = performance.now()
      yield* signal("SIGTERM")
      const { code, stderr } = yield* ended
      assert.isAtLeast(performance.now() - before, 490)
      assert.isBelow(performance.now() - before, 5000)
      assert.strictEqual(code, 1)
      assert.strictEqual(
        stderr,
        `Ended by its deadline, 500ms after it was asked to end. 1 socket not closed, whose unsent messages are lost: PUSH of ${endpoint}.\n`
      )
    })
  )

  live(
    "by its deadline it is ended, with a finalizer that does not return",
    Effect.gen(function* () {
      const { ended, prints, signal } = yield* program("stuck", "300", "inside")
      const [, endpoint] = yield* prints(/bound to (.+)/)
      yield* signal("SIGINT")
      const { code, stderr } = yield* ended
      assert.strictEqual(code, 1)
      assert.include(stderr, `PULL of ${endpoint}.`)
    })
  )

  live(
    "a second signal ends it also when all its sockets are closed, and something else keeps it",
    Effect.gen(function* () {
      const { ended, prints, signal } = yield* program("stuck", hour, "outside")
      yield* prints(/bound/)
      yield* signal("SIGTERM")
      yield* prints(/stuck outside/)
      yield* Effect.sleep("300 millis")
      yield* signal("SIGTERM")
      const { code, stderr } = yield* ended
      assert.strictEqual(code, 143)
      assert.include(stderr, "All its sockets were closed.")
    })
  )

  live(
    "by itself: it ends as by a signal, and with 1 where it fails to",
    Effect.gen(function* () {
      const [clean, failing] = yield* Effect.all([program("requested"), program("requested", "fails")])
      const { code, stderr, stdout } = yield* clean.ended
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(stdout.trim().split("\n").toSorted(), ["closed", "it is enough"])
      assert.strictEqual((yield* failing.ended).code, 1)
    })
  )

  for (const kind of ["plain", "pipeline"]) {
    live(
      `a worker in the middle of its tasks (${kind}): each that it took is done, and its result delivered`,
      Effect.gen(function* () {
        const push = yield* Push.make({ bind: "tcp://127.0.0.1:*", linger: 0 })
        const results = yield* sink
        const { ended, signal } = yield* program("worker", yield* Socket.endpoint(push), results.endpoint, kind)
        yield* Push.sendAll(push, all)
        const first = yield* results.receive(50)
        yield* signal("SIGTERM")
        const { code, stderr, stdout } = yield* ended
        assert.deepStrictEqual([code, stderr], [0, ""])
        const taken = Number(/took (\d+)/.exec(stdout)?.[1])
        assert.isBelow(taken, 1000)
        const rest = yield* results.receive(taken - 50)
        assert.deepStrictEqual(
          [...first, ...rest],
          all.slice(0, taken).map((task) => `${task} done`)
        )
      })
    )
  }
})

describe("a rolling restart under load", () => {
  live(
    "of the broker and each of its workers: every end is clean, and nothing that was acknowledged or taken is lost",
    Effect.gen(function* () {
      const { acknowledged, restarts, retried: _, ...rest } = yield* rolling({ rounds: 1, workers: 2, clients: 4 })
      assert.deepStrictEqual(rest, { lost: 0, wrong: 0, failed: 0, unanswered: 0, unclean: 0 })
      assert.strictEqual(restarts, 3)
      assert.isAbove(acknowledged, 100)
    })
  )
})
