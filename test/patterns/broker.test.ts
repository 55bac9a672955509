/** The broker: readiness, back-pressure, loss that is counted, and an end that loses nothing. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import * as Broker from "@effect-zmq/patterns/Broker"
import * as Envelope from "@effect-zmq/patterns/Envelope"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { endpointOf, type Place, suite } from "./targets.ts"

const start = (place: Place, options?: Partial<Broker.Options>) =>
  Effect.gen(function* () {
    const broker = yield* Broker.make({ frontend: place(), backend: place(), ...options })
    return { broker, frontend: yield* endpointOf(broker.frontend), backend: yield* endpointOf(broker.backend) }
  })

type Started = Effect.Success<ReturnType<typeof start>>

const client = ({ frontend }: Started, options?: Partial<Req.Options>) =>
  Req.make({ linger: 0, ...options, connect: frontend } as Req.Options)

/** A REQ that works by hand: it is ready, and then has the requests that it is given. */
const worker = ({ backend }: Started) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const req = yield* Scope.provide(Req.make({ connect: backend, linger: 0 }), scope)
    /** Says something to the broker, and waits for the next request: its envelope, as text, and its body. */
    const say = (message: Message.Input) =>
      Effect.map(Req.request(req, message), (request) => {
        const envelope = Result.getOrThrow(Envelope.split(request))
        return { text: Message.text(envelope.body), reply: (body: Message.Input) => Envelope.reply(envelope, body) }
      })
    return { say, kill: Scope.close(scope, Exit.void) }
  })

const ask = (req: Req.Req, text: string) => Effect.map(Req.request(req, text), Message.text)

const drops = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeoutOption(effect, "60 millis")

suite("a broker", {
  "gives requests to the worker that was used least recently": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const served: Array<string> = []
      for (const name of ["a", "b", "c"]) {
        const { say } = yield* worker(started)
        const loop = (message: Message.Input): Effect.Effect<never, unknown> =>
          Effect.flatMap(say(message), ({ reply, text }) => {
            served.push(`${name}${text}`)
            return loop(reply(`${text} by ${name}`))
          })
        yield* Effect.forkScoped(loop("READY"))
        yield* started.broker.awaitStats(({ ready }) => ready === served.length + "abc".indexOf(name) + 1)
      }
      const req = yield* client(started)
      for (const i of [1, 2, 3, 4, 5, 6]) {
        const name = "abc"[(i - 1) % 3]
        assert.strictEqual(yield* ask(req, `${i}`), `${i} by ${name}`)
        yield* started.broker.awaitStats(({ ready }) => ready === 3)
      }
      assert.deepStrictEqual(served, ["a1", "b2", "c3", "a4", "b5", "c6"])
      const { replies, requests, workers } = yield* started.broker.stats
      assert.deepStrictEqual({ replies, requests, workers }, { replies: 6, requests: 6, workers: 3 })
    }),

  "fails who waits for its figures by a function that throws, and nobody else": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const waiting = started.broker.awaitStats(({ ready }) => {
        if (ready > 0) throw new Error("of who waits")
        return false
      })
      const waiter = yield* Effect.forkScoped(Effect.exit(waiting), { startImmediately: true })
      yield* Effect.forkScoped(
        Broker.serve((request) => Effect.succeed(`${Message.text(request)}!`), { connect: started.backend })
      )
      assert.strictEqual(yield* ask(yield* client(started), "1"), "1!")
      assert.deepStrictEqual(
        yield* Effect.timeout(Fiber.join(waiter), "3 seconds"),
        Exit.die(new Error("of who waits"))
      )
      assert.isTrue(Exit.isFailure(yield* Effect.exit(waiting)))
      assert.strictEqual(yield* ask(yield* client(started), "2"), "2!")
    }),

  "leaves a slow worker alone, and serves all others meanwhile": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const slow = yield* worker(started)
      const stuck = yield* Effect.forkScoped(slow.say("READY"))
      yield* started.broker.awaitStats(({ ready }) => ready === 1)
      const patient = yield* Effect.forkScoped(Effect.flatMap(client(started), (req) => ask(req, "slow")))
      const { reply } = yield* Fiber.join(stuck)
      yield* Effect.forkScoped(
        Broker.serve((request) => Effect.succeed(`${Message.text(request)}!`), { connect: started.backend })
      )
      const req = yield* client(started)
      for (let i = 0; i < 20; i++) assert.strictEqual(yield* ask(req, `${i}`), `${i}!`)
      assert.isUndefined(patient.pollUnsafe())
      yield* Effect.forkScoped(slow.say(reply("at last")))
      assert.strictEqual(yield* Fiber.join(patient), "at last")
    }),

  "takes no request while no worker is ready: they wait at their clients": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place, { frontendOptions: { highWaterMark: { receive: 5 }, linger: 0 } })
      const dealer = yield* Dealer.make({ highWaterMark: { send: 5 }, linger: 0, connect: started.frontend })
      let sent = 0
      // More than the network has room for, and than libzmq may read ahead.
      const large = new Uint8Array(100_000)
      const total = 500
      const sending = yield* Effect.forkScoped(
        Effect.gen(function* () {
          for (; sent < total; sent++) yield* Dealer.send(dealer, Envelope.delimit([large, `${sent}`]))
        })
      )
      for (let before = -1; before < sent; ) {
        before = sent
        yield* Effect.sleep("60 millis")
      }
      assert.isBelow(sent, total)
      assert.deepInclude(yield* started.broker.stats, { requests: 0, waiting: 0 })
      // One that has its hands full is no reason to take more.
      const full = yield* worker(started)
      yield* full.say("READY")
      yield* Effect.sleep("60 millis")
      const { busy, requests, waiting } = yield* started.broker.stats
      assert.deepStrictEqual({ busy, requests, waiting }, { busy: 1, requests: 1, waiting: 0 })
      yield* full.kill
      yield* Effect.forkScoped(
        Broker.serve((request) => Effect.succeed(Message.text(request)), { connect: started.backend, concurrency: 3 })
      )
      for (let i = 1; i < total; i++) {
        const reply = Result.getOrThrow(Envelope.undelimit(yield* Dealer.receive(dealer)))
        assert.isBelow(Number(Message.text(reply)), total)
      }
      yield* Fiber.join(sending)
      const after = { requests: total, replies: total - 1, lost: 1, waiting: 0, busy: 0 }
      assert.deepInclude(yield* started.broker.stats, after)
    }),

  "counts what is lost with a worker, and says whose it was; the others go on": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const { broker } = started
      const events: Array<Broker.Event> = []
      yield* Effect.forkScoped(
        Stream.runForEach(broker.events, (event) => Effect.sync(() => events.push(event))),
        { startImmediately: true }
      )
      const { kill, say } = yield* worker(started)
      const working = yield* Effect.forkScoped(say("READY"))
      yield* broker.awaitStats(({ ready }) => ready === 1)
      const req = yield* client(started)
      const asking = yield* Effect.forkScoped(ask(req, "?"))
      yield* Fiber.join(working)
      yield* kill
      yield* broker.awaitStats(({ lost }) => lost === 1)
      assert.deepInclude(yield* broker.stats, { workers: 0, ready: 0, busy: 0, waiting: 0, requests: 1, replies: 0 })
      yield* Fiber.interrupt(asking)
      yield* Effect.forkScoped(
        Broker.serve((request) => Effect.succeed(`${Message.text(request)}!`), { connect: started.backend })
      )
      assert.strictEqual(yield* ask(req, "again"), "again!")
      yield* Effect.repeat(Effect.yieldNow, { until: () => events.length === 4 })
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["WorkerJoined", "RequestLost", "WorkerLeft", "WorkerJoined"]
      )
    }),

  "by retry, gives what is lost with a worker to others, three in all": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place, { onWorkerLost: "retry" })
      const { broker } = started
      const req = yield* client(started)
      const asking = yield* Effect.forkScoped(ask(req, "fatal"))
      for (const i of [1, 2, 3]) {
        const { kill, say } = yield* worker(started)
        assert.strictEqual((yield* say("READY")).text, "fatal")
        yield* kill
        yield* broker.awaitStats(({ lost, retried }) => lost + retried === i)
      }
      assert.deepInclude(yield* broker.stats, { lost: 1, retried: 2, requests: 1, busy: 0, waiting: 0 })
      yield* Fiber.interrupt(asking)
      const again = yield* Effect.forkScoped(ask(req, "fatal but once"))
      const first = yield* worker(started)
      yield* first.say("READY")
      yield* first.kill
      const second = yield* worker(started)
      const { reply } = yield* second.say("READY")
      yield* Effect.forkScoped(second.say(reply("survived")))
      assert.strictEqual(yield* Fiber.join(again), "survived")
    }),

  "counts the reply to a client that has left, and gives it to nobody who comes with its id": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const { broker } = started
      const { say } = yield* worker(started)
      const working = yield* Effect.forkScoped(say("READY"))
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(Dealer.make({ connect: started.frontend, routingId: "C", linger: 0 }), scope)
      yield* Dealer.send(first, Envelope.delimit("mine"))
      const mine = yield* Fiber.join(working)
      yield* Scope.close(scope, Exit.void)
      yield* Socket.events(broker.frontend).pipe(
        Stream.takeUntil((event) => event._tag === "PeerLeft"),
        Stream.runDrain
      )
      const second = yield* client(started, { routingId: "C" })
      const asking = yield* Effect.forkScoped(ask(second, "another"))
      const next = yield* Effect.forkScoped(say(mine.reply("for the first")))
      const another = yield* Fiber.join(next)
      assert.strictEqual(another.text, "another")
      assert.deepInclude(yield* broker.stats, { dropped: 1, replies: 0 })
      yield* Effect.forkScoped(say(another.reply("for the second")))
      assert.strictEqual(yield* Fiber.join(asking), "for the second")
    }),

  "takes a worker that comes again by its own id for another one, also where nobody has noticed that it had left": (
    place
  ) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const { broker } = started
      const events: Array<Broker.Event> = []
      yield* Effect.forkScoped(
        Stream.runForEach(broker.events, (event) => Effect.sync(() => events.push(event))),
        { startImmediately: true }
      )
      const req = yield* client(started)
      const comes = Effect.fnUntraced(function* (instance: string) {
        const options = { connect: started.backend, routingId: "W", linger: 0, reconnect: false } as const
        const dealer = yield* Dealer.make(options as Dealer.Options)
        for (let n = 0; n < 2; n++) yield* Dealer.send(dealer, Envelope.delimit(["READY", instance]))
        return dealer
      })
      const first = yield* comes("1")
      yield* broker.awaitStats(({ ready }) => ready === 2)
      const asking = yield* Effect.forkScoped(ask(req, "?"))
      yield* Dealer.receive(first)
      const second = yield* comes("2")
      yield* broker.awaitStats(({ lost, ready }) => lost === 1 && ready === 2)
      assert.deepInclude(yield* broker.stats, { workers: 1, busy: 0, requests: 1, late: 0, malformed: 0 })
      yield* Fiber.interrupt(asking)
      const again = yield* Effect.forkScoped(ask(req, "again"))
      const request = Result.getOrThrow(Envelope.undelimit(yield* Dealer.receive(second)))
      const envelope = Result.getOrThrow(Envelope.split(request))
      yield* Dealer.send(second, Envelope.delimit(Envelope.reply(envelope, "done")))
      assert.strictEqual(yield* Fiber.join(again), "done")
      const tags = ["WorkerJoined", "RequestLost", "WorkerLeft", "WorkerJoined"]
      yield* Effect.repeat(Effect.yieldNow, { until: () => events.length >= tags.length })
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        tags
      )
    }),

  "knows no worker any more that has said BYE and answered what it had, though it is connected": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const { broker } = started
      const left = yield* Effect.forkScoped(
        Stream.runHead(Stream.filter(broker.events, ({ _tag }) => _tag === "WorkerLeft")),
        { startImmediately: true }
      )
      const dealer = yield* Dealer.make({ connect: started.backend, linger: 0 })
      for (const hasWork of [true, false]) {
        yield* Dealer.send(dealer, Envelope.delimit("READY"))
        yield* broker.awaitStats(({ ready, workers }) => ready === 1 && workers === 1)
        const asking = yield* Effect.forkScoped(
          Effect.flatMap(client(started), (req) => (hasWork ? ask(req, "?") : Effect.succeed("none")))
        )
        const request = hasWork ? yield* Dealer.receive(dealer) : undefined
        yield* Dealer.send(dealer, Envelope.delimit("BYE"))
        const bye = Result.getOrThrow(Envelope.undelimit(yield* Dealer.receive(dealer)))
        assert.strictEqual(Message.text(bye), "BYE")
        if (request !== undefined) {
          assert.deepInclude(yield* broker.stats, { workers: 1, busy: 1 })
          yield* Dealer.send(dealer, request)
          assert.strictEqual(yield* Fiber.join(asking), "?")
        }
        assert.deepInclude(yield* broker.stats, { workers: 0, ready: 0, busy: 0, lost: 0 })
        assert.deepInclude(Option.getOrThrow(yield* Fiber.join(left)), { lost: 0, retried: 0 })
      }
    }),

  "drops and counts what is no request and no reply": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const { broker } = started
      const [front, back] = [
        yield* Dealer.make({ connect: started.frontend, linger: 0 }),
        yield* Dealer.make({ connect: started.backend, linger: 0 })
      ]
      yield* Dealer.sendAll(back, ["READY", ["", "ready"], ["", "a", "b"], ["", "nobody", "", "reply"], ["", "READY"]])
      yield* broker.awaitStats(({ late, malformed, ready }) => ready === 1 && late === 1 && malformed === 3)
      yield* Dealer.sendAll(front, ["no delimiter", ["two", "frames"], ["", "good"]])
      const request = yield* Dealer.receive(back)
      assert.strictEqual(Message.text(request), "good")
      yield* Dealer.send(back, request)
      assert.strictEqual(Message.inspect(yield* Dealer.receive(front)), '"" + "good"')
      assert.deepInclude(yield* broker.stats, { malformed: 5, replies: 1, late: 1 })
    }),

  "closing, takes no more, and waits for what workers have": (place) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const started = yield* Scope.provide(start(place), scope)
      const { broker } = started
      const gate = yield* Deferred.make<void>()
      yield* Effect.forkScoped(
        Broker.serve((request) => Effect.as(Deferred.await(gate), `${Message.text(request)}!`), {
          connect: started.backend,
          concurrency: 2,
          drain: 0 // over inproc nobody tells that the broker has gone
        })
      )
      const clients = yield* Effect.forEach([1, 2, 3], () => client(started))
      const asking = yield* Effect.forEach(clients, (req, i) => Effect.forkScoped(ask(req, `${i}`)))
      yield* broker.awaitStats(({ busy }) => busy === 2)
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
      assert.isTrue(Option.isNone(yield* drops(Fiber.join(closing))))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      const replies = yield* Effect.forEach(asking, (fiber) => drops(Fiber.join(fiber)))
      assert.strictEqual(replies.filter(Option.isSome).length, 2)
    }),

  "closing, waits no longer than it is told to": (place) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const started = yield* Scope.provide(start(place, { drain: "30 millis" }), scope)
      const { say } = yield* worker(started)
      const working = yield* Effect.forkScoped(say("READY"))
      const req = yield* client(started)
      yield* Effect.forkScoped(ask(req, "?"))
      yield* Fiber.join(working)
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("2 seconds"))
    }),

  "lets a worker leave with nothing lost, whatever it was just given": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const dealer = yield* Dealer.make({ connect: started.frontend, linger: 0 })
      const serve = Broker.serve((request) => Effect.as(Effect.sleep("1 millis"), Message.text(request)), {
        connect: started.backend,
        concurrency: 4
      })
      yield* Effect.forkScoped(serve)
      const total = 200
      const all = Array.from({ length: total }, (_, i) => Envelope.delimit(`${i}`))
      yield* Effect.forkScoped(Dealer.sendAll(dealer, all))
      const leaving = yield* Effect.forkScoped(
        Effect.forever(Effect.andThen(Effect.timeoutOption(serve, "7 millis"), Effect.void))
      )
      const got = new Set<string>()
      for (let i = 0; i < total; i++) got.add(Message.text(yield* Dealer.receive(dealer)))
      yield* Fiber.interrupt(leaving)
      assert.strictEqual(got.size, total)
      assert.deepInclude(yield* started.broker.stats, { requests: total, replies: total, lost: 0, late: 0 })
    }),

  "refuses to work for a number of requests at once that cannot be": (place) =>
    Effect.gen(function* () {
      const { backend } = yield* start(place)
      for (const concurrency of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        const error = yield* Broker.serve(() => Effect.succeed(""), { connect: backend, concurrency }).pipe(
          Effect.flip,
          Effect.timeout("1 second")
        )
        assert.strictEqual(error.reason._tag, "InvalidOption")
        assert.include(error.message, "concurrency")
        assert.include(error.message, "1 to 1000000")
      }
    }),

  "answers a handler's failure by onError": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      yield* Effect.forkScoped(
        Broker.serve(
          (request): Effect.Effect<string, "odd"> => {
            const n = Number(Message.text(request))
            if (Number.isNaN(n)) throw new TypeError("no number")
            return n % 2 === 0 ? Effect.succeed("even") : Effect.fail("odd")
          },
          { connect: started.backend, onError: () => Effect.succeed("wrong") }
        )
      )
      const req = yield* client(started)
      assert.deepStrictEqual(yield* Effect.forEach(["2", "3", "x"], (n) => ask(req, n)), ["even", "wrong", "wrong"])
    }),

  "passes frames and envelopes through as they are": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      yield* Effect.forkScoped(
        Broker.serve((request) => Effect.succeed([...request, ""] as const), { connect: started.backend })
      )
      const req = yield* client(started)
      assert.strictEqual(Message.inspect(yield* Req.request(req, ["", "a", ""])), '"" + "a" + "" + ""')
      const correlating = yield* Req.make({ connect: started.frontend, correlate: true })
      assert.strictEqual(Message.inspect(yield* Req.request(correlating, "b")), '"b" + ""')
      // A client behind two ROUTERs, by hand.
      const dealer = yield* Dealer.make({ connect: started.frontend, linger: 0 })
      yield* Dealer.send(dealer, ["outer", "inner", "", "c"])
      assert.strictEqual(Message.inspect(yield* Dealer.receive(dealer)), '"outer" + "inner" + "" + "c" + ""')
    }),

  "is a layer beside its workers": (place) =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const context = yield* Layer.buildWithScope(Broker.layer({ frontend: place(), backend: place() }), scope)
      const { backend, frontend } = Context.get(context, Broker.Broker)
      const connect = yield* endpointOf(backend)
      yield* Layer.buildWithScope(
        Broker.layerWorker(() => Effect.succeed("done"), { connect }),
        scope
      )
      const req = yield* Req.make({ connect: yield* endpointOf(frontend) })
      assert.strictEqual(yield* ask(req, "?"), "done")
      const stats = yield* Effect.provide(
        Broker.awaitStats(({ ready }) => ready === 1),
        context
      )
      assert.strictEqual(stats.replies, 1)
    })
})

suite(
  "a broker, where connections are seen",
  {
    "a worker that has lost its broker works for the next one": (place) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(start(place), scope)
        yield* Effect.forkScoped(
          Broker.serve((request) => Effect.succeed(`${Message.text(request)}!`), {
            connect: first.backend,
            reconnect: { initial: "10 millis" }
          })
        )
        assert.strictEqual(yield* ask(yield* client(first), "1"), "1!")
        yield* Scope.close(scope, Exit.void)
        const second = yield* start(place, { backend: first.backend })
        assert.strictEqual(yield* ask(yield* client(second), "2"), "2!")
      })
  },
  ["memory", "zmq, tcp", "zmq, ipc"]
)
