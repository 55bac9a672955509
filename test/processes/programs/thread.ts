/**
 * A thread of `threads.ts`: tells that it is at work, and is at it until it ends, one way or another. `steady` answers
 * requests; `waiting` receives where nothing comes; `busy` receives and sends as fast as it can, over tcp and inproc.
 */
import { parentPort, workerData } from "node:worker_threads"
import { type Endpoint, Pub, Pull, Push, Rep, Req } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Latch } from "effect"

export interface Given {
  readonly work: "steady" | "waiting" | "busy"
  readonly tasks: Endpoint.Text
  readonly results: Endpoint.Text
  readonly sink: Endpoint.Text
  /** Whether its sockets are its own. */
  readonly own: boolean
}

// As `threads.ts` gives it.
const { own, results, sink, tasks, work } = workerData as Given

const body = new Uint8Array(1000)

const busy = Effect.gen(function* () {
  const pull = yield* Pull.make({ connect: tasks })
  const over = { tcp: yield* Push.make({ connect: results }), inproc: yield* Push.make({ connect: sink }) }
  const pub = yield* Pub.make({ bind: "tcp://127.0.0.1:*" })
  const begun = yield* Latch.make()
  yield* Effect.forkScoped(Pull.runForEach(pull, () => begun.open))
  yield* Effect.forkScoped(Effect.forever(Push.send(over.tcp, body)))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Pub.send(pub, body), Push.send(over.inproc, body))))
  yield* begun.await
})

const waiting = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
  const req = yield* Req.make({ connect: "tcp://127.0.0.1:1" })
  yield* Effect.forkScoped(Pull.receive(pull), { startImmediately: true })
  yield* Effect.forkScoped(Req.request(req, "to nobody"), { startImmediately: true })
})

const steady = Effect.gen(function* () {
  const rep = yield* Rep.make({ connect: results })
  yield* Effect.forkScoped(Rep.serve(rep, Effect.succeed))
})

Effect.gen(function* () {
  yield* { busy, waiting, steady }[work]
  yield* Effect.callback<void>((resume) => {
    parentPort?.on("message", (how) => {
      if (how === "throw") throw new TypeError("as asked")
      if (how === "exit") process.exit(3)
      parentPort?.close()
      resume(Effect.void)
    })
    parentPort?.postMessage("up")
  })
}).pipe(
  Effect.scoped,
  Effect.provide(own ? ZmqTransport.layerWith({ inThread: true }) : ZmqTransport.layer),
  Effect.runPromise
)
