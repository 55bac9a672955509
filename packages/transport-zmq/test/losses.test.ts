import { assert, describe, it } from "@effect/vitest"
import { Message, Proxy, Pull, Push, Rep, Req, Socket, SocketEvent } from "@effect-zmq/core"
import { Deferred, Effect, Fiber, Metric, Schema, Stream } from "effect"
import { ZmqTransport } from "../src/index.ts"

const bind = "tcp://127.0.0.1:*"

const live = <E>(title: string, body: Effect.Effect<void, E, Effect.Services<ReturnType<typeof Pull.make>>>) =>
  it.live(title, () =>
    body.pipe(
      Effect.scoped,
      Effect.provide(ZmqTransport.layer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

const read = (id: string, labels: { readonly [label: string]: string }) =>
  Effect.map(Metric.snapshot, (all) => {
    const one = all.find(
      ({ attributes, ...metric }) =>
        metric.id === id && Object.entries(labels).every(([label, value]) => attributes?.[label] === value)
    )
    if (one?.type === "Counter") return Number(one.state.count)
    return one?.type === "Gauge" ? Number(one.state.value) : undefined
  })

/** libzmq's monitor tells a moment after the first messages. */
const connected = (socket: Socket.Socket) =>
  Stream.runDrain(Stream.takeUntil(Socket.events(socket), SocketEvent.SocketEvent.$is("HandshakeSucceeded")))

describe("what is known of losses over libzmq", () => {
  live(
    "what was read ahead and not taken is unread, and what does not fit a schema is malformed: in the metrics, and at the close",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind, name: "pull" })
      const push = yield* Push.make({ connect: yield* Socket.endpoint(pull), name: "push" })
      yield* Push.sendAll(push, ["one", "2", "3", "4", "5"])
      const [first] = yield* Stream.runCollect(
        Stream.take(Pull.streamSchema(pull, Message.frames([Message.json(Schema.Finite)])), 1)
      )
      assert.deepStrictEqual(first, [2])
      // What has arrived is read ahead, with the first that is asked for.
      const queued = read("zmq_messages_queued", { name: "pull", direction: "receive" })
      while ((yield* queued) === 0) {
        yield* Push.sendAll(push, ["6", "7", "8"])
        yield* Pull.receive(pull)
      }
      const unread = (yield* queued) ?? 0
      yield* connected(pull)
      assert.strictEqual(yield* read("zmq_peers", { name: "pull" }), 1)
      const { losses } = yield* Socket.drain(pull, 0)
      assert.deepStrictEqual(losses, { malformed: 1, unread })
      assert.strictEqual(yield* read("zmq_messages_dropped", { name: "pull", cause: "unread" }), unread)
    })
  )

  live(
    "what a proxy has put back is unread when the socket closes, and was not received",
    Effect.gen(function* () {
      const from = yield* Pull.make({ bind, name: "from" })
      const to = yield* Push.make({ bind, name: "to" })
      const push = yield* Push.make({ connect: yield* Socket.endpoint(from), name: "push" })
      yield* Push.sendAll(push, ["1", "2", "3"])
      const queued = read("zmq_messages_queued", { name: "from", direction: "receive" })
      // Nobody takes what it wants to pass on; until it has come, it has nothing in its hand.
      for (let seen = 0; seen < 3; seen = (yield* queued) ?? 0) {
        const proxying = yield* Effect.forkChild(Proxy.run(from, to), { startImmediately: true })
        yield* Effect.sleep("20 millis")
        yield* Fiber.interrupt(proxying)
      }
      const { losses } = yield* Socket.drain(from, 0)
      assert.deepStrictEqual(losses, { unread: 3 })
      assert.strictEqual(yield* read("zmq_messages_received", { name: "from" }), 0)
    })
  )

  live(
    "requests are counted each way; a send that has to wait is counted once",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind, name: "rep" })
      yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(request)))
      const req = yield* Req.make({ connect: yield* Socket.endpoint(rep), name: "req" })
      for (let i = 0; i < 10; i++) yield* Req.request(req, "four")
      assert.strictEqual(yield* read("zmq_bytes_sent", { name: "req" }), 40)
      assert.strictEqual(yield* read("zmq_messages_received", { name: "rep" }), 10)
      const push = yield* Push.make({ bind, name: "nobody", linger: 0 })
      const sent = yield* Deferred.make<void>()
      yield* Effect.forkScoped(Effect.andThen(Push.send(push, "wait"), Deferred.succeed(sent, undefined)))
      while ((yield* read("zmq_sends_suspended", { name: "nobody" })) === 0) yield* Effect.yieldNow
      const pull = yield* Pull.make({ connect: yield* Socket.endpoint(push) })
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "wait")
      yield* Deferred.await(sent)
      assert.strictEqual(yield* read("zmq_sends_suspended", { name: "nobody" }), 1)
      assert.strictEqual(yield* read("zmq_messages_sent", { name: "nobody" }), 1)
    })
  )
})
