/** What is lost over the wire is counted, by its cause, and told before the socket is closed. */
import { assert, describe, it } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Loss from "@effect-zmq/core/Loss"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import * as SocketEvent from "@effect-zmq/core/SocketEvent"
import type { Transport } from "@effect-zmq/core/Transport"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { encodeFrame } from "../src/internal/protocol/frame.ts"
import { dial, greeting, ready } from "./peer.ts"

const live = <E>(title: string, body: Effect.Effect<void, E, Transport | Scope.Scope>) =>
  it.live(title, () =>
    body.pipe(
      Effect.scoped,
      Effect.provide(ZmtpTransport.layer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

const metric = (name: string, cause: Loss.Cause) =>
  Effect.map(Metric.snapshot, (all) => {
    const one = all.find(
      ({ attributes, id }) => id === "zmq_messages_dropped" && attributes?.name === name && attributes.cause === cause
    )
    return one?.type === "Counter" ? Number(one.state.count) : undefined
  })

const first = (socket: Socket.Socket, tag: SocketEvent.SocketEvent["_tag"]) =>
  Effect.timeout(Stream.runDrain(Stream.takeUntil(Socket.events(socket), ({ _tag }) => _tag === tag)), "3 seconds")

const until = (socket: Socket.Socket, isSo: (statistics: Socket.Statistics) => boolean) =>
  Effect.timeout(
    Effect.gen(function* () {
      while (!isSo(yield* Socket.statistics(socket))) yield* Effect.sleep(1)
    }),
    "3 seconds"
  )

/** Closes it, and sees that its report, its events and its metric agree. */
const close = Effect.fnUntraced(function* (socket: Socket.Socket) {
  const { dropped, flushed, losses = {} } = yield* Socket.drain(socket, 0)
  const told = new Map<string, number>()
  yield* Stream.runForEach(Stream.takeUntil(Socket.events(socket), SocketEvent.SocketEvent.$is("Closed")), (event) =>
    Effect.sync(() => {
      if (event._tag === "Dropped") told.set(event.cause, event.total)
    })
  )
  for (const cause of Loss.causes) {
    assert.strictEqual(yield* metric(socket.name, cause), losses[cause] ?? 0, cause)
    // By doubling: at least half of them are told.
    assert.isAtLeast(2 * (told.get(cause) ?? 0), losses[cause] ?? 0, cause)
  }
  return { dropped, flushed, losses }
})

/** More than the system has room for, and less than the high-water mark. */
const large = Array.from({ length: 400 }, () => new Uint8Array(100_000))

const wires = ["tcp://127.0.0.1:*", "ipc://*"] as const

for (const bind of [...wires, "inproc://losses"] as const) {
  describe(`what is lost over ${bind.slice(0, bind.indexOf(":"))}`, () => {
    live(
      "what has come in and nobody took is unread when the socket closes",
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind, name: "pull" })
        const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:" })
        yield* Push.sendAll(push, Array.from({ length: 300 }, String))
        yield* until(pull, ({ queued }) => queued.receive === 300)
        yield* Pull.receive(pull)
        const { losses } = yield* close(pull)
        assert.deepStrictEqual(losses, { unread: 299 })
      })
    )
  })
}

for (const bind of wires) {
  const scheme = bind.slice(0, 3)

  describe(`what is lost over ${scheme}`, () => {
    live(
      "what was read ahead, and not even decoded, is unread as well",
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind, name: "pull", highWaterMark: { receive: 10 } })
        const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:" })
        yield* Socket.awaitConnected(push)
        yield* Push.sendAll(push, Array.from({ length: 300 }, String))
        yield* until(pull, ({ queued }) => queued.receive === 10)
        const { losses } = yield* close(pull)
        assert.deepStrictEqual(losses, { unread: 300 })
      })
    )

    live(
      "what had come of a peer that has left is unread, too",
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind, name: "pull" })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:" })
            yield* Push.sendAll(push, ["1", "2", "3"])
          })
        )
        yield* first(pull, "Disconnected")
        assert.deepStrictEqual((yield* close(pull)).losses, { unread: 3 })
      })
    )

    live(
      "what the system had not taken when linger is over is unsent",
      Effect.gen(function* () {
        const push = yield* Push.make({ bind, name: "push" })
        const peer = yield* dial(yield* Socket.endpoint(push))
        yield* peer.write(greeting, ready("PULL"))
        yield* first(push, "HandshakeSucceeded")
        yield* peer.pause
        yield* Push.sendAll(push, large)
        yield* Effect.sleep("20 millis")
        const { queued } = yield* Socket.statistics(push)
        const unsent = queued.send ?? 0
        assert.isAbove(unsent, 0)
        // Over ipc the system has less room than one write has bytes.
        if (scheme === "tcp") assert.isBelow(unsent, large.length)
        assert.deepStrictEqual(yield* close(push), { flushed: false, dropped: unsent, losses: { unsent } })
      })
    )

    live(
      "what a bound socket had for a peer that is lost is disconnected",
      Effect.gen(function* () {
        const push = yield* Push.make({ bind, name: "push" })
        const lost = yield* Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* dial(yield* Socket.endpoint(push))
            yield* peer.write(greeting, ready("PULL"))
            yield* first(push, "HandshakeSucceeded")
            yield* peer.pause
            yield* Push.sendAll(push, large)
            yield* Effect.sleep("20 millis")
            return (yield* Socket.statistics(push)).queued.send ?? 0
          })
        )
        yield* until(push, ({ peers }) => peers === 0)
        assert.isAbove(lost, 0)
        assert.deepStrictEqual(yield* close(push), { flushed: true, dropped: 0, losses: { disconnected: lost } })
      })
    )

    live(
      "who connects keeps what was queued, and what was with the connection is disconnected",
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind, highWaterMark: { receive: 1 } })
        const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:", name: "push" })
        yield* Socket.awaitConnected(push)
        yield* Push.sendAll(push, large)
        yield* until(pull, ({ queued }) => queued.receive === 1)
        yield* Effect.sleep("20 millis")
        const before = (yield* Socket.statistics(push)).queued.send ?? 0
        yield* Socket.drain(pull, 0)
        yield* first(push, "Disconnected")
        const { losses, queued } = yield* Socket.statistics(push)
        assert.isAbove(losses.disconnected ?? 0, 0)
        assert.strictEqual((losses.disconnected ?? 0) + (queued.send ?? 0), before)
        assert.deepStrictEqual((yield* close(push)).losses, { ...losses, unsent: queued.send ?? 0 })
      })
    )

    live(
      "what is lost with a connection while the socket closes is unsent: it is not flushed",
      Effect.gen(function* () {
        const push = yield* Push.make({ bind, name: "push" })
        const peer = yield* dial(yield* Socket.endpoint(push))
        yield* peer.write(greeting, ready("PULL"))
        yield* first(push, "HandshakeSucceeded")
        yield* peer.pause
        yield* Push.sendAll(push, large)
        yield* Effect.sleep("20 millis")
        const unsent = (yield* Socket.statistics(push)).queued.send ?? 0
        const closing = yield* Effect.forkChild(Socket.drain(push, "5 seconds"), { startImmediately: true })
        yield* peer.reset
        yield* Effect.timeout(Fiber.join(closing), "2 seconds")
        assert.deepStrictEqual(yield* close(push), { flushed: false, dropped: unsent, losses: { unsent } })
      })
    )
  })
}

describe("what is lost over the wire", () => {
  live(
    "what cannot be written, because the peer is gone, is disconnected",
    Effect.gen(function* () {
      const push = yield* Push.make({ bind: "tcp://127.0.0.1:*", name: "push" })
      const peer = yield* dial(yield* Socket.endpoint(push))
      yield* peer.write(greeting, ready("PULL"))
      yield* first(push, "HandshakeSucceeded")
      yield* peer.reset
      // In the same turn of the event loop: the system refuses it, and Node has not told of the end yet.
      yield* Push.sendAll(push, ["1", "2", "3"])
      yield* first(push, "Disconnected")
      assert.deepStrictEqual((yield* close(push)).losses, { disconnected: 3 })
    })
  )

  live(
    "a newer message that takes the place of another one, at either end, is conflated",
    Effect.gen(function* () {
      const push = yield* Push.make({ bind: "tcp://127.0.0.1:*", name: "push", conflate: true })
      const peer = yield* dial(yield* Socket.endpoint(push))
      yield* peer.write(greeting, ready("PULL"))
      yield* first(push, "HandshakeSucceeded")
      yield* Push.sendAll(push, ["1", "2", "3", "4"])
      yield* until(push, ({ queued }) => queued.send === 0)
      assert.deepStrictEqual((yield* close(push)).losses, { conflated: 3 })
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", name: "pull", conflate: true })
      const other = yield* dial(yield* Socket.endpoint(pull))
      const frames = ["1", "2", "3", "4", "5"].map((text) => encodeFrame(0, new TextEncoder().encode(text)))
      yield* other.write(greeting, ready("PUSH"), ...frames)
      yield* until(pull, ({ losses }) => (losses.conflated ?? 0) > 0)
      assert.deepStrictEqual((yield* close(pull)).losses, { conflated: 4, unread: 1 })
    })
  )

  live(
    "a message that is too large is counted, and told with whose it was",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", name: "pull", maxMessageSize: 10 })
      const endpoint = yield* Socket.endpoint(pull)
      const peer = yield* dial(endpoint)
      yield* peer.write(greeting, ready("PUSH"), encodeFrame(0, Uint8Array.of(65)), encodeFrame(0, new Uint8Array(11)))
      yield* first(pull, "Disconnected")
      yield* Pull.receive(pull)
      const told = yield* Stream.runCollect(
        Stream.take(Stream.filter(Socket.events(pull), SocketEvent.SocketEvent.$is("Dropped")), 1)
      )
      assert.match(told[0]?.peer ?? "", /^127\.0\.0\.1:\d+ → tcp:\/\/127\.0\.0\.1:\d+$/)
      assert.deepStrictEqual((yield* close(pull)).losses, { tooLarge: 1 })
    })
  )

  live(
    "what a PUSH is sent is unread",
    Effect.gen(function* () {
      const push = yield* Push.make({ bind: "tcp://127.0.0.1:*", name: "push" })
      const peer = yield* dial(yield* Socket.endpoint(push))
      const frame = encodeFrame(0, Uint8Array.of(65))
      yield* peer.write(greeting, ready("PULL"), frame, frame, frame)
      yield* until(push, ({ losses }) => losses.unread === 3)
      assert.deepStrictEqual((yield* close(push)).losses, { unread: 3 })
    })
  )

  live(
    "between two sockets, sent = received + queued + lost, though a connection is made anew",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: "tcp://127.0.0.1:*", name: "router" })
      const connect = (yield* Socket.endpoint(router)) as "tcp://:"
      const dealer = yield* Dealer.make({ connect, name: "dealer" })
      yield* Dealer.sendAll(dealer, ["1", "2", "3", "4"])
      yield* Router.receive(router)
      yield* until(router, ({ queued }) => queued.receive === 3)
      yield* Socket.disconnect(dealer, connect)
      yield* first(router, "Disconnected")
      yield* Socket.connect(dealer, connect)
      yield* Dealer.sendAll(dealer, ["5", "6"])
      yield* until(router, ({ queued }) => queued.receive === 5)
      const { losses } = yield* close(router)
      const { received } = yield* Socket.statistics(router)
      const { sent } = yield* Socket.statistics(dealer)
      assert.strictEqual(sent.messages, received.messages + (losses.unread ?? 0))
      assert.deepStrictEqual((yield* close(dealer)).losses, {})
    })
  )
})
