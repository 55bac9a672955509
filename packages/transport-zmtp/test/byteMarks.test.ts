/** High-water marks in bytes over the wire: how much two sockets hold for each other, whatever is sent. */
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { encodeFrame, MORE } from "../src/internal/protocol/frame.ts"
import { dial, greeting, ready } from "./peer.ts"
import { chance } from "./protocol/random.ts"

const places = ["tcp://127.0.0.1:*", "ipc://*"] as const

/** All but the newest of them are less than the mark. */
const isWithin = (messages: ReadonlyArray<Message.Message>, mark: number, of = Message.weight): void =>
  assert.isBelow(
    messages.slice(0, -1).reduce((sum, message) => sum + of(message), 0),
    mark
  )

const queued = (socket: Socket.Socket) =>
  Effect.map(Socket.statistics(socket), ({ queued }) => ({ send: queued.send ?? 0, receive: queued.receive ?? 0 }))

/** Waits until a socket's receiving queue has so many messages, and gets no fuller. */
const fills = (socket: Socket.Socket, count: number) =>
  Effect.gen(function* () {
    while ((yield* queued(socket)).receive < count) yield* Effect.sleep(1)
    yield* Effect.sleep(20)
    assert.strictEqual((yield* queued(socket)).receive, count)
  }).pipe(Effect.timeout("5 seconds"))

const onTheWire = Effect.provide(ZmtpTransport.layer)

describe("marks in bytes", () => {
  for (const bind of places) {
    it.live(
      `${bind.slice(0, 3)}: neither queue ever has more than its mark and one message, and all arrives in order`,
      () =>
        Effect.gen(function* () {
          for (let seed = 0; seed < 6; seed++) {
            const { bytes, int, pick } = chance(seed)
            const marks = { sendBytes: 1 + int(pick([100, 100_000])), receiveBytes: 1 + int(pick([100, 100_000])) }
            const pull = yield* Pull.make({ bind, highWaterMark: marks })
            const push = yield* Push.make({
              connect: (yield* Socket.endpoint(pull)) as "tcp://:",
              highWaterMark: marks
            })
            const all = Array.from({ length: 120 }, (_, index): Message.Message => {
              const more = Array.from({ length: int(4) }, () => bytes(int(20)))
              return [Buffer.from(`${index}`), ...more, bytes(int(pick([20, 300, 10_000, 10_000, 200_000])))]
            })
            const sending = yield* Effect.forkChild(Push.sendAll(push, all))
            for (let taken = 0; taken < all.length; ) {
              const here = yield* queued(pull)
              isWithin(all.slice(taken, taken + here.receive), marks.receiveBytes)
              const { queued: there, sent } = yield* Socket.statistics(push)
              // What is encoded has no frames any more, but bytes.
              isWithin(all.slice(sent.messages - (there.send ?? 0), sent.messages), marks.sendBytes, Message.size)
              yield* int(3) === 0 ? Effect.sleep(1) : Effect.yieldNow
              for (let more = int(5); more > 0 && taken < all.length; more--) {
                assert.strictEqual(Message.text([(yield* Pull.receive(pull))[0]]), `${taken++}`)
              }
            }
            yield* Fiber.join(sending)
          }
        }).pipe(Effect.scoped, onTheWire)
    )

    it.live(`${bind.slice(0, 3)}: 300 MB for a PULL that reads nothing cost no more than the marks`, () =>
      Effect.gen(function* () {
        const marks = { sendBytes: 8_000_000, receiveBytes: 8_000_000 }
        const pull = yield* Pull.make({ bind, highWaterMark: marks })
        const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:", highWaterMark: marks })
        const message = new Uint8Array(1_000_000)
        const before = process.memoryUsage().arrayBuffers
        const sending = yield* Effect.forkChild(
          Push.sendAll(
            push,
            Array.from({ length: 300 }, () => message)
          )
        )
        yield* fills(pull, 8)
        assert.isAtMost((yield* queued(push)).send, 8)
        // What the receiver has, and memory that frames had before they grew and that is not collected yet.
        assert.isBelow(process.memoryUsage().arrayBuffers - before, 30_000_000)
        yield* Effect.replicateEffect(Pull.receive(pull), 300)
        yield* Fiber.join(sending)
      }).pipe(Effect.scoped, onTheWire)
    )
  }

  it.live("a peer that sends messages of 10,000 empty frames fills the queue with few of them", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receiveBytes: 8_000_000 } })
      const peer = yield* dial(yield* Socket.endpoint(pull))
      const frames = Array.from({ length: 9999 }, () => encodeFrame(MORE, new Uint8Array(0)))
      const bomb = Buffer.concat([...frames, encodeFrame(0, new Uint8Array(0))])
      yield* Effect.forkScoped(peer.write(greeting, ready("PUSH"), ...Array.from({ length: 40 }, () => bomb)))
      // Of 10,000 times 128.
      yield* fills(pull, 7)
      for (let i = 0; i < 40; i++) assert.lengthOf(yield* Pull.receive(pull), 10_000)
    }).pipe(Effect.scoped, onTheWire)
  )

  it.live("behind a queue that is full by its mark in bytes messages and heartbeats wait, and nothing is lost", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receiveBytes: 100 } })
      const push = yield* Push.make({
        connect: (yield* Socket.endpoint(pull)) as "tcp://:",
        heartbeat: { interval: "20 millis", timeout: "5 seconds" }
      })
      for (let i = 0; i < 50; i++) yield* Push.send(push, [`${i}`, new Uint8Array(80)])
      yield* fills(pull, 1)
      for (let i = 0; i < 50; i++) assert.strictEqual(Message.text([(yield* Pull.receive(pull))[0]]), `${i}`)
      yield* Push.send(push, "one more")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "one more")
    }).pipe(Effect.scoped, onTheWire)
  )
})
