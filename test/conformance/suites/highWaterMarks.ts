/** How much is queued. */
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Push from "@effect-zmq/core/Push"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import {
  connected,
  dealer,
  endpointOf,
  fill,
  type Make,
  numbered,
  pair,
  pull,
  push,
  router,
  type Sender,
  sendTexts,
  texts
} from "../steps.ts"
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

/** More than the receiver's queue holds, and less than it and the system do: the sender can leave before anyone reads. */
const backlog = numbered("", 2000).map((text) => text.padEnd(100))

/** Longer than until the first heartbeat, where there are any by default. */
const pause = "2500 millis"

/** Sends the backlog, closes, and only then, after a pause, somebody reads. */
const leftBehind = <S extends Socket.Socket, E>(
  receiver: Make<S>,
  read: (socket: S) => Effect.Effect<ReadonlyArray<string>, E>,
  sender: (connect: Endpoint.Endpoint) => Make<Sender>
) =>
  Effect.gen(function* () {
    const to = yield* receiver
    const connect = yield* endpointOf(to)
    yield* Effect.forkChild(Effect.scoped(Effect.flatMap(sender(connect), (from) => sendTexts(from, backlog))))
    yield* Effect.sleep(pause)
    assert.deepStrictEqual(yield* read(to), backlog)
  }).pipe(Effect.scoped)

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

  test("a receiver that lags behind gets all that was sent to it, also from who has left meanwhile", (place) => {
    const linger = { linger: "1 minute" } as const
    const bind = place.any
    const all = <S extends Parameters<typeof texts>[0]>(socket: S) => texts(socket, backlog.length)
    const routed = (socket: Router.Router) =>
      Effect.map(Effect.replicateEffect(Router.receive(socket), backlog.length), (received) =>
        received.map(({ message }) => Message.text(message))
      )
    const types = () => [
      leftBehind(pull({ bind: bind() }), all, (connect) => push({ connect, ...linger })),
      leftBehind(dealer({ bind: bind() }), all, (connect) => dealer({ connect, ...linger })),
      leftBehind(pair({ bind: bind() }), all, (connect) => pair({ connect, ...linger })),
      leftBehind(router({ bind: bind() }), routed, (connect) => dealer({ connect, ...linger }))
    ]
    return Effect.all([...types(), ...types(), ...types()], { concurrency: "unbounded", discard: true })
  })
})
