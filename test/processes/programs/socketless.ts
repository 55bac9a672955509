/** A thread of `unhosted.ts`: tells why it gets no socket. */
import { parentPort } from "node:worker_threads"
import { Pull } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect } from "effect"

Effect.flip(Pull.make({})).pipe(
  Effect.map(({ reason }) => parentPort?.postMessage(`${reason._tag}: ${reason.message}`)),
  Effect.scoped,
  Effect.provide(ZmqTransport.layer),
  Effect.runFork
)
