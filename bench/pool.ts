/** Calls spread over four worker processes: raw bytes from the dispatcher's own process, and those of RPC clients in another. */
import { Effect } from "effect"
import type { Pooled, PoolTask } from "./peers/pool.ts"
import { line, type Row, type Section, spawn } from "./sections.ts"

/** What it prints, in the end. */
const measure = Effect.fnUntraced(
  function* (task: PoolTask) {
    const pooled: Pooled = yield* line(yield* spawn("pool.ts", task))
    // Figures of a pool that leaves its work to one worker are those of one worker.
    const least = Math.min(...pooled.done)
    if (least * workers * 2 < pooled.count) return yield* Effect.die(`unfair: ${pooled.done.join(", ")}`)
    return pooled.count / pooled.seconds
  },
  Effect.scoped,
  Effect.timeout("1 minute")
)

const workers = 4

const row = (title: string, task: Omit<PoolTask, "role" | "workers">, figure?: number): Row => ({
  title,
  unit: "per second",
  alone: true,
  run: () => measure({ ...task, role: "dispatcher", workers }),
  ...(figure === undefined ? {} : { figure })
})

export const pooled: Section = {
  title: "pooled, four worker processes, libzmq",
  beside: "",
  rows: [
    row("raw submit, 64 in flight", { measure: "bytes", width: 64, count: 300_000 }),
    row("raw submit, 256 in flight", { measure: "bytes", width: 256, count: 500_000 }, 150e3),
    row("raw submit, 2000 in flight", { measure: "bytes", width: 2_000, count: 500_000 }),
    row("RPC clients, 64 in flight", { measure: "rpc", width: 64, count: 60_000 }),
    row("RPC clients, 256 in flight", { measure: "rpc", width: 256, count: 100_000 }, 30e3),
    row("RPC clients, 2000 in flight", { measure: "rpc", width: 2_000, count: 100_000 })
  ]
}
