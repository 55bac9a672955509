/**
 * One contract, three deployments: the same handlers Layer, of payload and external services, and the same client programs,
 * served, spread over workers, and as entities.
 */
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as WorkerPool from "@effect-zmq/patterns/WorkerPool"
import * as ZmqRpcClient from "@effect-zmq/patterns/ZmqRpcClient"
import * as ZmqRpcServer from "@effect-zmq/patterns/ZmqRpcServer"
import * as ZmqRunner from "@effect-zmq/patterns/ZmqRunner"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Entity from "effect/cluster/Entity"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { assert } from "vitest"
import { endpointOf, type Place, suite } from "./targets.ts"

// -----------------------------------------------------------------------------
// The contract, and what is outside of it
// -----------------------------------------------------------------------------

class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", { item: Schema.String, left: Schema.Int }) {}

const item = { item: Schema.String }

class Shop extends RpcGroup.make(
  Rpc.make("Price", { payload: { ...item, count: Schema.Int }, success: Schema.Int }),
  /** Ordered once, however often this is called: the order has a key. */
  Rpc.make("Order", {
    payload: { ...item, count: Schema.Int, order: Schema.String },
    success: Schema.Struct({ left: Schema.Int }),
    error: SoldOut
  }),
  /** Waits for a delivery, which never comes. */
  Rpc.make("Wait", { payload: item }),
  Rpc.make("Customer", { payload: item, success: Schema.NullOr(Schema.String) }),
  Rpc.make("Break", { payload: item })
) {}

/** What all handlers share, wherever they are: a database would be such a service. */
class Warehouse extends Context.Service<
  Warehouse,
  {
    readonly stock: Map<string, number>
    readonly orders: Map<string, { readonly left: number }>
    /** How often the handlers were built. */
    built: number
    /** Who began to wait, and who was interrupted. */
    readonly waiting: Queue.Queue<string>
    readonly interrupted: Queue.Queue<string>
  }
>()("test/Warehouse") {}

// -----------------------------------------------------------------------------
// The handlers, once
// -----------------------------------------------------------------------------

const ShopHandlers = Shop.toLayer(
  Effect.gen(function* () {
    const warehouse = yield* Warehouse
    const { interrupted, orders, stock, waiting } = warehouse
    warehouse.built++
    return Shop.of({
      Price: ({ count, item }) => Effect.succeed(item.length * count),
      Order: ({ count, item, order }) =>
        Effect.suspend(() => {
          const done = orders.get(order)
          if (done !== undefined) return Effect.succeed(done)
          const left = (stock.get(item) ?? 0) - count
          if (left < 0) return Effect.fail(new SoldOut({ item, left: left + count }))
          stock.set(item, left)
          orders.set(order, { left })
          return Effect.succeed({ left })
        }),
      Wait: ({ item }) =>
        Effect.andThen(Queue.offer(waiting, item), Effect.never).pipe(
          Effect.onInterrupt(() => Queue.offer(interrupted, item))
        ),
      Customer: (_, { headers }) => Effect.succeed(headers.customer ?? null),
      Break: ({ item }) => Effect.die(new Error(`${item} broke`))
    })
  })
)

// -----------------------------------------------------------------------------
// Three deployments, each of which clients connect to
// -----------------------------------------------------------------------------

type Needs = Transport | RpcSerialization.RpcSerialization | Warehouse | Scope.Scope

type Deployment = (place: Place) => Effect.Effect<Endpoint.Endpoint, ZmqError, Needs>

const served: Deployment = (place) =>
  Effect.gen(function* () {
    const server = yield* ZmqRpcServer.layer(Shop).pipe(
      Layer.provide(ShopHandlers),
      Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind: place() })),
      Layer.build
    )
    return yield* endpointOf(Context.get(server, ZmqRpcServer.ZmqRpcServer).socket)
  })

const pooled: Deployment = (place) =>
  Effect.gen(function* () {
    const dispatcher = yield* Layer.build(
      WorkerPool.layerDispatcher(Shop, { frontend: place(), backend: place(), drain: "100 millis" })
    )
    const { backend, frontend } = Context.get(dispatcher, WorkerPool.WorkerPool)
    const connect = yield* endpointOf(backend)
    for (const name of ["first", "second"]) {
      const worker = WorkerPool.layerWorker(Shop, { connect, credit: 4, name, drain: "100 millis" })
      yield* Layer.build(Layer.provide(worker, Layer.fresh(ShopHandlers)))
    }
    return yield* endpointOf(frontend)
  })

const ShopEntity = Entity.fromRpcGroup("Shop", Shop)

const entities: Deployment = (place) =>
  Effect.gen(function* () {
    const shardsPerGroup = 30
    const sharding: ZmqRunner.ShardingOptions = { shardsPerGroup, refreshAssignmentsInterval: "100 millis" }
    const around = yield* Layer.build(Layer.merge(ZmqRunner.layerStorageMemory, MessageStorage.layerNoop))
    // As in the other deployments, a call that dies is that call's own end.
    const shop = ZmqRunner.layerEntity(ShopEntity, ShopHandlers, { disableFatalDefects: true })
    const runners = yield* Effect.forEach([place(), place()], (bind) =>
      Layer.provideMerge(Layer.fresh(shop), ZmqRunner.layer({ bind, sharding })).pipe(
        Layer.build,
        Effect.provideContext(around),
        Effect.map((runner) => Context.get(runner, Sharding.Sharding))
      )
    )
    // Until each has its share, entities move, and are built anew where they come to.
    const shards = Array.from({ length: shardsPerGroup }, (_, n) => ShardId.make("default", n + 1))
    const shares = Effect.sync(() => runners.map(({ hasShardId }) => shards.filter(hasShardId).length))
    yield* Effect.repeat(shares, {
      until: (counts) => counts.every((count) => count > 0) && counts.reduce((a, b) => a + b) === shardsPerGroup,
      schedule: Schedule.spaced("20 millis")
    })
    const front = yield* ZmqRpcServer.layer(Shop).pipe(
      Layer.provide(ZmqRunner.layerRouted(Shop, ShopEntity, ({ item }) => item)),
      Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind: place() })),
      Layer.provide(ZmqRunner.layerClient({ sharding })),
      Layer.build,
      Effect.provideContext(around)
    )
    return yield* endpointOf(Context.get(front, ZmqRpcServer.ZmqRpcServer).socket)
  })

/** How they are deployed, and how often the handlers are built, when three items have been called. */
const deployments: Readonly<Record<string, { readonly deploy: Deployment; readonly built: number }>> = {
  served: { deploy: served, built: 1 },
  "pooled, by two workers": { deploy: pooled, built: 2 },
  "as entities, in two runners": { deploy: entities, built: 3 }
}

// -----------------------------------------------------------------------------
// The client programs, once
// -----------------------------------------------------------------------------

const client = (connect: Endpoint.Input) =>
  Layer.build(ZmqRpcClient.layerProtocol({ connect })).pipe(
    Effect.flatMap((protocol) => Effect.provideContext(RpcClient.make(Shop), protocol))
  )

type Client = Effect.Success<ReturnType<typeof client>>

const unbounded = { concurrency: "unbounded" } as const

type Program = (first: Client, second: Client) => Effect.Effect<unknown, unknown, Warehouse | Scope.Scope>

const programs: Readonly<Record<string, Program>> = {
  "answers each call of each client": (first, second) =>
    Effect.gen(function* () {
      const items = Array.from({ length: 20 }, (_, n) => "x".repeat(n))
      const prices = (shop: Client, count: number) =>
        Effect.forEach(items, (item) => shop.Price({ item, count }), unbounded)
      const both = yield* Effect.all([prices(first, 2), prices(second, 3)], unbounded)
      assert.deepStrictEqual(
        both,
        [2, 3].map((count) => items.map((_, n) => n * count))
      )
    }),

  "does once what has a key, and fails with the errors of the contract": (first, second) =>
    Effect.gen(function* () {
      const { orders, stock } = yield* Warehouse
      const items = ["apple", "pear", "plum"]
      for (const item of items) stock.set(item, 4)
      const calls = items.flatMap((item) => [first, second, first].map((shop) => ({ shop, item })))
      // Three times the same three orders.
      const order = ({ item, shop }: (typeof calls)[number]) => shop.Order({ item, count: 3, order: `${item}-1` })
      const receipts = yield* Effect.forEach(calls, order, unbounded)
      assert.deepStrictEqual(
        receipts,
        calls.map(() => ({ left: 1 }))
      )
      assert.deepStrictEqual([...stock], [...items.map((item) => [item, 1] as const)])
      const error = yield* Effect.flip(second.Order({ item: "plum", count: 3, order: "plum-2" }))
      assert.instanceOf(error, SoldOut)
      assert.deepInclude(error, { item: "plum", left: 1 })
      assert.strictEqual(orders.size, 3)
    }),

  "interrupts the handler of a call that is interrupted, and of no other": (first, second) =>
    Effect.gen(function* () {
      const { interrupted, waiting } = yield* Warehouse
      const pears = yield* Effect.forkScoped(first.Wait({ item: "pear" }))
      const plums = yield* Effect.forkScoped(second.Wait({ item: "plum" }))
      assert.sameMembers(yield* Queue.takeN(waiting, 2), ["pear", "plum"])
      yield* Fiber.interrupt(pears)
      assert.strictEqual(yield* Queue.take(interrupted), "pear")
      assert.isUndefined(plums.pollUnsafe())
      assert.strictEqual(yield* Queue.size(interrupted), 0)
    }),

  "gives the handler the headers of its call": (first, second) =>
    Effect.gen(function* () {
      const headers = { customer: "ada" }
      assert.strictEqual(yield* first.Customer({ item: "pear" }, { headers }), "ada")
      assert.isNull(yield* second.Customer({ item: "pear" }))
    }),

  "fails the one call whose handler dies": (first, second) =>
    Effect.gen(function* () {
      const { waiting } = yield* Warehouse
      const other = yield* Effect.forkScoped(first.Wait({ item: "plum" }))
      yield* Queue.take(waiting)
      const exit = yield* Effect.exit(second.Break({ item: "pear" }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual(yield* first.Price({ item: "pear", count: 1 }), 4)
      assert.isUndefined(other.pollUnsafe())
    })
}

// -----------------------------------------------------------------------------
// All programs on all deployments, on every transport
// -----------------------------------------------------------------------------

const warehouse = Effect.gen(function* () {
  return Warehouse.of({
    stock: new Map(),
    orders: new Map(),
    built: 0,
    waiting: yield* Queue.unbounded<string>(),
    interrupted: yield* Queue.unbounded<string>()
  })
})

for (const [name, { built, deploy }] of Object.entries(deployments)) {
  const body = (program: Program) => (place: Place) =>
    Effect.gen(function* () {
      const connect = yield* deploy(place)
      yield* program(yield* client(connect), yield* client(connect))
    }).pipe(Effect.provideServiceEffect(Warehouse, warehouse), Effect.provide(RpcSerialization.layerSchemaBinary()))
  suite(`the same service, ${name}`, {
    ...Object.fromEntries(Object.entries(programs).map(([promise, program]) => [promise, body(program)])),
    [`has its handlers built as often as it should: ${built}`]: body((first, second) =>
      Effect.gen(function* () {
        for (const item of ["apple", "pear", "plum"]) {
          yield* first.Price({ item, count: 1 })
          yield* second.Price({ item, count: 1 })
        }
        assert.strictEqual((yield* Warehouse).built, built)
      })
    )
  })
}
