/** PAIR, as RFC 31 has it. */
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import {
  aWhile,
  connected,
  disconnected,
  endpointOf,
  fill,
  numbered,
  pair,
  plain,
  receives,
  rest,
  sendTexts,
  silent,
  sorts,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

export const pairs = suite(
  "exclusive pair (RFC 31)",
  (test) => {
    test("PAIR SHALL not filter or modify outgoing or incoming messages in any way", (place) =>
      Effect.gen(function* () {
        const one = yield* pair({ bind: place.any() })
        const other = yield* pair({ connect: yield* endpointOf(one) })
        yield* Pair.sendAll(other, sorts)
        for (const sent of sorts) {
          const received = yield* Pair.receive(one)
          assert.deepStrictEqual(plain(received), plain(sent))
          yield* Pair.send(one, received)
        }
        for (const sent of sorts) assert.deepStrictEqual(plain(yield* Pair.receive(other)), plain(sent))
      }))

    test("PAIR MAY be connected to at most one PAIR peer: a second one is not heard, and disturbs nobody", (place) =>
      Effect.gen(function* () {
        const bound = yield* pair({ bind: place.any() })
        const address = yield* endpointOf(bound)
        const first = yield* pair({ connect: address })
        yield* Pair.send(first, "first")
        assert.deepStrictEqual(yield* texts(bound, 1), ["first"])
        const second = yield* pair({ connect: address })
        const intruding = yield* Effect.forkChild(Pair.send(second, "second"))
        yield* Effect.sleep(aWhile)
        yield* sendTexts(bound, numbered("", 100))
        yield* sendTexts(first, numbered("", 100))
        yield* receives(bound, numbered("", 100))
        yield* receives(first, numbered("", 100))
        yield* silent(second)
        yield* Fiber.interrupt(intruding)
      }))

    test("a PAIR is free for another peer when the first one has left", (place) =>
      Effect.gen(function* () {
        const bound = yield* pair({ bind: place.any() })
        const address = yield* endpointOf(bound)
        for (let round = 1; round <= 3; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const peer = yield* pair({ connect: address })
              yield* Pair.send(peer, `hello ${round}`)
              assert.deepStrictEqual(yield* texts(bound, 1), [`hello ${round}`])
              yield* Pair.send(bound, `welcome ${round}`)
              assert.deepStrictEqual(yield* texts(peer, 1), [`welcome ${round}`])
            })
          )
          yield* disconnected(place, bound, round)
          yield* Effect.sleep(aWhile) // until the socket knows what the event told
        }
      }))

    test("PAIR SHALL maintain a double queue for its peer, allowing outgoing and incoming messages to be queued independently", (place) =>
      Effect.gen(function* () {
        const full = yield* pair({ bind: place.any(), highWaterMark: { send: 2, receive: 2 } })
        const peer = yield* pair({ connect: yield* endpointOf(full), highWaterMark: { send: 2, receive: 2 } })
        yield* connected(place, full)
        assert.isBelow(yield* fill(full, { size: 1_000_000, most: 100 }), 100)
        yield* Effect.forkChild(sendTexts(peer, numbered("", 50)))
        assert.deepStrictEqual(yield* texts(full, 50), numbered("", 50))
      }))

    test("PAIR SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const early = yield* pair({ connect: address })
        yield* sendTexts(early, numbered("early ", 50))
        const late = yield* pair({ bind: address })
        assert.deepStrictEqual(yield* texts(late, 50), numbered("early ", 50))
        yield* sendTexts(late, ["a", "b"])
        assert.deepStrictEqual(yield* texts(early, 2), ["a", "b"])
      }))

    test("PAIR SHALL create a double queue when a peer connects to it. If this peer disconnects, the PAIR socket SHALL destroy its double queue and SHALL discard any messages it contains", (place) =>
      Effect.gen(function* () {
        const bound = yield* pair({ bind: place.any(), highWaterMark: { send: 2 } })
        const address = yield* endpointOf(bound)
        const scope = yield* Scope.make()
        yield* Scope.provide(pair({ connect: address, highWaterMark: { receive: 2 } }), scope)
        yield* connected(place, bound)
        const sent = yield* fill(bound, { name: "old ", size: 1_000_000, most: 100 })
        assert.isBelow(sent, 100)
        yield* Scope.close(scope, Exit.void)
        yield* disconnected(place, bound)
        yield* Effect.sleep(aWhile) // until the socket knows what the event told
        const peer = yield* pair({ connect: address })
        yield* Pair.send(bound, "new")
        const received = yield* rest(peer, 1)
        // What waited to be sent was in no queue, and goes to the peer that is there now.
        const old = received.filter((text) => text.startsWith("old ")).map((text) => Number(text.slice(4)))
        assert.isEmpty(old.filter((number) => number < sent))
        assert.include(received, "new")
      }))

    test("PAIR SHALL consider its peer as available only when it has a outgoing queue that is not full", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* pair({ connect: address, highWaterMark: { send: 10 } })
        assert.strictEqual(yield* fill(sender, { most: 11 }), 10)
        const peer = yield* pair({ bind: address })
        assert.deepStrictEqual(yield* texts(peer, 11), numbered("", 11))
      }))

    test("PAIR SHALL block on sending, or return a suitable error, when it has no available peer", (place) =>
      Effect.gen(function* () {
        const bound = yield* pair({ bind: place.any() })
        const waiting = yield* suspended(Pair.send(bound, "a"))
        const second = yield* suspended(Pair.send(bound, "b"))
        const peer = yield* pair({ connect: yield* endpointOf(bound) })
        assert.deepStrictEqual(yield* texts(peer, 2), ["a", "b"])
        yield* Fiber.joinAll([waiting, second])
      }))

    test("PAIR SHALL NOT discard messages that it cannot queue", (place) =>
      Effect.gen(function* () {
        const one = yield* pair({ bind: place.any(), highWaterMark: { receive: 5 } })
        const other = yield* pair({ connect: yield* endpointOf(one), highWaterMark: { send: 5 } })
        const all = numbered("", 2000)
        yield* Effect.forkChild(sendTexts(other, all))
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* texts(one, 2000), all)
      }))

    test("PAIR SHALL receive incoming messages from its single peer if it has one, and SHALL deliver these to its calling application", (place) =>
      Effect.gen(function* () {
        const one = yield* pair({ bind: place.any() })
        const waiting = yield* suspended(Pair.receive(one))
        const other = yield* pair({ connect: yield* endpointOf(one) })
        yield* sendTexts(other, numbered("", 500))
        assert.strictEqual(Message.text(yield* Fiber.join(waiting)), "0")
        assert.deepStrictEqual(yield* texts(one, 499), numbered("", 500).slice(1))
      }))

    test("a PAIR still gives what a peer that has left had delivered, before what the next one sends", (place) =>
      Effect.gen(function* () {
        const bound = yield* pair({ bind: place.any() })
        const address = yield* endpointOf(bound)
        yield* Effect.scoped(
          Effect.flatMap(pair({ connect: address, linger: "1 second" }), (leaving) =>
            sendTexts(leaving, numbered("old ", 100))
          )
        )
        yield* Effect.sleep(aWhile)
        assert.deepStrictEqual(yield* texts(bound, 100), numbered("old ", 100))
        yield* silent(bound)
        const next = yield* pair({ connect: address })
        yield* sendTexts(next, ["new"])
        assert.deepStrictEqual(yield* texts(bound, 1), ["new"])
      }))
  },
  ["PAIR"]
)
