/** The worker pool, in large counts: as a machine, in memory, and with processes that are killed and stopped. */

import { describe } from "@effect/vitest"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect } from "effect"
import { simulate } from "../../packages/patterns/test/poolModel.ts"
import { check } from "../../packages/patterns/test/poolSimulation.ts"
import { mutateDispatcher, mutateWorker } from "../patterns/poolMutations.ts"
import { killing, restarting, stopping } from "../processes/poolFaults.ts"
import { prove } from "./table.ts"

const row = prove("worker pool")

describe("worker pool", () => {
  row(
    "simulations of the machine, with kills, partitions, silence, restarts and slow workers",
    Effect.sync(() => {
      // Each fails where a call has no end or two, a result comes twice, or a job or credit is left.
      const runs = 1_000
      let calls = 0
      for (let seed = 1; seed <= runs; seed++) calls += simulate(seed).calls
      return { what: `simulations of the machine (${calls} calls)`, count: runs, zero: {} }
    })
  )

  row(
    "simulations over sockets in memory, with faults in their network",
    Effect.map(
      Effect.suspend(() => check(1_000)),
      ({ hits, runs }) => ({
        what: `simulations over sockets in memory (${hits} faults)`,
        count: runs,
        zero: {}
      })
    )
  )

  const over = Effect.provide(ZmqTransport.layer)

  row(
    "malformed and random messages to a dispatcher, over libzmq",
    Effect.map(
      Effect.scoped(mutateDispatcher(() => "tcp://127.0.0.1:*", 10_000)).pipe(over),
      ({ malformed, unanswered }) => ({
        what: `mutated messages to a dispatcher, over libzmq (${malformed} records dropped)`,
        count: 10_000,
        zero: { "good calls without an answer": unanswered }
      })
    )
  )

  row(
    "malformed and random messages to a worker, over libzmq",
    Effect.map(Effect.scoped(mutateWorker(() => "tcp://127.0.0.1:*", 10_000)).pipe(over), () => ({
      what: "mutated messages to a worker, over libzmq",
      count: 10_000,
      zero: {}
    }))
  )

  row(
    "calls while one of four workers is killed every 200 ms for 5 s",
    Effect.map(
      killing({ workers: 4, calls: 10_000, inFlight: 64, millis: 25, every: 200, kills: 25 }),
      ({ dead, deaths, missing, noticed, open, redone, twice }) => ({
        what: `calls, ${deaths} workers killed, ${redone} redone, noticed in ${Math.round(noticed.p50)} ms (p50), ${Math.round(noticed.max)} ms (max)`,
        count: 10_000,
        zero: { missing, twice, "without an end": open, "dead letters": dead }
      })
    )
  )

  row(
    "calls while a worker is stopped for 3 s and goes on, twice",
    Effect.map(
      stopping({ calls: 4_000, inFlight: 32, millis: 20, stopFor: 3_000, times: 2 }),
      ({ late, missing, open, redone, twice }) => ({
        what: `calls, a worker stopped for 3 s twice, ${redone} redone, ${late} late results dropped`,
        count: 4_000,
        zero: { missing, twice, "without an end": open }
      })
    )
  )

  for (const after of [300, 4_000]) {
    row(
      `calls while the dispatcher is killed, and back after ${after} ms`,
      Effect.map(restarting({ calls: 1_000, millis: 300, after }), ({ answered, defects, ended, failed }) => ({
        what: `calls, the dispatcher killed and back after ${after} ms: ${answered} answered, ${failed} failed`,
        count: ended,
        zero: { hanging: 1_000 - ended, defects }
      }))
    )
  }
})
