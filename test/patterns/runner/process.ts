/** A runner of counters: a process that a test starts and kills. Its argument is the storage that it shares. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as ZmqRunner from "@effect-zmq/patterns/ZmqRunner"
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { runner } from "./counters.ts"

const connect = Result.getOrThrow(Endpoint.parse(process.argv[2] ?? ""))

runner("tcp://127.0.0.1:*").pipe(
  Layer.tap(() => Effect.sync(() => console.log("ready"))),
  Layer.provide(ZmqRunner.layerStorageClient({ connect })),
  Layer.provide(ZmqTransport.layer),
  Layer.launch,
  NodeRuntime.runMain
)
