import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import {
  Dealer,
  type Loss,
  Message,
  Network,
  Pub,
  Pull,
  Push,
  Rep,
  Req,
  Router,
  Socket,
  SocketEvent,
  Sub
} from "../src/index.ts"
import { checks, metric } from "./lossChecks.ts"
import { endpoint, virtually } from "./metering.ts"

const drops = (name: string) => (cause: Loss.Cause) => metric("zmq_messages_dropped", { name, cause })

const dropEvents = (socket: Socket.Socket) =>
  Effect.map(
    Stream.runCollect(Stream.takeUntil(Socket.events(socket), SocketEvent.SocketEvent.$is("Closed"))),
    (events) => events.filter(SocketEvent.SocketEvent.$is("Dropped"))
  )

describe("losses", () => {
  virtually(
    "what nobody is subscribed to is counted: as a metric, by few events, and when the socket closes",
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: endpoint, name: "news" })
      yield* Pub.sendAll(pub, Array.from({ length: 1000 }, String))
      assert.strictEqual(yield* drops("news")("noSubscriber"), 1000)
      const report = yield* Socket.drain(pub, 0)
      assert.deepStrictEqual(report, { flushed: true, dropped: 0, losses: { noSubscriber: 1000 } })
      const events = yield* dropEvents(pub)
      assert.deepStrictEqual(
        events.map(({ total }) => total),
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
      )
      assert.deepStrictEqual(
        events.map(({ count }) => count),
        [1, 1, 2, 4, 8, 16, 32, 64, 128, 256]
      )
    })
  )

  virtually(
    "what a full subscriber misses is counted, and told with whose high-water mark it was",
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: endpoint, name: "news", highWaterMark: { send: 1 } })
      yield* Sub.make({ connect: endpoint, subscribe: "", highWaterMark: { receive: 1 } })
      const fast = yield* Sub.make({ connect: endpoint, subscribe: "", highWaterMark: { receive: 100 } })
      for (let i = 0; i < 10; i++) yield* Pub.send(pub, `${i}`)
      assert.strictEqual(yield* drops("news")("queueFull"), 8)
      assert.strictEqual(yield* metric("zmq_messages_queued", { name: fast.type, direction: "receive" }), 0)
      yield* Socket.drain(pub, 0)
      const [first] = yield* dropEvents(pub)
      assert.deepInclude(first, { cause: "queueFull", count: 1, total: 1 })
      assert.match(first?.peer ?? "", /SUB → localhost\/PUB tcp:\/\/127\.0\.0\.1:5555$/)
    })
  )

  virtually(
    "a ROUTER that drops what a full peer has no room for counts it by the peer's routing id",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: endpoint, name: "router", onFull: "drop", highWaterMark: { send: 1 } })
      yield* Dealer.make({ connect: endpoint, routingId: "slow", highWaterMark: { receive: 1 } })
      for (let i = 0; i < 5; i++) yield* Router.send(router, { to: "slow", message: "x" })
      assert.strictEqual(yield* drops("router")("queueFull"), 3)
      assert.strictEqual(yield* metric("zmq_messages_sent", { name: "router" }), 2)
      yield* Socket.drain(router, 0)
      assert.strictEqual((yield* dropEvents(router))[0]?.peer, "736c6f77")
    })
  )

  virtually(
    "a reply to a client that has left is unroutable; a late reply to a request that was withdrawn is lost with its connection",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: endpoint, name: "server" })
      const req = yield* Req.make({ connect: endpoint, name: "client" })
      const asked = yield* Effect.forkChild(Req.request(req, "?"), { startImmediately: true })
      yield* Rep.receive(rep)
      yield* Effect.sync(() => asked.interruptUnsafe())
      yield* Effect.yieldNow
      yield* Rep.reply(rep, "!")
      assert.strictEqual(yield* drops("server")("unroutable"), 1)
    })
  )

  virtually(
    "with correlate a late reply comes, is not given, and is counted as unrequested",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: endpoint })
      const req = yield* Req.make({ connect: endpoint, name: "client", correlate: true })
      const asked = yield* Effect.forkChild(Req.request(req, "1"), { startImmediately: true })
      yield* Rep.receive(rep)
      yield* Effect.sync(() => asked.interruptUnsafe())
      yield* Effect.yieldNow
      yield* Rep.reply(rep, "late")
      yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(request)))
      assert.strictEqual(Message.text(yield* Req.request(req, "2")), "2")
      assert.strictEqual(yield* drops("client")("unrequested"), 1)
    })
  )

  virtually(
    "what a REP gets and cannot be a request is malformed",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: endpoint, name: "server" })
      const dealer = yield* Dealer.make({ connect: endpoint })
      yield* Dealer.send(dealer, "no envelope")
      yield* Dealer.send(dealer, ["", "good"])
      assert.strictEqual(Message.text(yield* Rep.receive(rep)), "good")
      assert.strictEqual(yield* drops("server")("malformed"), 1)
    })
  )

  virtually(
    "what was in flight when a connection ends, and what is unsent or unread at the close, each has its cause",
    Effect.gen(function* () {
      const push = yield* Push.make({ connect: endpoint, name: "push", linger: 0, highWaterMark: { send: 10 } })
      const pull = yield* Pull.make({ bind: endpoint, name: "pull", highWaterMark: { receive: 10 } })
      yield* Network.latency("*", "*", "1 second")
      yield* Push.sendAll(push, ["1", "2", "3"])
      yield* Network.disconnect("*", "*")
      assert.strictEqual(yield* drops("push")("disconnected"), 3)
      yield* Socket.drain(push, 0)
      assert.deepStrictEqual((yield* Socket.drain(pull, 0)).losses, undefined)
      const second = yield* Push.make({ connect: "tcp://127.0.0.1:6666", name: "absent", linger: 0 })
      yield* Push.sendAll(second, ["a", "b"])
      assert.deepStrictEqual(yield* Socket.drain(second, 0), { flushed: false, dropped: 2, losses: { unsent: 2 } })
      assert.strictEqual(yield* drops("absent")("unsent"), 2)
    })
  )

  virtually(
    "the counts of closed sockets stay in the metrics, and what of theirs is lost later is added",
    Effect.gen(function* () {
      const once = Effect.scoped(
        Effect.gen(function* () {
          const pub = yield* Pub.make({ name: "short" })
          yield* Pub.sendAll(pub, ["1", "2"])
        })
      )
      yield* once
      yield* once
      assert.strictEqual(yield* drops("short")("noSubscriber"), 4)
      assert.strictEqual(yield* metric("zmq_messages_sent", { name: "short" }), 4)
      const pull = yield* Pull.make({ bind: endpoint, name: "pull" })
      yield* Network.latency("*", "*", "1 second")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const push = yield* Push.make({ connect: endpoint, name: "gone", linger: 0 })
          yield* Effect.sleep(0).pipe(Effect.andThen(Push.send(push, "1")))
        })
      )
      yield* Socket.drain(pull, 0)
      const all =
        (yield* drops("gone")("unsent")) + (yield* drops("gone")("disconnected")) + (yield* drops("pull")("unread"))
      assert.strictEqual(all, 1)
    })
  )

  for (const [promise, check] of Object.entries(checks)) {
    it(promise, () => {
      const exit = check(30, 5)
      if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    })
  }
})
