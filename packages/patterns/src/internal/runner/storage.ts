/**
 * Storages of runners over `Leases`: in this process, and served to others. What is served are calls of RPC, so that
 * a storage needs nothing of a network that runners do not have.
 */

import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as ClusterError from "effect/cluster/ClusterError"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcClientError from "effect/rpc/RpcClientError"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Leases } from "./leases.ts"
import { plainly } from "./watch.ts"

/** Milliseconds that do not jump when the machine's clock is put right. */
const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

/** Leases whose machine ids are unlikely to be those of another storage, or of this one before it was started again. */
export const makeLeases = Effect.fnUntraced(function* (lockExpiration: Duration.Duration) {
  return new Leases(Duration.toMillis(lockExpiration), yield* Random.nextIntBetween(0, 1024))
})

/** The storage of one process. */
export const fromLeases = (leases: Leases): RunnerStorage.RunnerStorage["Service"] =>
  RunnerStorage.makeEncoded({
    getRunners: Effect.map(now, (now) => leases.runners(now)),
    register: (address, runner, healthy) => Effect.map(now, (now) => leases.register(address, runner, healthy, now)),
    unregister: (address) => Effect.sync(() => leases.unregister(address)),
    setRunnerHealth: (address, healthy) => Effect.sync(() => leases.setHealth(address, healthy)),
    acquire: (address, shards) => Effect.map(now, (now) => leases.acquire(address, shards, now)),
    refresh: (address, shards) => Effect.map(now, (now) => leases.refresh(address, shards, now)),
    release: (address, shard) => Effect.sync(() => leases.release(address, shard)),
    releaseAll: (address) => Effect.sync(() => leases.releaseAll(address))
  })

// -----------------------------------------------------------------------------
// Served
// -----------------------------------------------------------------------------

/** Which storage the caller knows: not this one, if it was started again since. */
const known = { storage: Schema.String }
const shards = Schema.Array(Schema.String)

/** What a served storage is asked, by text. `About` is asked first, and says which storage the others are meant for. */
export class StorageRpcs extends RpcGroup.make(
  Rpc.make("About", { success: Schema.Struct({ storage: Schema.String, lockExpiration: Schema.Finite }) }),
  Rpc.make("Runners", { payload: known, success: Schema.Array(Schema.Tuple([Schema.String, Schema.Boolean])) }),
  Rpc.make("Register", {
    payload: { ...known, address: Schema.String, runner: Schema.String, healthy: Schema.Boolean },
    success: Schema.Int
  }),
  Rpc.make("Unregister", { payload: { ...known, address: Schema.String } }),
  Rpc.make("SetHealth", { payload: { ...known, address: Schema.String, healthy: Schema.Boolean } }),
  Rpc.make("Acquire", { payload: { ...known, address: Schema.String, shards }, success: shards }),
  Rpc.make("Refresh", { payload: { ...known, address: Schema.String, shards }, success: shards }),
  Rpc.make("Release", { payload: { ...known, address: Schema.String, shard: Schema.String } }),
  Rpc.make("ReleaseAll", { payload: { ...known, address: Schema.String } })
) {}

/**
 * The handlers of a storage that begins now. Who calls it by the name of another knew the one before it, so there are runners
 * with locks that this one does not know: it then gives none until those are refreshed or have run out.
 */
export const handlersOf = Effect.fnUntraced(function* (leases: Leases) {
  const storage = (yield* Random.nextInt).toString(36) + (yield* Random.nextInt).toString(36)
  const began = yield* now
  const at = <A>(known: { readonly storage: string }, use: (now: number) => A) =>
    Effect.map(now, (now) => {
      if (known.storage !== storage) leases.closeUntil(began + leases.lockExpiration)
      return use(now)
    })
  return StorageRpcs.of({
    About: () => Effect.succeed({ storage, lockExpiration: leases.lockExpiration }),
    Runners: (call) => at(call, (now) => leases.runners(now)),
    Register: (call) => at(call, (now) => leases.register(call.address, call.runner, call.healthy, now)),
    Unregister: (call) => at(call, () => leases.unregister(call.address)),
    SetHealth: (call) => at(call, () => leases.setHealth(call.address, call.healthy)),
    Acquire: (call) => at(call, (now) => leases.acquire(call.address, call.shards, now)),
    Refresh: (call) => at(call, (now) => leases.refresh(call.address, call.shards, now)),
    Release: (call) => at(call, () => leases.release(call.address, call.shard)),
    ReleaseAll: (call) => at(call, () => leases.releaseAll(call.address))
  })
})

/**
 * A call that the storage did not answer. Nothing in this process is wrong, so that it is one line in a log: Effect's
 * runners write it down each time that they try.
 */
class StorageAway extends ClusterError.PersistenceError {
  constructor(endpoint: string) {
    const text = `the storage of runners at ${endpoint} is away`
    super({ cause: text })
    this.message = text
    this.stack = `PersistenceError: ${text}`
    // What its schema takes for the cause is the text, which has been said.
    Object.defineProperty(this, "cause", { value: undefined })
  }
}

/** How long a call may take: the storage counts as away after that. Runners refresh locks three times in their time. */
const patienceOf = (lockExpiration: Duration.Duration) =>
  Duration.min(Duration.seconds(3), Duration.divideUnsafe(lockExpiration, 6))

/**
 * The storage that is served at `endpoint`, once it is there. A call that fails, or has no answer within `timeout`, is a
 * `PersistenceError`: runners try again, and stop their entities before their locks run out. That it is away is told once,
 * and so is that it is back.
 */
export const fromServed = Effect.fnUntraced(function* (endpoint: string, given: Duration.Input | undefined) {
  const client = yield* RpcClient.make(StorageRpcs, { disableTracing: true })
  const ask = Effect.timeout(client.About(), given ?? "3 seconds")
  let isAway = false
  const answered = Effect.suspend(() => {
    if (!isAway) return Effect.void
    isAway = false
    return plainly(Effect.logInfo(`the storage of runners at ${endpoint} is there again`))
  })
  const unanswered = Effect.suspend(() => {
    if (isAway) return Effect.void
    isAway = true
    return plainly(
      Effect.logWarning(
        `the storage of runners at ${endpoint} is away: no shard changes its runner, and if it stays away runners stop their entities`
      )
    )
  })
  const about = yield* Effect.catch(ask, () =>
    Effect.logWarning(`the storage of runners at ${endpoint} does not answer: waiting for it`).pipe(
      Effect.andThen(Effect.retry(ask, Schedule.spaced("250 millis"))),
      Effect.orDie
    )
  )
  const { storage } = about
  const timeout = given ?? patienceOf(Duration.millis(about.lockExpiration))
  const call = <A>(
    effect: Effect.Effect<A, RpcClientError.RpcClientError | Cause.TimeoutError>
  ): Effect.Effect<A, ClusterError.PersistenceError> =>
    Effect.timeout(effect, timeout).pipe(
      Effect.tap(answered),
      // A storage that ends interrupts its handlers.
      Effect.catchCause((cause) =>
        Cause.hasDies(cause)
          ? Effect.fail(new ClusterError.PersistenceError({ cause: Cause.squash(cause) }))
          : Effect.andThen(unanswered, Effect.fail(new StorageAway(endpoint)))
      )
    )

  // Runners that have ended, and whether the storage was there when they said so, or what they said next. Their locks run out
  // without a word: nobody waits for a storage that is gone to hear that they are released.
  const ended = new Map<string, { isHeard: boolean }>()
  const lastCall = (address: string, effect: Effect.Effect<void, RpcClientError.RpcClientError>) =>
    Effect.suspend(() => {
      const end = ended.get(address)
      if (end === undefined) return call(effect)
      if (!end.isHeard) return Effect.void
      return Effect.catch(call(Effect.timeout(effect, farewell)), () => Effect.sync(() => (end.isHeard = false)))
    })

  const service = RunnerStorage.makeEncoded({
    getRunners: Effect.map(call(client.Runners({ storage })), (runners) => [...runners]),
    register: (address, runner, healthy) =>
      Effect.suspend(() => {
        ended.delete(address)
        return call(client.Register({ storage, address, runner, healthy }))
      }),
    unregister: (address) =>
      Effect.suspend(() => {
        ended.set(address, { isHeard: true })
        return lastCall(address, client.Unregister({ storage, address }))
      }),
    setRunnerHealth: (address, healthy) => call(client.SetHealth({ storage, address, healthy })),
    acquire: (address, shards) => Effect.map(call(client.Acquire({ storage, address, shards })), (all) => [...all]),
    refresh: (address, shards) => call(client.Refresh({ storage, address, shards })),
    release: (address, shard) => lastCall(address, client.Release({ storage, address, shard })),
    releaseAll: (address) => lastCall(address, client.ReleaseAll({ storage, address }))
  })
  return { service, lockExpiration: Duration.millis(about.lockExpiration) }
})

/** For how long a runner that ends waits for the storage to hear of it. */
const farewell = "1 second"
