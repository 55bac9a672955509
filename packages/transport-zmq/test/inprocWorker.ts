/** A worker thread that receives over inproc until it gets "end", and tells what it got. */
import { parentPort } from "node:worker_threads"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ZmqTransport } from "../src/index.ts"

await Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "inproc://worker" })
  const bodies = Stream.map(Pull.stream(pull), Message.text)
  return yield* Stream.runCollect(Stream.takeUntil(bodies, (body) => body === "end"))
}).pipe(
  Effect.scoped,
  Effect.provide(ZmqTransport.layer),
  Effect.map((bodies) => parentPort?.postMessage(bodies)),
  Effect.runPromise
)
