/** PAIR, as RFC 31 has it. */
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import {
  acceptsWhatHasRoom,
  discardsNothing,
  discardsWithItsPeer,
  queuesEachWay,
  queuesEarly,
  waitsForAPeer
} from "../queues.ts"
import {
  aWhile,
  disconnected,
  endpointOf,
  numbered,
  pair,
  plain,
  receives,
  sendTexts,
  silent,
  sorts,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

const sides = { sender: pair, receiver: pair }

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

    test(
      "PAIR SHALL maintain a double queue for its peer, allowing outgoing and incoming messages to be queued independently",
      queuesEachWay(pair)
    )

    test(
      "PAIR SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established",
      queuesEarly(pair)
    )

    test(
      "PAIR SHALL create a double queue when a peer connects to it. If this peer disconnects, the PAIR socket SHALL destroy its double queue and SHALL discard any messages it contains",
      discardsWithItsPeer(sides, Effect.sleep(aWhile))
    )

    test(
      "PAIR SHALL consider its peer as available only when it has a outgoing queue that is not full",
      acceptsWhatHasRoom(sides)
    )

    test("PAIR SHALL block on sending, or return a suitable error, when it has no available peer", waitsForAPeer(sides))

    test("PAIR SHALL NOT discard messages that it cannot queue", discardsNothing(sides))

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
