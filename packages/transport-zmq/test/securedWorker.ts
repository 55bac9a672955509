/** A worker thread with a server socket: tells where it is bound, and what it receives, until it is told to close. */
import { parentPort } from "node:worker_threads"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import { ZmqTransport } from "../src/index.ts"

await Effect.gen(function* () {
  const security = Security.plain({
    authenticate: ({ username }) =>
      username === "thread" ? Effect.succeed({ id: username }) : Security.denied("not one of us")
  })
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", security })
  const tell = (text: string) => Effect.sync(() => parentPort?.postMessage(text))
  yield* tell(yield* Socket.endpoint(pull))
  yield* Effect.forkScoped(Pull.runForEach(pull, (message) => tell(Message.text(message))))
  yield* Effect.callback<void>((resume) => void parentPort?.once("message", () => resume(Effect.void)))
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), Effect.runPromise)
