/**
 * Sends 1,000 messages to a peer that is not there yet, and then goes on until it is interrupted: `interrupted.ts
 * ENDPOINT LINGER`. Prints how its socket closed.
 */

import { NodeRuntime } from "@effect/platform-node"
import { Push, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Stream } from "effect"

// What the test passes: an endpoint, and milliseconds.
const [endpoint, linger] = process.argv.slice(2) as [`tcp://${string}:${string}`, string]

Effect.gen(function* () {
  // Runs after the socket is closed.
  let events = Stream.empty as ReturnType<typeof Socket.events>
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Stream.runCollect(events), (all) => Console.log(JSON.stringify(all.at(-1))))
  )
  const push = yield* Push.make({ connect: endpoint, linger: Number(linger), reconnect: { initial: 20, maximum: 20 } })
  events = Socket.events(push)
  yield* Push.sendAll(
    push,
    Array.from({ length: 1000 }, (_, i) => `${i}`)
  )
  yield* Console.log("sent")
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
