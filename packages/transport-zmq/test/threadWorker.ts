/** A worker thread that does one thing with sockets, tells how it went, and stays until it is ended: `workerData` says what. */
import { parentPort, workerData } from "node:worker_threads"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import { ZmqTransport } from "../src/index.ts"

export interface Given {
  readonly what: keyof typeof does
  readonly endpoint: Endpoint.Text
}

const { endpoint, what } = workerData as Given // by who starts it

const sends = Effect.gen(function* () {
  const push = yield* Push.make({ connect: endpoint })
  yield* Push.sendAll(push, Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(500)) as [string])
  return "sent"
})

/** As many as there are, in one go. */
const publishes = Effect.gen(function* () {
  const pub = yield* Pub.make({ connect: endpoint })
  yield* Socket.awaitConnected(pub)
  for (let i = 0; i < 1000; i++) yield* Pub.send(pub, `${i}`)
  return "published"
})

const loops = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
  const push = yield* Push.make({ connect: yield* Socket.endpoint(pull) })
  yield* Push.send(push, "round")
  return Message.text(yield* Pull.receive(pull))
})

const fails = Effect.as(Pull.make({ bind: endpoint }), "not failed")

const does = {
  sends: Effect.provide(sends, ZmqTransport.layer),
  publishes: Effect.provide(publishes, ZmqTransport.layer),
  fails: Effect.provide(fails, ZmqTransport.layer),
  isolated: Effect.provide(loops, ZmqTransport.layerWith({ isolated: true, ioThreads: 2, maxSockets: 10 })),
  late: Effect.provide(loops, ZmqTransport.layerWith({ maxSockets: 77 })),
  inThread: Effect.provide(Effect.scoped(loops), ZmqTransport.layerWith({ inThread: true }))
}

Effect.scoped(
  Effect.gen(function* () {
    const told = yield* Effect.catch(does[what], ({ reason }) => Effect.succeed(`${reason._tag}: ${reason.message}`))
    parentPort?.postMessage(told)
    yield* Effect.callback<void>((resume) => void parentPort?.once("message", () => resume(Effect.void)))
  })
).pipe(Effect.runFork)
