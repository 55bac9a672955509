/**
 * Sends 1,000 messages, and goes on until it is asked to end: `sender.ts ENDPOINT LINGER DEADLINE`. Begins after its peer has
 * come, where there is one to wait for (`peer` as fourth argument).
 */
import { NodeRuntime } from "@effect/platform-node"
import { Push, Socket } from "@effect-zmq/core"
import { Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer, Stream } from "effect"

// What the test passes: an endpoint, and milliseconds.
const [endpoint, linger, deadline, peer] = process.argv.slice(2) as [
  `tcp://${string}:${string}`,
  string,
  string,
  string?
]

Effect.gen(function* () {
  const push = yield* Push.make({ connect: endpoint, linger: Number(linger), reconnect: { initial: 20, maximum: 20 } })
  if (peer !== undefined) {
    yield* Socket.events(push).pipe(
      Stream.takeUntil(({ _tag }) => _tag === "HandshakeSucceeded"),
      Stream.runDrain
    )
  }
  yield* Push.sendAll(
    push,
    Array.from({ length: 1000 }, (_, i) => `${i}`)
  )
  yield* Console.log("sent")
  yield* Effect.forkDetach(Effect.andThen(Shutdown.whenRequested, Console.log("asked")))
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(Shutdown.layer({ deadline: Number(deadline) }).pipe(Layer.provideMerge(ZmqTransport.layer))),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
