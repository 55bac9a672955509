import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as Dealer from "../src/Dealer.ts"
import * as Message from "../src/Message.ts"
import * as Pair from "../src/Pair.ts"
import * as Proxy from "../src/Proxy.ts"
import * as Pub from "../src/Pub.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Rep from "../src/Rep.ts"
import * as Req from "../src/Req.ts"
import * as Router from "../src/Router.ts"
import * as Simulation from "../src/Simulation.ts"
import * as Socket from "../src/Socket.ts"
import * as Sub from "../src/Sub.ts"
import * as XPub from "../src/XPub.ts"
import * as XSub from "../src/XSub.ts"
import type { ZmqError } from "../src/ZmqError.ts"
import { isDone, settle, start, virtually } from "./engine/sockets.ts"

const front = "inproc://front"
const back = "inproc://back"

const told = (message: Message.Message): string => message.map((frame) => Message.text([frame])).join("|")

const numbers = (count: number, prefix = ""): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

const receiveMany = (pull: Pull.Pull, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(Pull.stream(pull), count)), (messages) => messages.map(told))

/** What is there now. */
const here = (pull: Pull.Pull) =>
  Effect.gen(function* () {
    const all: Array<string> = []
    for (;;) {
      const next = yield* Pull.poll(pull)
      if (next._tag === "None") return all
      all.push(told(next.value))
    }
  })

const reasonOf = <A, R>(effect: Effect.Effect<A, ZmqError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const streamer = (options: { readonly pull?: Pull.Options; readonly push?: Push.Options } = {}) =>
  Effect.all({
    pull: Pull.make({ bind: front, ...options.pull }),
    push: Push.make({ bind: back, linger: 0, ...options.push })
  })

const queue = (options: { readonly router?: Router.Options; readonly dealer?: Dealer.Options } = {}) =>
  Effect.all({
    router: Router.make({ bind: front, linger: 0, ...options.router }),
    dealer: Dealer.make({ bind: back, linger: 0, ...options.dealer })
  })

const forwarder = (options: { readonly xsub?: XSub.Options; readonly xpub?: XPub.Options } = {}) =>
  Effect.all({
    xsub: XSub.make({ bind: front, ...options.xsub }),
    xpub: XPub.make({ bind: back, linger: 0, ...options.xpub })
  })

describe("a streamer", () => {
  virtually(
    "forwards every message once, in order and whole",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      yield* start(Proxy.run(pull, push))
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      const all = numbers(3000)
      yield* start(
        Push.sendAll(
          source,
          all.map((n): Message.Input => (Number(n) % 3 === 0 ? [n, "", "body"] : n))
        )
      )
      assert.deepStrictEqual(
        yield* receiveMany(sink, all.length),
        all.map((n) => (Number(n) % 3 === 0 ? `${n}||body` : n))
      )
    }),
    6
  )

  virtually(
    "lets the sender feel that the receiver is full: it takes 256 messages, and no more",
    Effect.gen(function* () {
      const highWaterMark = { send: 10, receive: 10 }
      const { pull, push } = yield* streamer({ pull: { highWaterMark }, push: { highWaterMark } })
      yield* start(Proxy.run(pull, push))
      const source = yield* Push.make({ connect: front, linger: 0, highWaterMark })
      const sink = yield* Pull.make({ connect: back, highWaterMark })
      let sent = 0
      const sending = yield* start(Effect.forEach(numbers(1000), (n) => Effect.map(Push.send(source, n), () => sent++)))
      yield* settle
      assert.isFalse(isDone(sending))
      // The queues before and behind it, and what is in its hand.
      assert.isAtMost(sent, 20 + 256 + 20)
      assert.deepStrictEqual(yield* receiveMany(sink, 1000), numbers(1000))
      yield* Fiber.join(sending)
    })
  )

  virtually(
    "that is interrupted has sent what it took, or put it back in its order",
    Effect.gen(function* () {
      const highWaterMark = { send: 3, receive: 3 }
      const { pull, push } = yield* streamer({ push: { highWaterMark } })
      const source = yield* Push.make({ connect: front, linger: 0 })
      const sink = yield* Pull.make({ connect: back, highWaterMark })
      yield* Push.sendAll(source, numbers(500))
      const running = yield* start(Proxy.run(pull, push))
      yield* settle
      yield* Fiber.interrupt(running)
      const sent = yield* here(sink)
      assert.isAtLeast(sent.length, 6)
      assert.deepStrictEqual([...sent, ...(yield* here(pull))], numbers(500))
    })
  )

  virtually(
    "that is interrupted and run again, whenever, loses nothing, doubles nothing and keeps the order",
    Effect.gen(function* () {
      const mark = yield* Random.nextIntBetween(1, 20)
      const highWaterMark = { send: mark, receive: mark }
      const { pull, push } = yield* streamer({ push: { highWaterMark } })
      const sink = yield* Pull.make({ connect: back, highWaterMark })
      const all = new Map<string, Array<string>>()
      for (const name of ["a", "b", "c"]) {
        const source = yield* Push.make({ connect: front, linger: 0 })
        all.set(name, [])
        yield* start(
          Effect.gen(function* () {
            for (const n of numbers(200)) {
              const frames = numbers(yield* Random.nextIntBetween(0, 4), "frame")
              yield* Push.send(source, [name, n, ...frames])
              all.get(name)?.push([name, n, ...frames].join("|"))
              if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextIntBetween(0, 3))
            }
          })
        )
      }
      const received: Array<string> = []
      const receiving = yield* start(
        Effect.gen(function* () {
          while (received.length < 600) {
            received.push(told(yield* Pull.receive(sink)))
            if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextIntBetween(0, 3))
          }
        })
      )
      const proxy = yield* Proxy.make(pull, push)
      while (!isDone(receiving)) {
        if (yield* Random.nextBoolean) {
          yield* Proxy.pause(proxy)
          if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextIntBetween(0, 5))
          yield* Proxy.resume(proxy)
        }
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 5))
      }
      yield* settle
      assert.deepStrictEqual(yield* here(sink), [])
      for (const [name, sent] of all)
        assert.deepStrictEqual(
          received.filter((text) => text.startsWith(name)),
          sent
        )
    }),
    12
  )

  virtually(
    "may be one of several receivers of its socket",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      const first = yield* start(Pull.receive(pull))
      yield* start(Proxy.run(pull, push))
      yield* settle
      yield* Push.sendAll(source, ["1", "2", "3"])
      assert.strictEqual(told(yield* Fiber.join(first)), "1")
      assert.deepStrictEqual(yield* receiveMany(sink, 2), ["2", "3"])
    })
  )

  virtually(
    "that is interrupted wakes who waits behind it, for what it puts back",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const source = yield* Push.make({ connect: front, linger: 0 })
      yield* Push.sendAll(source, ["1", "2"])
      const running = yield* start(Proxy.run(pull, push))
      yield* settle
      const waiting = yield* start(Pull.receive(pull))
      yield* settle
      assert.isFalse(isDone(waiting))
      yield* Fiber.interrupt(running)
      assert.strictEqual(told(yield* Fiber.join(waiting)), "1")
      assert.deepStrictEqual(yield* here(pull), ["2"])
    })
  )
})

describe("a queue", () => {
  virtually(
    "gives every request of every client to a worker, and every reply to who asked",
    Effect.gen(function* () {
      const { dealer, router } = yield* queue()
      const proxy = yield* Proxy.make(router, dealer)
      const served = new Map<string, number>()
      for (const name of numbers(4, "worker")) {
        const rep = yield* Rep.make({ connect: back })
        yield* start(
          Rep.serve(rep, (request) =>
            Effect.sync(() => {
              served.set(name, (served.get(name) ?? 0) + 1)
              return `${Message.text(request)} by ${name}`
            })
          )
        )
      }
      const client = Effect.fnUntraced(function* (name: string) {
        const req = yield* Req.make({ connect: front })
        for (const n of numbers(20, `${name}:`)) {
          assert.match(Message.text(yield* Req.request(req, n)), new RegExp(`^${n} by worker`))
        }
      })
      yield* Effect.forEach(numbers(10, "client"), client, { concurrency: "unbounded", discard: true })
      assert.deepStrictEqual([...served.values()], [50, 50, 50, 50])
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.strictEqual(frontend.received.messages, 200)
      assert.deepStrictEqual(frontend.received, backend.sent)
      assert.deepStrictEqual(backend.received, frontend.sent)
    }).pipe(Effect.scoped),
    3
  )

  virtually(
    "that is paused and resumed, whenever, answers every client in its order, once",
    Effect.gen(function* () {
      const mark = yield* Random.nextIntBetween(1, 8)
      const highWaterMark = { send: mark, receive: mark }
      const { dealer, router } = yield* queue({ router: { highWaterMark }, dealer: { highWaterMark } })
      const proxy = yield* Proxy.make(router, dealer, { parked: yield* Random.nextIntBetween(1, 3), onStalled: "wait" })
      const now = Effect.flatMap(Random.nextIntBetween(0, 4), (millis) =>
        millis > 2 ? Effect.void : Effect.sleep(millis)
      )
      for (let worker = 0; worker < 3; worker++) {
        const socket = yield* Dealer.make({ connect: back, highWaterMark, linger: 0 })
        yield* start(Dealer.runForEach(socket, (message) => Effect.andThen(now, Dealer.send(socket, message))))
      }
      const client = Effect.fnUntraced(function* (name: string) {
        const socket = yield* Dealer.make({ connect: front, highWaterMark, linger: 0 })
        // One at a time for its order: of several, a faster worker may overtake.
        for (const n of numbers(40)) {
          yield* Dealer.send(socket, [name, n, ""])
          yield* now
          assert.strictEqual(told(yield* Dealer.receive(socket)), `${name}|${n}|`)
        }
      })
      const clients = yield* start(Effect.forEach(numbers(8, "c"), client, { concurrency: "unbounded" }))
      while (!isDone(clients)) {
        yield* Proxy.pause(proxy)
        yield* now
        yield* Proxy.resume(proxy)
        yield* Effect.andThen(now, now)
      }
      yield* Fiber.join(clients)
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.received.messages, backend.received.messages, frontend.dropped], [320, 320, 0])
    }).pipe(Effect.scoped),
    9
  )

  const stalled = Effect.fnUntraced(function* (options: Proxy.Options = {}, router: Router.Options = {}) {
    const highWaterMark = { send: 5, receive: 5 }
    const sockets = yield* queue({ router: { highWaterMark, ...router } })
    const proxy = yield* Proxy.make(sockets.router, sockets.dealer, options)
    const client = yield* Dealer.make({ connect: front, routingId: "stalled", highWaterMark, linger: 0 })
    const well = yield* Dealer.make({ connect: front, routingId: "well", highWaterMark, linger: 0 })
    const worker = yield* Dealer.make({ connect: back, linger: 0 })
    yield* settle
    const reply = (to: string, ...texts: ReadonlyArray<string>) =>
      Dealer.sendAll(
        worker,
        texts.map((text): Message.Input => [to, text])
      )
    return { client, proxy, reply, well, worker, ...sockets }
  })

  const dealt = (dealer: Dealer.Dealer, count: number) =>
    Effect.map(Stream.runCollect(Stream.take(Dealer.stream(dealer), count)), (messages) => messages.map(told))

  virtually(
    "goes on for all others while one client does not read, and parks its replies",
    Effect.gen(function* () {
      const { client, proxy, reply, well } = yield* stalled()
      yield* reply("stalled", ...numbers(100))
      yield* reply("well", "here")
      assert.deepStrictEqual(yield* dealt(well, 1), ["here"])
      assert.strictEqual((yield* Proxy.statistics(proxy)).frontend.parked, 90)
      assert.deepStrictEqual(yield* dealt(client, 100), numbers(100))
      yield* settle
      const { frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.parked, frontend.dropped, frontend.sent.messages], [0, 0, 101])
    }),
    3
  )

  virtually(
    "is disturbed by one stalled client of a hundred in nothing",
    Effect.gen(function* () {
      const { reply } = yield* stalled()
      const clients = yield* Effect.forEach(numbers(99, "client"), (name) =>
        Effect.map(Dealer.make({ connect: front, routingId: name, linger: 0 }), (dealer) => ({ name, dealer }))
      )
      yield* settle
      for (const n of numbers(10)) {
        yield* reply("stalled", ...numbers(20))
        for (const { name } of clients) yield* reply(name, n)
      }
      for (const { dealer } of clients) assert.deepStrictEqual(yield* dealt(dealer, 10), numbers(10))
    })
  )

  virtually(
    "drops what is beyond, and counts it",
    Effect.gen(function* () {
      const { client, proxy, reply, well } = yield* stalled({ parked: 20 })
      yield* reply("stalled", ...numbers(100))
      yield* reply("well", "here")
      yield* dealt(well, 1)
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.parked, frontend.dropped], [20, 70])
      assert.strictEqual(backend.received.messages, 81)
      assert.deepStrictEqual(yield* dealt(client, 30), numbers(30))
    })
  )

  virtually(
    'with onStalled "wait" loses nothing, and holds that side up until the client reads',
    Effect.gen(function* () {
      const { client, proxy, reply, well } = yield* stalled({ parked: 20, onStalled: "wait" })
      yield* reply("stalled", ...numbers(100))
      yield* reply("well", "here")
      const waiting = yield* start(dealt(well, 1))
      yield* settle
      assert.isFalse(isDone(waiting))
      assert.deepStrictEqual(yield* dealt(client, 100), numbers(100))
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["here"])
      assert.strictEqual((yield* Proxy.statistics(proxy)).frontend.dropped, 0)
    })
  )

  it('with onStalled "wait" goes on in every interleaving, also where the peer reads before the wait has begun', () => {
    const program = Effect.gen(function* () {
      const { client, reply } = yield* stalled({ parked: 1, onStalled: "wait" })
      yield* start(reply("stalled", ...numbers(40)))
      assert.deepStrictEqual(yield* dealt(client, 40), numbers(40))
    })
    for (let seed = 1; seed <= 40; seed++) Effect.runSync(Simulation.run({ seed, program, preemption: 0.1 }))
  })

  virtually(
    "puts parked replies back when it is paused, and loses none",
    Effect.gen(function* () {
      const { client, dealer, proxy, reply } = yield* stalled()
      yield* reply("stalled", ...numbers(100))
      yield* settle
      yield* Proxy.pause(proxy)
      assert.strictEqual((yield* Proxy.statistics(proxy)).frontend.parked, 0)
      const back = yield* Dealer.receive(dealer)
      assert.strictEqual(told(back), "stalled|10")
      yield* Proxy.resume(proxy)
      assert.deepStrictEqual(
        yield* dealt(client, 99),
        numbers(100).filter((n) => n !== "10")
      )
    })
  )

  virtually(
    "drops replies to clients that have left, counts them, and goes on",
    Effect.gen(function* () {
      const { proxy, reply, well } = yield* stalled()
      yield* reply("nobody", "1", "2")
      yield* reply("well", "here")
      yield* reply("x".repeat(300), "too long to be an id")
      assert.deepStrictEqual(yield* dealt(well, 1), ["here"])
      yield* settle
      const { frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.dropped, frontend.sent.messages], [3, 1])
    })
  )

  virtually(
    'drops at once for a ROUTER that is made with onFull "drop", and counts it',
    Effect.gen(function* () {
      const { client, proxy, reply, well } = yield* stalled({}, { onFull: "drop" })
      yield* reply("stalled", ...numbers(100))
      yield* reply("well", "here")
      assert.deepStrictEqual(yield* dealt(well, 1), ["here"])
      const { frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([frontend.parked, frontend.dropped], [0, 90])
      assert.deepStrictEqual(yield* dealt(client, 10), numbers(10))
    })
  )
})

describe("a forwarder", () => {
  const subscribe = (topic: string) => Effect.tap(Sub.make({ connect: back, subscribe: topic }), () => settle)

  virtually(
    "passes on subscriptions from before it began, and those that come and go",
    Effect.gen(function* () {
      const publisher = yield* XPub.make({ bind: "inproc://publisher", verbosity: "all" })
      const { xpub, xsub } = yield* forwarder({ xsub: { connect: "inproc://publisher" } })
      const early = yield* subscribe("a")
      yield* start(Proxy.run(xsub, xpub))
      assert.deepStrictEqual(yield* XPub.receive(publisher), XPub.Event.Subscribe({ topic: Message.make("a")[0] }))
      const late = yield* subscribe("b")
      assert.deepStrictEqual(yield* XPub.receive(publisher), XPub.Event.Subscribe({ topic: Message.make("b")[0] }))
      yield* XPub.sendAll(publisher, ["c", ["a", "1"], "b2"])
      assert.strictEqual(told(yield* Sub.receive(early)), "a|1")
      assert.strictEqual(told(yield* Sub.receive(late)), "b2")
      yield* Sub.unsubscribe(early, "a")
      assert.deepStrictEqual(yield* XPub.receive(publisher), XPub.Event.Unsubscribe({ topic: Message.make("a")[0] }))
    })
  )

  virtually(
    "tells a publisher that comes later, or again, of all subscriptions",
    Effect.gen(function* () {
      const { xpub, xsub } = yield* forwarder()
      yield* start(Proxy.run(xsub, xpub))
      const sub = yield* subscribe("a")
      for (const n of ["1", "2"]) {
        const publisher = yield* XPub.make({ connect: front })
        yield* XPub.receive(publisher)
        yield* XPub.sendAll(publisher, ["b", `a${n}`])
        assert.strictEqual(told(yield* Sub.receive(sub)), `a${n}`)
        yield* Socket.drain(publisher, "1 second")
      }
    })
  )

  for (const verbosity of ["unique", "subscriptions", "all"] as const) {
    virtually(
      `ends every subscription upstream when its last subscriber has left: verbosity "${verbosity}"`,
      Effect.gen(function* () {
        const publisher = yield* XPub.make({ bind: "inproc://publisher", verbosity: "all" })
        const { xpub, xsub } = yield* forwarder({ xsub: { connect: "inproc://publisher" }, xpub: { verbosity } })
        yield* start(Proxy.run(xsub, xpub))
        const events: Array<string> = []
        yield* start(
          XPub.runForEach(publisher, (event) =>
            Effect.sync(() => event._tag !== "Message" && events.push(`${event._tag} ${Message.text([event.topic])}`))
          )
        )
        const subs = [yield* subscribe("a"), yield* subscribe("a"), yield* subscribe("a")]
        for (const sub of subs) {
          yield* Socket.drain(sub, 0)
          yield* settle
        }
        const asked = verbosity === "unique" ? 1 : 3
        assert.deepStrictEqual(events, [...Array.from({ length: asked }, () => "Subscribe a"), "Unsubscribe a"])
      })
    )
  }

  virtually(
    "confirms what an XPUB with manual is asked for, and passes it on",
    Effect.gen(function* () {
      const { xpub, xsub } = yield* forwarder({ xpub: { manual: true } })
      yield* start(Proxy.run(xsub, xpub))
      const [a, b] = [yield* subscribe("a"), yield* subscribe("b")]
      const publisher = yield* Pub.make({ connect: front })
      yield* settle
      yield* Pub.sendAll(publisher, ["b1", "a1"])
      assert.deepStrictEqual([told(yield* Sub.receive(a)), told(yield* Sub.receive(b))], ["a1", "b1"])
    })
  )

  virtually(
    "drops for a subscriber that does not read, and for no other",
    Effect.gen(function* () {
      const highWaterMark = { send: 5, receive: 5 }
      const { xpub, xsub } = yield* forwarder({ xpub: { highWaterMark } })
      yield* start(Proxy.run(xsub, xpub))
      const slow = yield* Sub.make({ connect: back, subscribe: "", highWaterMark })
      const well = yield* subscribe("")
      const publisher = yield* Pub.make({ connect: front })
      yield* settle
      for (const n of numbers(50)) {
        yield* Pub.send(publisher, n)
        assert.strictEqual(told(yield* Sub.receive(well)), n)
      }
      assert.strictEqual(told(yield* Sub.receive(slow)), "0")
    })
  )

  virtually(
    "passes messages of subscribers on to publishers, and subscriptions over a pair of sockets between two proxies",
    Effect.gen(function* () {
      const { xpub, xsub } = yield* forwarder()
      const near = yield* Pair.make({ bind: "inproc://tunnel" })
      const far = yield* Pair.make({ connect: "inproc://tunnel" })
      yield* start(Proxy.run(xsub, near))
      yield* start(Proxy.run(far, xpub))
      const publisher = yield* XPub.make({ connect: front })
      const subscriber = yield* XSub.make({ connect: back, subscribe: "a" })
      assert.deepStrictEqual(yield* XPub.receive(publisher), XPub.Event.Subscribe({ topic: Message.make("a")[0] }))
      yield* XPub.send(publisher, ["a", "1"])
      assert.strictEqual(told(yield* XSub.receive(subscriber)), "a|1")
      yield* XSub.send(subscriber, ["hello", "upstream"])
      const event = yield* XPub.receive(publisher)
      assert.strictEqual(event._tag === "Message" ? told(event.message) : event._tag, "hello|upstream")
    })
  )
})

describe("a socket with itself", () => {
  virtually(
    "answers with what it is sent: a REP, a ROUTER, a DEALER",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: "inproc://rep" })
      const router = yield* Router.make({ bind: "inproc://router" })
      const dealer = yield* Dealer.make({ bind: "inproc://dealer" })
      const proxy = yield* Proxy.make(rep, rep)
      yield* start(Proxy.run(router, router))
      yield* start(Proxy.run(dealer, dealer))
      const req = yield* Req.make({ connect: "inproc://rep" })
      for (const n of numbers(3)) assert.strictEqual(told(yield* Req.request(req, [n, "body"])), `${n}|body`)
      for (const connect of ["inproc://router", "inproc://dealer"] as const) {
        const peer = yield* Dealer.make({ connect })
        yield* Dealer.sendAll(peer, ["1", ["2", "body"]])
        assert.deepStrictEqual([told(yield* Dealer.receive(peer)), told(yield* Dealer.receive(peer))], ["1", "2|body"])
      }
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual(frontend, backend)
      assert.deepStrictEqual(frontend.received, { messages: 3, bytes: 15 })
    })
  )
})

describe("a capture socket", () => {
  virtually(
    "gets every message whole, both ways, as it is on the wire",
    Effect.gen(function* () {
      const { dealer, router } = yield* queue()
      const capture = yield* Pair.make({ bind: "inproc://capture" })
      const log = yield* Pair.make({ connect: "inproc://capture" })
      const proxy = yield* Proxy.make(router, dealer, { capture })
      const rep = yield* Rep.make({ connect: back })
      yield* start(Rep.serve(rep, (request) => Effect.succeed(["re", ...request])))
      const req = yield* Req.make({ connect: front, routingId: "me" })
      yield* Req.request(req, ["a", "b"])
      const captured = [told(yield* Pair.receive(log)), told(yield* Pair.receive(log))]
      assert.deepStrictEqual(captured, ["me||a|b", "me||re|a|b"])
      assert.deepStrictEqual((yield* Proxy.statistics(proxy)).capture, { sent: { messages: 2, bytes: 10 }, dropped: 0 })
    })
  )

  virtually(
    "never stops the proxy: what it has no room for is not captured, and counted",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const capture = yield* Push.make({ bind: "inproc://capture", linger: 0, highWaterMark: { send: 10 } })
      const log = yield* Pull.make({ connect: "inproc://capture", highWaterMark: { receive: 10 } })
      const proxy = yield* Proxy.make(pull, push, { capture })
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      yield* start(Push.sendAll(source, numbers(6000)))
      assert.deepStrictEqual(yield* receiveMany(sink, 6000), numbers(6000))
      yield* settle
      const { dropped, sent } = (yield* Proxy.statistics(proxy)).capture
      assert.deepStrictEqual([sent.messages, dropped], [20, 6000 - 20 - 4096])
      assert.deepStrictEqual(yield* receiveMany(log, 20 + 4096), numbers(20 + 4096))
    })
  )

  virtually(
    "that keeps up gets everything, however much it is",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const capture = yield* Push.make({ bind: "inproc://capture", linger: 0, highWaterMark: { send: 100 } })
      const log = yield* Pull.make({ connect: "inproc://capture", highWaterMark: { receive: 100 } })
      yield* start(Proxy.run(pull, push, { capture }))
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      yield* start(Push.sendAll(source, numbers(20_000)))
      const logged = yield* start(receiveMany(log, 20_000))
      assert.deepStrictEqual(yield* receiveMany(sink, 20_000), numbers(20_000))
      assert.deepStrictEqual(yield* Fiber.join(logged), numbers(20_000))
    })
  )

  virtually(
    "gets what it can take when the proxy ends, and the end does not wait for it",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const capture = yield* Push.make({ bind: "inproc://capture", linger: 0, highWaterMark: { send: 10 } })
      const log = yield* Pull.make({ connect: "inproc://capture", highWaterMark: { receive: 10 } })
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      const running = yield* start(Proxy.run(pull, push, { capture }))
      yield* Push.sendAll(source, numbers(50))
      yield* receiveMany(sink, 50)
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(yield* here(log), numbers(20))
    })
  )
})

describe("a proxy", () => {
  virtually(
    "that is paused forwards nothing, and what was sent meanwhile when it is resumed",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const proxy = yield* Proxy.make(pull, push)
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      yield* Push.send(source, "1")
      assert.deepStrictEqual(yield* receiveMany(sink, 1), ["1"])
      yield* Proxy.pause(proxy)
      yield* Proxy.pause(proxy)
      yield* Push.send(source, "2")
      yield* settle
      assert.deepStrictEqual(yield* here(sink), [])
      yield* Proxy.resume(proxy)
      yield* Proxy.resume(proxy)
      assert.deepStrictEqual(yield* receiveMany(sink, 1), ["2"])
    }),
    3
  )

  virtually(
    "that is stopped ends, stays stopped, and leaves the sockets open",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const proxy = yield* Proxy.make(pull, push)
      const ended = yield* start(Proxy.join(proxy))
      const source = yield* Push.make({ connect: front })
      yield* settle
      yield* Proxy.stop(proxy)
      yield* Fiber.join(ended)
      yield* Proxy.resume(proxy)
      yield* Push.send(source, "1")
      assert.strictEqual(told(yield* Pull.receive(pull)), "1")
    })
  )

  virtually(
    "counts messages and bytes each way, from its beginning on",
    Effect.gen(function* () {
      const { pull, push } = yield* streamer()
      const proxy = yield* Proxy.make(pull, push)
      const source = yield* Push.make({ connect: front })
      const sink = yield* Pull.make({ connect: back })
      yield* Push.sendAll(source, ["1234", ["12", "", "3456"]])
      yield* receiveMany(sink, 2)
      yield* Proxy.pause(proxy)
      yield* Proxy.resume(proxy)
      const none = { messages: 0, bytes: 0 }
      const two = { messages: 2, bytes: 10 }
      assert.deepStrictEqual(yield* Proxy.statistics(proxy), {
        frontend: { received: two, sent: none, dropped: 0, parked: 0 },
        backend: { received: none, sent: two, dropped: 0, parked: 0 },
        capture: { sent: none, dropped: 0 }
      })
    })
  )

  virtually(
    "never ends by itself, and fails with Closed when one of its sockets is closed",
    Effect.gen(function* () {
      const { dealer, router } = yield* queue()
      const running = yield* start(reasonOf(Proxy.run(router, dealer)))
      yield* Effect.sleep("1 hour")
      assert.isFalse(isDone(running))
      yield* Socket.drain(dealer, 0)
      assert.strictEqual((yield* Fiber.join(running))._tag, "Closed")
    })
  )

  virtually(
    "fails with Closed when the ROUTER is closed that it waits for",
    Effect.gen(function* () {
      const highWaterMark = { send: 2, receive: 2 }
      const pull = yield* Pull.make({ bind: front })
      const router = yield* Router.make({ bind: back, linger: 0, highWaterMark })
      yield* Dealer.make({ connect: back, routingId: "stalled", highWaterMark })
      const source = yield* Push.make({ connect: front })
      yield* settle
      const running = yield* start(reasonOf(Proxy.run(pull, router, { parked: 1, onStalled: "wait" })))
      yield* Push.sendAll(
        source,
        numbers(10).map((n): Message.Input => ["stalled", n])
      )
      yield* settle
      yield* Socket.drain(router, 0)
      assert.strictEqual((yield* Fiber.join(running))._tag, "Closed")
      assert.deepStrictEqual((yield* here(pull)).at(-1), "stalled|9")
    })
  )

  virtually(
    "refuses what cannot be joined, and options that cannot be, by name",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: front })
      const router = yield* Router.make({ bind: back })
      const other = yield* Router.make({})
      const dealer = yield* Dealer.make({})
      // Types that say less than there is.
      assert.deepInclude(yield* reasonOf(Proxy.run(router, other)), {
        _tag: "InvalidOption",
        option: "backend",
        value: "a ROUTER"
      })
      // @ts-expect-error a PULL receives only
      assert.match((yield* reasonOf(Proxy.run(pull, pull))).message, /join ROUTER and DEALER/)
      assert.deepInclude(yield* reasonOf(Proxy.run(router, dealer, { capture: dealer })), { option: "capture" })
      for (const parked of [0, 1.5, 1_000_001]) {
        assert.deepInclude(yield* reasonOf(Proxy.run(router, dealer, { parked })), { option: "parked" })
      }
    })
  )

  virtually(
    "is a Layer: its sockets live as long",
    Effect.gen(function* () {
      const layers = Layer.mergeAll(
        Proxy.layerStreamer({ frontend: { bind: "inproc://pull" }, backend: { bind: "inproc://push" } }),
        Proxy.layerQueue({ frontend: { bind: "inproc://router" }, backend: { bind: "inproc://dealer" } }),
        Proxy.layerForwarder({
          frontend: { bind: "inproc://xsub" },
          backend: { bind: "inproc://xpub" },
          capture: Push.make({ bind: "inproc://capture" })
        })
      )
      const program = Effect.gen(function* () {
        const source = yield* Push.make({ connect: "inproc://pull" })
        const sink = yield* Pull.make({ connect: "inproc://push" })
        yield* Push.send(source, "task")
        assert.deepStrictEqual(yield* receiveMany(sink, 1), ["task"])

        const rep = yield* Rep.make({ connect: "inproc://dealer" })
        const req = yield* Req.make({ connect: "inproc://router" })
        yield* start(Rep.serve(rep, (request) => Effect.succeed(["re", ...request])))
        assert.strictEqual(told(yield* Req.request(req, "request")), "re|request")

        const log = yield* Pull.make({ connect: "inproc://capture" })
        yield* Sub.make({ connect: "inproc://xpub", subscribe: "a" })
        assert.strictEqual(told(yield* Pull.receive(log)), "\u0001a")
      })
      yield* Effect.scoped(Effect.provide(program, layers))
      yield* Pull.make({ bind: "inproc://pull" })
    })
  )
})
