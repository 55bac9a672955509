/** The same peers through the public API, on libzmq or on ZMTP in TypeScript. */

// By their modules: V8 collects the memory of large messages the more slowly, the more code is loaded.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { bodies, lanes } from "./checksum.ts"
import { done, grown, Meter, onReleased, type Result, ready, slowest, task, ticking, topic, warmUp } from "./task.ts"

const { count, endpoint, form, mark, role, size, subscribers = 1, timer = false, transport = "zmq" } = task()

// Only the one that is used.
const { layer } =
  transport === "zmq"
    ? await import("@effect-zmq/transport-zmq/ZmqTransport")
    : await import("@effect-zmq/transport-zmtp/ZmtpTransport")
// The benchmark hands over what the other peer was bound to.
const connect = endpoint as `tcp://${string}:${string}`
const bind = "tcp://127.0.0.1:*"

const announce = (socket: Socket.Socket) => Effect.map(Socket.endpoints(socket), ([bound]) => ready(bound ?? ""))

const all = bodies(size)
const sums = all.map(lanes)
const meter = new Meter()
const body = (i: number) => all[i % all.length] ?? ""
const lag = timer ? ticking : () => () => []

const released = Effect.callback<void>((resume) => onReleased(() => resume(Effect.void)))

/** What was measured until now, told when the other side has everything. */
const tell = Effect.fnUntraced(function* (more: Partial<Result> = {}) {
  meter.stop()
  yield* released
  done({ ...meter.result, ...more })
})

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Each of the bodies in turn: by 64, or one an effect. */
const sending = Effect.fnUntraced(function* <E>(
  one: (body: Uint8Array | string) => Effect.Effect<void, E>,
  many: (bodies: ReadonlyArray<Uint8Array>) => Effect.Effect<void, E>
) {
  const batch = Array.from({ length: 64 }, (_, i) => all[i % all.length] ?? new Uint8Array(size))
  const sent = (messages: number) => {
    for (let i = 0; i < messages; i++) meter.count(size, sums[meter.messages % all.length] ?? 0)
  }
  if (form === "batches") {
    for (let i = 0; i < count; i += batch.length) {
      const some = count - i < batch.length ? batch.slice(0, count - i) : batch
      yield* many(some)
      sent(some.length)
    }
  } else {
    for (let i = 0; i < count; i++) {
      yield* one(body(i))
      sent(1)
      if (form === "turn") yield* turn
    }
  }
})

/** Until all have come: no operator of its own is measured with what receives. */
const counted = Effect.callback<void>((resume) => {
  meter.onEnd(count, () => resume(Effect.void))
})

const pull = Effect.gen(function* () {
  const highWaterMark = mark === undefined ? undefined : { receive: mark }
  const pull = yield* Pull.make({ bind, highWaterMark })
  yield* announce(pull)
  let ticks: ReturnType<typeof lag> | undefined
  const begin = () => {
    if (ticks === undefined) ticks = lag()
  }
  if (form === "batches") {
    yield* Pull.batches(pull).pipe(
      Stream.takeUntil((batch) => {
        begin()
        for (const message of batch) meter.add(message[0])
        return meter.messages === count
      }),
      Stream.runDrain
    )
  } else if (form === "run") {
    yield* Effect.raceFirst(
      Pull.runForEach(pull, ([frame]) => Effect.sync(() => meter.add(frame))),
      counted
    )
  } else {
    yield* Effect.raceFirst(
      Stream.runForEach(Pull.stream(pull), ([frame]) => Effect.sync(() => meter.add(frame))),
      counted
    )
  }
  done({ ...meter.result, ticks: ticks?.() ?? [] })
  yield* released
})

const push = Effect.gen(function* () {
  const highWaterMark = mark === undefined ? undefined : { send: mark }
  const push = yield* Push.make({ connect, linger: "60 seconds", highWaterMark })
  const ticks = lag()
  yield* sending(
    (body) => Push.send(push, body),
    (bodies) => Push.sendAll(push, bodies)
  )
  yield* tell({ ticks: ticks() })
})

const rep = Effect.gen(function* () {
  const rep = yield* Rep.make({ bind })
  yield* announce(rep)
  const serve = Rep.serve(rep, (request) => {
    const frame = Message.bytes(request)
    meter.add(frame)
    return Effect.succeed(frame)
  })
  yield* Effect.raceFirst(serve, released)
  done(meter.result)
})

const flight = Effect.gen(function* () {
  const dealer = yield* Dealer.make({ connect })
  for (let i = 0; i < 100; i++) yield* Dealer.send(dealer, ["", body(i)])
  const total = warmUp + count
  while (meter.messages < total) {
    meter.add(Message.bytes(yield* Dealer.receive(dealer)))
    const next = meter.messages + 99
    if (next < total) yield* Dealer.send(dealer, ["", body(next)])
    if (meter.messages === warmUp) meter.begin()
  }
  done(meter.result)
  yield* released
})

const req = Effect.gen(function* () {
  if (form === "flight") return yield* flight
  const req = yield* Req.make({ connect })
  const trips: Array<number> = []
  for (let i = 0; i < warmUp + count; i++) {
    if (i === warmUp) meter.begin()
    const begun = performance.now()
    const reply = yield* Req.request(req, body(i))
    if (i >= warmUp) trips.push((performance.now() - begun) * 1000)
    meter.add(Message.bytes(reply))
  }
  done({ ...meter.result, trips })
  yield* released
})

const unlimited = { send: "unlimited", receive: "unlimited" } as const

const pub = Effect.gen(function* () {
  const pub = yield* XPub.make({ bind, verbosity: "subscriptions", highWaterMark: unlimited, linger: "60 seconds" })
  yield* announce(pub)
  for (let i = 0; i < subscribers; i++) yield* XPub.receive(pub)
  yield* sending(
    (body) => XPub.send(pub, body),
    (bodies) => XPub.sendAll(pub, bodies)
  )
  yield* tell()
})

const sub = Effect.gen(function* () {
  const one = Effect.gen(function* () {
    const sub = yield* Sub.make({ connect, subscribe: "", highWaterMark: unlimited })
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
  const results = yield* Effect.all(
    Array.from({ length: subscribers }, () => one),
    { concurrency: "unbounded" }
  )
  done(slowest(results))
  yield* released
})

const router = Effect.gen(function* () {
  const router = yield* Router.make({ bind, backlog: 4096 }) // all of a crowd come at once
  const each = grown(subscribers)
  yield* announce(router)
  const serve = Router.runForEach(router, ({ from, message }) => {
    meter.add(Message.bytes(message))
    return Router.send(router, { to: from, message })
  })
  yield* Effect.raceFirst(serve, released)
  done({ ...meter.result, each: each() })
})

const crowd = Effect.gen(function* () {
  const begun = performance.now()
  const dealers: Array<Dealer.Dealer> = []
  for (let i = 0; i < subscribers; i++) dealers.push(yield* Dealer.make({ connect }))
  const echo = Effect.fnUntraced(function* (i: number) {
    const dealer = dealers[i]
    if (dealer === undefined) return
    yield* Dealer.send(dealer, body(i))
    const frame = Message.bytes(yield* Dealer.receive(dealer))
    if (lanes(frame) !== sums[i % sums.length]) return yield* Effect.die(`connection ${i} got something else back`)
    meter.add(frame)
  })
  yield* Effect.forEach(dealers, (_, i) => echo(i), { concurrency: "unbounded", discard: true })
  const setup = (performance.now() - begun) / 1000
  const flight = Math.min(100, subscribers)
  let next = 0
  const one = Effect.fnUntraced(function* (lane: number) {
    for (let i = lane; next < count; i += flight) {
      next += 1
      yield* echo(i % subscribers)
    }
  })
  meter.begin()
  const inFlight = Array.from({ length: flight }, (_, lane) => one(lane))
  yield* Effect.all(inFlight, { concurrency: "unbounded", discard: true })
  done({ ...meter.result, setup })
  yield* released
})

const topics = Effect.gen(function* () {
  const pub = yield* XPub.make({ bind, verbosity: "subscriptions", highWaterMark: unlimited, linger: "60 seconds" })
  const each = grown(subscribers)
  yield* announce(pub)
  let subscribed = 0
  yield* XPub.batches(pub).pipe(
    Stream.takeUntil((batch) => (subscribed += batch.length) >= subscribers),
    Stream.runDrain
  )
  const encoder = new TextEncoder()
  for (let i = 0; i < count; i++) {
    const body = encoder.encode(topic((i * 7919) % subscribers))
    yield* XPub.send(pub, body)
    meter.add(body)
  }
  meter.stop()
  yield* released
  done({ ...meter.result, each: each() })
})

const subscriber = Effect.gen(function* () {
  const subscribe = Array.from({ length: subscribers }, (_, i) => topic(i))
  const begun = performance.now()
  const sub = yield* Sub.make({ connect, subscribe, highWaterMark: unlimited })
  let setup = 0
  yield* Sub.batches(sub).pipe(
    Stream.takeUntil((batch) => {
      if (meter.messages === 0) setup = (performance.now() - begun) / 1000
      for (const message of batch) meter.add(message[0])
      return meter.messages === count
    }),
    Stream.runDrain
  )
  done({ ...meter.result, setup })
  yield* released
})

const program = { pull, push, rep, req, pub, sub, router, crowd, topics, subscriber }[role]

program.pipe(Effect.scoped, Effect.provide(layer), NodeRuntime.runMain)
