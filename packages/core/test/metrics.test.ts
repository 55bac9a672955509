import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import { TestClock } from "effect/testing"
import { Dealer, Loss, Message, Network, Proxy, Pub, Pull, Push, Rep, Req, Router, Socket, Sub } from "../src/index.ts"
import { Metered, mostNames } from "../src/internal/metrics.ts"
import { metric } from "./lossChecks.ts"
import { endpoint, virtually } from "./metering.ts"
import { open } from "./ScriptedTransport.ts"

const of = (name: string, id: string, labels: { readonly [label: string]: string } = {}) =>
  metric(id, { name, ...labels })

const namesOf = Effect.map(Metric.snapshot, (all) => new Set(all.map(({ attributes }) => attributes?.name)))

describe("metrics", () => {
  virtually(
    "messages and bytes are counted each way, of all frames, by one and by many, and are exact whenever they are read",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: endpoint, name: "pull", highWaterMark: { receive: 4 } })
      const push = yield* Push.make({ connect: endpoint, name: "push", highWaterMark: { send: 2 } })
      yield* Push.send(push, ["ab", "cde"])
      yield* Push.sendAll(push, ["1", "22"])
      assert.deepStrictEqual([yield* of("push", "zmq_messages_sent"), yield* of("push", "zmq_bytes_sent")], [3, 8])
      // Three more have room; the others wait, in the middle of a sendAll.
      const waiting = yield* Effect.forkChild(Push.sendAll(push, ["a", "b", "c", "d", "e"]), { startImmediately: true })
      assert.strictEqual(yield* of("push", "zmq_messages_sent"), 6)
      assert.strictEqual(yield* of("push", "zmq_bytes_sent"), 11)
      assert.strictEqual(yield* of("push", "zmq_sends_suspended"), 1)
      assert.strictEqual(yield* of("push", "zmq_messages_queued", { direction: "send" }), 2)
      assert.strictEqual(yield* of("pull", "zmq_messages_queued", { direction: "receive" }), 4)
      yield* Pull.receive(pull)
      assert.deepStrictEqual(
        [yield* of("pull", "zmq_messages_received"), yield* of("pull", "zmq_bytes_received")],
        [1, 5]
      )
      yield* Fiber.interrupt(waiting)
      const sent = yield* of("push", "zmq_messages_sent")
      let received = 1
      while ((yield* of("pull", "zmq_messages_queued")) > 0) {
        yield* Pull.receive(pull)
        received++
      }
      assert.strictEqual(received, sent)
      assert.strictEqual(yield* of("pull", "zmq_messages_received"), sent)
    })
  )

  virtually(
    "peers and reconnections are counted",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: endpoint, name: "pull" })
      yield* Push.make({ connect: endpoint, name: "push" })
      assert.deepStrictEqual([yield* of("pull", "zmq_peers"), yield* of("push", "zmq_peers")], [1, 1])
      yield* Network.disconnect("*", "*")
      assert.deepStrictEqual([yield* of("pull", "zmq_peers"), yield* of("push", "zmq_peers")], [0, 0])
      assert.strictEqual(yield* of("push", "zmq_reconnects"), 1)
      yield* Effect.scoped(Push.make({ connect: endpoint }))
      yield* Socket.drain(pull, 0)
      assert.strictEqual(yield* of("pull", "zmq_peers"), 0)
    })
  )

  virtually(
    "a socket is called by its type and its endpoints as they were given, or by its option; sockets of one name are counted together",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const connect = yield* Socket.endpoint(pull)
      yield* Push.make({ connect, name: "sources" })
      yield* Effect.scoped(Effect.flatMap(Push.make({ connect, name: "sources" }), (push) => Push.send(push, "1")))
      yield* Effect.flatMap(Push.make({ connect, name: "sources" }), (push) => Push.send(push, "2"))
      yield* Dealer.make({ bind: ["inproc://a", "inproc://b"], connect: ["inproc://c", "inproc://d", "inproc://e"] })
      yield* Dealer.make({})
      assert.deepStrictEqual(
        yield* namesOf,
        new Set(["PULL tcp://127.0.0.1:*", "sources", "DEALER inproc://a inproc://b inproc://c +2", "DEALER"])
      )
      assert.strictEqual(yield* of("sources", "zmq_messages_sent"), 2)
    })
  )

  virtually(
    "a metric has the labels type, name and transport, and those of the context; every series is there from the start",
    Effect.gen(function* () {
      yield* Effect.provideService(Pub.make({ name: "news" }), Metric.CurrentMetricAttributes, { region: "north" })
      const all = yield* Metric.snapshot
      assert.deepStrictEqual(all[0]?.attributes, { region: "north", type: "PUB", name: "news", transport: "memory" })
      const causes = all.flatMap(({ attributes, id }) => (id === "zmq_messages_dropped" ? [attributes?.cause] : []))
      assert.deepStrictEqual(causes, [...Loss.causes])
      assert.strictEqual(all.length, 6 + causes.length + 3)
    })
  )

  virtually(
    "a thousand names are told apart; sockets of further ones are counted together",
    Effect.gen(function* () {
      for (let i = 0; i < mostNames + 10; i++) {
        yield* Effect.scoped(Effect.flatMap(Pub.make({ name: `${i}` }), (pub) => Pub.send(pub, "x")))
      }
      assert.strictEqual((yield* namesOf).size, mostNames + 1)
      assert.strictEqual(yield* of("other", "zmq_messages_sent"), 10)
      assert.strictEqual(yield* metric("zmq_messages_sent"), mostNames + 10)
    })
  )

  it.effect("what is put back, as a proxy does, is not received until it is taken again", () =>
    Effect.gen(function* () {
      const { handle } = yield* open(Pull.make({}))
      const metered = new Metered(handle)
      handle.deliver("a", "bb", "ccc", "dddd")
      metered.putBackUnsafe(metered.borrowUnsafe(2))
      const [kept, ...others] = metered.borrowUnsafe(2)
      assert.strictEqual(kept?.length, 1)
      assert.strictEqual(metered.received.messages, 0)
      metered.putBackUnsafe(others)
      metered.keep(1)
      assert.deepStrictEqual([metered.received.messages, metered.received.bytes], [1, 1])
      metered.putBackUnsafe(metered.borrowUnsafe(3))
      assert.deepStrictEqual([metered.received.messages, metered.received.bytes], [1, 1])
      assert.strictEqual(metered.receiveUnsafe(10).length, 3)
      assert.deepStrictEqual([metered.received.messages, metered.received.bytes], [4, 10])
    })
  )

  virtually(
    "what a proxy put back, and what it had in its hand when its socket was closed, is unread, and not received as well",
    Effect.gen(function* () {
      const highWaterMark = { send: 1, receive: 1 }
      const from = yield* Pull.make({ bind: endpoint, name: "from" })
      const to = yield* Push.make({ bind: "inproc://to", name: "to", highWaterMark })
      yield* Pull.make({ connect: "inproc://to", highWaterMark })
      const source = yield* Push.make({ connect: endpoint, name: "source" })
      const sum = (queued: number, unread: number, received: number) =>
        Effect.gen(function* () {
          const { losses, queued: now, received: by } = yield* Socket.statistics(from)
          assert.deepStrictEqual([now.receive, losses.unread ?? 0, by.messages], [queued, unread, received])
          assert.strictEqual(yield* of("from", "zmq_messages_received"), received)
          assert.strictEqual(yield* metric("zmq_messages_dropped", { name: "from", cause: "unread" }), unread)
          assert.strictEqual(yield* of("source", "zmq_messages_sent"), queued + unread + received)
        })
      const proxying = yield* Effect.forkChild(Proxy.run(from, to), { startImmediately: true })
      // Two find room, and three are in its hand.
      yield* Push.sendAll(source, ["1", "2", "3", "4", "5"])
      yield* TestClock.adjust(1)
      yield* sum(3, 0, 2)
      yield* Fiber.interrupt(proxying)
      yield* sum(3, 0, 2)
      const again = yield* Effect.forkChild(Proxy.run(from, to), { startImmediately: true })
      yield* TestClock.adjust(1)
      assert.isUndefined((yield* Socket.drain(from, 0)).losses)
      yield* Fiber.interrupt(again)
      yield* sum(0, 3, 2)
    })
  )

  virtually(
    "requests, replies and what a ROUTER sends are counted as they are on their way",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: endpoint, name: "rep" })
      yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(request)))
      const req = yield* Req.make({ connect: endpoint, name: "req" })
      yield* Req.request(req, "four")
      assert.deepStrictEqual(
        [
          yield* of("req", "zmq_bytes_sent"),
          yield* of("req", "zmq_bytes_received"),
          yield* of("rep", "zmq_bytes_sent")
        ],
        [4, 4, 4]
      )
      const router = yield* Router.make({ bind: "inproc://router", name: "router" })
      const dealer = yield* Dealer.make({ connect: "inproc://router", routingId: "me" })
      yield* Router.send(router, { to: "me", message: "12345" })
      assert.strictEqual(Message.text(yield* Dealer.receive(dealer)), "12345")
      assert.strictEqual(yield* of("router", "zmq_bytes_sent"), 7)
      const sub = yield* Sub.make({ subscribe: "", name: "sub" })
      assert.strictEqual(sub.type, "SUB")
    })
  )

  it.effect("a transport that can tell nothing of itself is counted as far as the seam shows", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Pull.make({ name: "scripted" }))
      handle.deliver("1", "2")
      yield* Pull.receive(socket)
      assert.strictEqual(yield* of("scripted", "zmq_messages_received"), 1)
      assert.strictEqual(yield* of("scripted", "zmq_peers"), 0)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  virtually(
    "what the library logs of a socket says which: its type, its name, its endpoints",
    Effect.gen(function* () {
      const annotations: Array<unknown> = []
      const logger = Logger.make(({ fiber }) => {
        annotations.push(fiber.getRef(References.CurrentLogAnnotations))
      })
      yield* Effect.scoped(
        Effect.flatMap(Push.make({ connect: endpoint, name: "push", linger: 1 }), (push) => Push.send(push, "lost"))
      ).pipe(Effect.provide(Logger.layer([logger])), (body) =>
        Effect.all([body, TestClock.adjust(1)], { concurrency: 2 })
      )
      assert.deepStrictEqual(annotations, [{ "zmq.type": "PUSH", "zmq.name": "push", "zmq.endpoint": endpoint }])
    })
  )
})
