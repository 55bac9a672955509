/** A worker thread of a pool. It ends itself over job -1, unless that is done again. */
import { threadId } from "node:worker_threads"
import { NodeRuntime, NodeWorkerRunner } from "@effect/platform-node"
import { WorkerPool } from "@effect-zmq/patterns"
import { Effect, Layer } from "effect"
import { Jobs } from "../poolJobs.ts"

const handlers = Jobs.toLayer({
  Do: ({ millis, n }, { headers, requestId }) =>
    Effect.suspend(() => {
      if (n === -1 && headers["zmq-attempt"] === undefined) process.exit(1)
      return Effect.succeed({ n, pid: threadId, requestId: String(requestId) })
    }).pipe(Effect.delay(millis))
})

WorkerPool.layerThread(Jobs).pipe(
  Layer.provide(handlers),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.launch,
  NodeRuntime.runMain
)
