/** What a message passes in `../proxy.ts`: a source, a proxy (the addon's, or this library's) and a sink, a process each. */

import { NodeRuntime } from "@effect/platform-node"
import { Dealer, type Endpoint, Proxy, Pull, Push, Router, Socket, Sub, XPub, XSub } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Stream } from "effect"
import * as zmq from "zeromq"
import { done, Meter } from "./task.ts"

export interface Relay {
  readonly role: "source" | "raw" | "ours" | "sink"
  readonly pattern: "streamer" | "queue" | "forwarder"
  readonly size: number
  readonly count: number
  /** Where a source and a sink connect. */
  readonly connect?: Endpoint.Text
}

// What ../proxy.ts hands over.
const { connect, count, pattern, role, size } = JSON.parse(process.argv[2] ?? "{}") as Relay

const bind = "tcp://127.0.0.1:*"
const to = connect ?? bind

/** A PUB drops what it has no room for, and then not everything would arrive. */
const highWaterMark = { send: "unlimited", receive: "unlimited" } as const

const body = new Uint8Array(size)
const batch = Array.from({ length: 64 }, () => body)

const sendAll = Effect.fnUntraced(function* <E>(send: (bodies: ReadonlyArray<Uint8Array>) => Effect.Effect<void, E>) {
  for (let sent = 0; sent < count; sent += batch.length) yield* send(batch.slice(0, count - sent))
})

const linger = "60 seconds"

const source = {
  streamer: Effect.flatMap(Push.make({ connect: to, linger }), (push) =>
    sendAll((bodies) => Push.sendAll(push, bodies))
  ),
  queue: Effect.flatMap(Dealer.make({ connect: to, linger }), (dealer) =>
    sendAll((bodies) => Dealer.sendAll(dealer, bodies))
  ),
  forwarder: Effect.gen(function* () {
    const xpub = yield* XPub.make({ connect: to, linger, highWaterMark })
    yield* XPub.receive(xpub) // the sink has subscribed
    yield* sendAll((bodies) => XPub.sendAll(xpub, bodies))
  })
}[pattern]

const meter = new Meter()

const measured = <E, R>(batches: Stream.Stream<ReadonlyArray<ReadonlyArray<Uint8Array>>, E, R>) =>
  batches.pipe(
    Stream.takeUntil((batch) => {
      for (const message of batch) meter.add(message.at(-1) ?? body)
      return meter.messages === count
    }),
    Stream.runDrain,
    Effect.andThen(Effect.sync(() => done(meter.result)))
  )

const sink = {
  streamer: Effect.flatMap(Pull.make({ connect: to }), (pull) => measured(Pull.batches(pull))),
  queue: Effect.flatMap(Dealer.make({ connect: to }), (dealer) => measured(Dealer.batches(dealer))),
  forwarder: Effect.flatMap(Sub.make({ connect: to, subscribe: "", highWaterMark }), (sub) =>
    measured(Sub.batches(sub))
  )
}[pattern]

const announce = (frontend: string | null | undefined, backend: string | null | undefined) =>
  console.log(JSON.stringify({ frontend, backend }))

const proxy = <F extends Socket.Socket, B extends Proxy.Partner<F>, E, R, E2, R2>(
  front: Effect.Effect<F, E, R>,
  back: Effect.Effect<B, E2, R2>
) =>
  Effect.gen(function* () {
    const [frontend, backend] = [yield* front, yield* back]
    announce(yield* Socket.endpoint(frontend), yield* Socket.endpoint(backend))
    yield* Proxy.run(frontend, backend)
  })

const ours = {
  streamer: proxy(Pull.make({ bind }), Push.make({ bind })),
  queue: proxy(Router.make({ bind }), Dealer.make({ bind })),
  forwarder: proxy(XSub.make({ bind, highWaterMark }), XPub.make({ bind, highWaterMark }))
}[pattern]

const unlimited = { sendHighWaterMark: 0, receiveHighWaterMark: 0 }

const raw = Effect.promise(async () => {
  const [frontend, backend] = {
    streamer: () => [new zmq.Pull(), new zmq.Push()] as const,
    queue: () => [new zmq.Router(), new zmq.Dealer()] as const,
    forwarder: () => [new zmq.XSubscriber(unlimited), new zmq.XPublisher(unlimited)] as const
  }[pattern]()
  await frontend.bind(bind)
  await backend.bind(bind)
  announce(frontend.lastEndpoint, backend.lastEndpoint)
  await new zmq.Proxy(frontend, backend).run()
})

const program = { source, sink, ours, raw }[role]

program.pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
