import { assert, describe } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as RoutingId from "@effect-zmq/core/RoutingId"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as zeromq from "zeromq"
import { departure } from "../src/internal/peers.ts"
import { anyPort, awaitEvent, endpointOf, live, naively, reasonOf } from "./sockets.ts"

const server = (options: Router.Options = {}) =>
  Effect.gen(function* () {
    const router = yield* Router.make({ bind: anyPort, linger: 0, ...options })
    return { router, endpoint: yield* endpointOf(router) }
  })

/** A DEALER of which the ROUTER knows. */
const client = (
  router: Router.Router,
  connect: Dealer.Options["connect"],
  name: string,
  options: Dealer.Options = {}
) =>
  Effect.gen(function* () {
    const dealer = yield* Dealer.make({ connect, routingId: name, linger: 0, ...options })
    yield* Dealer.send(dealer, `${name} is here`)
    const { message } = yield* Router.receive(router)
    assert.strictEqual(Message.text(message), `${name} is here`)
    return dealer
  })

const text = Message.text

const numbered = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, index) => `${index}`)

/** What the next messages say. */
const texts = (dealer: Dealer.Dealer, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(Dealer.stream(dealer), count)), (all) => all.map(text))

/** Comings and goings, in the order in which they were told. */
const changes = (router: Router.Router, count: number) =>
  Socket.events(router).pipe(
    Stream.filter((event: SocketEvent) => event._tag === "PeerJoined" || event._tag === "PeerLeft"),
    Stream.map((event) => `${event._tag} ${"routingId" in event ? text([event.routingId]) : ""}`),
    Stream.take(count),
    Stream.runCollect
  )

/** Process warnings while an effect runs. */
const warnings = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const all: Array<string> = []
      const listener = ({ message }: Error) => all.push(message)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("warning", listener)),
        () => Effect.sync(() => process.off("warning", listener))
      )
      yield* effect
      yield* Effect.sleep(5) // they are told in a later turn
      return all
    })
  )

let names = 0

describe("routing ids", () => {
  live("are bytes of any value, of a DEALER, a REQ and a ROUTER", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server()
      const id = (first: number) => Uint8Array.of(first, 0, 0, 255, 10, 0)
      const dealer = yield* Dealer.make({ connect: endpoint, routingId: id(1) })
      const req = yield* Req.make({ connect: endpoint, routingId: id(2) })
      const other = yield* Router.make({ routingId: id(3), linger: 0 })
      yield* Router.connectAs(other, endpoint, id(0))
      yield* Dealer.send(dealer, "dealer")
      const reply = yield* Effect.forkChild(Req.request(req, "req"))
      yield* Router.send(other, { to: id(0), message: "router" })
      const from = new Map<string, string>()
      for (let i = 0; i < 3; i++) {
        const received = yield* Router.receive(router)
        from.set(text(received.message), RoutingId.toHex(received.from))
        const envelope = received.message.slice(0, -1)
        yield* Router.send(router, { to: received.from, message: [...envelope, "reply"] as unknown as Message.Message })
      }
      assert.deepStrictEqual(
        from,
        new Map([
          ["dealer", RoutingId.toHex(id(1))],
          ["req", RoutingId.toHex(id(2))],
          ["router", RoutingId.toHex(id(3))]
        ])
      )
      assert.strictEqual(text(yield* Dealer.receive(dealer)), "reply")
      assert.strictEqual(text(yield* Fiber.join(reply)), "reply")
      const back = yield* Router.receive(other)
      assert.strictEqual(RoutingId.toHex(back.from), RoutingId.toHex(id(0)))
    })
  )

  live("an id that a peer has, which nothing was heard of yet, is refused: libzmq would end the process", () =>
    Effect.gen(function* () {
      for (const options of [{}, { handover: true }] as const) {
        for (const bind of [anyPort, `inproc://quiet-${names++}`] as const) {
          const { endpoint, router } = yield* server({ bind, ...options })
          const quiet = yield* Dealer.make({ connect: endpoint, routingId: "quiet", linger: 0 })
          if (bind === anyPort) yield* awaitEvent(router, "HandshakeSucceeded")
          const reason = yield* reasonOf(Router.connectAs(router, "tcp://127.0.0.1:9", "quiet"))
          assert.include(reason, { _tag: "InvalidOption", option: "routingId" })
          yield* Router.connectAs(router, "inproc://nobody", "nobody")
          assert.include(yield* reasonOf(Router.connectAs(router, "inproc://nobody", "nobody")), {
            _tag: "InvalidOption"
          })
          // Free again.
          yield* Socket.disconnect(router, "inproc://nobody")
          assert.strictEqual((yield* Socket.endpoints(router)).length, 1)
          assert.isDefined(quiet)
        }
      }
    })
  )

  live("are not given to peers of a ROUTER with immediate: libzmq would give them to others", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ immediate: true, linger: 0 })
      const reason = yield* reasonOf(Router.connectAs(router, "tcp://127.0.0.1:9", "late"))
      assert.include(reason, { _tag: "Unsupported", transport: "zmq" })
    })
  )

  live("the process is not warned that options hold for the next endpoint only", () =>
    Effect.gen(function* () {
      const all = yield* warnings(
        Effect.gen(function* () {
          const { router } = yield* server({ bind: [anyPort, "inproc://first"] })
          yield* Router.connectAs(router, "inproc://second", "second")
          yield* Socket.bind(router, anyPort)
        })
      )
      assert.deepStrictEqual(all, [])
    })
  )
})

describe("peers", () => {
  live("news of peers are told apart from empty messages, wherever these come", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server()
      for (let round = 0; round < 20; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const dealer = yield* Dealer.make({ connect: endpoint, routingId: `${round}`, linger: "1 second" })
            for (const message of ["", "", "text", ["", ""], new Uint8Array(departure.length), ""] as const) {
              yield* Dealer.send(dealer, message)
            }
          })
        )
        const received = yield* Stream.runCollect(Stream.take(Router.stream(router), 6))
        assert.deepStrictEqual(
          received.map(({ message }) => message.map((frame) => frame.length)),
          [[0], [0], [4], [0, 0], [32], [0]]
        )
      }
      const all = yield* changes(router, 40)
      for (let round = 0; round < 20; round++) {
        assert.isBelow(all.indexOf(`PeerJoined ${round}`), all.indexOf(`PeerLeft ${round}`))
      }
      assert.deepStrictEqual(yield* Router.poll(router), Option.none())
      assert.deepStrictEqual(yield* Router.peers(router), [])
    })
  )

  live("a peer that was connected to, by a name given here, joins and leaves with its connection", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ linger: 0, reconnect: { initial: 5, maximum: 5 } })
      const scope = yield* Scope.make()
      const dealer = yield* Scope.provide(Dealer.make({ bind: anyPort, linger: 0 }), scope)
      const endpoint = yield* endpointOf(dealer)
      yield* Router.connectAs(router, endpoint, "there")
      assert.deepStrictEqual(yield* changes(router, 1), ["PeerJoined there"])
      assert.strictEqual((yield* Router.peers(router)).length, 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* changes(router, 2), ["PeerJoined there", "PeerLeft there"])
      yield* Dealer.make({ bind: endpoint, linger: 0 })
      yield* changes(router, 3)
      yield* Socket.disconnect(router, endpoint)
      assert.deepStrictEqual(yield* Router.peers(router), [])
    })
  )

  live("over inproc, a peer is told with its first message, and told when it has left", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server({ bind: "inproc://peers" })
      yield* Effect.scoped(client(router, endpoint, "a"))
      assert.deepStrictEqual(yield* changes(router, 2), ["PeerJoined a", "PeerLeft a"])
      assert.strictEqual((yield* reasonOf(Router.send(router, { to: "a", message: "gone" })))._tag, "Unroutable")
    })
  )

  live("what a peer that has left had delivered is received, however much it is, and then it is told", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server({ highWaterMark: { receive: "unlimited" } })
      yield* Effect.scoped(
        Effect.flatMap(Dealer.make({ connect: endpoint, routingId: "a", linger: "2 seconds" }), (dealer) =>
          Dealer.sendAll(dealer, numbered(2000))
        )
      )
      const left = yield* Effect.forkChild(changes(router, 2))
      const received = yield* Stream.runCollect(Stream.take(Router.stream(router), 2000))
      assert.deepStrictEqual(
        received.map(({ message }) => text(message)),
        numbered(2000)
      )
      yield* Effect.forkChild(Router.receive(router)) // libzmq lets go of it behind its last message
      assert.deepStrictEqual(yield* Fiber.join(left), ["PeerJoined a", "PeerLeft a"])
    })
  )
})

describe("sending from a ROUTER", () => {
  live(
    "to an unknown peer fails Unroutable at once, also where nobody has ever connected, and where it is not bound",
    () =>
      Effect.gen(function* () {
        const { router } = yield* server()
        const alone = yield* Router.make({ linger: 0 })
        for (const socket of [router, alone]) {
          const send = Router.send(socket, { to: Uint8Array.of(0, 1), message: "hello" })
          assert.deepInclude(
            yield* reasonOf(Effect.timeout(send, 1000).pipe(Effect.catchTag("TimeoutError", Effect.die))),
            {
              _tag: "Unroutable",
              routingId: "0001"
            }
          )
        }
      })
  )

  naively("the addon as it is: such a send waits for ever", () =>
    Effect.gen(function* () {
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => new zeromq.Router({ linger: 0, mandatory: true })),
        (router) => Effect.sync(() => router.close())
      )
      yield* Effect.timeout(
        Effect.tryPromise(() => socket.send(["nobody", "hello"])),
        50
      )
    })
  )

  live("one stalled peer of 100 disturbs no other; its own messages come in their order", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server({ highWaterMark: { send: 5 } })
      const stalled = yield* client(router, endpoint, "stalled", { highWaterMark: { receive: 5 } })
      const bytes = new Uint8Array(100_000)
      let sent = 0
      const senders = yield* Effect.forEach([0, 1, 2], () =>
        Effect.forkChild(
          Effect.gen(function* () {
            for (let i = 0; i < 400; i++) {
              yield* Router.send(router, { to: "stalled", message: [`${sent++}`, bytes] })
            }
          })
        )
      )
      for (let before = -1; before < sent; yield* Effect.sleep(30)) before = sent
      assert.isBelow(sent, 1200)
      const names = numbered(99)
      const clients = yield* Effect.forEach(names, (name) => client(router, endpoint, name))
      for (let round = 0; round < 5; round++) {
        yield* Effect.forEach(names, (to) => Router.send(router, { to, message: `${round}` }), {
          concurrency: "unbounded",
          discard: true
        })
        for (const dealer of clients) assert.deepStrictEqual(yield* texts(dealer, 1), [`${round}`])
      }
      // Its senders take turns, each with one message on its way.
      const received = yield* Stream.runCollect(Stream.take(Dealer.stream(stalled), 1200))
      assert.deepStrictEqual(
        received.map(([number]) => text([number])),
        numbered(1200)
      )
      yield* Fiber.joinAll(senders)
    })
  )

  live("a send that waits for room and is interrupted is never sent, and those behind it keep their order", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server({ highWaterMark: { send: 50 } })
      const dealer = yield* client(router, endpoint, "a", { highWaterMark: { receive: 1 } })
      const other = yield* client(router, endpoint, "b")
      const bytes = new Uint8Array(100_000)
      let sent = 0
      const filling = yield* Effect.forkChild(
        Effect.forever(
          Effect.suspend(() => {
            const message = [bytes, `${sent}`] as const
            return Effect.tap(Router.send(router, { to: "a", message }), () => Effect.sync(() => sent++))
          })
        )
      )
      for (let before = -1; before < sent; yield* Effect.sleep(30)) before = sent
      yield* Fiber.interrupt(filling)
      const waiting = yield* Effect.forEach(numbered(20), (number) =>
        Effect.forkChild(
          Router.sendAll(router, [
            { to: "b", message: `before ${number}` },
            { to: "a", message: `waited ${number}` },
            { to: "b", message: `after ${number}` }
          ]),
          { startImmediately: true }
        )
      )
      const first = yield* Effect.map(texts(other, 1), ([before]) => before)
      assert.strictEqual(first, "before 0")
      for (const [index, fiber] of waiting.entries()) if (index % 3 === 0) yield* Fiber.interrupt(fiber)
      const kept = numbered(20).filter((_, index) => index % 3 !== 0)
      yield* Effect.forkChild(Router.send(router, { to: "a", message: "last" }))
      const received = yield* Stream.runCollect(
        Stream.takeUntil(Stream.map(Dealer.stream(dealer), text), (received) => received === "last")
      )
      assert.deepStrictEqual(received.slice(0, sent), numbered(sent))
      const waited = received.slice(sent, -1).map((message) => Number(message.slice("waited ".length)))
      assert.includeMembers(waited, kept.map(Number))
      assert.deepStrictEqual(
        waited,
        [...waited].sort((a, b) => a - b)
      )
      // There was room for some before they were interrupted; and they had gone on.
      for (let i = 0; i < 20; i++) if (!waited.includes(i)) assert.strictEqual(i % 3, 0)
    })
  )

  live("a high-water mark of a few lets hundreds through a second", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* server({ highWaterMark: { send: 5 } })
      const dealer = yield* client(router, endpoint, "a", { highWaterMark: { receive: 5 } })
      const bytes = new Uint8Array(50_000)
      yield* Effect.forkChild(
        Router.sendAll(
          router,
          numbered(1000).map((number) => ({ to: "a", message: [bytes, number] as const }))
        )
      )
      assert.deepStrictEqual(yield* texts(dealer, 1000), numbered(1000))
    })
  )

  live("closes within linger while messages wait for a full peer, and those who wait fail Closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { endpoint, router } = yield* Scope.provide(
        server({ highWaterMark: { send: 1 }, linger: "100 millis" }),
        scope
      )
      yield* client(router, endpoint, "a", { highWaterMark: { receive: 1 } })
      const message = new Uint8Array(1_000_000)
      const waiting = yield* Effect.forkChild(
        Router.sendAll(
          router,
          numbered(100).map(() => ({ to: "a", message }))
        )
      )
      const behind = yield* Effect.forkChild(Router.send(router, { to: "a", message: "behind" }))
      yield* Effect.sleep(50)
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isBelow(Duration.toMillis(took), 1000)
      assert.strictEqual((yield* reasonOf(Fiber.join(waiting)))._tag, "Closed")
      assert.strictEqual((yield* reasonOf(Fiber.join(behind)))._tag, "Closed")
    })
  )

  for (const handover of [false, true]) {
    const heard = handover ? "takes it over" : "is not heard"
    live(`who comes with the id by which another is connected to ${heard}, handover ${handover}`, () =>
      Effect.gen(function* () {
        const { endpoint, router } = yield* server({ handover })
        const other = yield* Dealer.make({ bind: anyPort, linger: 0 })
        yield* Router.connectAs(router, yield* endpointOf(other), "x")
        yield* Router.send(router, { to: "x", message: "to x" })
        assert.strictEqual(text(yield* Dealer.receive(other)), "to x")
        const second = yield* Dealer.make({ connect: endpoint, routingId: "x", linger: 0 })
        yield* Dealer.send(second, "from the second")
        if (!handover) {
          yield* awaitEvent(second, "HandshakeSucceeded")
          yield* Effect.repeat(Dealer.send(other, "from the first"), { times: 9 })
        }
        const { from, message } = yield* Router.receive(router)
        assert.strictEqual(text([from]), "x")
        assert.strictEqual(text(message), handover ? "from the second" : "from the first")
        yield* Router.send(router, { to: "x", message: "back" })
        assert.strictEqual(text(yield* Dealer.receive(handover ? second : other)), "back")
        if (!handover) {
          for (let i = 0; i < 9; i++)
            assert.strictEqual(text((yield* Router.receive(router)).message), "from the first")
        }
      })
    )
  }
})
