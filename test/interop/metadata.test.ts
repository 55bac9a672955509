/** What sockets say of themselves, between transports, and to Python. */
import { assert, describe, it } from "@effect/vitest"
import { Dealer, Message, Pull, Push, Rep, Req, Router, Socket, SocketEvent } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Effect, Option, Stream } from "effect"
import { encodeCommand, encodeProperties } from "../../packages/transport-zmtp/src/internal/protocol/command.ts"
import { COMMAND, encodeFrame } from "../../packages/transport-zmtp/src/internal/protocol/frame.ts"
import { dial, greeting } from "../../packages/transport-zmtp/test/peer.ts"
import { missing, peer, python } from "./python.ts"

const zmq = Effect.provide(ZmqTransport.layer)
const zmtp = Effect.provide(ZmtpTransport.layer)

/** What a socket was told of its first peer. */
const told = (socket: Socket.Socket) =>
  Socket.events(socket).pipe(
    Stream.filter(SocketEvent.SocketEvent.$is("HandshakeSucceeded")),
    Stream.runHead,
    Effect.map((event) => Option.getOrThrow(event).peer),
    Effect.timeout("5 seconds")
  )

const shown = (metadata: Readonly<Record<string, Uint8Array>> = {}) =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, Message.text([value])]))

const blue = { "X-Room": "blue" } as const

describe("metadata", () => {
  for (const bind of ["tcp://127.0.0.1:*", "ipc://*"] as const) {
    const scheme = bind.slice(0, 3)
    it.live(`${scheme}: a socket of libzmq says it, and one in TypeScript is told, whoever is bound`, () =>
      Effect.gen(function* () {
        const pull = yield* zmtp(Pull.make({ bind }))
        const push = yield* zmq(Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:", metadata: blue }))
        yield* Push.send(push, "hello")
        assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
        const peer = yield* told(pull)
        assert.strictEqual(peer?.type, "PUSH")
        assert.deepStrictEqual(shown(peer?.metadata), { "x-room": "blue" })

        const router = yield* zmq(Router.make({ bind, metadata: { ...blue, "X-Bytes": Uint8Array.of(65, 10, 66) } }))
        const connect = (yield* Socket.endpoint(router)) as "tcp://:"
        const dealer = yield* zmtp(Dealer.make({ connect, routingId: "a" }))
        yield* Dealer.send(dealer, "hello")
        assert.strictEqual(Message.text((yield* Router.receive(router)).message), "hello")
        assert.deepStrictEqual(shown((yield* told(dealer))?.metadata), { "x-room": "blue", "x-bytes": "A\nB" })
      }).pipe(Effect.scoped)
    )

    it.live(
      `${scheme}: a socket in TypeScript says 8 KB of it, and one of libzmq talks to it as ever, whoever is bound`,
      () =>
        Effect.gen(function* () {
          const metadata = { "X-Room": "b".repeat(4000), "X-Seat": new Uint8Array(4000) }
          const pairs = [
            [zmtp, zmq],
            [zmq, zmtp]
          ] as const
          for (const [one, other] of pairs) {
            const rep = yield* one(Rep.make({ bind, ...(one === zmtp && { metadata }) }))
            const connect = (yield* Socket.endpoint(rep)) as "tcp://:"
            const req = yield* other(Req.make({ connect, ...(other === zmtp && { metadata }) }))
            yield* Effect.forkChild(Rep.serve(rep, (request) => Effect.succeed(`re ${Message.text(request)}`)))
            assert.strictEqual(Message.text(yield* Req.request(req, "hello")), "re hello")
          }
        }).pipe(Effect.scoped)
    )
  }

  it.live(
    "what a peer says by other names, and what threads of this library say, is not shown; of a name the last counts",
    () =>
      Effect.gen(function* () {
        const pull = yield* zmtp(Pull.make({ bind: "tcp://127.0.0.1:*" }))
        const stranger = yield* dial(yield* Socket.endpoint(pull))
        const said = ["Resource", "x-Room", "X-ROOM", "X-Effect-ZMQ-Thread", "__proto__", "x-"].map(
          (name, index) => [name, Uint8Array.of(48 + index)] as const
        )
        const properties = encodeProperties([["Socket-Type", new TextEncoder().encode("PUSH")], ...said])
        yield* stranger.write(greeting, encodeFrame(COMMAND, encodeCommand("READY", properties)))
        assert.deepStrictEqual(shown((yield* told(pull))?.metadata), { "x-room": "2", "x-": "5" })
      }).pipe(Effect.scoped)
  )

  if (python === undefined) console.log(`What Python reads is skipped: ${missing}`)
  else {
    for (const [name, transport] of [
      ["zmtp", zmtp],
      ["zmq", zmq]
    ] as const) {
      it.live(`${name}: a program in Python reads what a socket says`, () =>
        Effect.gen(function* () {
          const reader = yield* peer("metadata_reader", "--bind", "tcp://127.0.0.1:*")
          const [, connect] = yield* reader.prints(/^bound (\S+)$/m)
          const push = yield* transport(Push.make({ connect: connect as "tcp://:", metadata: blue }))
          yield* Push.send(push, "hello")
          yield* Effect.timeout(reader.prints(/^b'hello' from PUSH in blue$/m), "10 seconds")
        }).pipe(Effect.scoped)
      )
    }
  }
})
