/** Who sends mutations: to sockets that are bound, and to those that connect to it. */
import * as Net from "node:net"
import type { Endpoint } from "@effect-zmq/core"
import * as Effect from "effect/Effect"
import { connecting, type Mutation, mutationOf, regressions, type Target } from "./mutate.ts"
import type { Places } from "./served.ts"

const isConnecting = (target: Target): target is (typeof connecting)[number] => connecting.some((one) => one === target)

/** Servers for the sockets that connect. Those who come wait until they get a mutation. */
export const hostile = Effect.gen(function* () {
  const servers = {
    dealer: yield* server,
    plainDealer: yield* server
  }
  return {
    endpoints: { dealer: servers.dealer.endpoint, plainDealer: servers.plainDealer.endpoint },
    next: (target: (typeof connecting)[number]) => servers[target].next
  }
})

const server = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{
      readonly server: Net.Server
      readonly come: Array<Net.Socket>
      readonly wanted: Array<(socket: Net.Socket) => void>
    }>((resume) => {
      const come: Array<Net.Socket> = []
      const wanted: Array<(socket: Net.Socket) => void> = []
      const server = Net.createServer((socket) => {
        socket.on("error", () => {})
        const one = wanted.shift()
        if (one === undefined) come.push(socket)
        else one(socket)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, come, wanted })))
    }),
    ({ come, server }) =>
      Effect.sync(() => {
        for (const socket of come) socket.destroy()
        server.close()
      })
  ),
  ({ come, server, wanted }) => ({
    // It listens by tcp.
    endpoint: `tcp://127.0.0.1:${(server.address() as Net.AddressInfo).port}` satisfies Endpoint.Text,
    next: Effect.callback<Net.Socket>((resume) => {
      const take = (socket: Net.Socket) => resume(Effect.succeed(socket))
      for (let one = come.shift(); one !== undefined; one = come.shift()) if (!one.destroyed) return take(one)
      wanted.push(take)
    })
  })
)

export type Hostile = Effect.Success<typeof hostile>

/** Connects, or waits for who does. */
const open = (target: Target, seed: number, places: Places, { next }: Hostile): Effect.Effect<Net.Socket> =>
  isConnecting(target)
    ? next(target)
    : Effect.callback<Net.Socket>((resume) => {
        const place = places[target][seed % 2] ?? ""
        const port = /^tcp:.*:(\d+)$/.exec(place)?.[1]
        const socket = Net.connect(
          port === undefined ? { path: place.slice("ipc://".length) } : { port: Number(port), host: "127.0.0.1" }
        )
        socket.once("connect", () => resume(Effect.succeed(socket)))
        socket.once("error", () => socket.destroy())
      })

/** Sends the bytes in pieces, and ends one way or another. */
const send = (socket: Net.Socket, { bytes, isReset, random: { int } }: Mutation): Effect.Effect<void> =>
  Effect.callback((resume) => {
    socket.resume()
    socket.on("error", () => {})
    socket.once("close", () => resume(Effect.void))
    // Most die of it sooner; a judge that was asked, or a handshake that is not whole, would take its time.
    socket.setTimeout(500, () => socket.destroy())
    const [one, other] = [int(bytes.length + 1), int(bytes.length + 1)]
    socket.write(bytes.subarray(0, Math.min(one, other)))
    setImmediate(() => {
      socket.write(bytes.subarray(Math.min(one, other), Math.max(one, other)))
      setImmediate(() => {
        if (!isReset) socket.end(bytes.subarray(Math.max(one, other)))
        else if (socket.remotePort === undefined) socket.destroy()
        else socket.resetAndDestroy()
      })
    })
  })

/** Sends so many mutations, 16 at a time; how many found nobody. */
export const attack = (count: number, places: Places, by: Hostile, after?: (done: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    let undelivered = 0
    let done = 0
    const seeds = [...regressions, ...Array.from({ length: count }, (_, seed) => seed)]
    yield* Effect.forEach(
      seeds,
      Effect.fnUntraced(function* (seed) {
        const mutation = mutationOf(seed)
        const socket = yield* Effect.timeoutOption(open(mutation.target, seed, places, by), "5 seconds")
        if (socket._tag === "None") undelivered++
        else yield* send(socket.value, mutation)
        if (after !== undefined) yield* after(++done)
      }),
      { concurrency: 16, discard: true }
    )
    return { undelivered }
  })
