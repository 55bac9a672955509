/** The same peers through the public API, on libzmq or on ZMTP in TypeScript. */

// By their modules: V8 collects the memory of large messages the more slowly, the more code is loaded.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { done, Meter, ready, slowest, task, warmUp } from "./task.ts"

const { count, endpoint, form, role, size, subscribers = 1, transport = "zmq" } = task()

// Only the one that is used.
const { layer } =
  transport === "zmq"
    ? await import("@effect-zmq/transport-zmq/ZmqTransport")
    : await import("@effect-zmq/transport-zmtp/ZmtpTransport")
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
  } else if (form === "run") {
    yield* Effect.raceFirst(
      Pull.runForEach(pull, ([frame]) => Effect.sync(() => meter.add(frame))),
      Effect.callback<void>((resume) => {
        meter.onEnd(count, () => resume(Effect.void))
      })
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

const flight = Effect.gen(function* () {
  const dealer = yield* Dealer.make({ connect })
  const body = new Uint8Array(size)
  const request = ["", body] as const
  for (let i = 0; i < 100; i++) yield* Dealer.send(dealer, request)
  const total = warmUp + count
  let start = 0
  for (let received = 0; received < total; ) {
    yield* Dealer.receive(dealer)
    received++
    if (received === warmUp) start = performance.now()
    if (received + 99 < total) yield* Dealer.send(dealer, request)
  }
  done({ seconds: (performance.now() - start) / 1000, messages: count, bytes: count * size })
})

const req = Effect.gen(function* () {
  if (form === "flight") return yield* flight
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

const pub = Effect.gen(function* () {
  const options = { verbosity: "subscriptions", highWaterMark: { send: "unlimited" }, linger: "60 seconds" } as const
  const pub = yield* XPub.make({ bind: "tcp://127.0.0.1:*", ...options })
  yield* announce(pub)
  for (let i = 0; i < subscribers; i++) yield* XPub.receive(pub)
  const body = new Uint8Array(size)
  if (form === "batches") {
    const batch = Array.from({ length: 64 }, () => body)
    for (let sent = 0; sent < count; sent += batch.length) {
      yield* XPub.sendAll(pub, count - sent < batch.length ? batch.slice(0, count - sent) : batch)
    }
  } else for (let i = 0; i < count; i++) yield* XPub.send(pub, body)
})

const sub = Effect.gen(function* () {
  const one = Effect.gen(function* () {
    const sub = yield* Sub.make({ connect, subscribe: "", highWaterMark: { receive: "unlimited" } })
    const meter = new Meter()
    yield* Sub.batches(sub).pipe(
      Stream.takeUntil((batch) => {
        for (const message of batch) meter.add(message[0])
        return meter.messages === count
      }),
      Stream.runDrain
    )
    return meter.result
  })
  done(
    slowest(
      yield* Effect.all(
        Array.from({ length: subscribers }, () => one),
        { concurrency: "unbounded" }
      )
    )
  )
})

const program = { pull, push, rep, req, pub, sub }[role]

program.pipe(Effect.scoped, Effect.provide(layer), NodeRuntime.runMain)
