import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as ClusterError from "effect/cluster/ClusterError"
import * as Entity from "effect/cluster/Entity"
import * as TestRunner from "effect/cluster/TestRunner"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcTest from "effect/rpc/RpcTest"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as ZmqRunner from "../src/ZmqRunner.ts"
import { Counters, handlers, Log, Negative } from "./counters.ts"

const Counter = Entity.fromRpcGroup("Counter", Counters)

/** Runs something while time passes. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(effect, Effect.forever(TestClock.adjust("10 millis")))

/** Ordinary clients of the group, behind which are entities. */
const setting = (log: Log, options?: ZmqRunner.EntityOptions) =>
  Layer.mergeAll(
    ZmqRunner.layerEntity(Counter, handlers(log), options),
    ZmqRunner.layerRouted(Counters, Counter, ({ id }) => id)
  ).pipe(Layer.provideMerge(TestRunner.layer))

const client = RpcTest.makeClient(Counters)

describe("an entity with a handlers Layer", () => {
  it.effect(
    "has a layer of its own for each id, built when it is called first and closed when it has been idle",
    () => {
      const log = new Log()
      return Effect.gen(function* () {
        const counters = yield* client
        assert.strictEqual(log.built, 0)
        assert.strictEqual(yield* inTime(counters.Add({ id: "a", by: 1 })), 1)
        assert.strictEqual(yield* inTime(counters.Add({ id: "a", by: 1 })), 2)
        assert.strictEqual(yield* inTime(counters.Add({ id: "b", by: 5 })), 5)
        assert.deepStrictEqual([log.built, log.closed], [2, 0])
        for (let i = 0; i < 8; i++) {
          yield* TestClock.adjust("10 seconds")
          yield* inTime(counters.Total({ id: "b" }))
        }
        assert.deepStrictEqual([log.built, log.closed], [2, 1], "a is gone, b was called all the time")
        assert.strictEqual(yield* inTime(counters.Total({ id: "a" })), 0, "what it had is gone with it")
        assert.strictEqual(yield* inTime(counters.Total({ id: "b" })), 5)
        assert.deepStrictEqual([log.built, log.closed], [3, 1])
      }).pipe(Effect.scoped, Effect.provide(setting(log, { maxIdleTime: "30 seconds" })))
    }
  )

  it.effect("is shared by all who call it, and closed with its runner", () => {
    const log = new Log()
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const counters = yield* client
        const adding = Effect.forEach([1, 2, 3, 4], (by) => counters.Add({ id: "a", by }), { concurrency: 4 })
        yield* inTime(Effect.all([adding, adding], { concurrency: 2 }))
        const counter = (yield* Counter.client)("a")
        assert.strictEqual(yield* inTime(counter.Total({ id: "a" })), 20)
      }).pipe(Effect.scoped, Effect.provide(setting(log)))
      assert.deepStrictEqual([log.built, log.closed], [1, 1])
    })
  })

  it.effect("has its own also where the same Layer is served in the same program", () => {
    const log = new Log()
    const same = handlers(log)
    return Effect.gen(function* () {
      const [served, counter] = [yield* client, yield* Counter.client]
      assert.strictEqual(yield* served.Add({ id: "a", by: 1 }), 1)
      assert.strictEqual(yield* inTime(counter("a").Add({ id: "a", by: 10 })), 10)
      assert.strictEqual(yield* inTime(counter("b").Add({ id: "b", by: 100 })), 100)
      assert.strictEqual(log.built, 3)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(ZmqRunner.layerEntity(Counter, same), Layer.merge(same, TestRunner.layer)))
    )
  })

  it.effect("refuses a call when its mailbox is full, and takes one again when there is room", () => {
    const log = new Log()
    return Effect.gen(function* () {
      const counter = (yield* Counter.client)("a")
      const holding = yield* Effect.forkChild(counter.Hold({ id: "a" }))
      yield* inTime(Deferred.await(log.held))
      const waiting = yield* Effect.forkChild(counter.Add({ id: "a", by: 1 }), { startImmediately: true })
      yield* TestClock.adjust("1 millis")
      const error = yield* Effect.flip(inTime(counter.Add({ id: "a", by: 1 })))
      assert.instanceOf(error, ClusterError.MailboxFull)
      // Another entity has a mailbox of its own.
      assert.strictEqual(yield* inTime((yield* Counter.client)("b").Total({ id: "b" })), 0)
      yield* Deferred.succeed(log.release, undefined)
      yield* inTime(Fiber.join(holding))
      assert.strictEqual(yield* inTime(Fiber.join(waiting)), 1)
      assert.strictEqual(yield* inTime(counter.Add({ id: "a", by: 1 })), 2)
    }).pipe(Effect.scoped, Effect.provide(setting(log, { mailboxCapacity: 2 })))
  })

  it.effect("hears that a call was interrupted", () => {
    const log = new Log()
    return Effect.gen(function* () {
      const counters = yield* client
      const holding = yield* Effect.forkChild(counters.Hold({ id: "a" }))
      yield* inTime(Deferred.await(log.held))
      yield* inTime(Fiber.interrupt(holding))
      assert.strictEqual(yield* inTime(counters.Total({ id: "a" })), 0, "the next one has its turn")
      assert.strictEqual(log.interrupted, 1)
    }).pipe(Effect.scoped, Effect.provide(setting(log)))
  })

  it.effect("knows which one it is, has what its layer was given, and each call has a scope of its own", () => {
    class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
    const Who = RpcGroup.make(Rpc.make("Who", { success: Schema.String }))
    const closed: Array<string> = []
    const whoHandlers = Who.toLayer(
      Effect.gen(function* () {
        const { entityId } = yield* Entity.CurrentAddress
        return Who.of({
          Who: () =>
            Effect.gen(function* () {
              yield* Effect.addFinalizer(() => Effect.sync(() => closed.push(entityId)))
              return `${yield* Greeting}, ${entityId}`
            })
        })
      })
    ).pipe(Layer.provide(Layer.succeed(Greeting, "Good evening")))
    const Whom = Entity.fromRpcGroup("Whom", Who)
    return Effect.gen(function* () {
      const whom = yield* Whom.client
      assert.strictEqual(yield* inTime(whom("ada").Who()), "Good evening, ada")
      assert.strictEqual(yield* inTime(whom("bob").Who()), "Good evening, bob")
      assert.deepStrictEqual(closed, ["ada", "bob"])
    }).pipe(
      Effect.scoped,
      // The same service is there outside as well, with another value.
      Effect.provide(
        ZmqRunner.layerEntity(Whom, whoHandlers).pipe(
          Layer.provideMerge(TestRunner.layer),
          Layer.provideMerge(Layer.succeed(Greeting, "Good morning"))
        )
      )
    )
  })

  it.effect("is built again when its layer fails, and its calls wait for that", () => {
    const log = new Log()
    let failures = 3
    const failing = Layer.unwrap(
      Effect.suspend(() => (failures-- > 0 ? Effect.fail("not yet") : Effect.succeed(handlers(log))))
    )
    return Effect.gen(function* () {
      const counter = (yield* Counter.client)("a")
      assert.strictEqual(yield* inTime(counter.Add({ id: "a", by: 2 })), 2)
      assert.strictEqual(failures, -1)
    }).pipe(
      Effect.scoped,
      Effect.provide(ZmqRunner.layerEntity(Counter, failing).pipe(Layer.provideMerge(TestRunner.layer)))
    )
  })
})

describe("a group whose calls are routed to entities", () => {
  it.effect("has streams, and the errors of the contract", () => {
    const log = new Log()
    return Effect.gen(function* () {
      const counters = yield* client
      yield* inTime(counters.Add({ id: "a", by: 10 }))
      assert.deepStrictEqual(yield* inTime(Stream.runCollect(counters.Upwards({ id: "a", count: 3 }))), [11, 12, 13])
      const seen: Array<number> = []
      const error = yield* counters.Upwards({ id: "a", count: 4 }).pipe(
        Stream.runForEach((n) => Effect.sync(() => seen.push(n))),
        inTime,
        Effect.flip
      )
      assert.deepStrictEqual([error._tag, seen], ["Negative", [11, 12, 13, 14]])
      const negative = yield* Effect.flip(inTime(counters.Add({ id: "a", by: -2 })))
      assert.deepStrictEqual(negative, new Negative({ by: -2 }))
    }).pipe(Effect.scoped, Effect.provide(setting(log)))
  })

  it.effect("passes headers and the trace on", () => {
    const Seen = RpcGroup.make(
      Rpc.make("Call", { success: Schema.Tuple([Schema.String, Schema.String]) }),
      Rpc.make("Read", { success: Schema.String, stream: true })
    )
    const Eye = Entity.fromRpcGroup("Eye", Seen)
    const seeing = Seen.toLayer({
      Call: (_, { headers }) =>
        Effect.map(Effect.orDie(Effect.currentSpan), ({ traceId }) => [`${headers.user}`, traceId] as const),
      Read: (_, { headers }) => Stream.make(`${headers.user}`)
    })
    return Effect.gen(function* () {
      const eyes = yield* RpcTest.makeClient(Seen)
      const headers = { user: "ada" }
      const { traceId } = yield* Effect.currentSpan
      assert.deepStrictEqual(yield* inTime(eyes.Call(undefined, { headers })), ["ada", traceId])
      assert.deepStrictEqual(yield* inTime(Stream.runCollect(eyes.Read(undefined, { headers }))), ["ada"])
    }).pipe(
      Effect.withSpan("a caller"),
      Effect.scoped,
      Effect.provide(
        Layer.mergeAll(
          ZmqRunner.layerEntity(Eye, seeing),
          ZmqRunner.layerRouted(Seen, Eye, () => "one")
        ).pipe(Layer.provideMerge(TestRunner.layer))
      )
    )
  })

  it.effect("fails with a full mailbox where the contract has that error, and dies of it otherwise", () => {
    const Posts = RpcGroup.make(
      Rpc.make("Told", { error: ClusterError.MailboxFull }),
      Rpc.make("Untold"),
      Rpc.make("ToldStream", { error: ClusterError.MailboxFull, success: Schema.Int, stream: true })
    )
    const Post = Entity.fromRpcGroup("Post", Posts)
    const postHandlers = Posts.toLayer({
      Told: () => Effect.never,
      Untold: () => Effect.never,
      ToldStream: () => Stream.never
    })
    return Effect.gen(function* () {
      const posts = yield* RpcTest.makeClient(Posts)
      yield* Effect.forkChild(posts.Told())
      yield* TestClock.adjust("1 second")
      assert.instanceOf(yield* Effect.flip(inTime(posts.Told())), ClusterError.MailboxFull)
      assert.instanceOf(yield* Effect.flip(inTime(Stream.runDrain(posts.ToldStream()))), ClusterError.MailboxFull)
      const exit = yield* Effect.exit(inTime(posts.Untold()))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.mergeAll(
          ZmqRunner.layerEntity(Post, postHandlers, { mailboxCapacity: 1 }),
          ZmqRunner.layerRouted(Posts, Post, () => "all")
        ).pipe(Layer.provideMerge(TestRunner.layer))
      )
    )
  })

  it("does not compile for an entity that does not serve it", () => {
    const Other = RpcGroup.make(Rpc.make("Other"))
    const mistakes = () => [
      // @ts-expect-error: the entity has no call "Other"
      ZmqRunner.layerRouted(Other, Counter, () => "a"),
      // @ts-expect-error: the handlers are another group's
      ZmqRunner.layerEntity(Counter, Other.toLayer({ Other: () => Effect.void }))
    ]
    assert.isFunction(mistakes)
  })
})
