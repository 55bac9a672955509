/**
 * Valid handshakes and traffic with mistakes in them, at a socket that is served by a good peer meanwhile: no crash, nobody
 * else disturbed, nothing kept.
 */
import * as Net from "node:net"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import * as XPub from "@effect-zmq/core/XPub"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { assert, it } from "vitest"
import { concat, encodeCommand, encodePing } from "../src/internal/protocol/command.ts"
import { COMMAND, encodeFrame, MORE } from "../src/internal/protocol/frame.ts"
import { encodeGreeting } from "../src/internal/protocol/greeting.ts"
import { ownProperties } from "../src/internal/protocol/handshake.ts"
import { nullMechanism } from "../src/internal/protocol/mechanism.ts"
import { type Chance, chance } from "./protocol/random.ts"

/** In the long tier, as many as it takes. */
const count = process.env.PROVE === "1" ? 100_000 : 1000

/** A handshake and traffic, as a good peer sends it. */
const valid = (type: "DEALER" | "SUB", { bytes, int }: Chance): Uint8Array => {
  const id = bytes(1 + int(20))
  const ready = nullMechanism(ownProperties(type, id), false, false).start().send ?? []
  const traffic = Array.from({ length: int(20) }, () => {
    if (int(4) === 0) return encodeFrame(COMMAND, encodePing(int(1000)))
    if (type === "SUB")
      return encodeFrame(COMMAND, encodeCommand(int(2) === 0 ? "SUBSCRIBE" : "CANCEL", bytes(int(10))))
    return concat([encodeFrame(MORE, bytes(int(4))), encodeFrame(0, bytes(int(400)))])
  })
  return concat([
    encodeGreeting("NULL", false, id.length),
    ...ready.map((body) => encodeFrame(COMMAND, body)),
    ...traffic
  ])
}

/** A mistake, or several. */
const mutate = (given: Uint8Array, { bytes, int }: Chance): Uint8Array => {
  let out = given
  for (let i = int(3); i >= 0; i--) {
    // Behind the greeting more often than in it.
    const at = int(4) === 0 ? int(out.length + 1) : Math.min(out.length, 64 + int(Math.max(1, out.length - 64)))
    switch (int(5)) {
      case 0:
        out = Uint8Array.from(out)
        if (at < out.length) out[at] = int(256)
        break
      case 1:
        out = out.slice(0, at)
        break
      case 2:
        out = concat([out.slice(0, at), bytes(1 + int(12)), out.slice(at)])
        break
      case 3:
        out = concat([out.slice(0, at), out.slice(at + 1 + int(12))])
        break
      case 4:
        out = concat([out.slice(0, at), out.slice(Math.max(0, at - int(100)), at), out.slice(at)])
        break
    }
  }
  return out
}

/** Sends the bytes in pieces, and ends one way or another. */
const attack = (port: number, bytes: Uint8Array, { int }: Chance): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const socket = Net.connect(port, "127.0.0.1", () => {
      const middle = int(bytes.length + 1)
      socket.write(bytes.subarray(0, middle))
      setImmediate(() => {
        if (int(3) === 0) socket.resetAndDestroy()
        else socket.end(bytes.subarray(middle))
      })
    })
    socket.resume()
    socket.on("error", () => {})
    socket.once("close", () => resume(Effect.void))
    socket.setTimeout(500, () => socket.destroy())
  })

it(
  `${count} mutations of handshakes and traffic crash nothing, and a good peer is served meanwhile`,
  () =>
    Effect.gen(function* () {
      const limits = { messageBytes: 1_000_000, handshakeBytes: 4096 }
      yield* Effect.gen(function* () {
        const router = yield* Router.make({ bind: "tcp://127.0.0.1:*", handshakeInterval: "1 second" })
        const xpub = yield* XPub.make({ bind: "tcp://127.0.0.1:*", handshakeInterval: "1 second" })
        const rep = yield* Rep.make({ bind: "tcp://127.0.0.1:*", handshakeInterval: "1 second" })
        const ends = yield* Effect.forEach([router, xpub, rep], Socket.endpoint)
        const [routerPort, xpubPort, repPort] = ends.map((end) => Number(/\d+$/.exec(end)?.[0])) as [
          number,
          number,
          number
        ]
        yield* Effect.forkChild(Stream.runDrain(Router.stream(router)))
        yield* Effect.forkChild(Stream.runDrain(XPub.stream(xpub)))
        yield* Effect.forkChild(Rep.serve(rep, (request) => Effect.succeed(request)))
        const req = yield* Req.make({ connect: `tcp://127.0.0.1:${repPort}` })
        let served = 0
        let slowest = 0
        yield* Effect.forkChild(
          Effect.forever(
            Effect.gen(function* () {
              const begun = performance.now()
              const reply = yield* Req.request(req, `request ${served}`)
              assert.strictEqual(Message.text(reply), `request ${served}`)
              slowest = Math.max(slowest, performance.now() - begun)
              served++
              yield* Effect.sleep("2 millis")
            })
          )
        )
        const one = (seed: number) => {
          const random = chance(seed)
          const type = random.int(3) === 0 ? "SUB" : "DEALER"
          const port = type === "SUB" ? xpubPort : random.int(3) === 0 ? repPort : routerPort
          return attack(port, mutate(valid(type, random), random), random)
        }
        yield* Effect.forEach(
          Array.from({ length: count }, (_, seed) => seed),
          one,
          { concurrency: 16, discard: true }
        )
        yield* Effect.sleep("50 millis")
        const before = served
        yield* Effect.sleep("50 millis")
        assert.isAbove(served, before, "the good peer is served")
        console.log(`${count} mutations: ${served} requests served meanwhile, the slowest in ${slowest.toFixed(1)} ms`)
        // Nobody is left.
        assert.deepStrictEqual(yield* Router.peers(router), [])
      }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith({ limits })))
    }).pipe(Effect.runPromise),
  300_000
)
