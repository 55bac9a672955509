/** Counters as a service and as entities, and the two layers that tests put together: a runner of them, and a front for clients. */
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as ZmqRpcServer from "@effect-zmq/patterns/ZmqRpcServer"
import * as ZmqRunner from "@effect-zmq/patterns/ZmqRunner"
import * as Entity from "effect/cluster/Entity"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class Negative extends Schema.TaggedError<Negative>()("Negative", { by: Schema.Int }) {}

const id = { id: Schema.String }

export class Counters extends RpcGroup.make(
  Rpc.make("Add", { payload: { ...id, by: Schema.Int }, success: Schema.Int, error: Negative }),
  /** The process that has the counter, and since when: the number of its own that the counter began with. */
  Rpc.make("Where", { payload: id, success: Schema.Struct({ pid: Schema.Int, born: Schema.Int }) }),
  Rpc.make("Upwards", { payload: { ...id, count: Schema.Int }, success: Schema.Int, stream: true })
) {}

export const Counter = Entity.fromRpcGroup("Counter", Counters)

let births = 0

export const handlers = Counters.toLayer(
  Effect.sync(() => {
    const born = ++births
    let total = 0
    return Counters.of({
      Add: ({ by }) => (by < 0 ? Effect.fail(new Negative({ by })) : Effect.sync(() => (total += by))),
      Where: () => Effect.succeed({ pid: process.pid, born }),
      Upwards: ({ count }) => Stream.range(1, count)
    })
  })
)

/** A few shards, and looks that are as frequent as a test is short. */
const sharding: ZmqRunner.ShardingOptions = { shardsPerGroup: 60, refreshAssignmentsInterval: "200 millis" }

const common = Layer.merge(MessageStorage.layerNoop, RpcSerialization.layerSchemaBinary())

export const runner = (bind: Endpoint.Input) =>
  ZmqRunner.layerEntity(Counter, handlers).pipe(
    Layer.provideMerge(ZmqRunner.layer({ bind, sharding })),
    Layer.provide(common)
  )

/** What ordinary clients reach the counters by, without a runner. */
export const front = (bind: Endpoint.Input) =>
  ZmqRpcServer.layer(Counters).pipe(
    Layer.provide(ZmqRunner.layerRouted(Counters, Counter, ({ id }) => id)),
    Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind })),
    Layer.provideMerge(ZmqRunner.layerClient({ sharding })),
    Layer.provide(common)
  )
