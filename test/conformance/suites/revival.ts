/** Clients whose handshake failed, and who come in when the server is right. */
import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketState } from "@effect-zmq/core/SocketState"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import {
  aWhile,
  dealer,
  endpoint,
  endpointOf,
  failsWith,
  happened,
  numbered,
  pub,
  pull,
  push,
  receives,
  rep,
  req,
  rest,
  router,
  sendTexts,
  sub,
  subscribed,
  textOf,
  texts
} from "../steps.ts"
import { type Scheme, suite } from "../suite.ts"

const reconnect = { initial: "10 millis", maximum: "40 millis" } as const

const security = Security.plain({ username: "alice", password: Redacted.make("open sesame") })

/** Opens something that is closed by hand, or with the test. */
const forNow = <A, E, R>(open: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const value = yield* Scope.provide(open, scope)
    return { value, close: Scope.close(scope, Exit.void) }
  })

const becomes = (socket: Socket.Socket, status: SocketState["status"]) =>
  Stream.runDrain(Stream.takeUntil(Socket.changes(socket), (state) => state.status === status))

const networked: ReadonlyArray<Scheme> = ["tcp", "ipc"]

export const revival = suite(
  "connection state, and the way back from handshakes that fail",
  (test) => {
    test("state tells every endpoint, from the call on that binds or connects", (place) =>
      Effect.gen(function* () {
        const there = place.nobody()
        const receiver = yield* pull({})
        assert.deepInclude(yield* Socket.state(receiver), { status: "Idle", peers: 0, endpoints: [] })
        const bound = yield* Socket.bind(receiver, place.any())
        assert.strictEqual((yield* Socket.state(receiver)).status, "Listening")
        yield* Socket.connect(receiver, there)
        const both = yield* Socket.state(receiver)
        assert.strictEqual(both.status, "Connecting")
        assert.deepStrictEqual(
          both.endpoints.map(({ _tag, endpoint }) => `${_tag} ${endpoint}`),
          [`Listening ${bound}`, `Connecting ${textOf(there)}`]
        )
        yield* Socket.disconnect(receiver, there)
        yield* Socket.unbind(receiver, endpoint(bound))
        assert.deepInclude(yield* Socket.state(receiver), { status: "Idle", peers: 0, endpoints: [] })
        yield* Socket.drain(receiver, 0)
        assert.deepInclude(yield* Socket.state(receiver), { status: "Closed", peers: 0, endpoints: [] })
      }))

    test("awaitConnected waits for a peer at every endpoint that is connected to, and then does not wait", (place) =>
      Effect.gen(function* () {
        const addresses = [place.nobody(), place.nobody()] as const
        const sender = yield* push({ connect: addresses })
        const waiting = yield* Effect.forkChild(Socket.awaitConnected(sender))
        yield* pull({ bind: addresses[0] })
        yield* Socket.awaitPeers(sender, 1)
        yield* Effect.sleep(aWhile)
        assert.isUndefined(waiting.pollUnsafe())
        yield* pull({ bind: addresses[1] })
        yield* Fiber.join(waiting)
        assert.deepInclude(yield* Socket.state(sender), { status: "Connected", peers: 2 })
        yield* Socket.awaitConnected(sender)
      }))

    test("awaitPeers waits for so many at once: those that have left do not count", (place) =>
      Effect.gen(function* () {
        const receiver = yield* pull({ bind: place.any() })
        const connect = yield* endpointOf(receiver)
        const first = yield* forNow(push({ connect }))
        yield* Socket.awaitConnected(receiver)
        yield* first.close
        yield* becomes(receiver, "Listening")
        yield* push({ connect })
        const waiting = yield* Effect.forkChild(Socket.awaitPeers(receiver, 3))
        yield* push({ connect })
        yield* Socket.awaitPeers(receiver, 2)
        yield* Effect.sleep(aWhile)
        assert.isUndefined(waiting.pollUnsafe())
        yield* push({ connect })
        yield* Fiber.join(waiting)
      }))

    test("awaitConnected and awaitPeers fail Closed when the socket closes, and once it is closed", (place) =>
      Effect.gen(function* () {
        const sender = yield* push({ connect: place.nobody() })
        const waits = [Socket.awaitConnected(sender), Socket.awaitPeers(sender, 1)]
        const waiting = yield* Effect.forEach(waits, (wait) => Effect.forkChild(failsWith("Closed", wait)))
        yield* Socket.drain(sender, 0)
        for (const fiber of waiting) yield* Fiber.join(fiber)
        for (const wait of waits) yield* failsWith("Closed", wait)
      }))

    test(
      "a socket whose peer is gone is Reconnecting, since when and with which attempt, until it is back",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const receiver = yield* forNow(pull({ bind: address }))
          const sender = yield* push({ connect: address, reconnect })
          yield* Socket.awaitConnected(sender)
          yield* receiver.close
          yield* becomes(sender, "Reconnecting")
          yield* happened(sender, "Reconnecting", 3)
          const [state] = (yield* Socket.state(sender)).endpoints
          assert.isTrue(state?._tag === "Reconnecting" && state.attempt >= 3)
          yield* pull({ bind: address })
          yield* Socket.awaitConnected(sender)
        }),
      networked
    )

    test(
      "a client that met a server of another type is connected when the right one is there",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const sender = yield* push({ connect: address, reconnect })
          yield* becomes(sender, "HandshakeFailed")
          const [state] = (yield* Socket.state(sender)).endpoints
          assert.deepInclude(state, { _tag: "HandshakeFailed", problem: "protocol", endpoint: textOf(address) })
          yield* wrong.close
          const receiver = yield* pull({ bind: address })
          yield* Socket.awaitConnected(sender)
          yield* Push.send(sender, "welcome")
          yield* receives(receiver, ["welcome"])
        }),
      networked
    )

    test(
      "a client with another security mechanism is connected when the server has the same",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(pull({ bind: address }))
          const sender = yield* push({ connect: address, reconnect, security })
          yield* becomes(sender, "HandshakeFailed")
          yield* wrong.close
          const authenticate = Security.passwords({ alice: Redacted.make("open sesame") })
          const receiver = yield* pull({ bind: address, security: Security.plain({ authenticate }) })
          yield* Socket.awaitConnected(sender)
          yield* Push.send(sender, "welcome")
          yield* receives(receiver, ["welcome"])
        }),
      networked
    )

    test(
      "a client that is not let in is let in as soon as the server knows it",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          let knows = false
          const receiver = yield* pull({
            bind: address,
            security: Security.plain({
              authenticate: () => (knows ? Effect.succeed({ id: "alice" }) : Security.denied("not yet"))
            })
          })
          const sender = yield* push({ connect: address, reconnect, security })
          yield* happened(sender, "HandshakeFailed", 3)
          const [state] = (yield* Socket.state(sender)).endpoints
          assert.deepInclude(state, { _tag: "HandshakeFailed", problem: "authentication" })
          knows = true
          yield* Socket.awaitConnected(sender)
          yield* Push.send(sender, "welcome")
          yield* receives(receiver, ["welcome"])
        }),
      networked
    )

    test(
      "its subscriptions are there again",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const subscriber = yield* sub({ connect: address, reconnect, subscribe: ["a", "b"] })
          yield* happened(subscriber, "Reconnecting", 3)
          yield* wrong.close
          const publisher = yield* pub({ bind: address })
          yield* subscribed(publisher, subscriber)
          for (const topic of ["a", "b", "c"]) yield* Pub.send(publisher, topic)
          yield* receives(subscriber, ["a", "b"])
        }),
      networked
    )

    test(
      "what is sent while the handshake fails waits, and arrives whole and in order",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const sender = yield* push({ connect: address, reconnect })
          yield* happened(sender, "Reconnecting")
          const all = numbered("", 2000)
          const sending = yield* Effect.forkChild(Push.sendAll(sender, all))
          yield* happened(sender, "Reconnecting", 5)
          yield* wrong.close
          const receiver = yield* pull({ bind: address })
          assert.deepStrictEqual(yield* texts(receiver, all.length), all)
          yield* Fiber.join(sending)
        }),
      networked
    )

    test(
      "what was sent before the handshake failed for the first time arrives too",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const sender = yield* push({ connect: address, reconnect })
          yield* Push.send(sender, "early")
          yield* happened(sender, "Reconnecting")
          yield* wrong.close
          const receiver = yield* pull({ bind: address })
          yield* Socket.awaitConnected(sender)
          yield* Push.send(sender, "late")
          assert.deepStrictEqual(yield* Effect.timeout(texts(receiver, 2), "2 seconds"), ["early", "late"])
        }),
      networked
    )

    test(
      "while it cannot talk to one of its peers it serves the others, and nothing is lost",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const good = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const receiver = yield* pull({ bind: good })
          const sender = yield* push({ connect: [endpoint(textOf(address)), endpoint(textOf(good))], reconnect })
          yield* happened(sender, "Reconnecting", 2)
          const all = numbered("", 500)
          yield* sendTexts(sender, all)
          const first = yield* texts(receiver, 250)
          yield* happened(sender, "Reconnecting", 4)
          yield* wrong.close
          const second = yield* pull({ bind: address })
          yield* Socket.awaitConnected(sender)
          assert.deepStrictEqual(yield* Effect.map(Socket.endpoints(sender), (all) => all.map(String)), [
            textOf(address),
            textOf(good)
          ])
          const others = yield* Effect.all([rest(receiver), rest(second)], { concurrency: 2 })
          assert.sameMembers([...first, ...others.flat()], all)
          for (let n = 0; n < 4; n++) yield* Push.send(sender, "shared")
          yield* receives(receiver, ["shared", "shared"])
          yield* receives(second, ["shared", "shared"])
        }),
      networked
    )

    test(
      "once it is in, it is like any other: what is sent while its server is away is kept for its return",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const sender = yield* push({ connect: address, reconnect })
          yield* happened(sender, "Reconnecting", 2)
          yield* wrong.close
          for (const round of ["first", "second", "third"]) {
            const right = yield* forNow(pull({ bind: address }))
            yield* Socket.awaitConnected(sender)
            yield* Push.send(sender, round)
            yield* receives(right.value, round === "first" ? [round] : ["away", round])
            yield* right.close
            yield* becomes(sender, "Reconnecting")
            yield* Effect.sleep(aWhile)
            yield* Effect.timeout(Push.send(sender, "away"), "1 second")
          }
        }),
      networked
    )

    test(
      "each attempt is told, with its number, and how long until then",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          yield* rep({ bind: address })
          const sender = yield* push({ connect: address, reconnect })
          const told = yield* Socket.events(sender).pipe(
            Stream.filter((event) => event._tag === "Reconnecting"),
            Stream.take(4),
            Stream.runCollect
          )
          assert.deepStrictEqual(
            told.map((event) => event._tag === "Reconnecting" && event.attempt),
            [2, 3, 4, 5]
          )
          const [state] = (yield* Socket.state(sender)).endpoints
          assert.strictEqual(state?._tag === "HandshakeFailed" && state.attempt >= 4, true)
        }),
      networked
    )

    test(
      "with reconnect: false it is not tried again, and the endpoint is one no longer",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(rep({ bind: address }))
          const sender = yield* push({ connect: address, reconnect: false })
          yield* happened(sender, "Abandoned")
          yield* wrong.close
          const receiver = yield* pull({ bind: address })
          yield* Effect.sleep(aWhile)
          assert.deepInclude(yield* Socket.state(sender), { status: "Idle", peers: 0 })
          assert.strictEqual((yield* Socket.state(receiver)).peers, 0)
          assert.deepStrictEqual(yield* Socket.endpoints(sender), [])
        }),
      networked
    )

    test(
      "a REQ asks on when the right server is there",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(pull({ bind: address }))
          const asker = yield* req({ connect: address, reconnect })
          const lost = yield* Effect.timeoutOption(Req.request(asker, "anybody?"), "100 millis")
          assert.strictEqual(lost._tag, "None")
          yield* becomes(asker, "HandshakeFailed")
          yield* wrong.close
          const server = yield* rep({ bind: address })
          yield* Effect.forkChild(Rep.serve(server, (request) => Effect.succeed(request)))
          for (let n = 0; n < 3; n++) {
            assert.strictEqual(Message.text(yield* Effect.timeout(Req.request(asker, `${n}`), "2 seconds")), `${n}`)
          }
        }),
      networked
    )

    test(
      "a peer that was given its routing id by connectAs has it again",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const wrong = yield* forNow(pull({ bind: address }))
          const caller = yield* router({ reconnect })
          yield* Router.connectAs(caller, address, "worker")
          yield* happened(caller, "Reconnecting", 3)
          yield* wrong.close
          const worker = yield* dealer({ bind: address })
          yield* Socket.awaitConnected(caller)
          yield* Router.send(caller, { to: "worker", message: "work" })
          yield* receives(worker, ["work"])
        }),
      networked
    )
  },
  ["REQ", "REP", "DEALER", "ROUTER"]
)
