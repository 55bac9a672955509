/** Asks itself to end, or fails on the way: `requested.ts`, `requested.ts fails`. */
import { NodeRuntime } from "@effect/platform-node"
import { Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer } from "effect"

const [fails] = process.argv.slice(2)

Effect.gen(function* () {
  yield* Effect.addFinalizer(() => (fails === undefined ? Console.log("closed") : Effect.die("fails to close")))
  yield* Effect.forkScoped(Effect.flatMap(Shutdown.whenRequested, Console.log))
  yield* Effect.delay(Shutdown.request("it is enough"), 1)
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(Shutdown.layer().pipe(Layer.provideMerge(ZmqTransport.layer))),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
