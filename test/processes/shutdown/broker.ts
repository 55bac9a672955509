/** A broker: `broker.ts FRONTEND BACKEND`. Prints its figures when it has closed. */
import { NodeRuntime } from "@effect/platform-node"
import { Broker, Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer } from "effect"

// What the test passes.
const [frontend, backend] = process.argv.slice(2) as [`tcp://${string}:${string}`, `tcp://${string}:${string}`]

Effect.gen(function* () {
  // Runs after the broker is closed.
  let stats = Effect.succeed({}) as Effect.Effect<object>
  yield* Effect.addFinalizer(() => Effect.flatMap(stats, (all) => Console.log(JSON.stringify(all))))
  const broker = yield* Broker.make({ frontend, backend })
  stats = broker.stats
  yield* Console.log("bound")
  yield* broker.ended
}).pipe(
  Effect.scoped,
  Effect.provide(Shutdown.layer().pipe(Layer.provideMerge(ZmqTransport.layer))),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
