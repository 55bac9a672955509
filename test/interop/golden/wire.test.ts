/**
 * What our sockets write to a TCP connection is, byte by byte, what libzmq writes there: recorded from pyzmq by `record.py`.
 * The peer is no ZeroMQ socket: it writes the recorded bytes, and reads.
 *
 * Between libzmq 4.3.4, whose bytes these are, and the addon's 4.3.5 nothing differs, so nothing is left out of the
 * comparison. Of what is recorded, these are libzmq's ways, and free to others: bytes 1 to 8 of the signature (padding;
 * here the length of the routing id and 1), the minor version, the order of the properties of READY, `Identity` where it is
 * empty, an XSUB's subscriptions as messages, and the name of PLAIN's ERROR, in which libzmq has a mistake.
 */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Socket, type Transport, type ZmqError } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Data, Effect, Exit, type Layer, Scope } from "effect"
import { fromHex, type Subject, shown, subject, toHex, type WireScenario, wire } from "./scenarios.ts"

/** The connection was closed, or no more came, before what was awaited. */
class Ended extends Data.TaggedError("Ended")<{ readonly message: string }> {}

/** The other end of a connection: bytes, and no more. */
interface Peer {
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  /** The next bytes, as many as that. */
  readonly read: (count: number) => Effect.Effect<Uint8Array, Ended>
  /** What comes until the connection is closed. */
  readonly rest: Effect.Effect<Uint8Array>
}

const peerOf = (connection: Net.Socket): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let arrived = Buffer.alloc(0)
      let ended = false
      let look = () => {}
      connection.on("data", (data) => {
        arrived = Buffer.concat([arrived, data])
        look()
      })
      for (const event of ["end", "error"]) {
        connection.on(event, () => {
          ended = true
          look()
        })
      }
      /** Looks now, and whenever something has come, until there is something to go on with. */
      const until = <A, E = never>(found: () => Effect.Effect<A, E> | undefined) =>
        Effect.callback<A, E>((resume) => {
          look = () => {
            const effect = found()
            if (effect === undefined) return
            look = () => {}
            resume(effect)
          }
          look()
        })
      const take = (count: number) => {
        const taken = arrived.subarray(0, count)
        arrived = arrived.subarray(taken.length)
        return taken
      }
      const peer: Peer = {
        write: (bytes) => Effect.sync(() => void connection.write(bytes)),
        read: (count) =>
          until<Uint8Array, Ended>(() => {
            if (arrived.length >= count) return Effect.succeed(take(count))
            if (!ended) return undefined
            return new Ended({ message: `it closed the connection after ${toHex(arrived) || "nothing"}` })
          }),
        rest: until(() => (ended ? Effect.succeed(take(arrived.length)) : undefined))
      }
      return peer
    }),
    () => Effect.sync(() => connection.destroy())
  )

/** Listens for one connection. */
const listen = Effect.map(
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ),
  (server) => {
    const connection = new Promise<Net.Socket>((resolve) => server.once("connection", resolve))
    const address = server.address()
    return {
      port: typeof address === "object" && address !== null ? address.port : assert.fail("it does not listen"),
      accept: Effect.promise(() => connection)
    }
  }
)

const play = Effect.fnUntraced(function* ({ connects, options, steps, type }: WireScenario, writes: Target["writes"]) {
  // Of the socket, which ends before the peer does.
  const life = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope))
  const { peer, socket } = yield* (connects ? connected : bound)((where) =>
    Scope.provide(subject(type, options, where), life)
  )
  for (const step of steps) {
    if (step.does === "writes") {
      const hex = step.who === "peer" ? step.hex : (writes[step.what] ?? step.hex)
      const bytes = fromHex(hex)
      if (step.who === "peer") yield* peer.write(bytes)
      else assert.strictEqual(toHex(yield* peer.read(bytes.length)), hex, step.what)
    } else if (step.does === "receives") {
      assert.deepStrictEqual(shown(yield* socket.receive, step.frames), step.frames, "what the socket receives")
    } else {
      yield* Scope.provide(socket.does(step), life)
    }
  }
  yield* Scope.close(life, Exit.void)
  // But for heartbeats, which may go on.
  if (options.heartbeat === undefined) assert.strictEqual(toHex(yield* peer.rest), "", "and nothing more")
})

type Open = (where: Parameters<typeof subject>[2]) => Effect.Effect<Subject, ZmqError.ZmqError, Transport.Transport>

const connected = Effect.fnUntraced(function* (open: Open) {
  const { accept, port } = yield* listen
  const socket = yield* open({ connect: `tcp://127.0.0.1:${port}` })
  return { socket, peer: yield* Effect.flatMap(accept, peerOf) }
})

const bound = Effect.fnUntraced(function* (open: Open) {
  const socket = yield* open({ bind: "tcp://127.0.0.1:*" })
  const port = Number(/\d+$/.exec(yield* Socket.endpoint(socket.socket))?.[0])
  return { socket, peer: yield* peerOf(Net.connect(port, "127.0.0.1")) }
})

interface Target {
  readonly name: string
  readonly layer: Layer.Layer<Transport.Transport>
  /** What it writes instead of what libzmq does, by the names of steps. */
  readonly writes: Readonly<Record<string, string>>
}

/** Every transport that has a wire. */
const targets: ReadonlyArray<Target> = [
  { name: "zmq", layer: ZmqTransport.layer, writes: {} },
  {
    name: "zmtp",
    layer: ZmtpTransport.layer,
    // As RFC 37 has it: libzmq's server of PLAIN does not say that it is one, and misspells ERROR.
    writes: {
      "greeting: mechanism PLAIN, as server": `ff00000000000000017f0301504c41494e${"00".repeat(15)}01${"00".repeat(31)}`,
      "ERROR: 400, its name being 5e RROR": "040a054552524f5203343030"
    }
  }
]

for (const { name, layer, writes } of targets) {
  describe(`golden bytes, ${name}`, () => {
    for (const scenario of wire) {
      it.live(`${scenario.title} (${scenario.type})`, () => play(scenario, writes).pipe(Effect.provide(layer)))
    }
  })
}
