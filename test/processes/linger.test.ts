/** What happens to messages that are still queued when a program ends, with real processes. */
import { assert, describe, it } from "@effect/vitest"
import { Message, Pull, Socket, type Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Stream } from "effect"
import { run } from "./program.ts"

const freePort = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
  const [endpoint] = yield* Socket.endpoints(pull)
  // What a socket is bound to is an endpoint.
  return endpoint as `tcp://${string}:${string}`
}).pipe(Effect.scoped)

const receiveAll = (endpoint: `tcp://${string}:${string}`) =>
  Effect.gen(function* () {
    const pull = yield* Pull.make({ bind: endpoint })
    const received = yield* Stream.runCollect(Stream.take(Pull.stream(pull), 1000))
    return received.map((message) => Number(Message.text(message)))
  }).pipe(Effect.scoped)

const all = Array.from({ length: 1000 }, (_, i) => i)

const flushed = `{"flushed":true,"dropped":0,"_tag":"Closed"}`
const dropped = `{"flushed":false,"_tag":"Closed"}`

/** It says so in its log, and by its last event. */
const assertDropped = ([sent, warning = "", ...rest]: ReadonlyArray<string>, linger: string) => {
  assert.strictEqual(sent, "sent")
  assert.match(
    warning,
    new RegExp(`WARN.* not everything may have been delivered within the linger of ${linger}: a PUSH`)
  )
  // In between are the annotations of the warning.
  assert.strictEqual(rest.at(-1), dropped)
}

describe("linger of a real process", () => {
  const live = (title: string, body: Effect.Effect<void, unknown, Transport.Transport>) =>
    it.live(title, () => Effect.provide(body, ZmqTransport.layer))

  live(
    "1,000 messages to an absent peer: it ends by itself within linger and half a second, and says that they were dropped",
    Effect.gen(function* () {
      const program = yield* run("unsent", yield* freePort, "700")
      yield* program.printed("sent")
      const sent = performance.now()
      const { at, code, lines } = yield* program.ended
      assertDropped(lines, "700ms")
      assert.strictEqual(code, 0)
      assert.isAtLeast(at - sent, 600)
      assert.isBelow(at - sent, 1200)
    })
  )

  live(
    "to a peer that does not read it ends by itself, too",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", linger: 0, highWaterMark: { receive: 1 } })
      const program = yield* run("unsent", yield* Socket.endpoint(pull), "300", "20000")
      yield* program.printed("sent")
      const sent = performance.now()
      const { at, code, lines } = yield* program.ended
      assertDropped(lines, "300ms")
      assert.strictEqual(code, 0)
      assert.isBelow(at - sent, 800)
    }).pipe(Effect.scoped)
  )

  live(
    "a peer that appears inside linger gets them all, and the program ends as soon as it has them",
    Effect.gen(function* () {
      const endpoint = yield* freePort
      const program = yield* run("unsent", endpoint, "10000")
      yield* program.printed("sent")
      assert.deepStrictEqual(yield* receiveAll(endpoint), all)
      const received = performance.now()
      const { at, code, lines } = yield* program.ended
      assert.deepStrictEqual(lines, ["sent", flushed])
      assert.strictEqual(code, 0)
      assert.isBelow(at - received, 1500)
    })
  )

  live(
    "a program under runMain that gets SIGINT delivers them too, before it ends",
    Effect.gen(function* () {
      const endpoint = yield* freePort
      const program = yield* run("interrupted", endpoint, "10000")
      yield* program.printed("sent")
      program.process.kill("SIGINT")
      assert.deepStrictEqual(yield* receiveAll(endpoint), all)
      const { code, lines } = yield* program.ended
      assert.deepStrictEqual(lines, ["sent", flushed])
      assert.strictEqual(code, 130)
    })
  )

  live(
    "and without a peer it ends within linger",
    Effect.gen(function* () {
      const program = yield* run("interrupted", yield* freePort, "300")
      yield* program.printed("sent")
      const start = performance.now()
      program.process.kill("SIGINT")
      const { at, lines } = yield* program.ended
      assertDropped(lines, "300ms")
      assert.isBelow(at - start, 800)
    })
  )

  live(
    "sockets that have nothing to deliver keep no program alive, whatever is pending in the addon",
    Effect.gen(function* () {
      const program = yield* run("idle")
      yield* program.printed("done")
      const start = performance.now()
      const { at, code } = yield* program.ended
      assert.strictEqual(code, 0)
      assert.isBelow(at - start, 500)
    })
  )

  live(
    "a socket that was connected over inproc to what nobody has bound keeps no program alive",
    Effect.gen(function* () {
      const program = yield* run("unbound")
      yield* program.printed("closed")
      const start = performance.now()
      const { at, code } = yield* program.ended
      assert.strictEqual(code, 0)
      assert.isBelow(at - start, 500)
    })
  )
})
