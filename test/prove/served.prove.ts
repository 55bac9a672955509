/** Served groups among random and mutated messages, and under faults, in full. */

import { describe } from "@effect/vitest"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import type { Transport } from "@effect-zmq/core/Transport"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Effect, type Layer, type Scope } from "effect"
import { servedUnderFaults } from "../../packages/patterns/test/servedChecks.ts"
import { clientHearsGarbage, serverHearsGarbage } from "../patterns/garbage.ts"
import type { Place } from "../patterns/targets.ts"
import { prove } from "./table.ts"

const count = 10_000

const transports: ReadonlyArray<{
  readonly name: string
  readonly place: Place
  readonly layer: Layer.Layer<Transport>
}> = [
  { name: "memory", place: () => "tcp://127.0.0.1:*", layer: MemoryTransport.layer },
  { name: "zmq, tcp", place: () => "tcp://127.0.0.1:*", layer: ZmqTransport.layer },
  { name: "zmq, ipc", place: () => "ipc://*", layer: ZmqTransport.layer },
  { name: "zmtp, tcp", place: () => "tcp://127.0.0.1:*", layer: ZmtpTransport.layer }
]

describe("random and mutated messages, through sockets", () => {
  const claim = prove("Served groups among garbage")
  for (const { layer, name, place } of transports) {
    const run = (
      body: (place: Place, count: number, seed: number) => Effect.Effect<unknown, unknown, Transport | Scope.Scope>
    ) =>
      Effect.scoped(body(place, count, 1)).pipe(
        Effect.timeout("2 minutes"),
        Effect.provide(layer),
        Effect.as(0),
        Effect.catchCause((cause) => Effect.as(Effect.logError(cause), 1))
      )
    claim(
      `${name}: the server`,
      Effect.map(run(serverHearsGarbage), (failures) => ({
        what: `messages to a server that serves another client meanwhile, ${name}`,
        count,
        zero: { failures }
      }))
    )
    claim(
      `${name}: the client`,
      Effect.map(run(clientHearsGarbage), (failures) => ({
        what: `messages to a client whose calls all end, ${name}`,
        count,
        zero: { failures }
      }))
    )
  }
})

describe("served groups under faults", () => {
  const claim = prove("Served groups under faults")
  for (const [kinds, what] of [
    ["lossless", "runs whose network fails: every call ends, and nobody works for nobody"],
    ["killed", "runs whose servers are killed: every call ends, and nobody works for nobody"]
  ] as const) {
    claim(
      what,
      Effect.sync(() => Effect.runSyncExit(servedUnderFaults(1000, kinds))).pipe(
        Effect.tap((exit) => (exit._tag === "Failure" ? Effect.logError(exit.cause) : Effect.void)),
        Effect.map((exit) => ({ what, count: 1000, zero: { failures: exit._tag === "Failure" ? 1 : 0 } }))
      )
    )
  }
})
