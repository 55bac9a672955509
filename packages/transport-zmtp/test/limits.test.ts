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
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
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
  for (const [limit, value] of [
    ["frameBytes", -1],
    ["messageFrames", Number.NaN],
    ["connections", 0],
    ["messageInterval", 0]
  ] as const) {
    it.effect(`${limit}: ${value} is no limit, and is told of when the transport is made`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Layer.build(ZmtpTransport.layerWith({ limits: { [limit]: value } })))
        assert.strictEqual(error.reason._tag, "InvalidOption")
        assert.include(error.message, `limits.${limit}`)
      }).pipe(Effect.scoped)
    )
  }

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

  const told = (name: "SUBSCRIBE" | "CANCEL") => (text: string) =>
    encodeFrame(COMMAND, encodeCommand(name, new TextEncoder().encode(text)))
  const [subscribe, cancel] = [told("SUBSCRIBE"), told("CANCEL")]

  /** As ZMTP 3.0 has it. */
  const subscribeByMessage = (text: string) => encodeFrame(0, new TextEncoder().encode(`\x01${text}`))

  const letters = ["a", "b", "c", "d", "e"]

  for (const [limit, what, bytes] of [
    ["subscriptions", "six of them", [...letters, "f"].map(subscribe)],
    ["subscriptions", "six of them, as messages", [...letters, "f"].map(subscribeByMessage)],
    [
      "subscriptions",
      "with ends of others between them",
      [...letters, "f"].flatMap((x) => [subscribe(x), cancel("?")])
    ],
    ["subscriptionBytes", "a long one", [subscribe("x".repeat(51))]],
    ["subscriptionBytes", "a long one, as a message", [subscribeByMessage("x".repeat(51))]]
  ] as const) {
    it.live(`${limit}, ${what}: whoever exceeds it loses the connection; another is served`, () =>
      Effect.gen(function* () {
        const xpub = yield* XPub.make({ bind: "tcp://127.0.0.1:*" })
        const endpoint = yield* Socket.endpoint(xpub)
        const good = yield* dial(endpoint)
        // As often as one likes, where it is the same, or is given up.
        const few = [...letters, ...letters, "a"].map(subscribe)
        yield* good.write(greeting, ready("SUB"), ...few, cancel("e"), subscribe("served"))
        const bad = yield* dial(endpoint)
        yield* bad.write(greeting, ready("SUB"), ...bytes)
        yield* Effect.timeout(bad.ended, "3 seconds")
        assert.deepInclude(yield* first(xpub, "LimitExceeded"), { limit, peer: "127.0.0.1", endpoint })
        yield* XPub.stream(xpub).pipe(
          Stream.takeUntil((received) => received._tag === "Subscribe" && Message.text([received.topic]) === "served"),
          Stream.runDrain
        )
        yield* XPub.send(xpub, "served")
        yield* good.hears("served")
        assert.isFalse(good.isEnded())
      }).pipe(Effect.scoped, Effect.timeout("5 seconds"), Effect.provide(ZmtpTransport.layerWith({ limits })))
    )
  }

  const dripping = (endpoint: string, bytes: ReadonlyArray<Uint8Array>, millis: number) =>
    Effect.gen(function* () {
      const peer = yield* dial(endpoint)
      yield* peer.write(greeting, ready("PUSH"))
      yield* Effect.forkChild(
        Effect.forEach(bytes, (one) => Effect.andThen(peer.write(one), Effect.sleep(millis)), { discard: true })
      )
      return peer
    })

  for (const bind of ["tcp://127.0.0.1:*", "ipc://*"] as const) {
    for (const [what, start, rest] of [
      ["a frame of which nothing more comes", Uint8Array.of(2, 0, 0, 0, 0, 0, 1, 0, 0, 65), []],
      ["the beginning of a header", Uint8Array.of(2, 0), []],
      ["a command", Uint8Array.of(COMMAND, 200, 5), []],
      ["a frame of which a byte comes now and then", Uint8Array.of(0, 250), Array(200).fill(Uint8Array.of(65))],
      ["a message whose last frame does not come", encodeFrame(MORE, Uint8Array.of(65)), []]
    ] as const) {
      it.live(`messageInterval, ${what}: gone in time, told of, and another is served, ${bind}`, () =>
        Effect.gen(function* () {
          const pull = yield* Pull.make({ bind })
          const endpoint = yield* Socket.endpoint(pull)
          const push = yield* Push.make({ connect: endpoint as "tcp://:" })
          const peer = yield* dripping(endpoint, [start, ...rest], 10)
          yield* Effect.timeout(peer.ended, "3 seconds")
          const event = yield* first(pull, "LimitExceeded")
          assert.deepInclude(event, { limit: "messageInterval", endpoint })
          assert.strictEqual(event.peer, bind === "ipc://*" ? "localhost" : "127.0.0.1")
          yield* Push.send(push, "served")
          assert.strictEqual(Message.text(yield* Pull.receive(pull)), "served")
        }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits: { messageInterval: "100 millis" } })))
      )
    }
  }

  it.live("messageInterval: a month of it is a long time", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const peer = yield* dial(yield* Socket.endpoint(pull))
      const whole = encodeFrame(0, new Uint8Array(10))
      yield* peer.write(greeting, ready("PUSH"), whole.subarray(0, 5))
      yield* Effect.sleep("50 millis")
      yield* peer.write(whole.subarray(5))
      yield* Effect.timeout(Pull.receive(pull), "3 seconds")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits: { messageInterval: "30 days" } })))
  )

  it.live("messageInterval: a message that goes on may take as long as it takes, and so may who is not read", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 1 } })
      const endpoint = yield* Socket.endpoint(pull)
      const part = new Uint8Array(1000).fill(65)
      const peer = yield* dripping(
        endpoint,
        [Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0x4e, 0x20), ...Array(20).fill(part)],
        20
      )
      assert.lengthOf((yield* Pull.receive(pull))[0], 20_000)
      // More than is read, and not all of it; its last message is not whole.
      const many = Buffer.concat(Array.from({ length: 2000 }, () => encodeFrame(0, part)))
      yield* Effect.forkChild(peer.write(many, Uint8Array.of(0, 3, 65)))
      yield* Effect.sleep("300 millis")
      for (let n = 0; n < 2000; n++) assert.lengthOf((yield* Pull.receive(pull))[0], 1000)
      assert.isFalse(peer.isEnded())
      yield* peer.write(Uint8Array.of(65, 65))
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "AAA")
      yield* Effect.sleep("200 millis")
      assert.isFalse(peer.isEnded())
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits: { messageInterval: "100 millis" } })))
  )

  it.live("a handshake that is too long, or takes too long, leads to nothing", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", handshakeInterval: "100 millis" })
      const endpoint = yield* Socket.endpoint(pull)
      const long = yield* dial(endpoint)
      yield* long.write(greeting, encodeFrame(COMMAND, new Uint8Array(1000)))
      yield* Effect.timeout(long.ended, "3 seconds")
      const peer = "127.0.0.1"
      assert.deepInclude(yield* first(pull, "LimitExceeded"), { limit: "handshakeBytes", peer, endpoint })
      assert.deepInclude(yield* first(pull, "HandshakeFailed"), { problem: "protocol" })
      const late = yield* Effect.forkChild(
        Socket.events(pull).pipe(
          Stream.filter((event) => event._tag === "LimitExceeded" && event.limit === "handshakeInterval"),
          Stream.take(3),
          Stream.runCollect
        )
      )
      for (const half of [new Uint8Array(0), greeting.subarray(0, 20), greeting]) {
        const peer = yield* dial(endpoint)
        if (half.length > 0) yield* peer.write(half)
        yield* Effect.timeout(peer.ended, "3 seconds")
      }
      for (const event of yield* Effect.timeout(Fiber.join(late), "3 seconds"))
        assert.deepInclude(event, { peer, endpoint })
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
      assert.deepInclude(yield* first(pull, "LimitExceeded"), { limit: "connections", peer: "127.0.0.1", endpoint })
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
