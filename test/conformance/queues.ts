/** What the RFCs ask alike of the queues of PUSH and PULL, of DEALER and of PAIR, as the bodies of tests. */
import type * as Dealer from "@effect-zmq/core/Dealer"
import type * as Pair from "@effect-zmq/core/Pair"
import type * as Pull from "@effect-zmq/core/Pull"
import type * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import {
  come,
  connected,
  disconnected,
  endpoint,
  endpointOf,
  fill,
  type Make,
  numbered,
  type Receiver,
  rest,
  type Sender,
  send,
  sendTexts,
  suspended,
  texts
} from "./steps.ts"
import type { Body } from "./suite.ts"

/** How the two sides of a test are made. */
export interface Sides {
  readonly sender: (options: Push.Options) => Make<Sender>
  readonly receiver: (options: Pull.Options) => Make<Receiver>
}

/** How both are made of a type that sends and receives. */
type Duplex = (options: Pair.Options) => Make<Dealer.Dealer | Pair.Pair>

// -----------------------------------------------------------------------------
// Queues each way
// -----------------------------------------------------------------------------

/** Nothing more can be sent one way, which is nothing to the other. */
export const queuesEachWay =
  (make: Duplex): Body =>
  (place) =>
    Effect.gen(function* () {
      const full = yield* make({ bind: place.any(), highWaterMark: { send: 2, receive: 2 } })
      const peer = yield* make({ connect: yield* endpointOf(full), highWaterMark: { send: 2, receive: 2 } })
      yield* connected(place, full)
      assert.isBelow(yield* fill(full, { size: 1_000_000, most: 100 }), 100)
      yield* Effect.forkChild(sendTexts(peer, numbered("", 50)))
      assert.deepStrictEqual(yield* texts(full, 50), numbered("", 50))
    })

/** What is sent before the other side is there arrives, and both ways go on from there. */
export const queuesEarly =
  (make: Duplex): Body =>
  (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const early = yield* make({ connect: address })
      yield* sendTexts(early, numbered("early ", 50))
      const late = yield* make({ bind: address })
      assert.deepStrictEqual(yield* texts(late, 50), numbered("early ", 50))
      yield* sendTexts(late, ["a", "b"])
      assert.deepStrictEqual(yield* texts(early, 2), ["a", "b"])
    })

// -----------------------------------------------------------------------------
// Sending
// -----------------------------------------------------------------------------

/** What is queued for a peer goes with it; `pause` is for a socket that takes another peer only when it knows. */
export const discardsWithItsPeer =
  ({ receiver, sender }: Sides, pause = Effect.void): Body =>
  (place) =>
    Effect.gen(function* () {
      const bound = yield* sender({ bind: place.any(), highWaterMark: { send: 2 } })
      const address = yield* endpointOf(bound)
      const scope = yield* Scope.make()
      yield* Scope.provide(receiver({ connect: address, highWaterMark: { receive: 2 } }), scope)
      yield* connected(place, bound)
      const sent = yield* fill(bound, { name: "old ", size: 1_000_000, most: 100 })
      assert.isBelow(sent, 100)
      yield* Scope.close(scope, Exit.void)
      yield* disconnected(place, bound)
      yield* pause
      const next = yield* receiver({ connect: address })
      yield* send(bound, "new")
      const received = yield* rest(next, 1)
      // What waited to be sent was in no queue, and goes to the peer that is there now.
      const old = received.filter((text) => text.startsWith("old ")).map((text) => Number(text.slice(4)))
      assert.isEmpty(old.filter((number) => number < sent))
      assert.include(received, "new")
    })

/** The first two that went to nobody are queued for it; all others went to who is there. */
export const passesOverWhoIsFull =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const there = yield* receiver({ bind: place.any() })
      const connect = [place.nobody(), yield* endpointOf(there)]
      yield* sendTexts(yield* sender({ connect, highWaterMark: { send: 2 } }), numbered("", 20))
      assert.deepStrictEqual(
        yield* rest(there, 18),
        numbered("", 20).filter((text) => text !== "0" && text !== "2")
      )
    })

export const waitsForAPeer =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const bound = yield* sender({ bind: place.any() })
      const waiting = yield* suspended(send(bound, "a"))
      const second = yield* suspended(send(bound, "b"))
      const peer = yield* receiver({ connect: yield* endpointOf(bound) })
      assert.deepStrictEqual(yield* texts(peer, 2), ["a", "b"])
      yield* Fiber.joinAll([waiting, second])
    })

export const acceptsWhatHasRoom =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const early = yield* sender({ connect: address, highWaterMark: { send: 10 } })
      assert.strictEqual(yield* fill(early, { most: 11 }), 10)
      const peer = yield* receiver({ bind: address })
      assert.deepStrictEqual(yield* texts(peer, 11), numbered("", 11))
    })

export const discardsNothing =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const to = yield* receiver({ bind: place.any(), highWaterMark: { receive: 5 } })
      const from = yield* sender({ connect: yield* endpointOf(to), highWaterMark: { send: 5 } })
      const all = numbered("", 2000)
      yield* Effect.forkChild(sendTexts(from, all))
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(yield* texts(to, 2000), all)
    })

// -----------------------------------------------------------------------------
// Receiving
// -----------------------------------------------------------------------------

export const givesWhatWasDelivered =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const to = yield* receiver({ bind: place.any() })
      const address = yield* endpointOf(to)
      yield* Effect.scoped(
        Effect.flatMap(sender({ connect: address, linger: "1 second" }), (leaving) =>
          sendTexts(leaving, numbered("", 100))
        )
      )
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(yield* texts(to, 100), numbered("", 100))
    })

export const receivesInTurn =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const to = yield* receiver({ bind: place.any() })
      const address = yield* endpointOf(to)
      const all = yield* Effect.forEach([0, 1, 2, 3, 4], () => sender({ connect: address }))
      yield* connected(place, to, 5)
      for (const [index, from] of all.entries()) yield* sendTexts(from, [`${index}`, `${index}`, `${index}`])
      yield* come
      const received = yield* texts(to, 15)
      for (const round of [0, 5, 10]) {
        assert.sameMembers(received.slice(round, round + 5), ["0", "1", "2", "3", "4"], received.join(" "))
      }
    })

/** Everything, and in the order of each peer. */
export const deliversAll =
  ({ receiver, sender }: Sides): Body =>
  (place) =>
    Effect.gen(function* () {
      const to = yield* receiver({ connect: [place.nobody(), place.nobody()] })
      const addresses = yield* Socket.endpoints(to)
      const all = yield* Effect.forEach(addresses, (address) => sender({ bind: endpoint(address) }))
      yield* Effect.forEach(all, (from, index) => sendTexts(from, numbered(`${index}-`, 500)), {
        concurrency: "unbounded"
      })
      const received = yield* texts(to, 1000)
      for (const name of ["0-", "1-"]) {
        assert.deepStrictEqual(
          received.filter((text) => text.startsWith(name)),
          numbered(name, 500)
        )
      }
    })
