/** ROUTER, as RFC 28 has it. */

import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Router from "@effect-zmq/core/Router"
import * as RoutingId from "@effect-zmq/core/RoutingId"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { fillPeer, heard, isOf } from "../routers.ts"
import {
  aWhile,
  come,
  connected,
  dealer,
  disconnected,
  endpointOf,
  failsWith,
  numbered,
  plain,
  receives,
  rest,
  router,
  sendTexts,
  sorts,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

export const routers = suite(
  "routers (RFC 28)",
  (test) => {
    test("ROUTER SHALL prefix each incoming message with a frame containing the identity of the originating double queue", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const named = yield* dealer({ connect: address, routingId: "named" })
        const bytes = Uint8Array.of(7, 0, 255, 0)
        const other = yield* dealer({ connect: address, routingId: bytes })
        for (const sent of sorts) {
          for (const [socket, id] of [
            [named, new TextEncoder().encode("named")],
            [other, bytes]
          ] as const) {
            yield* Dealer.send(socket, sent)
            const { from, message } = yield* Router.receive(server)
            assert.deepStrictEqual(plain([from]), plain([id]))
            assert.deepStrictEqual(plain(message), plain(sent))
          }
        }
      }))

    test("ROUTER SHALL identify each double queue using a unique identity, which it makes up for a peer without one", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const clients = yield* Effect.forEach(numbered("", 5), () => dealer({ connect: address }))
        const ids: Array<RoutingId.RoutingId> = []
        for (const [index, client] of clients.entries()) {
          yield* Dealer.send(client, `${index}`)
          const [from, text] = yield* heard(server)
          assert.strictEqual(text, `${index}`)
          assert.isTrue(RoutingId.isMadeUp(from), RoutingId.toHex(from))
          ids.push(from)
        }
        assert.strictEqual(new Set(ids.map(RoutingId.toHex)).size, 5)
        // One after the other, from a start by chance.
        const numbers = ids.map((id) => new DataView(id.buffer, id.byteOffset).getUint32(1))
        for (const [index, number] of numbers.entries()) {
          assert.isBelow((number - (numbers[0] ?? 0) + 2 ** 32) % 2 ** 32, 5, `${index}`)
        }
        for (const [index, to] of ids.entries()) yield* Router.send(server, { to, message: `for ${index}` })
        for (const [index, client] of clients.entries())
          assert.deepStrictEqual(yield* texts(client, 1), [`for ${index}`])
      }))

    test("ROUTER SHALL remove the first frame from each outgoing message and use this as the identity of a double queue", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const [a, b] = [
          yield* dealer({ connect: address, routingId: "a", probeRouter: true }),
          yield* dealer({ connect: address, routingId: "b", probeRouter: true })
        ]
        for (let i = 0; i < 2; i++) yield* Router.receive(server)
        for (const message of sorts) {
          yield* Router.sendAll(server, [
            { to: "a", message },
            { to: "b", message: "between" },
            { to: "a", message: ["again", ...message] }
          ])
          assert.deepStrictEqual(plain(yield* Dealer.receive(a)), plain(message))
          assert.deepStrictEqual(plain(yield* Dealer.receive(a)), plain(Message.make(["again", ...message])))
          assert.deepStrictEqual(yield* texts(b, 1), ["between"])
        }
      }))

    test("ROUTER SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any(), highWaterMark: { send: 2, receive: 2 } })
        const address = yield* endpointOf(server)
        const client = yield* dealer({ connect: address, routingId: "a", highWaterMark: { send: 2, receive: 2 } })
        yield* Dealer.send(client, "here")
        yield* heard(server)
        yield* fillPeer(server, "a")
        yield* Effect.forkChild(sendTexts(client, numbered("", 50)))
        for (const text of numbered("", 50)) assert.strictEqual((yield* heard(server))[1], text)
      }))

    test("ROUTER SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const early = yield* router({})
        yield* Router.connectAs(early, address, "there")
        yield* Effect.forEach(numbered("early ", 50), (message) => Router.send(early, { to: "there", message }))
        const late = yield* dealer({ bind: address })
        assert.deepStrictEqual(yield* texts(late, 50), numbered("early ", 50))
      }))

    test("ROUTER SHALL create a double queue when a peer connects to it. If this peer disconnects, the ROUTER socket SHALL destroy its double queue and SHALL discard any messages it contains", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const scope = yield* Scope.make()
        const leaving = yield* Scope.provide(dealer({ connect: address, routingId: "a" }), scope)
        yield* Dealer.send(leaving, "here")
        yield* heard(server)
        for (const message of numbered("old ", 50)) yield* Router.send(server, { to: "a", message })
        yield* Scope.close(scope, Exit.void)
        yield* disconnected(place, server)
        yield* Effect.sleep(aWhile) // until the socket knows what the event told
        yield* failsWith("Unroutable", Router.send(server, { to: "a", message: "gone" }))
        const coming = yield* dealer({ connect: address, routingId: "a" })
        yield* Dealer.send(coming, "here again")
        yield* heard(server)
        yield* Router.send(server, { to: "a", message: "new" })
        yield* receives(coming, ["new"])
      }))

    test("a ROUTER still gives what a peer that has left had delivered", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        yield* Effect.scoped(
          Effect.flatMap(dealer({ connect: address, routingId: "a", linger: "1 second" }), (leaving) =>
            sendTexts(leaving, numbered("", 100))
          )
        )
        yield* Effect.sleep("20 millis")
        for (const text of numbered("", 100)) {
          const [from, received] = yield* heard(server)
          assert.isTrue(isOf(from, "a"))
          assert.strictEqual(received, text)
        }
      }))

    test("ROUTER SHALL receive incoming messages from its peers using a fair-queuing strategy", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const clients = yield* Effect.forEach(numbered("", 5), (routingId) => dealer({ connect: address, routingId }))
        yield* connected(place, server, 5)
        const each = 40
        for (const [index, client] of clients.entries()) {
          yield* sendTexts(
            client,
            Array.from({ length: each }, () => `${index}`)
          )
        }
        yield* come
        // Of a real network some may come late: in the first half everyone has had a part, where in turn each has an equal one.
        const heardOf = new Map<string, number>()
        for (let i = 0; i < (clients.length * each) / 2; i++) {
          const [, text] = yield* heard(server)
          heardOf.set(text, (heardOf.get(text) ?? 0) + 1)
        }
        for (const index of clients.keys()) assert.isAtLeast(heardOf.get(`${index}`) ?? 0, each / 8)
      }))

    test("ROUTER SHALL deliver the resulting messages to its calling application", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const names = numbered("client ", 4)
        yield* Effect.forEach(
          names,
          (routingId) =>
            Effect.flatMap(dealer({ connect: address, routingId }), (client) => sendTexts(client, numbered("", 300))),
          { concurrency: "unbounded" }
        )
        const received = new Map(names.map((name) => [name, [] as Array<string>]))
        yield* Router.batches(server).pipe(
          Stream.flattenIterable,
          Stream.take(1200),
          Stream.runForEach(({ from, message }) =>
            Effect.sync(() => received.get(Message.text([from]))?.push(Message.text(message)))
          )
        )
        for (const name of names) assert.deepStrictEqual(received.get(name), numbered("", 300))
      }))

    // -------------------------------------------------------------------------
    // Nobody there, no room
    // -------------------------------------------------------------------------

    test("ROUTER SHALL return an error if the queue does not exist: at once, naming the peer", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const unknown = Router.send(server, { to: "UNKNOWN", message: "DATA" })
        const reason = yield* failsWith("Unroutable", unknown)
        assert.strictEqual(reason.routingId, RoutingId.toHex(new TextEncoder().encode("UNKNOWN")))
        const client = yield* dealer({ connect: yield* endpointOf(server), routingId: "X" })
        yield* Dealer.send(client, "Hello")
        assert.isTrue(isOf((yield* heard(server))[0], "X"))
        yield* Router.send(server, { to: "X", message: "Hello" })
        assert.deepStrictEqual(yield* texts(client, 1), ["Hello"])
        yield* failsWith("Unroutable", unknown)
        // Those before it were sent.
        const all = ["X", "UNKNOWN", "X"].map((to, index) => ({ to, message: `${index}` }))
        yield* failsWith("Unroutable", Router.sendAll(server, all))
        yield* receives(client, ["0"])
      }))

    test('ROUTER SHALL NOT block on sending: with onFull "fail" it returns an error, if the queue is full', (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any(), onFull: "fail", highWaterMark: { send: 2 } })
        const client = yield* dealer({
          connect: yield* endpointOf(server),
          routingId: "a",
          highWaterMark: { receive: 2 }
        })
        yield* Dealer.send(client, "here")
        yield* heard(server)
        const message = new Uint8Array(1_000_000)
        const sending = Effect.forEach(numbered("", 200), () => Router.send(server, { to: "a", message }))
        const reason = yield* Effect.timeout(failsWith("PeerFull", Effect.asVoid(sending)), "5 seconds")
        assert.strictEqual(reason.routingId, RoutingId.toHex(new TextEncoder().encode("a")))
        yield* failsWith("Unroutable", Router.send(server, { to: "b", message }))
      }))

    test('ROUTER SHALL NOT block on sending: with onFull "drop" it silently drops the message, if the queue is full', (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any(), onFull: "drop", highWaterMark: { send: 2 } })
        const client = yield* dealer({
          connect: yield* endpointOf(server),
          routingId: "a",
          highWaterMark: { receive: 2 }
        })
        yield* Dealer.send(client, "here")
        yield* heard(server)
        const message = (text: string) => [text, new Uint8Array(1_000_000), text] as const
        const all = numbered("", 100).map((text) => ({ to: "a", message: message(text) }))
        yield* Effect.timeout(Router.sendAll(server, all), "5 seconds")
        const received = yield* rest(client, 2)
        assert.isAtLeast(received.length, 2)
        assert.isBelow(received.length, 100)
        assert.deepStrictEqual(received.slice(0, 2), ["0", "1"])
        yield* failsWith("Unroutable", Router.send(server, { to: "b", message: "nobody" }))
      }))

    test("a send to a full peer of a ROUTER waits, that send only: one stalled client among many disturbs no other", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any(), highWaterMark: { send: 2 } })
        const address = yield* endpointOf(server)
        const names = numbered("client ", 20)
        const clients = yield* Effect.forEach(names, (routingId) =>
          dealer({ connect: address, routingId, highWaterMark: { receive: 2 } })
        )
        for (const client of clients) yield* Dealer.send(client, "here")
        for (const _ of clients) yield* heard(server)
        const { sent, sender } = yield* fillPeer(server, "client 0")
        for (let round = 0; round < 20; round++) {
          for (const [index, client] of clients.entries()) {
            if (index === 0) continue
            yield* Router.send(server, { to: names[index] ?? "", message: `${round}` })
            assert.deepStrictEqual(yield* texts(client, 1), [`${round}`])
          }
        }
        assert.isUndefined(sender.pollUnsafe())
        // It goes on when that client reads.
        const [stalled] = clients as [Dealer.Dealer]
        assert.deepStrictEqual(yield* texts(stalled, sent + 5), numbered("", sent + 5))
      }))

    test("those who wait to send to a peer of a ROUTER that leaves fail Unroutable", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any(), highWaterMark: { send: 2 } })
        const scope = yield* Scope.make()
        const options = { connect: yield* endpointOf(server), routingId: "a", highWaterMark: { receive: 2 } }
        const client = yield* Scope.provide(dealer(options), scope)
        yield* sendTexts(client, ["here", "unread"])
        yield* heard(server)
        const { sender } = yield* fillPeer(server, "a")
        const next = yield* suspended(Router.send(server, { to: "a", message: "next" }))
        yield* Scope.close(scope, Exit.void)
        yield* failsWith("Unroutable", Fiber.join(sender))
        yield* failsWith("Unroutable", Fiber.join(next))
        assert.strictEqual((yield* heard(server))[1], "unread")
      }))
  },
  ["DEALER", "ROUTER"]
)
