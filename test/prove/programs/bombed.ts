/** A PULL with limits as strict as both transports have them, and a good peer of it; prints where it is bound. */
import { Message, Pull, Push, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Effect } from "effect"

const layer = process.argv[2] === "zmtp" ? ZmtpTransport.layer : ZmqTransport.layer

const main = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 1 }, maxMessageSize: 1000 })
  const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:" }) // resolved
  yield* Push.send(push, "ready")
  yield* Pull.receive(pull)
  console.log(`bound ${yield* Socket.endpoint(pull)}`)
  yield* Effect.callback<void>((resume) => void process.stdin.once("data", () => resume(Effect.void)))
  // The good peer is served.
  yield* Push.send(push, "served")
  console.log(`received ${Message.text(yield* Pull.receive(pull))}`)
})

await Effect.runPromise(main.pipe(Effect.scoped, Effect.provide(layer)))
process.exit(0)
