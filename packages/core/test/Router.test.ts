import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Message from "../src/Message.ts"
import * as Poller from "../src/Poller.ts"
import * as Router from "../src/Router.ts"
import * as RoutingId from "../src/RoutingId.ts"
import { PeerFull, Unroutable, type ZmqError } from "../src/ZmqError.ts"
import { open } from "./ScriptedTransport.ts"

const openRouter = (options: Router.Options = {}) =>
  Effect.map(open(Router.make(options)), ({ handle, socket }) => ({ handle, router: socket }))

const id = (text: string): RoutingId.RoutingId => {
  const made = RoutingId.make(text)
  return made ?? assert.fail(`${text} is no routing id`)
}

const told = ({ from, message }: Router.Received): string =>
  `${Message.text([from])}: ${message.map((frame) => Message.text([frame])).join("|")}`

const reasonOf = <A>(effect: Effect.Effect<A, ZmqError>) => Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** What is counted while an effect runs. */
const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const count = Effect.map(Metric.snapshot, (all) =>
    all.reduce(
      (sum, { attributes, id, state }) =>
        id === "zmq_messages_dropped" && attributes?.type === "ROUTER" && attributes.cause === "queueFull"
          ? sum + Number((state as Metric.CounterState<number>).count) // of a counter
          : sum,
      0
    )
  )
  return Effect.gen(function* () {
    const before = yield* count
    yield* effect
    return (yield* count) - before
  })
}

describe("Router, receiving", () => {
  it.effect("gives messages with whom they are from, in every form", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      const arrive = () => handle.deliver(["a", "1"], ["b", "", "2"], ["a", "3"])
      const all = ["a: 1", "b: |2", "a: 3"]
      arrive()
      assert.deepStrictEqual(
        [yield* Router.receive(router), yield* Router.receive(router), yield* Router.receive(router)].map(told),
        all
      )
      assert.isTrue(Option.isNone(yield* Router.poll(router)))
      arrive()
      assert.deepStrictEqual(Option.map(yield* Router.poll(router), told), Option.some("a: 1"))
      assert.deepStrictEqual((yield* Stream.runCollect(Stream.take(Router.stream(router), 2))).map(told), all.slice(1))
      arrive()
      const [batch = []] = yield* Stream.runCollect(Stream.take(Router.batches(router), 1))
      assert.deepStrictEqual(batch.map(told), all)
      arrive()
      const seen: Array<string> = []
      const running = yield* Effect.forkChild(
        Router.runForEach(router, (received) => Effect.sync(() => seen.push(told(received))))
      )
      yield* Effect.repeat(Effect.yieldNow, { until: () => seen.length === 3 })
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(seen, all)
    })
  )

  it.effect("gives what it gives to the poller, too", () =>
    Effect.gen(function* () {
      const one = yield* openRouter()
      const other = yield* openRouter()
      one.handle.deliver(["a", "1"])
      other.handle.deliver(["b", "2"])
      const entries = [
        ["one", one.router],
        ["other", other.router]
      ] as const
      for (const polled of [Poller.merge({ one: one.router, other: other.router }), Poller.prioritize(entries)]) {
        const both = yield* Stream.runCollect(Stream.take(polled, 2))
        assert.deepStrictEqual(
          both.map(({ _tag, value }) => `${_tag} ${told(value)}`),
          ["one a: 1", "other b: 2"]
        )
        one.handle.deliver(["a", "1"])
        other.handle.deliver(["b", "2"])
      }
      // Also to who waits.
      const { handle, router } = yield* openRouter()
      const waiting = yield* Effect.forkChild(Stream.runHead(Poller.merge({ router })), { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { until: () => handle.isWaitedFor })
      handle.deliver(["c", "3"])
      const head = Option.getOrThrow(yield* Fiber.join(waiting))
      assert.strictEqual(told(head.value), "c: 3")
    })
  )

  it.effect("decodes messages by a schema, and keeps whom they are from; what does not fit is handled as is said", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      const Order = Message.frames([Message.Utf8, Message.json(Schema.Struct({ n: Schema.Int }))])
      handle.deliver(["a", "x", '{"n":1}'], ["b", "bad"], ["c", "y", '{"n":2}'])
      const wrong: Array<string> = []
      const good = yield* router.pipe(
        Router.streamSchema(Order, { onMalformed: (received) => Effect.sync(() => wrong.push(told(received))) }),
        Stream.take(2),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        good.map(({ from, message }) => [Message.text([from]), ...message]),
        [
          ["a", "x", { n: 1 }],
          ["c", "y", { n: 2 }]
        ]
      )
      assert.deepStrictEqual(wrong, ["b: bad"])
      handle.deliver(["b", "bad"])
      const failed = yield* Effect.flip(Stream.runHead(Router.streamSchema(router, Order, { onMalformed: "fail" })))
      assert.strictEqual(failed._tag, "SchemaError")
    })
  )
})

describe("Router, sending", () => {
  it.effect("puts the peer's id before the message, whatever the form of both", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      yield* Router.send(router, { to: id("a"), message: "1" })
      yield* router.pipe(Router.send({ to: "b", message: ["", "2"] }))
      yield* Router.send(router, { to: Uint8Array.of(67), message: new Uint8Array(0) })
      yield* router.pipe(
        Router.sendAll([
          { to: "d", message: "4" },
          { to: "e", message: "5" }
        ])
      )
      yield* Stream.run(Stream.make({ to: "f", message: "6" }), Router.sink(router))
      yield* Stream.run(Stream.make([{ to: "g", message: "7" }]), Router.sinkBatches(router))
      yield* Router.sendSchema(router, Message.frame(Message.Utf8))({ to: "h", message: "8" })
      assert.deepStrictEqual(handle.sentTexts, ["a|1", "b||2", "C|", "d|4", "e|5", "f|6", "g|7", "h|8"])
    })
  )

  it.effect("sends back what it received as it is", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      handle.deliver([Uint8Array.of(0, 1, 2, 3, 4), "a", "", "b"])
      const { from, message } = yield* Router.receive(router)
      yield* Router.send(router, { to: from, message })
      assert.deepStrictEqual(handle.sent, [[Uint8Array.of(0, 1, 2, 3, 4), ...message]])
    })
  )

  it.effect("fails with InvalidMessage for what is no message, or to nobody, and sends nothing of it", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      const wrong: ReadonlyArray<unknown> = [
        { to: "", message: "x" },
        { to: new Uint8Array(256), message: "x" },
        { to: 7, message: "x" },
        { message: "x" },
        { to: "a" },
        { to: "a", message: [] },
        { to: "a", message: 1 },
        ["a", "x"],
        "x",
        null,
        undefined
      ]
      for (const input of wrong) {
        const given = input as Router.Input // what only untyped code can pass
        assert.strictEqual((yield* reasonOf(Router.send(router, given)))._tag, "InvalidMessage")
        const all = [{ to: "a", message: "good" }, given]
        assert.strictEqual((yield* reasonOf(Router.sendAll(router, all)))._tag, "InvalidMessage")
      }
      assert.deepStrictEqual(handle.sent, [])
    })
  )

  it.effect("makes of a full peer what onFull says", () =>
    Effect.gen(function* () {
      const full = new PeerFull({ routingId: "62" })
      for (const onFull of ["suspend", "fail", "drop"] as const) {
        const { handle, router } = yield* openRouter({ onFull })
        assert.strictEqual(handle.options.onFull, onFull === "suspend" ? "suspend" : "fail")
        handle.refusal = ([to]) => (Message.text([to]) === "b" ? full : undefined)
        const all = ["a", "b", "c", "b"].map((to) => ({ to, message: "x" }))
        if (onFull === "drop") {
          assert.strictEqual(yield* counted(Router.sendAll(router, all)), 2)
          assert.strictEqual(yield* counted(Router.send(router, { to: "b", message: "x" })), 1)
          assert.deepStrictEqual(handle.sentTexts, ["a|x", "c|x"])
          handle.refusal = () => new Unroutable({ routingId: "62" })
          assert.strictEqual((yield* reasonOf(Router.sendAll(router, all)))._tag, "Unroutable")
        } else {
          assert.strictEqual(yield* reasonOf(Router.send(router, { to: "b", message: "x" })), full)
          const error = yield* Effect.flip(Router.sendAll(router, all))
          assert.include(error.message, "Router.sendAll: the queue to the peer 62")
        }
      }
    })
  )
})

describe("Router, peers", () => {
  it.effect("tells who is connected", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      assert.deepStrictEqual(yield* Router.peers(router), [])
      handle.connectedPeers = [id("a")]
      assert.deepStrictEqual(yield* Router.peers(router), [id("a")])
    })
  )

  it.effect("connects to a peer by the name that it is given", () =>
    Effect.gen(function* () {
      const { handle, router } = yield* openRouter()
      yield* Router.connectAs(router, "tcp://127.0.0.1:5555", "a")
      yield* router.pipe(Router.connectAs("inproc://b", Uint8Array.of(98)))
      assert.deepStrictEqual(handle.done, ["connect tcp://127.0.0.1:5555", "as a", "connect inproc://b", "as b"])
      for (const wrong of ["", new Uint8Array(256), Uint8Array.of(0, 1, 2, 3, 4)]) {
        const reason = yield* reasonOf(Router.connectAs(router, "inproc://c", wrong))
        assert.strictEqual(reason._tag, "InvalidOption")
      }
      assert.strictEqual(handle.done.length, 4)
    })
  )
})
