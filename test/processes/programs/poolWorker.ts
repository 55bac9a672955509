/** A worker of a pool: `poolWorker.ts <backend>`. Ends with the process that has started it. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import type { Endpoint } from "@effect-zmq/core"
import { WorkerPool } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect } from "effect"
import { RpcSerialization } from "effect/rpc"
import { Jobs } from "../poolJobs.ts"

const handlers = Jobs.toLayer({
  Do: ({ millis, n }, { requestId }) =>
    Effect.succeed({ n, pid: process.pid, requestId: String(requestId) }).pipe(Effect.delay(millis))
})

WorkerPool.work(Jobs, {
  // The test's own.
  connect: process.argv[2] as Endpoint.Text,
  credit: 16,
  name: String(process.pid),
  heartbeat: "200 millis",
  socketOptions: { reconnect: { initial: "20 millis", maximum: "100 millis" } }
}).pipe(
  WorkerPool.whileParent,
  Effect.provide([handlers, RpcSerialization.layerJson, ZmqTransport.layer, NodeServices.layer]),
  NodeRuntime.runMain
)
