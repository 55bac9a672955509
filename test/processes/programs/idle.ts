/**
 * Has sockets of every kind, does nothing with them, and closes them: nothing is to keep it alive.
 */

import { NodeRuntime } from "@effect/platform-node"
import { Pub, Pull, Push, Rep, Req, Sub } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect } from "effect"

Effect.gen(function* () {
  const bind = "tcp://127.0.0.1:*"
  yield* Pull.make({ bind })
  yield* Rep.make({ bind })
  yield* Pub.make({ bind })
  yield* Push.make({ connect: "tcp://127.0.0.1:1" })
  yield* Req.make({ connect: "tcp://127.0.0.1:1" })
  yield* Sub.make({ connect: "tcp://127.0.0.1:1", subscribe: "" })
  // A receive that was abandoned is still pending in the addon.
  const pull = yield* Pull.make({ bind })
  yield* Effect.timeoutOption(Pull.receive(pull), 10)
  yield* Console.log("done")
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
