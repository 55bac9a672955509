/** What has come in and is no record, or none that makes sense here: counted by why. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Malformed } from "../records.ts"
import type { RequestProblem } from "./bodies.ts"

/**
 * Why a record, or what should have been some, is dropped.
 *
 * - of records that are none: see `Malformed`
 * - `codec`, `prefix`, `json`: the body of a call
 * - `undecodable`: what a codec dies of
 * - `unexpected`: a kind that is not for this end
 * - `repeated`: a call whose id is not greater than those before it
 * - `late`: an answer to what nobody waits for any more, or never did
 */
export type Drop = Malformed["problem"] | RequestProblem | "undecodable" | "unexpected" | "repeated" | "late"

/** Counts what one end drops, in plain fields, and in the metric `zmq_rpc_records_dropped`. */
export class Drops {
  readonly counts = new Map<Drop, number>()
  private readonly metrics = new Map<Drop, Metric.Counter<number>>()
  private readonly end: "server" | "client"
  private readonly context: Context.Context<never>

  constructor(end: "server" | "client", context: Context.Context<never>) {
    this.end = end
    this.context = context
  }

  add(why: Drop): void {
    this.counts.set(why, (this.counts.get(why) ?? 0) + 1)
    let metric = this.metrics.get(why)
    if (metric === undefined) {
      metric = Metric.counter("zmq_rpc_records_dropped", {
        description: "Records that came in and were dropped, by why",
        incremental: true,
        attributes: { end: this.end, why }
      })
      this.metrics.set(why, metric)
    }
    metric.updateUnsafe(1, this.context)
  }

  get total(): number {
    let total = 0
    for (const count of this.counts.values()) total += count
    return total
  }
}
