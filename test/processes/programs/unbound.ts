/** Has a socket that is connected over inproc to what nobody binds, and closes it: that is not to keep it alive. */

import { NodeRuntime } from "@effect/platform-node"
import { Push } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect } from "effect"

Effect.gen(function* () {
  const push = yield* Push.make({ connect: "inproc://nobody", linger: 0 })
  yield* Push.send(push, "to nobody")
}).pipe(Effect.scoped, Effect.andThen(Console.log("closed")), Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
