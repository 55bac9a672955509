import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RoutingId from "../../src/RoutingId.ts"
import type { Handle } from "../../src/Transport.ts"
import { text } from "./pipes.ts"
import {
  accepts,
  at,
  eventsOf,
  failure,
  frames,
  here,
  isDone,
  open,
  openAlone,
  receive,
  receiveMany,
  send,
  settle,
  start,
  virtually
} from "./sockets.ts"

const tcp = "tcp://127.0.0.1:5555"

/** Who came and left, in their order. */
const changes = (router: Handle) =>
  Effect.map(eventsOf(router), (events) =>
    events
      .filter((event) => event._tag === "PeerJoined" || event._tag === "PeerLeft")
      .map((event) => `${event._tag === "PeerJoined" ? "+" : "-"}${text([event.routingId])}`)
      .join(" ")
  )

const peersOf = (router: Handle) => Effect.map(router.peers, (ids) => ids.map((id) => text([id])).join(" "))

for (const endpoint of [tcp, "inproc://name"] as const) {
  describe(`ROUTER over ${endpoint.slice(0, endpoint.indexOf(":"))}`, () => {
    virtually(
      "knows its peers from the first connection to the last, whoever binds",
      Effect.gen(function* () {
        const router = yield* openAlone("ROUTER", { bind: endpoint })
        const dealer = yield* openAlone("DEALER", { connect: endpoint, routingId: "a" })
        assert.strictEqual(yield* peersOf(router.handle), "a")
        yield* send(router.handle, "a|hello")
        assert.strictEqual(yield* receive(dealer.handle), "hello")
        yield* dealer.close
        assert.strictEqual(yield* peersOf(router.handle), "")
        assert.strictEqual(yield* failure(send(router.handle, "a|gone")), "Unroutable")
        assert.strictEqual(yield* changes(router.handle), "+a -a")
        yield* router.close
        const caller = yield* open("ROUTER", { connect: endpoint })
        assert.strictEqual(yield* failure(send(caller, "b|not yet")), "Unroutable")
        for (const round of ["1", "2"]) {
          const bound = yield* openAlone("DEALER", { bind: endpoint, routingId: "b" })
          yield* Effect.sleep("10 seconds")
          assert.strictEqual(yield* peersOf(caller), "b")
          yield* send(bound.handle, round)
          assert.strictEqual(yield* receive(caller), `b|${round}`)
          yield* bound.close
          assert.strictEqual(yield* peersOf(caller), "")
        }
        // Its queue is there, for when it comes again.
        yield* send(caller, "b|kept")
        const last = yield* open("DEALER", { bind: endpoint, routingId: "b" })
        assert.strictEqual(yield* receive(last), "kept")
        assert.strictEqual(yield* changes(caller), "+b -b +b -b +b")
      })
    )

    virtually(
      "fails those who wait for a peer that leaves at once, although what it had sent is not taken yet",
      Effect.gen(function* () {
        const router = yield* open("ROUTER", { bind: endpoint, highWaterMark: { send: 1, receive: 9 } })
        const dealer = yield* openAlone("DEALER", {
          connect: endpoint,
          routingId: "a",
          highWaterMark: { receive: 1 }
        })
        yield* send(dealer.handle, "1", "2")
        const sending = yield* start(Effect.exit(send(router, "a|1", "a|2", "a|3", "a|4")))
        const other = yield* start(Effect.exit(send(router, "a|5")))
        yield* settle
        assert.isFalse(isDone(sending) || isDone(other))
        yield* dealer.close
        yield* settle
        assert.isTrue(isDone(sending) && isDone(other))
        assert.strictEqual(yield* failure(Effect.flatten(Fiber.join(sending))), "Unroutable")
        // Who comes with its id is another one, and what the first had sent is read all the same.
        const next = yield* open("DEALER", { connect: endpoint, routingId: "a" })
        yield* send(next, "3")
        yield* send(router, "a|for the next")
        assert.strictEqual(yield* receive(next), "for the next")
        assert.sameMembers(here(router), ["a|1", "a|2", "a|3"])
        assert.strictEqual(yield* changes(router), "+a -a +a")
      })
    )

    virtually(
      "keeps the order of each fiber, and waits for each peer apart, where a fiber sends to several",
      Effect.gen(function* () {
        const router = yield* open("ROUTER", { bind: endpoint, highWaterMark: { send: 1, receive: 1 } })
        const mark = { highWaterMark: { send: 1, receive: 1 } }
        const [a, b] = [
          yield* open("DEALER", { connect: endpoint, routingId: "a", ...mark }),
          yield* open("DEALER", { connect: endpoint, routingId: "b", ...mark })
        ]
        const mixed = yield* start(send(router, "a|1", "a|2", "a|3", "b|1", "a|4"))
        yield* settle
        assert.isTrue(router.sendUnsafe(frames("b|quick")))
        assert.strictEqual(yield* receive(b), "quick")
        assert.isFalse(router.sendUnsafe(frames("a|overtakes")))
        const last = yield* start(send(router, "a|last"))
        assert.deepStrictEqual(yield* receiveMany(a, 3), ["1", "2", "3"])
        assert.strictEqual(yield* receive(b), "1")
        assert.sameMembers(yield* receiveMany(a, 2), ["4", "last"])
        yield* Fiber.joinAll([mixed, last])
      }),
      6
    )

    virtually(
      "lets nobody who has waited for one peer overtake those who wait for the next",
      Effect.gen(function* () {
        const router = yield* open("ROUTER", { bind: endpoint, highWaterMark: { send: 1, receive: 1 } })
        const mark = { highWaterMark: { send: 1, receive: 1 } }
        const [a, b] = [
          yield* open("DEALER", { connect: endpoint, routingId: "a", ...mark }),
          yield* open("DEALER", { connect: endpoint, routingId: "b", ...mark })
        ]
        const first = yield* start(send(router, "a|1", "a|2", "a|3", "b|4"))
        const second = yield* start(send(router, "b|1", "b|2", "b|3"))
        yield* settle
        // Both have room in one turn.
        assert.deepStrictEqual(
          [here(a), here(b)],
          [
            ["1", "2"],
            ["1", "2"]
          ]
        )
        yield* Fiber.joinAll([first, second])
        assert.deepStrictEqual([here(a), here(b)], [["3"], ["3", "4"]])
      })
    )

    virtually(
      "lets go of a peer that it does not hear when that leaves, and of what it had sent",
      Effect.gen(function* () {
        const router = yield* openAlone("ROUTER", { bind: endpoint })
        yield* open("DEALER", { connect: endpoint, routingId: "a" })
        for (let i = 0; i < 100; i++) {
          const other = yield* openAlone("DEALER", { connect: endpoint, routingId: "a", linger: 0 })
          yield* send(other.handle, "unheard")
          yield* other.close
        }
        assert.deepStrictEqual(here(router.handle), [])
        assert.strictEqual(yield* peersOf(router.handle), "a")
        const pipes = (router.handle as unknown as { readonly pipes: ReadonlySet<unknown> }).pipes
        assert.strictEqual(pipes.size, 1)
        yield* router.close
      })
    )
  })
}

describe("ROUTER", () => {
  virtually(
    "calls a peer as it is told to over all connections, also with immediate",
    Effect.gen(function* () {
      const called = RoutingId.make("b")
      for (const immediate of [false, true]) {
        const router = yield* openAlone("ROUTER", { immediate })
        yield* router.handle.connect(at(tcp), called)
        const again = yield* Effect.flip(router.handle.connect(at("tcp://127.0.0.1:1"), called))
        assert.strictEqual(again._tag, "InvalidOption")
        for (const round of ["1", "2"]) {
          const dealer = yield* openAlone("DEALER", { bind: tcp, routingId: "announced" })
          yield* Effect.sleep("10 seconds")
          yield* send(router.handle, `b|${round}`)
          assert.strictEqual(yield* receive(dealer.handle), round)
          yield* dealer.close
        }
        yield* router.close
      }
      const bound = yield* open("ROUTER", { bind: tcp })
      yield* open("DEALER", { connect: tcp, routingId: "b" })
      assert.strictEqual(yield* failure(bound.connect(at("tcp://127.0.0.1:1"), called)), "InvalidOption")
    })
  )

  virtually(
    "that connects hears who comes, also where it waits already",
    Effect.gen(function* () {
      const router = yield* open("ROUTER", { connect: tcp })
      const waiting = yield* start(receive(router))
      yield* settle
      const dealer = yield* open("DEALER", { bind: tcp, routingId: "a" })
      yield* settle
      yield* send(dealer, "hello")
      yield* settle
      assert.isTrue(isDone(waiting))
      assert.strictEqual(yield* Fiber.join(waiting), "a|hello")
    })
  )

  virtually(
    "is probed by each connection of a DEALER, first of all",
    Effect.gen(function* () {
      const dealer = yield* open("DEALER", { connect: tcp, routingId: "a", probeRouter: true })
      yield* send(dealer, "early")
      for (const expected of [["a|", "a|early"], ["a|"]]) {
        const router = yield* openAlone("ROUTER", { bind: tcp })
        yield* Effect.sleep("10 seconds")
        assert.deepStrictEqual(here(router.handle), expected)
        yield* router.close
      }
    })
  )

  virtually(
    "draws the number of its first peer without an id by chance",
    Effect.gen(function* () {
      const firsts = new Set<string | undefined>()
      for (let i = 0; i < 5; i++) {
        const endpoint = `tcp://127.0.0.1:${i + 1}` as const
        const router = yield* open("ROUTER", { bind: endpoint })
        yield* open("DEALER", { connect: endpoint })
        firsts.add(yield* peersOf(router))
      }
      assert.strictEqual(firsts.size, 5)
    })
  )
})

describe("PAIR", () => {
  virtually(
    "leaves a second peer aside for as long as its connection lasts, and looks at it anew with the next",
    Effect.gen(function* () {
      const bound = yield* openAlone("PAIR", { bind: tcp })
      const first = yield* openAlone("PAIR", { connect: tcp })
      const second = yield* open("PAIR", { connect: tcp, highWaterMark: { send: 1, receive: 1 } })
      yield* send(second, "unheard")
      yield* send(first.handle, "heard")
      assert.deepStrictEqual(here(bound.handle), ["heard"])
      yield* first.close
      assert.deepStrictEqual(here(bound.handle), [])
      assert.strictEqual(accepts(bound.handle), 0)
      yield* bound.close
      const next = yield* open("PAIR", { bind: tcp })
      yield* Effect.sleep("10 seconds")
      yield* send(second, "heard now")
      assert.include(here(next), "heard now")
    })
  )

  virtually(
    "takes the next peer when the first has left, and gives what that had sent before what the next one sends",
    Effect.gen(function* () {
      const bound = yield* open("PAIR", { bind: "inproc://a" })
      for (const name of ["a", "b", "c"]) {
        const peer = yield* openAlone("PAIR", { connect: "inproc://a" })
        yield* send(peer.handle, `${name}1`, `${name}2`)
        yield* send(bound, `for ${name}`)
        assert.strictEqual(yield* receive(peer.handle), `for ${name}`)
        yield* peer.close
      }
      assert.deepStrictEqual(here(bound), ["a1", "a2", "b1", "b2", "c1", "c2"])
    })
  )
})

describe("XPUB", () => {
  virtually(
    "wakes who waits, by a subscription, by its end, and by the leaving of who had it",
    Effect.gen(function* () {
      const xpub = yield* open("XPUB", { bind: tcp })
      const told = () => start(receive(xpub))
      const first = yield* told()
      const sub = yield* openAlone("SUB", { connect: tcp, subscribe: [Uint8Array.of(65)] })
      assert.strictEqual(yield* Fiber.join(first), "\x01A")
      const second = yield* told()
      yield* sub.handle.unsubscribe(Uint8Array.of(65))
      assert.strictEqual(yield* Fiber.join(second), "\x00A")
      const third = yield* told()
      yield* sub.handle.subscribe(Uint8Array.of(66))
      assert.strictEqual(yield* Fiber.join(third), "\x01B")
      const last = yield* told()
      yield* sub.close
      assert.strictEqual(yield* Fiber.join(last), "\x00B")
    })
  )

  virtually(
    "that connects tells of the subscriptions of each connection anew, and welcomes it",
    Effect.gen(function* () {
      const xpub = yield* open("XPUB", { connect: tcp, welcomeMessage: "hi" })
      for (const expected of [["\x01"], ["\x00", "\x01"]]) {
        const sub = yield* openAlone("SUB", { bind: tcp, subscribe: [new Uint8Array(0)] })
        yield* Effect.sleep("10 seconds")
        assert.deepStrictEqual(here(xpub), expected)
        assert.deepStrictEqual(here(sub.handle), ["hi"])
        yield* sub.close
      }
    })
  )

  virtually(
    "holds back an XSUB that sends more than is taken, which drops",
    Effect.gen(function* () {
      const xpub = yield* open("XPUB", { bind: tcp, highWaterMark: { receive: 3 } })
      const xsub = yield* open("XSUB", { connect: tcp, highWaterMark: { send: 2 } })
      for (let i = 0; i < 10; i++) yield* send(xsub, `${i}`)
      assert.deepStrictEqual(here(xpub), ["0", "1", "2", "3", "4"])
    })
  )
})
