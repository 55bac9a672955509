/** The worker pool: every call ends, once; what is lost with a worker is redone, within limits; nothing is hoarded. */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Message from "@effect-zmq/core/Message"
import * as WorkerPool from "@effect-zmq/patterns/WorkerPool"
import * as ZmqRpcClient from "@effect-zmq/patterns/ZmqRpcClient"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { mutateDispatcher, mutateWorker } from "./poolMutations.ts"
import { endpointOf, type Place, suite } from "./targets.ts"

class Empty extends Schema.TaggedError<Empty>()("Empty", { text: Schema.String }) {}

class Words extends RpcGroup.make(
  Rpc.make("Count", { payload: { text: Schema.String }, success: Schema.Number, error: Empty }),
  /** Waits to be let through. */
  Rpc.make("Hold", { payload: { text: Schema.String }, success: Schema.String }),
  Rpc.make("Once", { payload: { text: Schema.String }, success: Schema.String }).annotate(WorkerPool.Idempotent, false),
  Rpc.make("Urgent", { payload: { text: Schema.String }, success: Schema.String }).annotate(WorkerPool.Priority, 10)
) {}

/** What handlers were asked, and what lets them go on. */
class Desk {
  readonly asked: Array<string> = []
  readonly interrupted: Array<string> = []
  readonly open = Deferred.makeUnsafe<void>()
  private readonly waiters = new Set<() => void>()

  readonly note = (list: Array<string>, what: string) =>
    Effect.sync(() => {
      list.push(what)
      for (const look of this.waiters) look()
    })

  readonly until = (predicate: (desk: Desk) => boolean): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const look = () => {
        if (!predicate(this)) return
        this.waiters.delete(look)
        resume(Effect.void)
      }
      this.waiters.add(look)
      look()
    })
}

const handlers = (desk: Desk, name = "") => {
  const hold = ({ text }: { readonly text: string }, headers: { readonly [name: string]: string | undefined }) =>
    desk.note(desk.asked, `${text}${headers["zmq-attempt"] ?? ""}`).pipe(
      Effect.andThen(Deferred.await(desk.open)),
      Effect.as(`${text}${name}`),
      Effect.onInterrupt(() => desk.note(desk.interrupted, text))
    )
  return Words.toLayer({
    Count: ({ text }) => (text === "" ? Effect.fail(new Empty({ text })) : Effect.succeed(text.split(" ").length)),
    Hold: (payload, { headers }) => hold(payload, headers),
    Once: (payload, { headers }) => hold(payload, headers),
    Urgent: (payload, { headers }) => hold(payload, headers)
  })
}

const start = (place: Place, options?: Partial<WorkerPool.Options>) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const made = WorkerPool.make(Words, { frontend: place(), backend: place(), heartbeat: 50, drain: 10, ...options })
    const pool = yield* Scope.provide(made, scope)
    return {
      pool,
      frontend: yield* endpointOf(pool.frontend),
      backend: yield* endpointOf(pool.backend),
      close: Scope.close(scope, Exit.void)
    }
  })

type Started = Effect.Success<ReturnType<typeof start>>

/** A worker, and what ends it. */
const worker = ({ backend }: Pick<Started, "backend">, desk: Desk, options?: Partial<WorkerPool.WorkerOptions>) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const layer = WorkerPool.layerWorker(Words, {
      connect: backend,
      credit: 4,
      heartbeat: 50,
      drain: 10,
      ...options
    }).pipe(Layer.provide(handlers(desk, options?.name)), Layer.provide(RpcSerialization.layerJson))
    yield* Scope.provide(Layer.build(layer), scope)
    return { close: Scope.close(scope, Exit.void) }
  })

/** An RPC client, and what ends it. */
const client = ({ frontend }: Pick<Started, "frontend">) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const protocol = yield* Scope.provide(
      Layer.build(
        ZmqRpcClient.layerProtocol({ connect: frontend, ping: 100 }).pipe(Layer.provide(RpcSerialization.layerJson))
      ),
      scope
    )
    const call = yield* RpcClient.make(Words).pipe(Effect.provideContext(protocol), Scope.provide(scope))
    return { call, close: Scope.close(scope, Exit.void) }
  })

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** Somebody who sends what he likes. */
const stranger = (connect: Started["frontend"], message: Message.Input) =>
  Effect.gen(function* () {
    const dealer = yield* Dealer.make({ connect, linger: 0 })
    yield* Dealer.send(dealer, message)
    return dealer
  })

suite("a worker pool", {
  "answers RPC clients by the handlers of its workers, with their typed errors": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      yield* worker(started, desk)
      yield* worker(started, desk)
      const { call } = yield* client(started)
      const counts = yield* Effect.forEach(["a", "a b", "a b c"], (text) => call.Count({ text }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(counts, [1, 2, 3])
      const error = yield* Effect.flip(call.Count({ text: "" }))
      assert.instanceOf(error, Empty)
      const { answered, jobs, submitted } = yield* Effect.map(started.pool.status, (status) => ({
        ...status,
        jobs: status.queued + status.running + status.waiting
      }))
      assert.deepStrictEqual({ answered, jobs, submitted }, { answered: 4, jobs: 0, submitted: 4 })
    }),

  "gives no worker more than its credit, and each an equal share of what waits": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      const { call } = yield* client(started)
      const calls = yield* Effect.forkScoped(
        Effect.forEach(["a", "b", "c", "d", "e", "f"], (text) => call.Hold({ text }), { concurrency: "unbounded" })
      )
      yield* started.pool.awaitStatus(({ queued }) => queued === 6)
      for (const name of ["1", "2"]) yield* worker(started, desk, { credit: 2, name })
      const status = yield* started.pool.awaitStatus(({ running }) => running === 4)
      assert.deepStrictEqual(
        status.workers.map(({ busy, credit }) => ({ busy, credit })),
        [
          { busy: 2, credit: 2 },
          { busy: 2, credit: 2 }
        ]
      )
      assert.strictEqual(status.queued, 2)
      yield* Deferred.succeed(desk.open, undefined)
      assert.lengthOf(yield* Fiber.join(calls), 6)
    }),

  "gives what a worker leaves behind to another one, under the same name and as the next attempt": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const first = new Desk()
      const second = new Desk()
      const lost = yield* worker(started, first)
      const { call } = yield* client(started)
      const answer = yield* Effect.forkScoped(call.Hold({ text: "a" }))
      yield* first.until(({ asked }) => asked.length === 1)
      yield* lost.close
      yield* worker(started, second, { name: " by 2" })
      yield* Deferred.succeed(second.open, undefined)
      assert.strictEqual(yield* Fiber.join(answer), "a by 2")
      assert.deepStrictEqual([first.asked, second.asked], [["a"], ["a2"]])
      const { redone, running } = yield* started.pool.status
      assert.deepStrictEqual({ redone, running }, { redone: 1, running: 0 })
    }),

  "does not carry out twice what must not be, and says so": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      const lost = yield* worker(started, desk)
      const { call } = yield* client(started)
      const answer = yield* Effect.forkScoped(Effect.flip(call.Once({ text: "a" })))
      yield* desk.until(({ asked }) => asked.length === 1)
      yield* lost.close
      const error = yield* Fiber.join(answer)
      assert.include(error.message, "is not idempotent")
      const [letter] = yield* started.pool.deadLetters.pipe(Stream.take(1), Stream.runCollect)
      assert.deepInclude(letter, { tag: "Once", reason: "WorkerLost", attempts: 1 })
      assert.strictEqual(text(letter?.body as Uint8Array).includes(`{"text":"a"}`), true)
    }),

  "gives a call up after as many workers as it may have": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place, { maxAttempts: 2 })
      const { call } = yield* client(started)
      const answer = yield* Effect.forkScoped(Effect.flip(call.Hold({ text: "a" })))
      for (const attempt of ["a", "a2"]) {
        const desk = new Desk()
        const lost = yield* worker(started, desk)
        yield* desk.until(({ asked }) => asked.length === 1)
        assert.deepStrictEqual(desk.asked, [attempt])
        yield* lost.close
      }
      assert.include((yield* Fiber.join(answer)).message, "given to 2 workers")
      const [letter] = yield* started.pool.deadLetters.pipe(Stream.take(1), Stream.runCollect)
      assert.deepInclude(letter, { tag: "Hold", reason: "TooManyAttempts", attempts: 2 })
    }),

  "waits before each further attempt as a schedule says, and gives up with its end": (place) =>
    Effect.gen(function* () {
      const redeliver = Schedule.spaced(30).pipe(Schedule.upTo({ times: 1 }))
      const started = yield* start(place, { redeliver })
      const { call } = yield* client(started)
      const answer = yield* Effect.forkScoped(Effect.flip(call.Hold({ text: "a" })))
      for (const attempt of ["a", "a2"]) {
        const desk = new Desk()
        const lost = yield* worker(started, desk)
        yield* desk.until(({ asked }) => asked.length === 1)
        assert.deepStrictEqual(desk.asked, [attempt])
        yield* lost.close
      }
      assert.include((yield* Fiber.join(answer)).message, "its schedule has ended")
    }),

  "takes what is more urgent first": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      yield* Deferred.succeed(desk.open, undefined)
      const { call } = yield* client(started)
      yield* Effect.forkScoped(call.Hold({ text: "a" }))
      yield* started.pool.awaitStatus(({ queued }) => queued === 1)
      yield* Effect.forkScoped(call.Urgent({ text: "b" }))
      yield* started.pool.awaitStatus(({ queued }) => queued === 2)
      yield* worker(started, desk, { credit: 1 })
      yield* desk.until(({ asked }) => asked.length === 2)
      assert.deepStrictEqual(desk.asked, ["b", "a"])
    }),

  "interrupts the handler of a call that is wanted no more, and gets its credit back": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      yield* worker(started, desk, { credit: 1 })
      const { call } = yield* client(started)
      const running = yield* Effect.forkScoped(call.Hold({ text: "running" }))
      yield* desk.until(({ asked }) => asked.length === 1)
      const queued = yield* Effect.forkScoped(call.Hold({ text: "queued" }))
      yield* started.pool.awaitStatus(({ queued }) => queued === 1)
      yield* Fiber.interrupt(queued)
      yield* started.pool.awaitStatus(({ cancelled, queued }) => queued === 0 && cancelled === 1)
      yield* Fiber.interrupt(running)
      yield* desk.until(({ interrupted }) => interrupted.length === 1)
      yield* started.pool.awaitStatus(({ cancelled, workers }) => cancelled === 2 && workers[0]?.busy === 0)
      assert.deepStrictEqual(desk.asked, ["running"])
      assert.strictEqual(yield* call.Count({ text: "a b" }), 2)
    }),

  "cancels the calls of a client that has left": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      yield* worker(started, desk)
      const { call, close } = yield* client(started)
      yield* Effect.forkScoped(Effect.ignore(call.Hold({ text: "a" })))
      yield* desk.until(({ asked }) => asked.length === 1)
      yield* close
      yield* desk.until(({ interrupted }) => interrupted.length === 1)
      yield* started.pool.awaitStatus(({ cancelled, running }) => cancelled === 1 && running === 0)
    }),

  "has submitters wait when as many calls wait as may": (place) =>
    Effect.gen(function* () {
      const { pool, ...started } = yield* start(place, { queue: 2 })
      const calls = yield* Effect.forkScoped(
        Effect.forEach(["1", "2", "3", "4"], (text) => pool.submit("Count", bytes(text)), { concurrency: "unbounded" })
      )
      yield* pool.awaitStatus(({ queued }) => queued === 2)
      assert.strictEqual((yield* pool.status).submitted, 2)
      yield* Layer.build(
        WorkerPool.layerWorkerBytes({
          connect: started.backend,
          credit: 1,
          handler: ({ body }) => Effect.succeed(bytes(`${text(body)}!`))
        })
      )
      assert.deepStrictEqual((yield* Fiber.join(calls)).map(text), ["1!", "2!", "3!", "4!"])
    }),

  "takes no more calls of clients when as many wait as may, and keeps those clients": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place, { queue: 1, idleTimeout: 150 })
      const { call } = yield* client(started)
      const calls = yield* Effect.forkScoped(
        Effect.forEach(["a", "b", "c"], (text) => call.Count({ text }), { concurrency: "unbounded" })
      )
      yield* started.pool.awaitStatus(({ queued }) => queued >= 1)
      const late = yield* client(started)
      const another = yield* Effect.forkScoped(late.call.Count({ text: "a b" }))
      // The clients' pings are not read, and nobody takes the other for dead.
      yield* Effect.sleep(400)
      assert.isAtMost((yield* started.pool.status).submitted, 3)
      yield* worker(started, new Desk())
      assert.deepStrictEqual(yield* Fiber.join(calls), [1, 1, 1])
      assert.strictEqual(yield* Fiber.join(another), 2)
    }),

  "has a worker that ends finish what it has, and gives it no more": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      const leaving = yield* worker(started, desk, { credit: 2, drain: "5 seconds" })
      const { call } = yield* client(started)
      const first = yield* Effect.forkScoped(call.Hold({ text: "a" }))
      yield* desk.until(({ asked }) => asked.length === 1)
      const closing = yield* Effect.forkScoped(leaving.close)
      yield* started.pool.awaitStatus(({ workers }) => workers[0]?.isDraining === true)
      const second = yield* Effect.forkScoped(call.Hold({ text: "b" }))
      yield* started.pool.awaitStatus(({ queued }) => queued === 1)
      yield* Deferred.succeed(desk.open, undefined)
      assert.strictEqual(yield* Fiber.join(first), "a")
      yield* Fiber.join(closing)
      yield* started.pool.awaitStatus(({ workers }) => workers.length === 0)
      assert.deepStrictEqual(desk.asked, ["a"])
      yield* worker(started, desk)
      assert.strictEqual(yield* Fiber.join(second), "b")
      const { deaths, redone } = yield* started.pool.status
      assert.deepStrictEqual({ deaths, redone }, { deaths: 0, redone: 0 })
    }),

  "knows a worker that has left from one that is lost": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const left = yield* started.pool.events.pipe(
        Stream.filter(WorkerPool.Event.$is("WorkerLeft")),
        Stream.take(1),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      const leaving = yield* worker(started, new Desk())
      yield* started.pool.awaitStatus(({ workers }) => workers.length === 1)
      yield* leaving.close
      const [event] = yield* Fiber.join(left)
      assert.strictEqual(event?.why, "Left")
      assert.strictEqual((yield* started.pool.status).deaths, 0)
    }),

  "has a worker leave that it is told to dismiss": (place) =>
    Effect.gen(function* () {
      const { backend, pool } = yield* start(place)
      const working = yield* Effect.forkScoped(
        WorkerPool.workBytes({ connect: backend, credit: 1, handler: ({ body }) => Effect.succeed(body) })
      )
      const status = yield* pool.awaitStatus(({ workers }) => workers.length === 1)
      assert.isTrue(yield* pool.dismiss(status.workers[0]?.id as string))
      assert.strictEqual(yield* Fiber.join(working), "dismissed")
      assert.isFalse(yield* pool.dismiss("nobody"))
      yield* pool.awaitStatus(({ workers }) => workers.length === 0)
    }),

  "has a worker end that hears of no dispatcher for too long": (place) =>
    Effect.gen(function* () {
      const { backend, close, pool } = yield* start(place)
      const working = yield* Effect.forkScoped(
        WorkerPool.workBytes({
          connect: backend,
          credit: 1,
          heartbeat: 20,
          orphanedAfter: 200,
          handler: ({ body }) => Effect.succeed(body)
        })
      )
      yield* pool.awaitStatus(({ workers }) => workers.length === 1)
      yield* Effect.sleep(400)
      assert.isUndefined(working.pollUnsafe())
      yield* close
      assert.strictEqual(yield* Fiber.join(working), "orphaned")
    }),

  "drains: takes no more calls, and waits for those that are here": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const desk = new Desk()
      yield* worker(started, desk)
      const { call } = yield* client(started)
      const answer = yield* Effect.forkScoped(call.Hold({ text: "a" }))
      yield* desk.until(({ asked }) => asked.length === 1)
      const drained = yield* Effect.forkScoped(started.pool.drain, { startImmediately: true })
      assert.include((yield* Effect.flip(call.Hold({ text: "b" }))).message, "takes no more calls")
      const error = yield* Effect.flip(started.pool.submit("Hold", bytes("{}")))
      assert.strictEqual(error.reason, "Draining")
      assert.isUndefined(drained.pollUnsafe())
      yield* Deferred.succeed(desk.open, undefined)
      yield* Fiber.join(drained)
      assert.strictEqual(yield* Fiber.join(answer), "a")
    }),

  "takes calls in bytes, and gives the answer, or why there is none": (place) =>
    Effect.gen(function* () {
      const { backend, pool } = yield* start(place)
      const seen: Array<string> = []
      yield* Layer.build(
        WorkerPool.layerWorkerBytes({
          connect: backend,
          credit: 2,
          handler: ({ attempt, body, requestId, tag }) => {
            seen.push(`${tag} ${attempt}`, requestId)
            return text(body) === "bad" ? Effect.fail(new Error("that is bad")) : Effect.succeed(body)
          }
        })
      )
      assert.strictEqual(text(yield* WorkerPool.submit(pool, "Count", bytes("good"))), "good")
      const error = yield* Effect.flip(WorkerPool.submit(pool, "Count", bytes("bad")))
      assert.deepInclude(error, { reason: "Failed", tag: "Count", detail: "that is bad" })
      assert.strictEqual((yield* Effect.flip(pool.submit("Nothing", bytes("")))).reason, "UnknownTag")
      assert.deepStrictEqual([seen[0], seen[2]], ["Count 1", "Count 1"])
      assert.notStrictEqual(seen[1], seen[3])
    }),

  "confirms a call whose answer nobody waits for when it is queued, and carries it out": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const { call } = yield* client(started)
      yield* call.Hold({ text: "a" }, { discard: true })
      const desk = new Desk()
      yield* Deferred.succeed(desk.open, undefined)
      yield* worker(started, desk)
      yield* desk.until(({ asked }) => asked.length === 1)
      yield* started.pool.awaitStatus(({ answered, workers }) => answered === 1 && workers[0]?.busy === 0)
    }),

  "refuses a call that its group does not have": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      const protocol = yield* Layer.build(
        ZmqRpcClient.layerProtocol({ connect: started.frontend }).pipe(Layer.provide(RpcSerialization.layerJson))
      )
      const other = RpcGroup.make(Rpc.make("Other"))
      const { Other } = yield* RpcClient.make(other).pipe(Effect.provideContext(protocol))
      assert.include((yield* Effect.flip(Other())).message, `the pool has no call "Other"`)
    }),

  "counts what it cannot read, on either side, and serves all others": (place) =>
    Effect.gen(function* () {
      const started = yield* start(place)
      yield* stranger(started.frontend, ["", "what is this?"])
      yield* stranger(started.backend, "READY")
      yield* started.pool.awaitStatus(({ malformed }) => malformed === 2)
      yield* worker(started, new Desk())
      const { call } = yield* client(started)
      assert.strictEqual(yield* call.Count({ text: "a b" }), 2)
    }),

  "refuses options that cannot be, by their name": (place) =>
    Effect.gen(function* () {
      const refused = (options: Partial<WorkerPool.Options>) =>
        Effect.map(Effect.flip(Effect.scoped(start(place, options))), ({ message }) => message)
      assert.include(yield* refused({ maxAttempts: 0 }), "maxAttempts")
      assert.include(yield* refused({ queue: 1.5 }), "queue")
      assert.include(yield* refused({ heartbeat: 0 }), "heartbeat")
      const credit = WorkerPool.workBytes({ connect: "inproc://none", credit: 0, handler: () => Effect.never })
      assert.include((yield* Effect.flip(credit)).message, "credit")
    })
})

// libzmq connects again over tcp and ipc only.
suite(
  "a worker pool that ends",
  {
    "tells all callers when it ends, and its workers work for the next one": (place) =>
      Effect.gen(function* () {
        const started = yield* start(place)
        const desk = new Desk()
        yield* worker(started, desk)
        const { call } = yield* client(started)
        const answer = yield* Effect.forkScoped(Effect.flip(call.Hold({ text: "a" })))
        const submitted = yield* Effect.forkScoped(Effect.flip(started.pool.submit("Hold", bytes(`{"text":"b"}`))))
        yield* desk.until(({ asked }) => asked.length === 1)
        yield* started.close
        assert.strictEqual((yield* Fiber.join(answer)).reason._tag, "RpcClientDefect")
        assert.strictEqual((yield* Fiber.join(submitted)).reason, "Closed")
        yield* desk.until(({ interrupted }) => interrupted.length === desk.asked.length)
        const next = yield* start((() => started.backend) as Place, { frontend: place() })
        yield* next.pool.awaitStatus(({ workers }) => workers.length === 1)
        const again = yield* client(next)
        assert.strictEqual(yield* again.call.Count({ text: "a b" }), 2)
      })
  },
  ["memory", "zmq, tcp", "zmq, ipc", "zmtp"]
)

// Over inproc libzmq does not see who is in another thread.
suite(
  "a worker that nobody hears",
  {
    "leaves at once, without a word: its dispatcher has gone, or has not come yet": (place) =>
      Effect.gen(function* () {
        const said: Array<unknown> = []
        const listening = Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))]))
        const nobody = yield* start(place)
        yield* nobody.close
        const early = yield* worker(nobody, new Desk()).pipe(listening)
        yield* Effect.sleep(100)
        const started = yield* start(place)
        const late = yield* worker(started, new Desk())
        yield* started.pool.awaitStatus(({ workers }) => workers.length === 1)
        yield* started.close
        yield* Effect.sleep(200)
        const [took] = yield* Effect.timed(Effect.all([early.close, late.close])).pipe(listening)
        assert.isBelow(Duration.toMillis(took), 500)
        assert.deepStrictEqual(said, [])
      })
  },
  ["memory", "zmq, tcp", "zmq, ipc", "zmtp, tcp", "zmtp, ipc"]
)

suite(
  "a worker pool that is sent what it cannot want",
  {
    "counts what is malformed, and serves all others": (place) =>
      Effect.gen(function* () {
        const { malformed, unanswered } = yield* mutateDispatcher(place, 400)
        assert.strictEqual(unanswered, 0)
        assert.isAbove(malformed, 100)
      }),

    "has its workers go on, whatever a dispatcher says": (place) =>
      Effect.map(mutateWorker(place, 400), (answer) => assert.include(["ok", "handed back"], answer))
  },
  ["memory", "zmq, tcp", "zmtp, tcp"]
)
