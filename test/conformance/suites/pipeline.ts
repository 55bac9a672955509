/** PUSH and PULL, as RFC 30 has them. */
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import {
  acceptsWhatHasRoom,
  deliversAll,
  discardsNothing,
  discardsWithItsPeer,
  givesWhatWasDelivered,
  passesOverWhoIsFull,
  receivesInTurn,
  waitsForAPeer
} from "../queues.ts"
import {
  connected,
  endpointOf,
  fill,
  numbered,
  plain,
  pull,
  push,
  sendTexts,
  silent,
  sorts,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

const sides = { sender: push, receiver: pull }

export const pipeline = suite("pipeline (RFC 30)", (test) => {
  test("PUSH and PUB SHALL only send messages, PULL and SUB SHALL only receive messages", () =>
    Effect.sync(() => {
      // The compiler says so: nothing of this runs.
      ;(push: Push.Push, pull: Pull.Pull) => [
        // @ts-expect-error a PUSH does not receive
        Pull.receive(push),
        // @ts-expect-error a PULL does not send
        Push.send(pull, "")
      ]
    }))

  test("PUSH and PULL SHALL not filter or modify messages in any way", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const sender = yield* push({ connect: yield* endpointOf(receiver) })
      yield* Push.sendAll(sender, sorts)
      for (const sent of sorts) assert.deepStrictEqual(plain(yield* Pull.receive(receiver)), plain(sent))
      yield* silent(receiver)
    }))

  test("PUSH SHALL maintain an outgoing message queue for each connected peer", (place) =>
    Effect.gen(function* () {
      const [a, b] = [place.nobody(), place.nobody()]
      const sender = yield* push({ connect: [a, b], highWaterMark: { send: 3 } })
      assert.strictEqual(yield* fill(sender, { most: 100 }), 6)
      const first = yield* pull({ bind: a })
      assert.deepStrictEqual(yield* texts(first, 3), ["0", "2", "4"])
      const second = yield* pull({ bind: b })
      assert.deepStrictEqual(yield* texts(second, 3), ["1", "3", "5"])
    }))

  test("PUSH SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const sender = yield* push({ connect: address })
      yield* sendTexts(sender, numbered("early ", 50))
      const receiver = yield* pull({ bind: address })
      assert.deepStrictEqual(yield* texts(receiver, 50), numbered("early ", 50))
    }))

  test("PUSH SHALL create this queue when a peer connects to it", (place) =>
    Effect.gen(function* () {
      const sender = yield* push({ bind: place.any() })
      const waiting = yield* suspended(Push.send(sender, "for the first to come"))
      const receiver = yield* pull({ connect: yield* endpointOf(sender) })
      assert.deepStrictEqual(yield* texts(receiver, 1), ["for the first to come"])
      yield* Fiber.join(waiting)
    }))

  test(
    "If this peer disconnects, the PUSH socket SHALL destroy its queue and SHALL discard any messages it contains",
    discardsWithItsPeer(sides)
  )

  test(
    "PUSH SHALL consider a peer as available only when it has a outgoing queue that is not full",
    passesOverWhoIsFull(sides)
  )

  test("PUSH SHALL route outgoing messages to available peers using a round-robin strategy", (place) =>
    Effect.gen(function* () {
      const receivers = yield* Effect.forEach([0, 1, 2], () => pull({ bind: place.any() }))
      const sender = yield* push({ connect: yield* Effect.forEach(receivers, (receiver) => endpointOf(receiver)) })
      yield* sendTexts(sender, numbered("", 9))
      const received = yield* Effect.forEach(receivers, (receiver) => texts(receiver, 3))
      assert.deepStrictEqual(received, [
        ["0", "3", "6"],
        ["1", "4", "7"],
        ["2", "5", "8"]
      ])
    }))

  test("a PUSH that is bound deals to the peers that connected, in turn", (place) =>
    Effect.gen(function* () {
      const sender = yield* push({ bind: place.any() })
      const address = yield* endpointOf(sender)
      const receivers = yield* Effect.forEach([0, 1, 2, 3, 4], () => pull({ connect: address }))
      yield* connected(place, sender, 5)
      yield* sendTexts(sender, [...numbered("ABC", 5), ...numbered("DEF", 5)])
      for (const receiver of receivers) {
        const [first = "", second = ""] = yield* texts(receiver, 2)
        assert.deepStrictEqual([first.slice(0, 3), second.slice(0, 3)], ["ABC", "DEF"])
        assert.strictEqual(first.slice(3), second.slice(3))
      }
    }))

  test("PUSH SHALL block on sending, or return a suitable error, when it has no available peers", waitsForAPeer(sides))

  test("PUSH SHALL not accept further messages when it has no available peers", acceptsWhatHasRoom(sides))

  test("PUSH SHALL NOT discard messages that it cannot queue", discardsNothing(sides))

  test("PULL SHALL maintain an incoming queue for each connected peer", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any(), highWaterMark: { receive: 10 } })
      const address = yield* endpointOf(receiver)
      const flood = yield* push({ connect: address, highWaterMark: { send: 10 } })
      yield* fill(flood, { name: "flood ", size: 100_000, most: 1000 })
      const other = yield* push({ connect: address, highWaterMark: { send: 10 } })
      yield* Push.send(other, "drop")
      yield* connected(place, other)
      yield* Effect.sleep("20 millis")
      // The full queue of one is nothing to the other: its message is among the next few.
      assert.include(yield* texts(receiver, 3), "drop")
    }))

  test("PULL SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const receiver = yield* pull({ connect: address })
      yield* silent(receiver)
      const sender = yield* push({ bind: address })
      yield* sendTexts(sender, ["a", "b"])
      assert.deepStrictEqual(yield* texts(receiver, 2), ["a", "b"])
    }))

  test("PULL SHALL create this queue when a peer connects to it", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const waiting = yield* suspended(Pull.receive(receiver))
      const sender = yield* push({ connect: yield* endpointOf(receiver) })
      yield* Push.send(sender, "come")
      assert.strictEqual(Message.text(yield* Fiber.join(waiting)), "come")
    }))

  test("a PULL still gives what a peer that has left had delivered", givesWhatWasDelivered(sides))

  test("PULL SHALL receive incoming messages from its peers using a fair-queuing strategy", receivesInTurn(sides))

  test("PULL SHALL deliver these to its calling application", deliversAll(sides))
})
