/** Tests about what is counted. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { MemoryTransport, type Network, type Transport } from "../src/index.ts"

export const endpoint = "tcp://127.0.0.1:5555"

/** In a network and a registry of metrics of its own. */
export const virtually = <E>(
  title: string,
  body: Effect.Effect<void, E, Transport.Transport | Network.Network | Scope.Scope>
) =>
  it.effect(title, () =>
    body.pipe(
      Effect.scoped,
      Effect.provide(MemoryTransport.layer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )
