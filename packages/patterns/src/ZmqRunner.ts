/**
 * Actors: `effect/cluster` entities over ZeroMQ.
 *
 * An entity is a group of calls that is addressed by an id: an account, a room, a device. It begins when it is called, takes
 * its calls from a mailbox, one after the other by default, keeps what state it likes in its scope, and ends when it has not
 * been called for a while (passivation). Runners are the processes that entities run in: each has a share of all shards, an
 * id belongs to one shard, so that at any time one runner at most has the entity of an id. All of that is Effect's; here are
 * the runner's server and clients over ROUTER and DEALER, storages, and two ways to write an entity once:
 *
 * - `layerEntity` runs an entity with the handlers Layer that a served group has, or that workers have
 * - `layerRouted` makes entities the handlers of a group, so that ordinary RPC clients reach them by a key
 *
 * **Storage.** Runners agree by a `RunnerStorage` on who is there and who has the lock of which shard:
 *
 * | storage | for | limits |
 * |---|---|---|
 * | `layerStorageMemory` | runners of one process: tests, a small service | is gone with the process |
 * | `layerStorageServer`, `layerStorageClient` | several processes | is one process, whose state is in memory: while it is away no shard changes its runner, and after two thirds of a lock's expiration runners stop their entities until it is back |
 * | `SqlRunnerStorage.layer` of `effect/cluster` | production | needs a database, a client of `effect/sql` for it, and a `ShardingConfig.layer` with what the runners are given as `sharding`: its locks last as long as that says |
 *
 * Effect's own `RunnerStorage.layerMemory` does not lock: with two runners, both take every shard.
 *
 * **A runner that dies** is noticed by its locks, which run out after `shardLockExpiration` (35 seconds by default): its
 * entities are served again a few seconds later, within three times that. What they had in memory is gone. A runner
 * whose scope closes hands its shards over at once. One that is stopped and goes on later (SIGSTOP, a machine that sleeps)
 * finds at its next refresh that its shards are others'; until then it may answer what it had been sent, to callers who
 * have given it up.
 *
 * **A call is made at least once.** When its runner goes away, it is made again where the entity is then: the first one may
 * have happened. `requestId` is the same in both, so a handler that must not do a thing twice can keep it with what it does.
 * With `MessageStorage.layerNoop` calls in flight are lost with the process that made them; calls that are annotated
 * `ClusterSchema.Persisted` survive it, and need a durable storage (`SqlMessageStorage.layer`).
 *
 * **Example** (A runner, and its entities)
 *
 * ```ts
 * class Counters extends RpcGroup.make(
 *   Rpc.make("Add", { payload: { id: Schema.String, by: Schema.Int }, success: Schema.Int })
 * ) {}
 *
 * const handlers = Counters.toLayer(Effect.sync(() => {
 *   let total = 0
 *   return { Add: ({ by }) => Effect.sync(() => total += by) }
 * }))
 *
 * const Counter = Entity.fromRpcGroup("Counter", Counters)
 *
 * const runner = ZmqRunner.layerEntity(Counter, handlers).pipe(
 *   Layer.provideMerge(ZmqRunner.layer({ bind: "tcp://127.0.0.1:*" })),
 *   Layer.provide([ZmqRunner.layerStorageMemory, MessageStorage.layerNoop]),
 *   Layer.provide([ZmqTransport.layer, RpcSerialization.layerJson])
 * )
 *
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter.client
 *   return yield* counter("apples").Add({ id: "apples", by: 3 }) // => 3
 * }).pipe(Effect.provide(runner))
 * ```
 *
 * @since 0.1.0
 */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Socket from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import { InvalidOption, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Context from "effect/Context"
import type * as Entity from "effect/cluster/Entity"
import type * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as RunnerServer from "effect/cluster/RunnerServer"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Runners from "effect/cluster/Runners"
import type * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as address from "./internal/runner/address.ts"
import * as entities from "./internal/runner/entity.ts"
import * as storage from "./internal/runner/storage.ts"
import { watching } from "./internal/runner/watch.ts"
import * as ZmqRpcClient from "./ZmqRpcClient.ts"
import * as ZmqRpcServer from "./ZmqRpcServer.ts"

// -----------------------------------------------------------------------------
// Runners
// -----------------------------------------------------------------------------

/**
 * Effect's configuration of sharding, but for the address, which is what the runner is bound to. What matters most:
 *
 * - `shardLockExpiration`: how long the shards of a runner that died stay its own. By default that of the storage
 * - `shardsPerGroup` (300): the same in all runners, for good: by it an id belongs to a shard
 * - `entityMaxIdleTime` (1 minute): after that an entity that is not called ends
 * - `entityMailboxCapacity` (4,096): how many calls of an entity may wait; the next fails with `MailboxFull`
 * - `refreshAssignmentsInterval` (3 seconds): how often runners look who is there
 *
 * @category models
 * @since 0.1.0
 */
export type ShardingOptions = Partial<
  Omit<ShardingConfig.ShardingConfig["Service"], "runnerAddress" | "runnerListenAddress">
>

/**
 * - `bind`: where other runners reach this one. With port `*` any free one is taken
 * - `host`, `port`: how they reach it, where that is not what it is bound to: `host` is needed with `tcp://*:5560`, both
 *   behind a translation of addresses. Of TCP endpoints only
 * - `server`: how it serves other runners; `security` for instance. Its `maxInFlight` is no limit by default
 * - `client`: see `ClientOptions`
 * - `sharding`: see `ShardingOptions`
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ClientOptions {
  readonly bind: Endpoint.Input
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly server?: Omit<ZmqRpcServer.Options, "bind"> | undefined
}

/**
 * - `client`: how runners are reached; `security` for instance. By default one that gives no sign of life for half of
 *   `shardLockExpiration`, or 20 seconds, whichever is shorter, is lost: calls are made again where its entities are then
 * - `sharding`: see `ShardingOptions`
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientOptions {
  readonly client?: Omit<ZmqRpcClient.Options, "connect"> | undefined
  readonly sharding?: ShardingOptions | undefined
}

/**
 * A runner: entities that are registered with its `Sharding` run in it and in all other runners of the same storage, and
 * its clients of entities reach them wherever they are.
 *
 * It is bound when the layer is built, and has its shards some moments later: calls wait for that. When its scope closes it
 * hands its shards to the others, and waits for what its entities have begun, for at most `entityTerminationTimeout`
 * (15 seconds). The log says which others come and go, and who does not answer.
 *
 * Fails where the address cannot be bound, and with `InvalidOption` where others could not reach it, or where its locks would
 * run out before it knows.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<
  Sharding.Sharding | Runners.Runners,
  ZmqError,
  RunnerStorage.RunnerStorage | MessageStorage.MessageStorage | Transport | RpcSerialization.RpcSerialization
> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const config = yield* configOf(options.sharding)
      const { endpoint, protocol } = yield* serve({ ...options.server, bind: options.bind })
      const self = yield* failing(Effect.fromResult(address.fromEndpoint(endpoint, options)))
      const stored = watching(yield* RunnerStorage.RunnerStorage, { self: address.toEndpoint(self) })
      // Fresh: a second runner of this process is another one, whatever else they share.
      return Layer.fresh(
        RunnerServer.layerWithClients.pipe(
          Layer.provide(Layer.succeed(RpcServer.Protocol, protocol)),
          Layer.provide(Layer.provide(RunnerHealth.layerPing, Runners.layerRpc)),
          Layer.provide(layerClients(options.client, config)),
          Layer.provide(Layer.succeed(RunnerStorage.RunnerStorage, stored)),
          Layer.provide(ShardingConfig.layer({ ...config, runnerAddress: Option.some(self) }))
        )
      )
    })
  )

/**
 * Clients of entities without a runner: for a process that calls entities, or routes calls to them (`layerRouted`), and
 * runs none. Calls wait for a runner, without end: a warning says that there is none.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options: ClientOptions = {}
): Layer.Layer<
  Sharding.Sharding | Runners.Runners,
  ZmqError,
  RunnerStorage.RunnerStorage | MessageStorage.MessageStorage | Transport | RpcSerialization.RpcSerialization
> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const config = yield* configOf(options.sharding)
      const stored = watching(yield* RunnerStorage.RunnerStorage, { self: undefined })
      return Layer.fresh(
        RunnerServer.layerClientOnly.pipe(
          Layer.provide(layerClients(options.client, config)),
          Layer.provide(Layer.succeed(RunnerStorage.RunnerStorage, stored)),
          Layer.provide(ShardingConfig.layer(config))
        )
      )
    })
  )

/** A server, and what it is bound to. */
const serve = Effect.fnUntraced(function* (options: ZmqRpcServer.Options) {
  // What runners ask of each other may wait for what they ask next.
  const { protocol, server } = yield* ZmqRpcServer.make({ maxInFlight: Number.POSITIVE_INFINITY, ...options })
  const bound = yield* Socket.endpoint(server.socket)
  // A socket tells what it is bound to as an endpoint is written.
  return { protocol, endpoint: yield* Effect.orDie(Effect.fromResult(Endpoint.parse(bound))) }
})

/** How a runner reaches the others. */
const layerClients = (
  options: ClientOptions["client"],
  { shardLockExpiration = defaultExpiration }: ShardingOptions
): Layer.Layer<Runners.RpcClientProtocol, never, Transport | RpcSerialization.RpcSerialization> => {
  const expiration = Duration.fromInputUnsafe(shardLockExpiration)
  const defaults = {
    // Who ends does not wait for a runner that is gone; one that is there sees the connection end.
    linger: 0,
    ping: Duration.min(Duration.divideUnsafe(expiration, 8), Duration.seconds(5)),
    timeout: Duration.min(Duration.divideUnsafe(expiration, 2), Duration.seconds(20))
  }
  return Layer.effect(
    Runners.RpcClientProtocol,
    Effect.gen(function* () {
      const context = yield* Effect.context<Transport | RpcSerialization.RpcSerialization>()
      return {
        codecFor: Context.get(context, RpcSerialization.RpcSerialization).codecFor,
        make: (runner) =>
          Effect.fromResult(Endpoint.parseConnect(address.toEndpoint(runner))).pipe(
            Effect.flatMap((connect) => ZmqRpcClient.make({ ...defaults, ...options, connect })),
            // An address comes from a runner that was bound to it: where this one's transport cannot connect to it, none can.
            Effect.orDie,
            Effect.provideContext(context)
          )
      }
    })
  )
}

/** The configuration of sharding, whose locks last as long as the storage says, or less. */
const configOf = Effect.fnUntraced(function* (sharding: ShardingOptions = {}) {
  const stored = yield* LockExpiration
  const own = Option.map(Option.fromUndefinedOr(sharding.shardLockExpiration), Duration.fromInputUnsafe)
  if (Option.isSome(stored) && Option.isSome(own) && Duration.isGreaterThan(own.value, stored.value)) {
    return yield* failing(
      Effect.fail(
        new InvalidOption({
          option: "sharding.shardLockExpiration",
          value: Duration.format(own.value),
          problem: `the storage keeps a lock for ${Duration.format(stored.value)}; give as much at most, or nothing`
        })
      )
    )
  }
  const shardLockExpiration = Option.orElse(own, () => stored)
  return Option.isSome(shardLockExpiration) ? { ...sharding, shardLockExpiration: shardLockExpiration.value } : sharding
})

const failing = <A>(effect: Effect.Effect<A, InvalidOption>, method = "layer"): Effect.Effect<A, ZmqError> =>
  Effect.mapError(effect, (reason) => new ZmqError({ module: "ZmqRunner", method, reason }))

// -----------------------------------------------------------------------------
// Storages
// -----------------------------------------------------------------------------

/**
 * How long the locks of the storage last, where it says so: runners take it for their `shardLockExpiration`. The storages of
 * this module provide it.
 *
 * @category references
 * @since 0.1.0
 */
export const LockExpiration: Context.Reference<Option.Option<Duration.Duration>> = Context.Reference<
  Option.Option<Duration.Duration>
>("@effect-zmq/patterns/ZmqRunner/LockExpiration", { defaultValue: () => Option.none() })

/** Effect's own. */
const defaultExpiration = Duration.fromInputUnsafe(ShardingConfig.defaults.shardLockExpiration)

/**
 * - `lockExpiration` (35 seconds): how long the lock of a shard lasts without being refreshed, and how long a runner is there
 *   without a word. Runners refresh theirs at least three times in it
 *
 * @category models
 * @since 0.1.0
 */
export interface StorageOptions {
  readonly lockExpiration?: Duration.Input | undefined
}

/**
 * The storage of runners in one process, with locks that last 35 seconds.
 *
 * @category storages
 * @since 0.1.0
 */
export const layerStorageMemory: Layer.Layer<RunnerStorage.RunnerStorage> = Layer.suspend(() =>
  Layer.orDie(layerStorageMemoryWith({}))
)

/**
 * As `layerStorageMemory`, with locks that last as long as is said. Runners that are to share it must be given the same
 * layer. Fails with `InvalidOption`.
 *
 * @category storages
 * @since 0.1.0
 */
export const layerStorageMemoryWith = (options: StorageOptions): Layer.Layer<RunnerStorage.RunnerStorage, ZmqError> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const expiration = yield* expirationOf(options)
      return storageContext(storage.fromLeases(yield* storage.makeLeases(expiration)), expiration)
    })
  )

/**
 * Serves a storage to runners of other processes (`layerStorageClient`), and provides it to those of this one. Its state is
 * in memory:
 *
 * - while it is away no shard changes its runner. Runners that do not reach it for two thirds of a lock's expiration stop
 *   their entities, until it is back
 * - when it is started again within that time, entities go on: runners that knew the one before make themselves known, and
 *   until their locks have been refreshed, or would have run out, it gives none to others. Only a runner that is started in
 *   the same moment, and asks before any that knew the last one (within `refreshAssignmentsInterval`), could be given a shard
 *   whose runner still has it, until that one's next refresh
 *
 * Fails where the address cannot be bound. Whoever can connect can take any lock: bind it where only runners are, or give
 * the `server` a `security`.
 *
 * @category storages
 * @since 0.1.0
 */
export const layerStorageServer = (
  options: StorageOptions & {
    readonly bind: Endpoint.Input
    readonly server?: Omit<ZmqRpcServer.Options, "bind"> | undefined
  }
): Layer.Layer<RunnerStorage.RunnerStorage | StorageServer, ZmqError, Transport> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const expiration = yield* expirationOf(options)
      const leases = yield* storage.makeLeases(expiration)
      const { endpoint, protocol } = yield* serve({ ...options.server, bind: options.bind })
      const handlers = yield* storage.StorageRpcs.toHandlers(storage.handlersOf(leases))
      yield* RpcServer.make(storage.StorageRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
        Effect.provideService(RpcServer.Protocol, protocol),
        Effect.provideContext(handlers),
        Effect.forkScoped
      )
      return Context.add(
        storageContext(storage.fromLeases(leases), expiration),
        StorageServer,
        StorageServer.of({ endpoint: Endpoint.format(endpoint) })
      )
    })
  ).pipe(Layer.provide(RpcSerialization.layerJson))

/**
 * A storage that is served.
 *
 * @category services
 * @since 0.1.0
 */
export class StorageServer extends Context.Service<
  StorageServer,
  {
    /** What it is bound to: where `layerStorageClient` connects to. */
    readonly endpoint: Endpoint.Text
  }
>()("@effect-zmq/patterns/ZmqRunner/StorageServer") {}

/**
 * The storage of `layerStorageServer`, for a runner of another process. The layer is built when the storage has answered,
 * however late that is: a warning says that it is waited for.
 *
 * - `connect`: what the storage is bound to
 * - `timeout` (3 seconds, or a sixth of the time of a lock where that is less): for a call of the storage; then it has failed
 *   with a `PersistenceError`, and is made again. A line in the log says that the storage is away, and one that it is back
 * - `client`: how the storage is reached; `security` for instance
 *
 * @category storages
 * @since 0.1.0
 */
export const layerStorageClient = (options: {
  readonly connect: Endpoint.Input
  readonly timeout?: Duration.Input | undefined
  readonly client?: Omit<ZmqRpcClient.Options, "connect"> | undefined
}): Layer.Layer<RunnerStorage.RunnerStorage, ZmqError, Transport> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const protocol = yield* ZmqRpcClient.make({ linger: 0, ...options.client, connect: options.connect })
      const { lockExpiration, service } = yield* Effect.provideService(
        storage.fromServed(textOf(options.connect), options.timeout),
        RpcClient.Protocol,
        protocol
      )
      return storageContext(service, lockExpiration)
    })
  ).pipe(Layer.provide(RpcSerialization.layerJson))

const textOf = (endpoint: Endpoint.Input): string =>
  typeof endpoint === "string" ? endpoint : Endpoint.format(endpoint)

const expirationOf = ({ lockExpiration = defaultExpiration }: StorageOptions) => {
  const expiration = Duration.fromInputUnsafe(lockExpiration)
  if (Duration.isFinite(expiration) && Duration.isPositive(expiration)) return Effect.succeed(expiration)
  const problem = "a lock lasts for some time, and not for ever"
  return failing(
    Effect.fail(new InvalidOption({ option: "lockExpiration", value: Duration.format(expiration), problem })),
    "layerStorage"
  )
}

const storageContext = (service: RunnerStorage.RunnerStorage["Service"], expiration: Duration.Duration) =>
  Context.make(RunnerStorage.RunnerStorage, service).pipe(Context.add(LockExpiration, Option.some(expiration)))

// -----------------------------------------------------------------------------
// Entities
// -----------------------------------------------------------------------------

/**
 * - `concurrency` (1): how many calls of one entity run at once. What a handler wraps in `Rpc.fork` runs beside them
 * - `maxIdleTime`: after so long without a call the entity ends, and its scope closes; by default `entityMaxIdleTime`
 * - `mailboxCapacity`: how many calls may wait or run; by default `entityMailboxCapacity`
 * - `disableFatalDefects` (false): whether a defect of a handler fails its call only. Otherwise the entity is started anew, and
 *   Effect makes the call that it died of again, after pauses that grow, without end; the calls behind it wait
 * - `defectRetryPolicy`: when an entity that died, or whose layer failed, is started anew; by default after half a second,
 *   then later and later, up to ten
 * - `spanAttributes`, `mailboxMetrics`: as Effect's `Entity.toLayer` has them
 *
 * @category models
 * @since 0.1.0
 */
export interface EntityOptions {
  readonly concurrency?: number | "unbounded" | undefined
  readonly maxIdleTime?: Duration.Input | undefined
  readonly mailboxCapacity?: number | "unbounded" | undefined
  readonly mailboxMetrics?: boolean | undefined
  readonly disableFatalDefects?: boolean | undefined
  // Its type in `Entity.toLayer`.
  // biome-ignore lint/suspicious/noExplicitAny: what a schedule gives is not looked at
  readonly defectRetryPolicy?: Schedule.Schedule<any, unknown> | undefined
  readonly spanAttributes?: Record<string, string> | undefined
}

/**
 * Runs an entity with the handlers Layer of its group, as it is: the one that is served, or that workers have.
 *
 * The layer is built anew for each entity (`Layer.fresh`), when it is called first, and closed when it ends: what the layer
 * keeps is the state of one entity. It may ask for `Entity.CurrentAddress`, which says which. What it is to share with others
 * comes from outside, as a requirement. A layer that fails is built again by `defectRetryPolicy`; its calls wait.
 *
 * In a handler `requestId` is a Snowflake, the same when the call is made again elsewhere.
 *
 * @category entities
 * @since 0.1.0
 */
export const layerEntity = <Type extends string, Rpcs extends Rpc.Any, E, RX>(
  entity: Entity.Entity<Type, Rpcs>,
  handlers: Layer.Layer<Rpc.ToHandler<Rpcs>, E, RX>,
  options?: EntityOptions
): Layer.Layer<never, never, EntityServices<Rpcs, RX>> =>
  // The type leaves open what handlers of any calls need. These need nothing: they have it from where their layer is built.
  entity.toLayer(entities.handlersOf(entity.protocol, handlers), options) as Layer.Layer<
    never,
    never,
    EntityServices<Rpcs, RX>
  >

/**
 * What the entities of a handlers Layer need: what the layer needs, but for what each entity has of its own.
 *
 * @category models
 * @since 0.1.0
 */
export type EntityServices<Rpcs extends Rpc.Any, RX> =
  | Exclude<RX, Scope.Scope | Entity.CurrentAddress | Entity.CurrentRunnerAddress>
  | Rpc.ServicesClient<Rpcs>
  | Rpc.ServicesServer<Rpcs>
  | Rpc.Middleware<Rpcs>
  | Sharding.Sharding

/**
 * The handlers of a group of which each call goes to the entity of its key: with `ZmqRpcServer`, ordinary clients reach
 * entities, and need to know nothing of them. The entity has to serve each call of the group.
 *
 * Streams, errors, headers, the span and interruption pass as they are. `MailboxFull` and what else can happen on the way to
 * an entity (`EntityNotAssignedToRunner`, `AlreadyProcessingMessage`, `PersistenceError`) fails the call where its error
 * schema has it, and is a defect otherwise.
 *
 * @category entities
 * @since 0.1.0
 */
export const layerRouted = <R extends Rpcs, Type extends string, Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  entity: Entity.Entity<Type, Rpcs>,
  key: (payload: Rpc.Payload<R>, tag: R["_tag"]) => string
): Layer.Layer<Rpc.ToHandler<R>, never, Sharding.Sharding> =>
  Layer.effectContext(Effect.map(entity.client, (clientOf) => entities.routed(group, clientOf, key)))
