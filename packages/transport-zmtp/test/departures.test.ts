/** What becomes of what a peer has sent, when it leaves or is silent before it is read. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { encodeCommand, encodePing } from "../src/internal/protocol/command.ts"
import { COMMAND, encodeFrame } from "../src/internal/protocol/frame.ts"
import { dial, greeting, ready } from "./peer.ts"

const first = (socket: Socket.Socket, tag: SocketEvent["_tag"]) =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrThrow)
  )

/** More than a receiver that nobody reads from takes in, and less than the system has room for. */
const count = 1800
const messages = Array.from({ length: count }, (_, n) => new TextEncoder().encode(`${n}`.padEnd(98)))
const frames = Buffer.concat(messages.map((body) => encodeFrame(0, body)))

const all = (socket: Pull.Pull) =>
  Effect.gen(function* () {
    for (let n = 0; n < count; n++) {
      const text = Message.text(yield* Pull.receive(socket))
      assert.strictEqual(text, Message.text([messages[n] as Uint8Array])) // below the length
    }
  })

describe("a peer that has left", () => {
  for (const place of ["tcp://127.0.0.1:*", "ipc://*"] as const) {
    it.live(`what it had sent is read, though our pings found nobody (${place.slice(0, 3)})`, () =>
      Effect.gen(function* () {
        const heartbeat = { interval: "20 millis", timeout: "10 seconds" } as const
        const pull = yield* Pull.make({ bind: place, highWaterMark: { receive: 1 }, heartbeat })
        const endpoint = yield* Socket.endpoint(pull)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* dial(endpoint)
            yield* peer.write(greeting, ready("PUSH"), frames)
            yield* first(pull, "HandshakeSucceeded")
          })
        )
        // A ping or two, and it is noticed, though nobody reads.
        yield* Effect.timeout(first(pull, "Disconnected"), "3 seconds")
        yield* Effect.timeout(all(pull), "3 seconds")
      }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
    )
  }
})

/** Lets so many milliseconds pass on a clock that nothing else moves. */
const pass = (millis: number) =>
  Effect.promise(async () => {
    for (let at = 0; at < millis; at += 100) {
      vi.advanceTimersByTime(100)
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    }
  })

/** Runs it with that clock for the timers of connections. */
const onClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })),
    () => effect,
    () => Effect.sync(() => vi.useRealTimers())
  )

const isConnected = (socket: Socket.Socket) => Effect.map(Socket.state(socket), ({ peers }) => peers > 0)

/** The contexts of the pings in what has come; behind all but the last is the beginning of the next. */
const pings = (text: string) =>
  text
    .split("\x04PING")
    .slice(1)
    .map((rest) => rest.slice(2))

const pong = (context: string) =>
  encodeFrame(
    COMMAND,
    encodeCommand(
      "PONG",
      Uint8Array.from(context, (letter) => letter.charCodeAt(0))
    )
  )

describe("a socket that has closed", () => {
  it.live("keeps what is on its way from the pings of a receiver that is behind", () =>
    Effect.gen(function* () {
      const heartbeat = { interval: "100 millis", timeout: "10 seconds" } as const
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 1 }, heartbeat })
      const connect = (yield* Socket.endpoint(pull)) as "tcp://:"
      yield* Effect.scoped(
        Effect.gen(function* () {
          const push = yield* Push.make({ connect })
          yield* Push.sendAll(
            push,
            messages.map((body): Message.Message => [body, new Uint8Array(900)])
          )
        })
      )
      yield* pass(5000)
      for (const body of messages) {
        const [number] = yield* Pull.receive(pull)
        assert.strictEqual(Message.text([number]), Message.text([body]))
      }
    }).pipe(Effect.scoped, onClock, Effect.provide(ZmtpTransport.layer))
  )
})

describe("heartbeats that are the default", () => {
  it.live("a peer that has not read what it was sent is not taken for gone", () =>
    Effect.gen(function* () {
      const push = yield* Push.make({ bind: "tcp://127.0.0.1:*", linger: 0 })
      const peer = yield* dial(yield* Socket.endpoint(push))
      yield* peer.write(greeting, ready("PULL"))
      yield* Push.send(push, "unread")
      yield* pass(60_000)
      assert.isTrue(yield* isConnected(push))
      // Now it reads, answers, and falls silent.
      yield* peer.write(pong(pings(peer.received()).at(-1) ?? "none"))
      yield* pass(10_000)
      assert.isFalse(yield* isConnected(push))
    }).pipe(Effect.scoped, onClock, Effect.provide(ZmtpTransport.layer))
  )

  it.live("a peer that has nothing to read is, within eight seconds", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const peer = yield* dial(yield* Socket.endpoint(pull))
      yield* peer.write(greeting, ready("PUSH"), frames)
      yield* all(pull)
      yield* pass(5500)
      assert.isTrue(yield* isConnected(pull))
      yield* pass(3000)
      assert.isFalse(yield* isConnected(pull))
    }).pipe(Effect.scoped, onClock, Effect.provide(ZmtpTransport.layer))
  )

  it.live("nothing is sent while what came is not read", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 1 } })
      const peer = yield* dial(yield* Socket.endpoint(pull))
      yield* peer.write(greeting, ready("PUSH"), frames)
      yield* first(pull, "HandshakeSucceeded")
      yield* pass(10_000)
      assert.deepStrictEqual(pings(peer.received()), [])
      yield* all(pull)
      yield* pass(4500)
      assert.isAtLeast(pings(peer.received()).length, 1)
      assert.isTrue(yield* isConnected(pull))
    }).pipe(Effect.scoped, onClock, Effect.provide(ZmtpTransport.layer))
  )

  it.live("over ipc there are none", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "ipc://*" })
      const peer = yield* dial(yield* Socket.endpoint(pull))
      yield* peer.write(greeting, ready("PUSH"))
      yield* first(pull, "HandshakeSucceeded")
      yield* pass(20_000)
      assert.deepStrictEqual(pings(peer.received()), [])
      assert.isTrue(yield* isConnected(pull))
    }).pipe(Effect.scoped, onClock, Effect.provide(ZmtpTransport.layer))
  )
})

describe("a ping", () => {
  it.live("is answered by a socket whose queue is full, where no message is before it", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 1 } })
      const peer = yield* dial(yield* Socket.endpoint(router))
      const ping = encodeFrame(COMMAND, encodePing(0, Uint8Array.of(42)))
      yield* peer.write(greeting, ready("DEALER"), encodeFrame(0, Uint8Array.of(65)), ping)
      const wait = Effect.gen(function* () {
        while (!peer.received().includes("\x04PONG*")) yield* Effect.sleep(1)
      })
      yield* Effect.timeout(wait, "1 second")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("that was answered while the event loop was held up does not end the connection", () =>
    Effect.gen(function* () {
      const heartbeat = { interval: "50 millis", timeout: "100 millis" } as const
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", heartbeat })
      const peer = yield* dial(yield* Socket.endpoint(pull))
      yield* peer.write(greeting, ready("PUSH"))
      for (let stall = 0; stall < 3; stall++) {
        // After the last ping.
        yield* Effect.sleep("60 millis")
        yield* Effect.callback<void>((resume) => {
          // Timers come next, and what came in only behind them.
          setImmediate(() => {
            Effect.runFork(peer.write(pong("")))
            const end = performance.now() + 200
            while (performance.now() < end);
            resume(Effect.void)
          })
        })
      }
      assert.isTrue(yield* isConnected(pull))
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )
})
