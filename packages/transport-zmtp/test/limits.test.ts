/** What a peer may not do: it loses its connection, and nobody else is disturbed. */

import { assert, describe, it } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as XPub from "@effect-zmq/core/XPub"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { encodeCommand } from "../src/internal/protocol/command.ts"
import { COMMAND, encodeFrame, MORE } from "../src/internal/protocol/frame.ts"
import { dial, greeting, ready } from "./peer.ts"

const limits = {
  frameBytes: 100_000,
  messageBytes: 200_000,
  messageFrames: 10,
  handshakeBytes: 1000,
  subscriptions: 5,
  subscriptionBytes: 50,
  connections: 3
}

const first = <T extends SocketEvent["_tag"]>(socket: Socket.Socket, tag: T) =>
  Socket.events(socket).pipe(
    Stream.filter((event): event is Extract<SocketEvent, { readonly _tag: T }> => event._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout("3 seconds")
  )

const bad: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["frameBytes", encodeFrame(0, new Uint8Array(100_001))],
  ["messageBytes", Buffer.concat([1, 2, 3].map(() => encodeFrame(MORE, new Uint8Array(90_000))))],
  ["messageFrames", Buffer.concat(Array.from({ length: 11 }, () => encodeFrame(MORE, new Uint8Array(1))))],
  ["commandBytes", encodeFrame(COMMAND, new Uint8Array(70_000))]
]

describe("limits", () => {
  for (const [limit, bytes] of bad) {
    it.live(`${limit}: whoever exceeds it is told of, and loses the connection; another is served`, () =>
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
        const endpoint = yield* Socket.endpoint(pull)
        const push = yield* Push.make({ connect: endpoint as "tcp://:" })
        const peer = yield* dial(endpoint)
        yield* peer.write(greeting, ready("PUSH"), encodeFrame(0, Uint8Array.of(65)), bytes)
        yield* Effect.timeout(peer.ended, "3 seconds")
        const event = yield* first(pull, "LimitExceeded")
        assert.deepInclude(event, { limit, peer: "127.0.0.1", endpoint })
        yield* Push.send(push, "served")
        // What came before it is good.
        const texts = [yield* Pull.receive(pull), yield* Pull.receive(pull)].map(Message.text)
        assert.sameMembers(texts, ["A", "served"])
      }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits })))
    )
  }

  it.live("subscriptions, and their bytes", () =>
    Effect.gen(function* () {
      const xpub = yield* XPub.make({ bind: "tcp://127.0.0.1:*" })
      const endpoint = yield* Socket.endpoint(xpub)
      const subscribe = (text: string) =>
        encodeFrame(COMMAND, encodeCommand("SUBSCRIBE", new TextEncoder().encode(text)))
      const many = yield* dial(endpoint)
      yield* many.write(greeting, ready("SUB"), ...["a", "b", "c", "d", "e", "f"].map(subscribe))
      yield* Effect.timeout(many.ended, "3 seconds")
      assert.strictEqual((yield* first(xpub, "LimitExceeded")).limit, "subscriptions")
      const long = yield* dial(endpoint)
      yield* long.write(greeting, ready("SUB"), subscribe("x".repeat(51)))
      yield* Effect.timeout(long.ended, "3 seconds")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits })))
  )

  it.live("a handshake that is too long, or takes too long, leads to nothing", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", handshakeInterval: "100 millis" })
      const endpoint = yield* Socket.endpoint(pull)
      const long = yield* dial(endpoint)
      yield* long.write(greeting, encodeFrame(COMMAND, new Uint8Array(1000)))
      yield* Effect.timeout(long.ended, "3 seconds")
      assert.deepInclude(yield* first(pull, "HandshakeFailed"), { problem: "protocol" })
      for (const half of [new Uint8Array(0), greeting.subarray(0, 20), greeting]) {
        const peer = yield* dial(endpoint)
        if (half.length > 0) yield* peer.write(half)
        yield* Effect.timeout(peer.ended, "3 seconds")
      }
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits })))
  )

  it.live("connections: one too many is not accepted, and is when another has gone", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const endpoint = yield* Socket.endpoint(pull)
      yield* Effect.scoped(
        Effect.gen(function* () {
          for (let i = 0; i < 3; i++) yield* dial(endpoint)
          const last = yield* dial(endpoint)
          yield* Effect.timeout(last.ended, "3 seconds")
        })
      )
      yield* first(pull, "AcceptFailed")
      const push = yield* Push.make({ connect: endpoint as "tcp://:", reconnect: { initial: "10 millis" } })
      yield* Push.send(push, "served")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "served")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits })))
  )

  it.live("a message of endless frames costs a bounded amount of memory", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const endpoint = yield* Socket.endpoint(pull)
      const peer = yield* dial(endpoint)
      yield* peer.write(greeting, ready("PUSH"))
      const before = process.memoryUsage().rss
      const bomb = Buffer.concat(Array.from({ length: 10_000 }, () => encodeFrame(MORE, new Uint8Array(1))))
      let sent = 0
      while (!peer.isEnded() && sent < 200) {
        yield* Effect.andThen(peer.write(bomb), Effect.sleep(1))
        sent++
      }
      assert.isBelow(sent, 200)
      assert.isBelow(process.memoryUsage().rss - before, 60_000_000)
      assert.strictEqual((yield* first(pull, "LimitExceeded")).limit, "messageFrames")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )
})
