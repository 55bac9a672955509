/**
 * Sends 1,000 messages to a peer that may not be there, and ends: `unsent.ts ENDPOINT LINGER [BYTES]`, each of so many
 * bytes. Prints how its socket closed.
 */

import { NodeRuntime } from "@effect/platform-node"
import { Push, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Stream } from "effect"

// What the test passes: an endpoint, milliseconds, and bytes.
const [endpoint, linger, bytes = "1"] = process.argv.slice(2) as [`tcp://${string}:${string}`, string, string?]

const events = Effect.scoped(
  Effect.gen(function* () {
    const push = yield* Push.make({
      connect: endpoint,
      linger: Number(linger),
      reconnect: { initial: 20, maximum: 20 }
    })
    yield* Push.sendAll(
      push,
      Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(Number(bytes)))
    )
    yield* Console.log("sent")
    return Socket.events(push)
  })
)

Effect.gen(function* () {
  const all = yield* Stream.runCollect(yield* events)
  yield* Console.log(JSON.stringify(all.at(-1)))
}).pipe(Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
