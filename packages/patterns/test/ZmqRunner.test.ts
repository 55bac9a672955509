import { assert, describe, it } from "@effect/vitest"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as ClusterError from "effect/cluster/ClusterError"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as Runner from "effect/cluster/Runner"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as SqlClient from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { watching } from "../src/internal/runner/watch.ts"
import * as ZmqRunner from "../src/ZmqRunner.ts"
import { Counters, handlers, Log } from "./counters.ts"

const Counter = Entity.fromRpcGroup("Counter", Counters)

/** Runs something while time passes. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(effect, Effect.forever(TestClock.adjust("10 millis")))

/** Not passivated while a test lets time pass. */
const sharding: ZmqRunner.ShardingOptions = { entityMaxIdleTime: "1 hour", shardsPerGroup: 60 }

/** A layer, built in a scope of its own: it can be ended. */
const started = Effect.fnUntraced(function* <A, E, R>(layer: Layer.Layer<A, E, R>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* inTime(Layer.buildWithScope(layer, scope))
  return { context, ends: inTime(Scope.close(scope, Exit.void)) }
})

/** A runner of counters. */
const runner = Effect.fnUntraced(function* (port: number, options?: ZmqRunner.ShardingOptions) {
  const log = new Log()
  const { context, ends } = yield* started(
    ZmqRunner.layerEntity(Counter, handlers(log)).pipe(
      Layer.provideMerge(ZmqRunner.layer({ bind: `tcp://127.0.0.1:${port}`, sharding: { ...sharding, ...options } }))
    )
  )
  const { activeEntityCount, hasShardId } = Context.get(context, Sharding.Sharding)
  const shards = () => Array.from({ length: 60 }, (_, i) => ShardId.make("default", i + 1)).filter(hasShardId).length
  return {
    log,
    ends,
    shards,
    entities: activeEntityCount,
    counter: yield* Effect.provideContext(Counter.client, context),
    has: (count: number) => inTime(Effect.repeat(Effect.yieldNow, { until: () => shards() === count }))
  }
})

type Started = Effect.Success<ReturnType<typeof runner>>

/** Two runners, each of which has its share. */
const twoRunners = Effect.gen(function* () {
  const [a, b] = [yield* runner(1), yield* runner(2)]
  yield* inTime(Effect.repeat(Effect.yieldNow, { until: () => a.shards() + b.shards() === 60 && b.shards() > 0 }))
  return [a, b] as const
})

const ids = Array.from({ length: 20 }, (_, n) => `counter-${n}`)

const addAll = (runner: Started) =>
  inTime(Effect.forEach(ids, (id) => runner.counter(id).Add({ id, by: 1 }), { concurrency: "unbounded" }))

const totals = (runner: Started) =>
  inTime(Effect.forEach(ids, (id) => runner.counter(id).Total({ id }), { concurrency: "unbounded" }))

const all = (total: number) => ids.map(() => total)

/** What runners are given, once for all of them. */
const around = <E>(storage: Layer.Layer<RunnerStorage.RunnerStorage, E, Transport>) =>
  storage.pipe(
    Layer.provideMerge(Layer.mergeAll(MemoryTransport.layer, MessageStorage.layerNoop, RpcSerialization.layerJson))
  )

describe("two runners", () => {
  it.effect("hold through three refreshes of their locks: every entity is one, wherever it is called from", () =>
    Effect.gen(function* () {
      const [a, b] = yield* twoRunners
      yield* addAll(a)
      assert.deepStrictEqual(yield* addAll(b), all(2))
      assert.isAbove(a.log.built, 0)
      assert.isAbove(b.log.built, 0)
      const shares = [a.shards(), b.shards()]
      for (let i = 0; i < 40; i++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([a.shards(), b.shards()], shares)
      assert.deepStrictEqual(yield* totals(a), all(2))
      assert.deepStrictEqual(yield* totals(b), all(2))
      assert.deepStrictEqual([a.log.built + b.log.built, a.log.closed + b.log.closed], [ids.length, 0])
    }).pipe(Effect.scoped, Effect.provide(around(ZmqRunner.layerStorageMemory)))
  )

  it.effect("have streams, errors and interruption between them", () =>
    Effect.gen(function* () {
      const [a, b] = yield* twoRunners
      yield* addAll(a)
      const upwards = (id: string) => Stream.runCollect(a.counter(id).Upwards({ id, count: 3 }))
      assert.deepStrictEqual(
        yield* inTime(Effect.forEach(ids, upwards)),
        ids.map(() => [2, 3, 4])
      )
      for (const id of ids) {
        const error = yield* Effect.flip(inTime(a.counter(id).Add({ id, by: -1 })))
        assert.strictEqual(error._tag, "Negative")
      }
      const holding = yield* Effect.forkChild(
        Effect.forEach(ids, (id) => a.counter(id).Hold({ id }), { concurrency: "unbounded" })
      )
      yield* inTime(Effect.all([Deferred.await(a.log.held), Deferred.await(b.log.held)]))
      yield* TestClock.adjust("1 second")
      yield* inTime(Fiber.interrupt(holding))
      yield* inTime(
        Effect.repeat(Effect.yieldNow, { until: () => a.log.interrupted + b.log.interrupted === ids.length })
      )
    }).pipe(Effect.scoped, Effect.provide(around(ZmqRunner.layerStorageMemory)))
  )

  it.effect(
    "hand over: what one had is served by the other as soon as the one has ended, and what it had begun is done",
    () =>
      Effect.gen(function* () {
        const [a, b] = yield* twoRunners
        yield* addAll(b)
        const [id = ""] = ids
        const own = yield* Effect.forkChild(b.counter(id).Hold({ id }))
        yield* inTime(Effect.raceFirst(Deferred.await(a.log.held), Deferred.await(b.log.held)))
        const [has, other] = Deferred.isDoneUnsafe(a.log.held) ? [a, b] : [b, a]
        const ends = yield* Effect.forkChild(has.ends)
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(has.log.release, undefined)
        yield* Fiber.join(ends)
        yield* other.has(60)
        assert.strictEqual(has.log.closed, has.log.built)
        assert.strictEqual(has.log.interrupted, 0)
        if (has === a) yield* inTime(Fiber.join(own))
        yield* addAll(other)
        assert.strictEqual(other.log.built, ids.length)
      }).pipe(Effect.scoped, Effect.provide(around(ZmqRunner.layerStorageMemory)))
  )

  it.effect("are reached by who has no runner", () =>
    Effect.gen(function* () {
      yield* twoRunners
      const { context } = yield* started(ZmqRunner.layerClient({ sharding }))
      const counter = yield* Effect.provideContext(Counter.client, context)
      const added = Effect.forEach(ids, (id) => counter(id).Add({ id, by: 3 }))
      assert.deepStrictEqual(yield* inTime(added), all(3))
    }).pipe(Effect.scoped, Effect.provide(around(ZmqRunner.layerStorageMemory)))
  )
})

describe("a runner", () => {
  it.effect("that others could not reach is refused, and so are locks that the storage forgets sooner", () =>
    Effect.gen(function* () {
      const refused = (options: ZmqRunner.Options) =>
        Effect.map(Effect.flip(Effect.scoped(Layer.build(ZmqRunner.layer(options)))), ({ message }) => message)
      for (const bind of ["tcp://*:*", "tcp://0.0.0.0:*", "tcp://[::]:*"] as const) {
        assert.match(
          yield* refused({ bind }),
          /^ZmqRunner\.layer: the option host cannot be .*: others cannot connect to it/
        )
      }
      const sharding = { shardLockExpiration: "36 seconds" } as const
      assert.match(
        yield* refused({ bind: "tcp://127.0.0.1:*", sharding }),
        /sharding\.shardLockExpiration cannot be 36s: the storage keeps a lock for 35s/
      )
      assert.match(yield* refused({ bind: "inproc://a", host: "b" }), /host cannot be b: inproc:\/\/a has none/)
      assert.match(yield* refused({ bind: "inproc://a", port: 1 }), /port cannot be 1: inproc:\/\/a has none/)
      assert.match(yield* refused({ bind: "tcp://127.0.0.1:*", port: 65_536 }), /port cannot be 65536/)
      for (const lockExpiration of ["0 millis", "Infinity"] as const) {
        const error = yield* Effect.flip(Layer.build(ZmqRunner.layerStorageMemoryWith({ lockExpiration })))
        assert.match(error.message, /^ZmqRunner\.layerStorage: the option lockExpiration cannot be/)
      }
      yield* started(ZmqRunner.layer({ bind: "tcp://*:*", host: "127.0.0.1" }))
    }).pipe(Effect.scoped, Effect.provide(around(ZmqRunner.layerStorageMemory)))
  )
})

/** What is logged, with its cause. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
    if (Object.keys(fiber.getRef(References.CurrentLogAnnotations)).length > 0) return // it is of Effect's runners
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    lines.push(cause.reasons.length === 0 ? `${logLevel} ${text}` : `${logLevel} ${text}: ${Cause.pretty(cause)}`)
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("the log says", () => {
  it.effect("that no runner is there yet, once, and who comes and goes", () => {
    const { layer, lines } = logged()
    return Effect.gen(function* () {
      yield* started(ZmqRunner.layerClient({ sharding }))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(lines, [], "runners that are started at the same time are not missed")
      yield* TestClock.adjust("20 seconds")
      const yet = "Warn no runner is there yet: calls of entities wait for one, without end"
      assert.deepStrictEqual(lines, [yet])
      const a = yield* runner(1)
      yield* TestClock.adjust("10 seconds")
      const b = yield* runner(2)
      yield* TestClock.adjust("10 seconds")
      yield* a.ends
      yield* TestClock.adjust("10 seconds")
      yield* b.ends
      yield* TestClock.adjust("10 seconds")
      assert.sameMembers(lines.slice(1), [
        "Info a runner is there: tcp://127.0.0.1:1", // the process without a runner, and b
        "Info a runner is there: tcp://127.0.0.1:1",
        "Info a runner is there: tcp://127.0.0.1:2", // the process without a runner, and a
        "Info a runner is there: tcp://127.0.0.1:2",
        "Info the runner tcp://127.0.0.1:1 is gone: its entities go to others",
        "Info the runner tcp://127.0.0.1:1 is gone: its entities go to others",
        "Info the runner tcp://127.0.0.1:2 is gone: its entities go to others",
        "Warn no runner is there any more: calls of entities wait for one, without end"
      ])
    }).pipe(Effect.scoped, Effect.provide(around(ZmqRunner.layerStorageMemory)), Effect.provide(layer))
  })

  it.effect("who does not answer, once, and who does again", () => {
    const { layer, lines } = logged()
    const runner = Runner.make({ address: RunnerAddress.make("127.0.0.1", 1), groups: ["default"], weight: 1 })
    return Effect.gen(function* () {
      const storage = yield* RunnerStorage.RunnerStorage
      const watched = watching(storage, { self: undefined })
      yield* storage.register(runner, true)
      for (const healthy of [true, false, false, true, true]) {
        yield* storage.setRunnerHealth(runner.address, healthy)
        yield* watched.getRunners
      }
      assert.deepStrictEqual(lines, [
        "Info a runner is there: tcp://127.0.0.1:1",
        "Warn the runner tcp://127.0.0.1:1 does not answer: its entities go to others",
        "Info the runner tcp://127.0.0.1:1 answers again"
      ])
    }).pipe(Effect.provide(ZmqRunner.layerStorageMemory), Effect.provide(layer))
  })

  it.effect("that a served storage is away, once, and that it is there again; each error names it", () => {
    const { layer, lines } = logged()
    return Effect.gen(function* () {
      const { ends } = yield* started(ZmqRunner.layerStorageServer({ bind: place, lockExpiration: "5 seconds" }))
      const seen = yield* Effect.gen(function* () {
        yield* runner(1)
        yield* ends
        yield* Effect.sleep("20 seconds")
        yield* started(ZmqRunner.layerStorageServer({ bind: place, lockExpiration: "5 seconds" }))
        yield* Effect.sleep("10 seconds")
        return [...lines]
      }).pipe(Effect.scoped, Effect.provide(served), inTime)
      const own = seen.filter((line) => / the storage of runners/.test(line.split(": ")[0] ?? ""))
      assert.deepStrictEqual(own, [
        `Warn the storage of runners at ${place} is away: no shard changes its runner, and if it stays away runners stop their entities`,
        `Info the storage of runners at ${place} is there again`
      ])
      const still = seen.filter((line) => line.includes("still unhealthy"))
      assert.isAbove(still.length, 0)
      for (const line of still) assert.include(line, `the storage of runners at ${place} is away`)
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer), Effect.provide(layer))
  })
})

describe("other storages", () => {
  it("are given by their type: Effect's in SQL needs a client of SQL, and how long locks last", () => {
    const sharding = { shardLockExpiration: "20 seconds" } as const
    const runner: Layer.Layer<
      Sharding.Sharding,
      unknown,
      SqlClient.SqlClient | Transport | RpcSerialization.RpcSerialization
    > = ZmqRunner.layer({ bind: "tcp://127.0.0.1:*", sharding }).pipe(
      Layer.provide([SqlRunnerStorage.layer, MessageStorage.layerNoop]),
      Layer.provide(ShardingConfig.layer(sharding))
    )
    assert.isTrue(Layer.isLayer(runner))
  })

  it.effect(
    "of messages keep calls that are to be persisted: when their runner ends they are made again, as the same",
    () => {
      const Letters = RpcGroup.make(Rpc.make("Post")).annotateRpcs(ClusterSchema.Persisted, true)
      const Letter = Entity.fromRpcGroup("Letter", Letters)
      const begun: Array<string> = []
      const release = Deferred.makeUnsafe<void>()
      const posting = Letters.toLayer({
        Post: (_, { requestId }) =>
          Effect.andThen(
            Effect.sync(() => begun.push(`${requestId}`)),
            Deferred.await(release)
          )
      })
      return Effect.gen(function* () {
        const runner = (port: number) =>
          started(
            ZmqRunner.layerEntity(Letter, posting).pipe(
              Layer.provideMerge(
                ZmqRunner.layer({
                  bind: `tcp://127.0.0.1:${port}`,
                  sharding: { ...sharding, entityTerminationTimeout: "1 second" }
                })
              )
            )
          )
        const first = yield* runner(1)
        const { context } = yield* started(ZmqRunner.layerClient({ sharding }))
        const letter = yield* Effect.provideContext(Letter.client, context)
        const posted = yield* Effect.forkChild(letter("a").Post())
        yield* inTime(Effect.repeat(Effect.yieldNow, { until: () => begun.length === 1 }))
        yield* runner(2)
        yield* first.ends
        yield* inTime(Effect.repeat(Effect.yieldNow, { until: () => begun.length === 2 }))
        yield* Deferred.succeed(release, undefined)
        yield* inTime(Fiber.join(posted))
        assert.strictEqual(begun[0], begun[1])
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.mergeAll(
            ZmqRunner.layerStorageMemory,
            MemoryTransport.layer,
            RpcSerialization.layerJson,
            MessageStorage.layerMemory.pipe(Layer.provide(ShardingConfig.layer(sharding)))
          )
        )
      )
    }
  )
})

// -----------------------------------------------------------------------------
// A storage that is served
// -----------------------------------------------------------------------------

const place: Endpoint.Text = "tcp://127.0.0.1:9"
const served = around(ZmqRunner.layerStorageClient({ connect: place }))

describe("a storage that is served", () => {
  it.effect("is waited for, shares locks between runners, and says how long they last", () =>
    Effect.gen(function* () {
      const one = yield* Effect.forkScoped(Effect.provide(RunnerStorage.RunnerStorage, served))
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(one.pollUnsafe(), "there is no storage yet")
      const { context } = yield* started(ZmqRunner.layerStorageServer({ bind: place, lockExpiration: "2 seconds" }))
      assert.strictEqual(Context.get(context, ZmqRunner.StorageServer).endpoint, place)
      yield* Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        const own = Context.get(context, RunnerStorage.RunnerStorage)
        const [a, b] = [RunnerAddress.make("a", 1), RunnerAddress.make("b", 2)]
        const shards = [ShardId.make("default", 1), ShardId.make("default", 2)]
        assert.deepStrictEqual(yield* storage.acquire(a, shards), shards)
        assert.deepStrictEqual(yield* own.acquire(b, shards), [])
        yield* storage.release(a, ShardId.make("default", 1))
        assert.deepStrictEqual(yield* own.acquire(b, shards), shards.slice(0, 1))
        assert.deepStrictEqual(yield* storage.refresh(a, shards), shards.slice(1))
        assert.deepStrictEqual(yield* storage.getRunners, [])
        assert.deepStrictEqual(yield* ZmqRunner.LockExpiration, Option.some(Duration.seconds(2)))
      }).pipe(Effect.provide(served), inTime)
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )

  it.effect("fails calls that have no answer in time, by a typed error", () =>
    Effect.gen(function* () {
      const { ends } = yield* started(ZmqRunner.layerStorageServer({ bind: place }))
      yield* Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        yield* ends
        const error = yield* Effect.flip(storage.getRunners)
        assert.instanceOf(error, ClusterError.PersistenceError)
        yield* started(ZmqRunner.layerStorageServer({ bind: place }))
        yield* Effect.retry(storage.getRunners, { while: (error) => error._tag === "PersistenceError" })
      }).pipe(Effect.provide(served), inTime)
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )

  it.effect(
    "may be started again: entities go on, no shard changes its runner, and one that comes gets its share",
    () =>
      Effect.gen(function* () {
        const { ends } = yield* started(ZmqRunner.layerStorageServer({ bind: place }))
        yield* Effect.gen(function* () {
          const [a, b] = yield* twoRunners
          yield* addAll(a)
          const shares = [a.shards(), b.shards()]
          yield* ends
          yield* TestClock.adjust("5 seconds")
          yield* started(ZmqRunner.layerStorageServer({ bind: place }))
          for (let i = 0; i < 60; i++) {
            yield* TestClock.adjust("1 second")
            assert.isAtMost(a.shards() + b.shards(), 60)
          }
          assert.deepStrictEqual([a.shards(), b.shards()], shares)
          assert.deepStrictEqual(yield* totals(b), all(1))
          assert.deepStrictEqual([a.log.built + b.log.built, a.log.closed + b.log.closed], [ids.length, 0])
          const c = yield* runner(3)
          yield* inTime(
            Effect.repeat(Effect.yieldNow, {
              until: () => c.shards() > 0 && a.shards() + b.shards() + c.shards() === 60
            })
          )
        }).pipe(Effect.scoped, Effect.provide(served), inTime)
      }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )

  it.effect(
    "that stays away stops the entities before their locks have run out, and they are served when it is back",
    () =>
      Effect.gen(function* () {
        const { ends } = yield* started(ZmqRunner.layerStorageServer({ bind: place }))
        yield* Effect.gen(function* () {
          const [a, b] = yield* twoRunners
          yield* addAll(a)
          yield* ends
          for (let i = 0; i < 34; i++) yield* TestClock.adjust("1 second")
          assert.deepStrictEqual([a.log.built - a.log.closed, b.log.built - b.log.closed], [0, 0])
          yield* started(ZmqRunner.layerStorageServer({ bind: place }))
          yield* addAll(b)
          assert.deepStrictEqual([a.log.built + b.log.built], [2 * ids.length])
        }).pipe(Effect.scoped, Effect.provide(served), inTime)
      }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )

  it.effect("that is gone holds up no runner that ends: its locks run out by themselves", () =>
    Effect.gen(function* () {
      const { ends } = yield* started(ZmqRunner.layerStorageServer({ bind: place }))
      yield* Effect.gen(function* () {
        const [a, b] = yield* twoRunners
        yield* addAll(a)
        yield* ends
        const [took] = yield* Effect.timed(Effect.all([a.ends, b.ends], { concurrency: 2 }))
        assert.isAtMost(Duration.toMillis(took), 2000)
        assert.deepStrictEqual([a.log.built - a.log.closed, b.log.built - b.log.closed], [0, 0])
      }).pipe(Effect.scoped, Effect.provide(served), inTime)
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )
})
