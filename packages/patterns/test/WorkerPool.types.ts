/**
 * What can be pooled, and what cannot. Nothing here runs: the type checker reads it with everything else, and an expected
 * error that is no error is one.
 */
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import type { RpcSerialization } from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as WorkerPool from "../src/WorkerPool.ts"

class Unary extends RpcGroup.make(
  Rpc.make("Count", { payload: { text: Schema.String }, success: Schema.Number }),
  Rpc.make("Urgent").annotate(WorkerPool.Priority, 10).annotate(WorkerPool.Idempotent, false)
) {}

class Streaming extends Unary.add(Rpc.make("Watch", { success: Schema.Number, stream: true })) {}

const sockets = { frontend: "tcp://127.0.0.1:*", backend: "tcp://127.0.0.1:*" } as const
const connect = { connect: "tcp://127.0.0.1:5560", credit: 1 } as const

// A group of unary calls can be pooled, and its workers want its handlers.
WorkerPool.layerDispatcher(Unary, sockets) satisfies Layer.Layer<WorkerPool.WorkerPool, ZmqError, Transport>
WorkerPool.layerWorker(Unary, connect) satisfies Layer.Layer<
  never,
  ZmqError,
  Rpc.Handler<"Count"> | Rpc.Handler<"Urgent"> | Transport | RpcSerialization
>

// One with a stream cannot, anywhere, and the error names it.
type Named = WorkerPool.StreamTags<RpcGroup.Rpcs<typeof Streaming>>
"Watch" satisfies Named
// @ts-expect-error
"Count" satisfies Named
// @ts-expect-error
WorkerPool.layerDispatcher(Streaming, sockets)
// @ts-expect-error
WorkerPool.make(Streaming, sockets)
// @ts-expect-error
WorkerPool.layerWorker(Streaming, connect)
// @ts-expect-error
WorkerPool.work(Streaming, connect)
// @ts-expect-error
WorkerPool.layerThreads(Streaming, { size: 1 })
// @ts-expect-error
WorkerPool.layerThread(Streaming)

// A worker says how much it takes.
// @ts-expect-error
WorkerPool.layerWorker(Unary, { connect: "tcp://127.0.0.1:5560" })
// @ts-expect-error
WorkerPool.layerWorker(Unary, { connect: "tpc://127.0.0.1:5560", credit: 1 })

// Annotations have values of their kind.
// @ts-expect-error
Rpc.make("Late").annotate(WorkerPool.Priority, "high")

declare const pool: WorkerPool.WorkerPool["Service"]
WorkerPool.submit(pool, "Count", new Uint8Array(0)) satisfies Effect.Effect<Uint8Array, WorkerPool.PoolError>
WorkerPool.submit("Count", new Uint8Array(0))(pool) satisfies Effect.Effect<Uint8Array, WorkerPool.PoolError>
