/** How a proxy ends that is drained: what it has taken goes on, and what was asked is answered. */
import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Dealer from "../src/Dealer.ts"
import * as Message from "../src/Message.ts"
import * as Proxy from "../src/Proxy.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Rep from "../src/Rep.ts"
import * as Req from "../src/Req.ts"
import * as Router from "../src/Router.ts"
import * as Socket from "../src/Socket.ts"
import { elapsed, isDone, settle, start, virtually } from "./engine/sockets.ts"

const front = "inproc://front"
const back = "inproc://back"

const numbers = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `${i}`)

const queue = Effect.gen(function* () {
  const router = yield* Router.make({ bind: front, linger: 0 })
  const dealer = yield* Dealer.make({ bind: back, linger: 0 })
  return { router, dealer, proxy: yield* Proxy.make(router, dealer) }
})

/** A REP that takes so many milliseconds for each request. */
const slow = (millis: number) =>
  Effect.gen(function* () {
    const rep = yield* Rep.make({ connect: back, linger: 0 })
    yield* Rep.serve(rep, (request) => Effect.as(Effect.sleep(millis), `${Message.text(request)} done`))
  })

const ask = (text: string) =>
  Effect.gen(function* () {
    const req = yield* Req.make({ connect: front, linger: 0 })
    return Message.text(yield* Req.request(req, text))
  }).pipe(Effect.scoped)

const textsOf = (pull: Pull.Pull, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(Pull.stream(pull), count)), (all) => all.map(Message.text))

describe("a queue that is drained", () => {
  virtually(
    "gives every reply to what it has passed on, takes nothing new, and ends then and not later",
    Effect.gen(function* () {
      const { proxy, router } = yield* queue
      yield* start(slow(300))
      yield* start(slow(700))
      const clients = yield* Effect.forEach(numbers(2), (n) => start(ask(n)))
      yield* Effect.sleep(100)

      const draining = yield* start(elapsed(Proxy.drain(proxy, "5 seconds")))
      yield* settle
      const late = yield* start(ask("late"))
      const [millis, report] = yield* Fiber.join(draining)
      assert.deepStrictEqual([millis, report], [600, { unanswered: 0, unsent: 0 }])
      assert.deepStrictEqual(yield* Effect.forEach(clients, Fiber.join), ["0 done", "1 done"])
      yield* Proxy.join(proxy)

      // It is still where the proxy has left it.
      assert.isFalse(isDone(late))
      assert.strictEqual(Message.text((yield* Router.receive(router)).message), "late")
    }),
    3
  )

  virtually(
    "waits no longer than it may, and tells how many requests have no reply",
    Effect.gen(function* () {
      const { proxy } = yield* queue
      yield* start(slow(300))
      yield* start(slow(60_000))
      yield* start(slow(60_000))
      yield* Effect.forEach(numbers(3), (n) => start(ask(n)))
      yield* settle
      const drained = yield* elapsed(Proxy.drain(proxy, "2 seconds"))
      assert.deepStrictEqual(drained, [2000, { unanswered: 2, unsent: 0 }])
    })
  )

  virtually(
    "drops a reply to a client that has left, and that is a reply",
    Effect.gen(function* () {
      const { proxy } = yield* queue
      yield* start(slow(300))
      const client = yield* start(ask("one"))
      yield* Effect.sleep(100)
      yield* Fiber.interrupt(client)
      assert.deepStrictEqual(yield* elapsed(Proxy.drain(proxy, "5 seconds")), [200, { unanswered: 0, unsent: 0 }])
      assert.strictEqual((yield* Proxy.statistics(proxy)).frontend.dropped, 1)
    })
  )

  virtually(
    "loses no reply, whenever it is drained under load: each client has its own, or its request was not taken",
    Effect.gen(function* () {
      const { proxy } = yield* queue
      for (let worker = 0; worker < 3; worker++) yield* start(slow(yield* Random.nextIntBetween(1, 20)))
      let answered = 0
      const client = Effect.gen(function* () {
        const req = yield* Req.make({ connect: front, linger: 0 })
        for (const n of numbers(50)) {
          assert.strictEqual(Message.text(yield* Req.request(req, n)), `${n} done`)
          answered++
        }
      })
      const clients = yield* start(Effect.replicateEffect(client, 8, { concurrency: "unbounded" }))
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 200))
      assert.deepStrictEqual(yield* Proxy.drain(proxy, "1 minute"), { unanswered: 0, unsent: 0 })
      yield* settle
      assert.isFalse(isDone(clients))
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.sent.messages, answered], [backend.sent.messages, backend.sent.messages])
    }),
    12
  )

  virtually(
    "gives a stalled client the replies that wait for it, if it reads them in time",
    Effect.gen(function* () {
      const highWaterMark = { send: 5, receive: 5 }
      const router = yield* Router.make({ bind: front, linger: 0, highWaterMark })
      const dealer = yield* Dealer.make({ bind: back, linger: 0 })
      const proxy = yield* Proxy.make(router, dealer)
      const worker = yield* Dealer.make({ connect: back, linger: 0 })
      yield* start(Dealer.runForEach(worker, (message) => Dealer.send(worker, message)))
      const client = yield* Dealer.make({ connect: front, linger: 0, highWaterMark: { receive: 5 } })
      yield* Dealer.sendAll(client, numbers(100))
      yield* settle
      assert.isAbove((yield* Proxy.statistics(proxy)).frontend.parked, 50)
      const draining = yield* start(Proxy.drain(proxy, "5 seconds"))
      yield* settle
      assert.isFalse(isDone(draining))
      const replies = yield* Stream.runCollect(Stream.take(Dealer.stream(client), 100))
      assert.deepStrictEqual(replies.map(Message.text), numbers(100))
      assert.deepStrictEqual(yield* Fiber.join(draining), { unanswered: 0, unsent: 0 })
    })
  )
})

describe("a proxy one way that is drained", () => {
  const highWaterMark = { send: 3, receive: 3 }
  const full = Effect.gen(function* () {
    const pull = yield* Pull.make({ bind: front })
    const push = yield* Push.make({ bind: back, linger: 0, highWaterMark })
    const source = yield* Push.make({ connect: front, linger: 0 })
    const sink = yield* Pull.make({ connect: back, highWaterMark })
    yield* Push.sendAll(source, numbers(500))
    const proxy = yield* Proxy.make(pull, push)
    yield* settle
    return { proxy, pull, sink }
  })

  virtually(
    "sends on what it has taken, and leaves the rest in its socket, in its order",
    Effect.gen(function* () {
      const { proxy, pull, sink } = yield* full
      const draining = yield* start(Proxy.drain(proxy, "5 seconds"))
      yield* settle
      assert.isFalse(isDone(draining))
      const taken = yield* textsOf(sink, 256)
      assert.deepStrictEqual(yield* Fiber.join(draining), { unanswered: 0, unsent: 0 })
      assert.isTrue(Option.isNone(yield* Pull.poll(sink)))
      assert.deepStrictEqual([...taken, ...(yield* textsOf(pull, 244))], numbers(500))
    })
  )

  virtually(
    "puts back what nobody takes in time, and tells how much",
    Effect.gen(function* () {
      const { proxy, pull, sink } = yield* full
      const [millis, { unanswered, unsent }] = yield* elapsed(Proxy.drain(proxy, 250))
      assert.deepStrictEqual([millis, unanswered, unsent], [250, 0, 256 - 6])
      assert.deepStrictEqual([...(yield* textsOf(sink, 6)), ...(yield* textsOf(pull, 494))], numbers(500))
    })
  )

  virtually(
    "stops at once when the drain is interrupted, and loses nothing either",
    Effect.gen(function* () {
      const { proxy, pull, sink } = yield* full
      const draining = yield* start(Proxy.drain(proxy, "5 seconds"))
      yield* settle
      yield* Fiber.interrupt(draining)
      yield* Proxy.join(proxy)
      assert.deepStrictEqual([...(yield* textsOf(sink, 6)), ...(yield* textsOf(pull, 494))], numbers(500))
    })
  )
})

describe("a drain", () => {
  virtually(
    "of the other side takes nothing from there, and of a socket with itself sends what it has taken",
    Effect.gen(function* () {
      const { proxy } = yield* queue
      yield* start(slow(300))
      yield* start(ask("one"))
      yield* settle
      assert.deepStrictEqual(yield* Proxy.drain(proxy, "5 seconds", "backend"), { unanswered: 0, unsent: 0 })

      const rep = yield* Rep.make({ bind: "inproc://rep" })
      const echo = yield* Proxy.make(rep, rep)
      assert.deepStrictEqual(yield* elapsed(Proxy.drain("5 seconds")(echo)), [0, { unanswered: 0, unsent: 0 }])
    })
  )

  virtually(
    "of a proxy that is paused goes on with it: what was asked is answered",
    Effect.gen(function* () {
      const { proxy } = yield* queue
      yield* start(slow(300))
      const client = yield* start(ask("one"))
      yield* settle
      yield* Proxy.pause(proxy)
      assert.deepStrictEqual(yield* elapsed(Proxy.drain(proxy, "5 seconds")), [300, { unanswered: 0, unsent: 0 }])
      assert.strictEqual(yield* Fiber.join(client), "one done")
      assert.deepStrictEqual(yield* elapsed(Proxy.drain(proxy, "5 seconds")), [0, { unanswered: 0, unsent: 0 }])
    })
  )

  virtually(
    "ends at once where a socket of the proxy is closed",
    Effect.gen(function* () {
      const { dealer, proxy } = yield* queue
      yield* start(slow(300))
      yield* start(ask("one"))
      yield* settle
      const draining = yield* start(elapsed(Proxy.drain(proxy, "5 seconds")))
      yield* Socket.drain(dealer, 0)
      assert.deepStrictEqual(yield* Fiber.join(draining), [0, { unanswered: 1, unsent: 0 }])
    })
  )

  virtually(
    "is how the Layers of proxies close, before their sockets do, for at most as long as they may",
    Effect.gen(function* () {
      const layer = Layer.mergeAll(
        Proxy.layerQueue({ frontend: { bind: front }, backend: { bind: back } }),
        Proxy.layerStreamer({ frontend: { bind: "inproc://tasks" }, backend: { bind: "inproc://workers" }, drain: 400 })
      )
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(Layer.build(Layer.fresh(layer)), scope)
      yield* start(slow(800))
      const client = yield* start(ask("one"))
      yield* settle
      const before = yield* Clock.currentTimeMillis
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Clock.currentTimeMillis) - before, 800)
      assert.strictEqual(yield* Fiber.join(client), "one done")
      yield* Router.make({ bind: front })
    })
  )

  virtually(
    "of several Layers side by side goes on at once: together they take as long as one",
    Effect.gen(function* () {
      const one = (name: string) =>
        Proxy.layerQueue({ frontend: { bind: `inproc://front${name}` }, backend: { bind: `inproc://back${name}` } })
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(Layer.build(Layer.mergeAll(one("1"), one("2"), one("3"))), scope)
      for (const name of ["1", "2", "3"]) {
        const req = yield* Req.make({ connect: `inproc://front${name}`, linger: 0 })
        yield* Rep.make({ connect: `inproc://back${name}` }) // and never answers
        yield* start(Req.request(req, "request"))
      }
      yield* settle
      const [millis] = yield* elapsed(Scope.close(scope, Exit.void))
      assert.strictEqual(millis, 5000)
    })
  )

  virtually(
    "of a Layer ends by itself, also where a worker has died with a request, and says so",
    Effect.gen(function* () {
      const layer = Proxy.layerQueue({ frontend: { bind: front }, backend: { bind: back }, drain: "2 seconds" })
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(Layer.build(layer), scope)
      const worker = yield* start(Effect.scoped(slow(60_000)))
      yield* start(ask("one"))
      yield* settle
      yield* Fiber.interrupt(worker)
      const warned: Array<unknown> = []
      const logger = Logger.make(({ message }) => warned.push(message))
      const [millis] = yield* elapsed(Effect.provide(Scope.close(scope, Exit.void), Logger.layer([logger])))
      assert.deepStrictEqual(warned.flat(), ["a proxy has closed with requests that have no reply: 1"])
      assert.isAtMost(millis, 2000 + 1000 + 100) // its drain, and the linger of its sockets
    })
  )
})
