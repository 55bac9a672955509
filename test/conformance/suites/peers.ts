/** The peers of a ROUTER: who they are, and who comes and leaves. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Poller from "@effect-zmq/core/Poller"
import * as Router from "@effect-zmq/core/Router"
import * as RoutingId from "@effect-zmq/core/RoutingId"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { heard, isOf, unheard } from "../routers.ts"
import {
  aWhile,
  connected,
  dealer,
  endpointOf,
  failsWith,
  happened,
  plain,
  pull,
  push,
  receives,
  router,
  sendTexts,
  silent,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

export const peers = suite(
  "peers of routers",
  (test) => {
    test("peers tells who is connected, and events who came and left", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        assert.deepStrictEqual(yield* Router.peers(server), [])
        const scope = yield* Scope.make()
        yield* Scope.provide(dealer({ connect: address, routingId: "a", linger: 0 }), scope)
        yield* happened(server, "PeerJoined")
        yield* dealer({ connect: address, routingId: "b" })
        yield* happened(server, "PeerJoined", 2)
        const names = Effect.map(Router.peers(server), (ids) => ids.map((id) => Message.text([id])).sort())
        assert.deepStrictEqual(yield* names, ["a", "b"])
        yield* Scope.close(scope, Exit.void)
        yield* happened(server, "PeerLeft")
        assert.deepStrictEqual(yield* names, ["b"])
        const changes = yield* Socket.events(server).pipe(
          Stream.filter((event) => event._tag === "PeerJoined" || event._tag === "PeerLeft"),
          Stream.take(3),
          Stream.map((event) => `${event._tag} ${"routingId" in event ? Message.text([event.routingId]) : ""}`),
          Stream.runCollect
        )
        assert.deepStrictEqual(changes, ["PeerJoined a", "PeerJoined b", "PeerLeft a"])
      }))

    test("without handover, a second peer of the same routing id is not heard", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const first = yield* dealer({ connect: address, routingId: "X" })
        yield* Dealer.send(first, "Hello")
        assert.strictEqual((yield* heard(server))[1], "Hello")
        const second = yield* dealer({ connect: address, routingId: "X" })
        yield* connected(place, second)
        yield* Dealer.send(second, "Hello too")
        assert.deepStrictEqual(yield* unheard(server), [])
        yield* Router.send(server, { to: "X", message: "for the first" })
        yield* receives(first, ["for the first"])
        yield* silent(second)
      }))

    test("with handover, a second peer takes over the routing id of the first, which is not heard any more", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any(), handover: true })
        const address = yield* endpointOf(server)
        const first = yield* dealer({ connect: address, routingId: "X" })
        yield* Dealer.send(first, "Hello")
        assert.strictEqual((yield* heard(server))[1], "Hello")
        const second = yield* dealer({ connect: address, routingId: "X" })
        yield* Dealer.send(second, "Hello too")
        assert.strictEqual((yield* heard(server))[1], "Hello too")
        yield* Router.send(server, { to: "X", message: "for the second" })
        yield* receives(second, ["for the second"])
        yield* silent(first)
        yield* Dealer.send(first, "still there")
        assert.deepStrictEqual(yield* unheard(server), [])
        assert.strictEqual((yield* Router.peers(server)).length, 1)
      }))

    test("a peer that comes again with its routing id is heard, without handover", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        for (let round = 1; round <= 3; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const client = yield* dealer({ connect: address, routingId: "X" })
              yield* Dealer.send(client, `round ${round}`)
              assert.strictEqual((yield* heard(server))[1], `round ${round}`)
              yield* Router.send(server, { to: "X", message: `re ${round}` })
              assert.deepStrictEqual(yield* texts(client, 1), [`re ${round}`])
            })
          )
          yield* happened(server, "PeerLeft", round)
        }
      }))

    test("with probeRouter, a DEALER and a ROUTER are known before they have sent anything", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const quiet = yield* dealer({ connect: address, routingId: "X", probeRouter: true })
        const probe = yield* Router.receive(server)
        assert.isTrue(isOf(probe.from, "X"))
        assert.deepStrictEqual(plain(probe.message), [""])
        yield* Router.send(server, { to: "X", message: "Hello" })
        assert.deepStrictEqual(yield* texts(quiet, 1), ["Hello"])
        const other = yield* router({ connect: address, routingId: "Y", probeRouter: true })
        assert.isTrue(isOf((yield* heard(server))[0], "Y"))
        yield* Router.send(server, { to: "Y", message: "Hello" })
        assert.strictEqual((yield* heard(other))[1], "Hello")
      }))

    test("ROUTERs talk to each other, each by the name that it gives the other", (place) =>
      Effect.gen(function* () {
        for (const named of [false, true]) {
          const bound = yield* router({ bind: place.any(), ...(named && { routingId: "X" }) })
          const caller = yield* router(named ? { routingId: "Y" } : {})
          yield* Router.connectAs(caller, yield* endpointOf(bound), "conn1")
          yield* Router.send(caller, { to: "conn1", message: "hi 1" })
          const [from, text] = yield* heard(bound)
          assert.strictEqual(text, "hi 1")
          assert.isTrue(named ? isOf(from, "Y") : RoutingId.isMadeUp(from))
          yield* Router.send(bound, { to: from, message: "ok" })
          const [name, reply] = yield* heard(caller)
          assert.isTrue(isOf(name, "conn1"))
          assert.strictEqual(reply, "ok")
          const reason = yield* failsWith("InvalidOption", Router.connectAs(caller, place.nobody(), "conn1"))
          assert.strictEqual(reason.option, "routingId")
        }
      }))

    test("a ROUTER that calls while others have called it routes each message to whom it names", (place) =>
      Effect.gen(function* () {
        const x = yield* router({ bind: place.any(), routingId: "X" })
        const z = yield* router({ bind: place.any(), routingId: "Z" })
        const y = yield* router({ routingId: "Y" })
        yield* Router.connectAs(y, yield* endpointOf(x), "X")
        yield* Router.send(y, { to: "X", message: "hi 1" })
        yield* Effect.sleep(aWhile)
        yield* Router.connectAs(x, yield* endpointOf(z), "Z")
        yield* Router.send(x, { to: "Z", message: "hi 1" })
        const [from, text] = yield* heard(z)
        assert.isTrue(isOf(from, "X"))
        assert.strictEqual(text, "hi 1")
        assert.deepStrictEqual(yield* unheard(y), [])
        assert.isTrue(isOf((yield* heard(x))[0], "Y"))
      }))

    test("a ROUTER and a PULL are polled together, each with what it gives", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const tasks = yield* pull({ bind: place.any() })
        const client = yield* dealer({ connect: yield* endpointOf(server), routingId: "a" })
        const sender = yield* push({ connect: yield* endpointOf(tasks) })
        yield* Dealer.send(client, "request")
        yield* sendTexts(sender, ["task"])
        const both = yield* Stream.runCollect(Stream.take(Poller.merge({ server, tasks }), 2))
        const told = both.map((polled) =>
          polled._tag === "server"
            ? `${Message.text([polled.value.from])}: ${Message.text(polled.value.message)}`
            : Message.text(polled.value)
        )
        assert.sameMembers(told, ["a: request", "task"])
      }))
  },
  ["DEALER", "ROUTER"]
)
