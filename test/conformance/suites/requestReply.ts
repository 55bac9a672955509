/** REQ and REP, as RFC 28 has them. */
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import {
  answering,
  ask,
  aWhile,
  come,
  connected,
  disconnected,
  endpointOf,
  failsWith,
  numbered,
  plain,
  rep,
  req,
  sorts,
  suspended
} from "../steps.ts"
import { suite } from "../suite.ts"

/** The next request, as text. */
const asked = (socket: Rep.Rep) => Effect.map(Rep.receive(socket), Message.text)

export const requestReply = suite("request-reply (RFC 28)", (test) => {
  test("REQ SHALL send and then receive exactly one message at a time", (place) =>
    Effect.gen(function* () {
      const [first, second] = [yield* rep({ bind: place.any() }), yield* rep({ bind: place.any() })]
      const client = yield* req({ connect: [yield* endpointOf(first), yield* endpointOf(second)] })
      const a = yield* Effect.forkChild(ask(client, "a"))
      assert.strictEqual(yield* asked(first), "a")
      const b = yield* Effect.forkChild(ask(client, "b"))
      const arrived = yield* suspended(asked(second)) // although this server is free
      yield* Rep.reply(first, "A")
      assert.strictEqual(yield* Fiber.join(a), "A")
      assert.strictEqual(yield* Fiber.join(arrived), "b")
      yield* Rep.reply(second, "B")
      assert.strictEqual(yield* Fiber.join(b), "B")
    }))

  test("requests and replies are one or more data frames, comprising the message visible to the application", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      yield* Effect.forkChild(Rep.serve(server, (request) => Effect.succeed([`${request.length} frames`, ...request])))
      for (const sent of sorts) {
        const reply = yield* Req.request(client, sent)
        assert.deepStrictEqual(plain(reply), plain(Message.make([`${sent.length} frames`, ...sent])))
      }
    }))

  test("REQ SHALL route outgoing messages to connected peers using a round-robin strategy", (place) =>
    Effect.gen(function* () {
      const servers = yield* Effect.forEach([0, 1, 2], () => rep({ bind: place.any() }))
      for (const [index, server] of servers.entries()) yield* answering(server, (request) => `${index}${request}`)
      const client = yield* req({ connect: yield* Effect.forEach(servers, (server) => endpointOf(server)) })
      const replies = yield* Effect.forEach(numbered("", 6), (request) => ask(client, request))
      assert.deepStrictEqual(replies, ["00", "11", "22", "03", "14", "25"])
    }))

  test("REQ SHALL block on sending, or return a suitable error, when it has no connected peers", (place) =>
    Effect.gen(function* () {
      const client = yield* req({})
      const waiting = yield* suspended(ask(client, "anyone?"))
      const server = yield* rep({ bind: place.any() })
      yield* answering(server, (request) => `${request} me`)
      yield* Socket.connect(client, yield* endpointOf(server))
      assert.strictEqual(yield* Fiber.join(waiting), "anyone? me")
    }))

  test("REQ SHALL NOT discard messages that it cannot send to a connected peer", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const client = yield* req({ connect: address })
      const waiting = yield* suspended(ask(client, "early"))
      const server = yield* rep({ bind: address })
      yield* answering(server, (request) => `${request}, answered late`)
      assert.strictEqual(yield* Fiber.join(waiting), "early, answered late")
    }))

  test("REQ SHALL accept an incoming message only from the last peer that it sent a request to", (place) =>
    Effect.gen(function* () {
      const servers = yield* Effect.forEach([0, 1, 2], () => rep({ bind: place.any() }))
      const client = yield* req({ connect: yield* Effect.forEach(servers, (server) => endpointOf(server)) })
      const whoever = Effect.raceAllFirst(
        servers.map((server) => Effect.map(asked(server), (request) => ({ server, request })))
      )
      for (const round of numbered("", 10)) {
        const abandoned = yield* Effect.forkChild(ask(client, `abandoned ${round}`))
        const first = yield* whoever
        assert.strictEqual(first.request, `abandoned ${round}`)
        yield* Fiber.interrupt(abandoned)
        // Of the peer that was asked last, and of one that was asked before it, the reply comes late.
        yield* Rep.reply(first.server, `stale ${round}`)
        const current = yield* Effect.forkChild(ask(client, `current ${round}`))
        const second = yield* whoever
        assert.strictEqual(second.request, `current ${round}`)
        yield* Effect.sleep("5 millis")
        assert.isUndefined(current.pollUnsafe(), "it took the reply to another request")
        yield* Rep.reply(second.server, `fresh ${round}`)
        assert.strictEqual(yield* Fiber.join(current), `fresh ${round}`)
      }
    }))

  test("after a request was withdrawn, the next one goes to another peer where there is one", (place) =>
    Effect.gen(function* () {
      const [slow, quick] = [yield* rep({ bind: place.any() }), yield* rep({ bind: place.any() })]
      const client = yield* req({ connect: [yield* endpointOf(slow), yield* endpointOf(quick)] })
      const abandoned = yield* Effect.forkChild(ask(client, "to the slow one"))
      assert.strictEqual(yield* asked(slow), "to the slow one")
      yield* Fiber.interrupt(abandoned)
      const current = yield* Effect.forkChild(ask(client, "to the quick one"))
      assert.strictEqual(yield* Effect.timeout(asked(quick), "1 second"), "to the quick one")
      yield* Rep.reply(slow, "stale")
      yield* Effect.sleep(aWhile)
      assert.isUndefined(current.pollUnsafe(), "it took the reply of another peer")
      yield* Rep.reply(quick, "fresh")
      assert.strictEqual(yield* Fiber.join(current), "fresh")
    }))

  test("REQ SHALL discard silently any messages received from other peers", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      for (let round = 0; round < 10; round++) {
        const abandoned = yield* Effect.forkChild(ask(client, `abandoned ${round}`))
        assert.strictEqual(yield* asked(server), `abandoned ${round}`)
        yield* Fiber.interrupt(abandoned)
        const current = yield* Effect.forkChild(ask(client, `current ${round}`))
        yield* Effect.sleep("5 millis")
        // Both are under way.
        yield* Rep.reply(server, `stale ${round}`)
        assert.strictEqual(yield* asked(server), `current ${round}`)
        yield* Rep.reply(server, `fresh ${round}`)
        assert.strictEqual(yield* Fiber.join(current), `fresh ${round}`)
      }
    }))

  test("a request that is timed out again and again never gets a stale reply, and never gets stuck", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      // Every other request is answered too late.
      yield* Effect.forkChild(
        Rep.serve(server, (request) =>
          Effect.as(Effect.sleep(Number(Message.text(request)) % 2 === 0 ? 0 : "12 millis"), request)
        )
      )
      const client = yield* req({ connect: yield* endpointOf(server) })
      const outcomes: Array<boolean> = []
      for (const request of numbered("", 40)) {
        const reply = yield* Effect.timeoutOption(ask(client, request), "6 millis")
        if (Option.isSome(reply)) assert.strictEqual(reply.value, request)
        outcomes.push(Option.isSome(reply))
        yield* Effect.sleep("1 millis")
      }
      assert.include(outcomes, false)
      assert.strictEqual(yield* ask(client, "100"), "100")
    }))

  test("requests of several fibers wait in line, and each gets its own reply", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      yield* answering(server, (request) => `re: ${request}`)
      const client = yield* req({ connect: yield* endpointOf(server) })
      const replies = yield* Effect.forEach(numbered("", 100), (request) => ask(client, request), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(replies, numbered("re: ", 100))
    }))

  test("REP SHALL not filter or modify outgoing or incoming messages in any way", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      for (const sent of sorts) {
        const reply = yield* Effect.forkChild(Req.request(client, sent))
        const request = yield* Rep.receive(server)
        assert.deepStrictEqual(plain(request), plain(sent))
        yield* Rep.reply(server, request)
        assert.deepStrictEqual(plain(yield* Fiber.join(reply)), plain(sent))
      }
    }))

  test("REP SHALL receive and then send exactly one message at a time", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      yield* failsWith("InvalidState", Rep.reply(server, "to nothing"))
      const reply = yield* Effect.forkChild(ask(client, "a"))
      assert.strictEqual(yield* asked(server), "a")
      yield* failsWith("InvalidState", Rep.receive(server))
      yield* Rep.reply(server, "b")
      yield* failsWith("InvalidState", Rep.reply(server, "again"))
      assert.strictEqual(yield* Fiber.join(reply), "b")
    }))

  // A REQ that correlates puts a frame of its own before the delimiter, and takes a reply only if it comes back.
  test("REP SHALL remove and store the address envelope, including the delimiter, and SHALL prepend it to the reply", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server), correlate: true })
      for (const sent of sorts) {
        const reply = yield* Effect.forkChild(Req.request(client, sent))
        const request = yield* Rep.receive(server)
        assert.deepStrictEqual(plain(request), plain(sent))
        yield* Rep.reply(server, ["re", ...request])
        assert.deepStrictEqual(plain(yield* Fiber.join(reply)), plain(Message.make(["re", ...sent])))
      }
    }))

  test("REP SHALL pass the remaining data frames to its calling application", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      yield* Effect.forkChild(Req.request(client, ["", "one", "", "two", ""]))
      const request = yield* Rep.receive(server)
      assert.deepStrictEqual(plain(request), plain(Message.make(["", "one", "", "two", ""])))
    }))

  test("REP SHALL receive incoming messages from its peers using a fair-queuing strategy", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const address = yield* endpointOf(server)
      const clients = yield* Effect.forEach([0, 1, 2], () => req({ connect: address }))
      yield* connected(place, server, 3)
      for (const [index, client] of clients.entries()) {
        yield* Effect.forkChild(Effect.forever(ask(client, `${index}`)))
      }
      yield* come
      const order: Array<string> = []
      for (let i = 0; i < 30; i++) {
        order.push(yield* asked(server))
        // Who was answered has time to ask again.
        yield* Rep.reply(server, "next")
        yield* Effect.sleep("2 millis")
      }
      for (const index of ["0", "1", "2"]) {
        assert.isAtLeast(order.filter((from) => from === index).length, 7, order.join(" "))
      }
    }))

  test("REP SHALL wait for a single reply message from its calling application", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const address = yield* endpointOf(server)
      const clients = yield* Effect.forEach([0, 1], () => req({ connect: address }))
      const replies = yield* Effect.forEach(clients, (client, index) => Effect.forkChild(ask(client, `${index}`)))
      const started: Array<string> = []
      const [begun, answered] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* Effect.forkChild(
        Rep.serve(server, (request) => {
          started.push(Message.text(request))
          Deferred.doneUnsafe(begun, Exit.void)
          return Effect.as(Deferred.await(answered), request)
        })
      )
      yield* Deferred.await(begun)
      yield* come
      assert.strictEqual(started.length, 1)
      yield* Deferred.succeed(answered, undefined)
      yield* Fiber.joinAll(replies)
      assert.sameMembers(started, ["0", "1"])
    }))

  test("REP SHALL deliver this message back to the originating peer", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const address = yield* endpointOf(server)
      yield* answering(server, (request) => `for ${request}`)
      const clients = yield* Effect.forEach(numbered("", 5), (index) =>
        Effect.map(req({ connect: address }), (client) => [index, client] as const)
      )
      yield* Effect.forEach(
        clients,
        ([index, client]) =>
          Effect.forEach(numbered(`${index}.`, 20), (request) =>
            Effect.map(ask(client, request), (reply) => assert.strictEqual(reply, `for ${request}`))
          ),
        { concurrency: "unbounded" }
      )
    }))

  test("REP SHALL silently discard the reply, or return an error, if the originating peer is no longer connected", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const address = yield* endpointOf(server)
      const scope = yield* Scope.make()
      const leaving = yield* Scope.provide(req({ connect: address }), scope)
      yield* Effect.forkChild(ask(leaving, "I leave"))
      assert.strictEqual(yield* asked(server), "I leave")
      yield* Scope.close(scope, Exit.void)
      yield* disconnected(place, server)
      yield* Rep.reply(server, "to nobody")
      const staying = yield* req({ connect: address })
      const reply = yield* Effect.forkChild(ask(staying, "I stay"))
      assert.strictEqual(yield* asked(server), "I stay")
      yield* Rep.reply(server, "good")
      assert.strictEqual(yield* Fiber.join(reply), "good")
    }))

  test("REP SHALL not block on sending", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any(), highWaterMark: { send: 1, receive: 1 } })
      const address = yield* endpointOf(server)
      for (let round = 0; round < 10; round++) {
        const client = yield* Effect.forkChild(
          Effect.scoped(Effect.flatMap(req({ connect: address }), (socket) => ask(socket, "hello")))
        )
        yield* Rep.receive(server)
        yield* Fiber.interrupt(client)
        const replied = yield* Effect.timeoutOption(Rep.reply(server, new Uint8Array(1_000_000)), "500 millis")
        assert.isTrue(Option.isSome(replied), "the reply had to wait")
      }
    }))

  test("a handler that is interrupted leaves its request in the socket, for who serves next", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      const reply = yield* Effect.forkChild(ask(client, "important"))
      const first = yield* suspended(Rep.serve(server, () => Effect.never))
      yield* Fiber.interrupt(first)
      yield* answering(server, (request) => `${request}, done`)
      assert.strictEqual(yield* Fiber.join(reply), "important, done")
    }))

  test("a handler that fails answers by onError", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server) })
      yield* Effect.forkChild(
        Rep.serve(server, (request) => (request.length === 1 ? Effect.fail("no") : Effect.die("worse")), {
          onError: () => Effect.succeed("sorry")
        })
      )
      assert.strictEqual(yield* ask(client, "one"), "sorry")
      assert.strictEqual(yield* ask(client, ["two", "frames"]), "sorry")
    }))

  test("a REQ talks to a REP over two connections, and over two to the same endpoint", (place) =>
    Effect.gen(function* () {
      const [one, other] = [yield* rep({ bind: place.any() }), yield* rep({ bind: place.any() })]
      for (const server of [one, other]) yield* answering(server, (request) => request.toUpperCase())
      const same = yield* endpointOf(one)
      const client = yield* req({ connect: [same, yield* endpointOf(other)] })
      for (const text of ["a", "b", "c", "d"]) assert.strictEqual(yield* ask(client, text), text.toUpperCase())
      const twice = yield* req({ connect: [same, same] })
      for (const text of ["a", "b", "c", "d"]) assert.strictEqual(yield* ask(twice, text), text.toUpperCase())
    }))

  test("a REQ may bind, when it correlates, and a REP connect", (place) =>
    Effect.gen(function* () {
      const client = yield* req({ bind: place.any(), correlate: true })
      const server = yield* rep({ connect: yield* endpointOf(client) })
      yield* answering(server, (request) => `${request}!`)
      assert.strictEqual(yield* ask(client, "hello"), "hello!")
      assert.strictEqual(yield* ask(client, "again"), "again!")
    }))

  test("closing a REQ and a REP with a request under way loses neither time nor memory", (place) =>
    Effect.gen(function* () {
      for (let round = 0; round < 5; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const server = yield* rep({ bind: place.any() })
            const client = yield* req({ connect: yield* endpointOf(server) })
            yield* Effect.forkChild(ask(client, "never answered"))
            yield* Rep.receive(server)
          })
        )
      }
    }))
})
