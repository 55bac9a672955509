/** A dispatcher: `poolDispatcher.ts <frontend> <backend>`. With `--workers`, also the processes of two workers. */
import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { type Endpoint, Socket } from "@effect-zmq/core"
import { WorkerPool } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer } from "effect"
import { ChildProcess } from "effect/process"
import { Jobs } from "../poolJobs.ts"

// The test's own.
const [frontend, backend] = process.argv.slice(2) as unknown as [Endpoint.Text, Endpoint.Text]

Effect.gen(function* () {
  const pool = yield* WorkerPool.make(Jobs, { frontend, backend, heartbeat: "50 millis" })
  const connect = yield* Socket.endpoint(pool.backend)
  yield* Console.log(`frontend ${yield* Socket.endpoint(pool.frontend)}\nbackend ${connect}\nready`)
  if (process.argv.includes("--workers")) {
    const worker = fileURLToPath(new URL("poolWorker.ts", import.meta.url))
    yield* Layer.build(
      WorkerPool.layerProcesses({ size: 2, command: () => ChildProcess.make(process.execPath, [worker, connect]) })
    )
    const { workers } = yield* pool.awaitStatus(({ workers }) => workers.length === 2)
    yield* Console.log(`workers ${workers.map(({ name }) => name).join(" ")} there`)
  }
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide([ZmqTransport.layer, NodeServices.layer]), NodeRuntime.runMain)
