/** How much is queued. */
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { connected, endpointOf, fill, numbered, pull, push, texts } from "../steps.ts"
import { type Place, suite } from "../suite.ts"

type Mark = number | "unlimited" | undefined

/** How many messages a PUSH may send to a PULL that reads none of them. */
const room = (place: Place, send: Mark, receive: Mark, first: "bind" | "connect", most: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const address = place.nobody()
      const receiver = pull({ bind: address, highWaterMark: { receive } })
      const sender = push({ connect: address, highWaterMark: { send } })
      const [from, to] =
        first === "bind"
          ? yield* Effect.map(Effect.all([receiver, sender]), ([to, from]) => [from, to] as const)
          : yield* Effect.all([sender, receiver])
      yield* connected(place, from)
      const sent = yield* fill(from, { most })
      // And all of it arrives; then there is room for more.
      assert.deepStrictEqual(yield* texts(to, sent), numbered("", sent))
      yield* Push.send(from, "one more")
      return sent
    })
  )

const many = 5000

export const highWaterMarks = suite("high-water marks", (test) => {
  test(
    "by default, 1,000 messages are queued at each end",
    (place) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* room(place, undefined, undefined, "bind", many), 2000)
        assert.strictEqual(yield* room(place, undefined, undefined, "connect", many), 2000)
      }),
    ["inproc"]
  )

  test(
    "a queue holds the send mark of one side and the receive mark of the other, whoever comes first",
    (place) =>
      Effect.gen(function* () {
        for (const first of ["bind", "connect"] as const) {
          assert.strictEqual(yield* room(place, 1, 1, first, many), 2)
          assert.strictEqual(yield* room(place, 4, 4, first, many), 8)
          assert.strictEqual(yield* room(place, 10, 3, first, many), 13)
        }
      }),
    ["inproc"]
  )

  test(
    "where one of the two marks is unlimited, so is the queue",
    (place) =>
      Effect.gen(function* () {
        for (const first of ["bind", "connect"] as const) {
          assert.strictEqual(yield* room(place, "unlimited", "unlimited", first, many), many)
          assert.strictEqual(yield* room(place, "unlimited", 1, first, many), many)
          assert.strictEqual(yield* room(place, 1, "unlimited", first, many), many)
        }
      }),
    ["inproc"]
  )

  test("a queue to a peer that is not there yet holds the send mark", (place) =>
    Effect.gen(function* () {
      for (const send of [1, 7, 100]) {
        const sender = yield* push({ connect: place.nobody(), highWaterMark: { send } })
        assert.strictEqual(yield* fill(sender, { most: 1000 }), send)
      }
      const unlimited = yield* push({ connect: place.nobody(), highWaterMark: { send: "unlimited" } })
      assert.strictEqual(yield* fill(unlimited, { most: many }), many)
      const standard = yield* push({ connect: place.nobody() })
      assert.strictEqual(yield* fill(standard, { most: many }), 1000)
    }))

  test("a mark counts messages, not frames", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const sender = yield* push({ connect: address, highWaterMark: { send: 3 } })
      assert.strictEqual(yield* fill(sender, { size: 10, most: 10 }), 3)
      const receiver = yield* pull({ bind: address })
      assert.deepStrictEqual(yield* texts(receiver, 3), numbered("", 3))
    }))

  test("a queue that was full has room again when it has been read, and keeps its order", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any(), highWaterMark: { receive: 2 } })
      const sender = yield* push({ connect: yield* endpointOf(receiver), highWaterMark: { send: 2 } })
      yield* connected(place, sender)
      const all = numbered("", 300)
      yield* Effect.forkChild(Effect.forEach(all, (text) => Push.send(sender, [new Uint8Array(20_000), text])))
      yield* Effect.sleep("50 millis")
      for (let at = 0; at < 300; at += 50) {
        assert.deepStrictEqual(yield* texts(receiver, 50), all.slice(at, at + 50))
        yield* Effect.sleep("5 millis")
      }
      assert.strictEqual((yield* Socket.endpoints(receiver)).length, 1)
    }))
})
