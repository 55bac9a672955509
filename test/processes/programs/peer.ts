/**
 * A peer to be killed, stopped or cut off: `peer.ts pull ENDPOINT` receives; `peer.ts rep ENDPOINT` takes a request, says
 * so, and never answers.
 */

import { NodeRuntime } from "@effect/platform-node"
import { type Endpoint, Pull, Rep, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect } from "effect"

// What the test passes.
const [type, bind] = process.argv.slice(2) as [string, Endpoint.Text]

const pull = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind, linger: 0 })
  yield* Console.log(`bound ${yield* Socket.endpoint(pull)}`)
  yield* Pull.runForEach(pull, () => Effect.void)
})

const rep = Effect.gen(function* () {
  const rep = yield* Rep.make({ bind, linger: 0 })
  yield* Console.log(`bound ${yield* Socket.endpoint(rep)}`)
  yield* Rep.serve(rep, () => Effect.andThen(Console.log("asked"), Effect.never))
})

const program = type === "rep" ? rep : pull

program.pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
