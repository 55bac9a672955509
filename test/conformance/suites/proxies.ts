/** Two sockets joined, or one with itself. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Proxy from "@effect-zmq/core/Proxy"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import {
  aWhile,
  connected,
  dealer,
  endpointOf,
  numbered,
  pair,
  pub,
  pull,
  push,
  rep,
  req,
  rest,
  router,
  sub,
  subscribed,
  xpub,
  xsub
} from "../steps.ts"
import { told, word } from "../subscriptions.ts"
import { type Place, suite } from "../suite.ts"

const framesOf = (message: Message.Message): string => message.map((frame) => Message.text([frame])).join("|")

/** Sockets to be joined, and where they are. */
const queue = (place: Place) =>
  Effect.gen(function* () {
    const [clients, workers] = [yield* router({ bind: place.any() }), yield* dealer({ bind: place.any() })]
    return { clients, workers, front: yield* endpointOf(clients), back: yield* endpointOf(workers) }
  })

const streamer = (place: Place, highWaterMark?: Push.Options["highWaterMark"]) =>
  Effect.gen(function* () {
    const [from, to] = [yield* pull({ bind: place.any() }), yield* push({ bind: place.any(), highWaterMark })]
    return { from, to, front: yield* endpointOf(from), back: yield* endpointOf(to) }
  })

const forwarder = (place: Place, options: XPub.Options = {}) =>
  Effect.gen(function* () {
    const publishers = yield* xsub({ bind: place.any() })
    const subscribers = yield* xpub({ bind: place.any(), ...options })
    return { publishers, subscribers, front: yield* endpointOf(publishers), back: yield* endpointOf(subscribers) }
  })

const take = (socket: Pull.Pull, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(Pull.stream(socket), count)), (messages) => messages.map(framesOf))

export const proxies = suite("proxy", (test) => {
  test("a queue gives every request of every client to a worker, and every reply to who asked", (place) =>
    Effect.gen(function* () {
      const { back, clients, front, workers } = yield* queue(place)
      const proxy = yield* Proxy.make(clients, workers)
      const served = [0, 0, 0]
      for (const worker of [0, 1, 2]) {
        const server = yield* rep({ connect: back })
        yield* connected(place, server)
        yield* Effect.forkChild(
          Rep.serve(server, (request) =>
            Effect.sync(() => {
              served[worker] = (served[worker] ?? 0) + 1
              return ["re", ...request]
            })
          )
        )
      }
      const client = (name: string) =>
        Effect.gen(function* () {
          const socket = yield* req({ connect: front })
          for (const text of numbered(name, 12)) {
            assert.strictEqual(framesOf(yield* Req.request(socket, [text, "", "body"])), `re|${text}||body`)
          }
        })
      yield* Effect.forEach(["a", "b", "c", "d", "e"], client, { concurrency: "unbounded" })
      assert.strictEqual(
        served.reduce((a, b) => a + b),
        60
      )
      assert.isAbove(Math.min(...served), 0)
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.received.messages, frontend.sent.messages], [60, 60])
      assert.deepStrictEqual([frontend.received, frontend.sent], [backend.sent, backend.received])
    }))

  test("one stalled client of a queue among many disturbs no other, and gets its replies when it reads", (place) =>
    Effect.gen(function* () {
      const { back, clients, front, workers } = yield* queue(place)
      const highWaterMark = { receive: 4 }
      const proxy = yield* Proxy.make(clients, workers)
      const worker = yield* dealer({ connect: back })
      const stalled = yield* dealer({ connect: front, routingId: "stalled", highWaterMark })
      const others = yield* Effect.forEach(numbered("other", 100), (routingId) =>
        Effect.map(dealer({ connect: front, routingId }), (socket) => ({ routingId, socket }))
      )
      const all = [stalled, ...others.map(({ socket }) => socket)]
      for (const socket of all) yield* Dealer.send(socket, "here")
      yield* Stream.runDrain(Stream.take(Dealer.stream(worker), all.length))
      // Larger than what the network would hold for it.
      const large = new Uint8Array(200_000)
      const replies = numbered("", 60)
      const sending = yield* Effect.forkChild(
        Effect.forEach(replies, (text) => Dealer.send(worker, ["stalled", text, large]))
      )
      for (const round of numbered("", 2)) {
        for (const { routingId } of others) yield* Dealer.send(worker, [routingId, round])
        for (const { socket } of others) assert.strictEqual(framesOf(yield* Dealer.receive(socket)), round)
      }
      yield* Fiber.join(sending)
      const got = yield* Stream.runCollect(Stream.take(Dealer.stream(stalled), 60))
      assert.deepStrictEqual(
        got.map(([text]) => Message.text([text])),
        replies
      )
      assert.strictEqual((yield* Proxy.statistics(proxy)).frontend.dropped, 0)
    }))

  test("a queue drops replies to clients that have left, counts them, and goes on", (place) =>
    Effect.gen(function* () {
      const { back, clients, front, workers } = yield* queue(place)
      const proxy = yield* Proxy.make(clients, workers)
      const worker = yield* dealer({ connect: back })
      const client = yield* dealer({ connect: front, routingId: "client" })
      yield* Dealer.send(client, "here")
      yield* Dealer.receive(worker)
      yield* Dealer.sendAll(worker, [
        ["nobody", "1"],
        ["client", "2"],
        ["nobody", "3"],
        ["client", "4"]
      ])
      assert.strictEqual(framesOf(yield* Dealer.receive(client)), "2")
      assert.strictEqual(framesOf(yield* Dealer.receive(client)), "4")
      const { dropped, sent } = (yield* Proxy.statistics(proxy)).frontend
      assert.deepStrictEqual([dropped, sent.messages], [2, 2])
    }))

  test("a streamer forwards every message once, whole and in order, whenever it is paused and resumed", (place) =>
    Effect.gen(function* () {
      const { back, from, front, to } = yield* streamer(place, { send: 8 })
      const proxy = yield* Proxy.make(from, to)
      const names = ["a", "b", "c"]
      const all = numbered("", 150).map((text) => (Number(text) % 3 === 0 ? [text, "", "body"] : [text]))
      for (const name of names) {
        const source = yield* push({ connect: front })
        yield* Effect.forkChild(
          Effect.forEach(all, (frames, n) =>
            Effect.andThen(Push.send(source, [name, ...frames]), n % 20 === 0 ? Effect.sleep(1) : Effect.void)
          )
        )
      }
      const sink = yield* pull({ connect: back, highWaterMark: { receive: 8 } })
      const received: Array<string> = []
      const receiving = yield* Effect.forkChild(
        Pull.runForEach(sink, (message) =>
          Effect.suspend(() => {
            received.push(framesOf(message))
            return received.length % 50 === 0 ? Effect.sleep(2) : Effect.void
          })
        )
      )
      while (received.length < names.length * all.length) {
        yield* Proxy.pause(proxy)
        if (yield* Random.nextBoolean) yield* Effect.sleep(1)
        yield* Proxy.resume(proxy)
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 4))
      }
      yield* Fiber.interrupt(receiving)
      assert.deepStrictEqual(yield* rest(sink), [])
      for (const name of names) {
        assert.deepStrictEqual(
          received.filter((text) => text.startsWith(name)),
          all.map((frames) => [name, ...frames].join("|"))
        )
      }
    }))

  test("a proxy that is interrupted has sent what it took, or put it back in its order", (place) =>
    Effect.gen(function* () {
      const { back, from, front, to } = yield* streamer(place, { send: 4 })
      const sink = yield* pull({ connect: back, highWaterMark: { receive: 4 } })
      yield* connected(place, sink)
      const source = yield* push({ connect: front })
      const large = new Uint8Array(100_000)
      const texts = numbered("", 200)
      yield* Push.sendAll(
        source,
        texts.map((text): Message.Input => [large, text])
      )
      const running = yield* Effect.forkChild(Proxy.run(from, to))
      const first = Message.text(yield* Pull.receive(sink))
      yield* Effect.sleep(aWhile)
      yield* Fiber.interrupt(running)
      const sent = [first, ...(yield* rest(sink))]
      assert.deepStrictEqual([...sent, ...(yield* rest(from, texts.length - sent.length))], texts)
    }))

  test(
    "a full receiver lets the sender feel it: a proxy takes 256 messages ahead at most",
    (place) =>
      Effect.gen(function* () {
        const { from, front, to } = yield* streamer(place)
        yield* Effect.forkChild(Proxy.run(from, to))
        const source = yield* push({ connect: front })
        // Nobody pulls: what it sends, the proxy and the queues have.
        let sent = 0
        const sending = yield* Effect.forkChild(
          Effect.forEach(numbered("", 20_000), (text) => Effect.map(Push.send(source, text), () => sent++))
        )
        for (let before = -1; before < sent; ) {
          before = sent
          yield* Effect.sleep(aWhile)
        }
        assert.isUndefined(sending.pollUnsafe())
        // Two queues of 1,000 before it, one batch in its hand, and one read ahead of it.
        assert.isAtMost(sent, 2000 + 256 + 256 + 10)
      }),
    ["inproc"]
  )

  test("a forwarder passes on subscriptions from before it began, and those that come and go", (place) =>
    Effect.gen(function* () {
      const { back, front, publishers, subscribers } = yield* forwarder(place)
      const publisher = yield* xpub({ connect: front, verbosity: "all" })
      const early = yield* sub({ connect: back, subscribe: "a" })
      yield* connected(place, early)
      yield* Effect.sleep(aWhile)
      yield* Effect.forkChild(Proxy.run(publishers, subscribers))
      assert.strictEqual(yield* told(publisher), "+a")
      const late = yield* sub({ connect: back, subscribe: "b" })
      assert.strictEqual(yield* told(publisher), "+b")
      yield* XPub.sendAll(publisher, ["c", ["a", "1"], "b2"])
      assert.strictEqual(framesOf(yield* Sub.receive(early)), "a|1")
      assert.strictEqual(framesOf(yield* Sub.receive(late)), "b2")
      yield* Sub.unsubscribe(early, "a")
      assert.strictEqual(yield* told(publisher), "-a")
    }))

  test("a forwarder tells a publisher that comes later, or again, of all subscriptions", (place) =>
    Effect.gen(function* () {
      const { back, front, publishers, subscribers } = yield* forwarder(place)
      yield* Effect.forkChild(Proxy.run(publishers, subscribers))
      const subscriber = yield* sub({ connect: back, subscribe: "a" })
      for (const text of ["a1", "a2"]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const publisher = yield* xpub({ connect: front, linger: "1 second" })
            assert.strictEqual(yield* told(publisher), "+a")
            yield* XPub.sendAll(publisher, ["b", text])
            assert.strictEqual(framesOf(yield* Sub.receive(subscriber)), text)
          })
        )
      }
    }))

  for (const [verbosity, asked] of [
    ["unique", ["+a", "-a"]],
    ["subscriptions", ["+a", "+a", "-a"]],
    ["all", ["+a", "+a", "-a"]]
  ] as const) {
    test(`a forwarder ends every subscription with its last subscriber, with verbosity "${verbosity}"`, (place) =>
      Effect.gen(function* () {
        const { back, front, publishers, subscribers } = yield* forwarder(place, { verbosity })
        const publisher = yield* xpub({ connect: front, verbosity: "all" })
        yield* Effect.forkChild(Proxy.run(publishers, subscribers))
        const events: Array<string> = []
        yield* Effect.forkChild(XPub.runForEach(publisher, (event) => Effect.sync(() => events.push(word(event)))))
        const subs = [yield* sub({ connect: back, subscribe: "a" }), yield* sub({ connect: back, subscribe: "a" })]
        yield* until(() => events.length === asked.length - 1)
        for (const socket of subs) yield* Sub.unsubscribe(socket, "a")
        yield* until(() => events.length === asked.length)
        assert.deepStrictEqual(events, [...asked])
      }))
  }

  test("a forwarder drops for a subscriber that does not read, and for no other", (place) =>
    Effect.gen(function* () {
      const { back, front, publishers, subscribers } = yield* forwarder(place, { highWaterMark: { send: 5 } })
      yield* Effect.forkChild(Proxy.run(publishers, subscribers))
      const slow = yield* sub({ connect: back, subscribe: "", highWaterMark: { receive: 2 } })
      const well = yield* sub({ connect: back, subscribe: "" })
      const publisher = yield* pub({ connect: front })
      yield* joined(publisher, slow, well)
      const large = new Uint8Array(500_000)
      for (const text of numbered("", 40)) {
        yield* Pub.send(publisher, [text, large])
        assert.strictEqual(Message.text([(yield* Sub.receive(well))[0]]), text)
      }
    }))

  test("a socket joined with itself answers with what it is sent", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const routing = yield* router({ bind: place.any() })
      yield* Effect.forkChild(Proxy.run(server, server))
      yield* Effect.forkChild(Proxy.run(routing, routing))
      const client = yield* req({ connect: yield* endpointOf(server) })
      for (const text of numbered("", 5)) {
        assert.strictEqual(framesOf(yield* Req.request(client, [text, "body"])), `${text}|body`)
      }
      const other = yield* dealer({ connect: yield* endpointOf(routing) })
      yield* Dealer.sendAll(other, ["1", ["2", "body"]])
      assert.deepStrictEqual(
        [framesOf(yield* Dealer.receive(other)), framesOf(yield* Dealer.receive(other))],
        ["1", "2|body"]
      )
    }))

  test("a capture socket gets every message whole, both ways, with the routing id before it", (place) =>
    Effect.gen(function* () {
      const { back, clients, front, workers } = yield* queue(place)
      for (const kind of ["pub", "push", "pair", "dealer"] as const) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { capture, receive } = yield* captures(place, kind)
            const proxy = yield* Proxy.make(clients, workers, { capture })
            const worker = yield* rep({ connect: back })
            yield* Effect.forkChild(Rep.serve(worker, (request) => Effect.succeed(["re", ...request])))
            const client = yield* req({ connect: front, routingId: kind })
            yield* Req.request(client, ["a", "b"])
            assert.strictEqual(framesOf(yield* receive), `${kind}||a|b`)
            assert.strictEqual(framesOf(yield* receive), `${kind}||re|a|b`)
            const { dropped, sent } = (yield* Proxy.statistics(proxy)).capture
            assert.deepStrictEqual([sent.messages, dropped], [2, 0])
          })
        )
      }
    }))

  test("a capture socket that nobody reads never stops the proxy, and one that keeps up gets everything", (place) =>
    Effect.gen(function* () {
      const { back, from, front, to } = yield* streamer(place)
      const texts = numbered("", 6000)
      const source = yield* push({ connect: front })
      const sink = yield* pull({ connect: back })
      const unread = yield* push({ bind: place.any(), highWaterMark: { send: 10 } })
      const proxy = yield* Proxy.make(from, to, { capture: unread })
      yield* Effect.forkChild(Push.sendAll(source, texts))
      assert.deepStrictEqual(yield* take(sink, texts.length), texts)
      assert.strictEqual((yield* Proxy.statistics(proxy)).capture.dropped, texts.length - 4096)
      yield* Proxy.stop(proxy)

      const { capture, receive } = yield* captures(place, "push")
      yield* Effect.forkChild(Proxy.run(from, to, { capture }))
      const captured = yield* Effect.forkChild(Effect.replicateEffect(receive, texts.length))
      yield* Effect.forkChild(Push.sendAll(source, texts))
      assert.deepStrictEqual(yield* take(sink, texts.length), texts)
      assert.deepStrictEqual((yield* Fiber.join(captured)).map(framesOf), texts)
    }))

  test("a proxy that is paused forwards nothing, and goes on when it is resumed; stopped, it stays so", (place) =>
    Effect.gen(function* () {
      const { back, from, front, to } = yield* streamer(place)
      const proxy = yield* Proxy.make(from, to)
      const source = yield* push({ connect: front })
      const sink = yield* pull({ connect: back })
      yield* Push.send(source, "1")
      assert.deepStrictEqual(yield* take(sink, 1), ["1"])
      yield* Proxy.pause(proxy)
      yield* Push.send(source, "2")
      yield* Effect.sleep(aWhile)
      assert.deepStrictEqual(yield* rest(sink), [])
      yield* Proxy.resume(proxy)
      assert.deepStrictEqual(yield* take(sink, 1), ["2"])
      yield* Proxy.stop(proxy)
      yield* Proxy.resume(proxy)
      yield* Push.send(source, "3")
      assert.deepStrictEqual(yield* take(from, 1), ["3"])
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual(
        [frontend.received, backend.sent],
        [
          { messages: 2, bytes: 2 },
          { messages: 2, bytes: 2 }
        ]
      )
      yield* Proxy.join(proxy)
    }))
})

/** Waits for what others do. */
const until = (isSo: () => boolean) =>
  Effect.whileLoop({ while: () => !isSo(), body: () => Effect.sleep(1), step: () => {} })

/** Publishes until every subscriber has had something, and lets them receive what came of it. */
const joined = (publisher: Pub.Pub, ...subscribers: ReadonlyArray<Sub.Sub>) =>
  Effect.gen(function* () {
    const calling = yield* Effect.forkChild(Effect.forever(Effect.andThen(Pub.send(publisher, "!"), Effect.sleep(1))))
    for (const subscriber of subscribers) yield* Sub.receive(subscriber)
    yield* Fiber.interrupt(calling)
    for (const subscriber of subscribers)
      yield* Effect.timeoutOption(
        Sub.runForEach(subscriber, () => Effect.void),
        aWhile
      )
  })

/** A capture socket, and who reads it. */
const captures = (place: Place, kind: "pub" | "push" | "pair" | "dealer") =>
  Effect.gen(function* () {
    switch (kind) {
      case "pub": {
        const capture = yield* pub({ bind: place.any() })
        const log = yield* sub({ connect: yield* endpointOf(capture), subscribe: "" })
        yield* subscribed(capture, log)
        return { capture, receive: Sub.receive(log) }
      }
      case "push": {
        const capture = yield* push({ bind: place.any() })
        const log = yield* pull({ connect: yield* endpointOf(capture) })
        return { capture, receive: Pull.receive(log) }
      }
      case "pair": {
        const capture = yield* pair({ bind: place.any() })
        const log = yield* pair({ connect: yield* endpointOf(capture) })
        return { capture, receive: Pair.receive(log) }
      }
      case "dealer": {
        const capture = yield* dealer({ bind: place.any() })
        const log = yield* dealer({ connect: yield* endpointOf(capture) })
        return { capture, receive: Dealer.receive(log) }
      }
    }
  })
