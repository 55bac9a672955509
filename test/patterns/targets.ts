/** Runs the tests of patterns on each transport: in memory under virtual time, on libzmq, and on ZMTP in TypeScript. */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Simulation from "@effect-zmq/core/Simulation"
import type * as Socket from "@effect-zmq/core/Socket"
import * as Sockets from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { describe, it } from "vitest"

/** Where the sockets of a test are bound: a new address each time. */
export type Place = () => Endpoint.Input

export type Body = (place: Place) => Effect.Effect<unknown, unknown, Transport | Scope.Scope>

let names = 0

const places = {
  tcp: () => "tcp://127.0.0.1:*",
  ipc: () => "ipc://*",
  inproc: () => `inproc://patterns-${names++}`
} satisfies Record<string, Place>

/** A live test that takes longer waits for what does not come. */
const patience = "8 seconds"

const targets: ReadonlyArray<{
  readonly name: string
  readonly place: Place
  readonly run: (
    program: Effect.Effect<unknown, unknown, Transport | Scope.Scope>
  ) => Promise<Exit.Exit<unknown, unknown>>
}> = [
  {
    name: "memory",
    place: places.tcp,
    run: async (program) =>
      Simulation.run({
        seed: 1,
        program: Effect.provide(Effect.scoped(program), MemoryTransport.layer, { local: true })
      })
  },
  ...([ZmqTransport, ZmtpTransport] as const).flatMap(({ layer }) =>
    (["tcp", "ipc", "inproc"] as const).map((scheme) => ({
      name: `${layer === ZmqTransport.layer ? "zmq" : "zmtp"}, ${scheme}`,
      place: places[scheme],
      run: (program: Effect.Effect<unknown, unknown, Transport | Scope.Scope>) =>
        Effect.runPromiseExit(Effect.timeout(Effect.provide(Effect.scoped(program), layer, { local: true }), patience))
    }))
  )
]

/** Makes a test of each body on each transport, or on those whose names begin so. */
export const suite = (
  title: string,
  tests: Readonly<Record<string, Body>>,
  only: ReadonlyArray<string> = [""]
): void => {
  for (const { name, place, run } of targets) {
    if (!only.some((start) => name.startsWith(start))) continue
    describe(`${title}, ${name}`, { concurrent: name !== "memory" }, () => {
      for (const [promise, body] of Object.entries(tests)) {
        it(promise, async () => {
          const exit = await run(body(place))
          if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
        })
      }
    })
  }
}

/** What a socket is bound to, to be connected to. */
export const endpointOf = (socket: Socket.Socket): Effect.Effect<Endpoint.Endpoint, ZmqError> =>
  Effect.map(Sockets.endpoint(socket), (text) => Result.getOrThrow(Endpoint.parse(text)))
