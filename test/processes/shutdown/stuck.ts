/**
 * Never ends by itself: a finalizer waits for what does not come, where its sockets are still open (`stuck.ts DEADLINE inside`),
 * or after everything else has closed (`outside`).
 */
import { NodeRuntime } from "@effect/platform-node"
import { Pull, Socket } from "@effect-zmq/core"
import { Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer } from "effect"

const [deadline, where] = process.argv.slice(2)

const isStuck = (here: string) =>
  here === where ? Effect.addFinalizer(() => Effect.andThen(Console.log(`stuck ${where}`), Effect.never)) : Effect.void

Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
  yield* isStuck("inside")
  yield* Console.log(`bound to ${yield* Socket.endpoint(pull)}`)
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(Shutdown.layer({ deadline: Number(deadline) }).pipe(Layer.provideMerge(ZmqTransport.layer))),
  (program) => Effect.andThen(isStuck("outside"), program),
  Effect.scoped,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
