/** A worker thread that has a server socket until it is told to close. */
import { parentPort } from "node:worker_threads"
import * as Pull from "@effect-zmq/core/Pull"
import * as Security from "@effect-zmq/core/Security"
import * as Effect from "effect/Effect"
import { ZmqTransport } from "../src/index.ts"

await Effect.gen(function* () {
  const security = Security.plain({ authenticate: () => Effect.succeed({ id: "anybody" }) })
  yield* Pull.make({ bind: "tcp://127.0.0.1:*", security })
  yield* Effect.callback<void>((resume) => {
    parentPort?.once("message", () => resume(Effect.void))
    parentPort?.postMessage("open")
  })
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), Effect.runPromise)
