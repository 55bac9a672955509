/** What the metrics say, socket by socket. */
import { Effect, Metric } from "effect"

/** The counts of one socket, since it was made. */
export interface Row {
  readonly name: string
  readonly type: string
  readonly transport: string
  readonly counts: Readonly<Record<string, number>>
  readonly dropped: Readonly<Record<string, number>>
}

/** The sockets of this process that have been used, in the order of their names. */
export const rows: Effect.Effect<ReadonlyArray<Row>> = Effect.map(Metric.snapshot, (metrics) => {
  const found = new Map<string, Row & { counts: Record<string, number>; dropped: Record<string, number> }>()
  for (const { attributes = {}, id, state } of metrics) {
    if (!id.startsWith("zmq_")) continue
    const { cause, direction, name = "", transport = "", type = "" } = attributes
    const row = found.get(`${type} ${name}`) ?? { name, type, transport, counts: {}, dropped: {} }
    found.set(`${type} ${name}`, row)
    const value = "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : 0
    if (cause === undefined) row.counts[direction === undefined ? id : `${id}_${direction}`] = value
    else if (value > 0) row.dropped[cause] = value
  }
  return Array.from(found.values()).sort((a, b) => a.name.localeCompare(b.name))
})
