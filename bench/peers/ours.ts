/** The same peers through the public API, on libzmq. */

import { NodeRuntime } from "@effect/platform-node"
import { Message, Pull, Push, Rep, Req, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Stream } from "effect"
import { done, Meter, ready, task, warmUp } from "./task.ts"

const { count, endpoint, form, role, size } = task()
// The benchmark hands over what the other peer was bound to.
const connect = endpoint as `tcp://${string}:${string}`

const announce = (socket: Socket.Socket) => Effect.map(Socket.endpoints(socket), ([bound]) => ready(bound ?? ""))

const pull = Effect.gen(function* () {
  const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
  yield* announce(pull)
  const meter = new Meter()
  if (form === "batches") {
    yield* Pull.batches(pull).pipe(
      Stream.takeUntil((batch) => {
        for (const message of batch) meter.add(message[0])
        return meter.messages === count
      }),
      Stream.runDrain
    )
  } else {
    yield* Pull.stream(pull).pipe(
      Stream.take(count),
      Stream.runForEach((message) => Effect.sync(() => meter.add(message[0])))
    )
  }
  done(meter.result)
})

const push = Effect.gen(function* () {
  const push = yield* Push.make({ connect, linger: "60 seconds" })
  const body = new Uint8Array(size)
  if (form === "batches") {
    const batch = Array.from({ length: 64 }, () => body)
    for (let sent = 0; sent < count; sent += batch.length) {
      yield* Push.sendAll(push, count - sent < batch.length ? batch.slice(0, count - sent) : batch)
    }
  } else for (let i = 0; i < count; i++) yield* Push.send(push, body)
})

const rep = Effect.gen(function* () {
  const rep = yield* Rep.make({ bind: "tcp://127.0.0.1:*" })
  yield* announce(rep)
  yield* Rep.serve(rep, (request) => Effect.succeed(Message.bytes(request)))
})

const req = Effect.gen(function* () {
  const req = yield* Req.make({ connect })
  const body = new Uint8Array(size)
  const trips: Array<number> = []
  let start = 0
  for (let i = 0; i < warmUp + count; i++) {
    if (i === warmUp) start = performance.now()
    const sent = performance.now()
    yield* Req.request(req, body)
    if (i >= warmUp) trips.push((performance.now() - sent) * 1000)
  }
  done({ seconds: (performance.now() - start) / 1000, messages: count, bytes: count * size, trips })
})

const program = { pull, push, rep, req }[role]

program.pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
