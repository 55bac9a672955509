/**
 * The libzmq transport beside the addon used as its own page shows it, each peer in a process of its own, over tcp.
 *
 * - receive: the same raw sender on both sides
 * - send: the same raw receiver on both sides
 * - round trip: both ends of one kind
 */

import * as path from "node:path"
import { Console, Effect, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { ChildProcess } from "effect/process"
import type { Result, Task } from "./peers/task.ts"
import { median, percentile, print, rate } from "./table.ts"

type Kind = "raw" | "ours"
type Peer = Omit<Task, "endpoint" | "size" | "count"> & { readonly kind: Kind }

const spawn = ({ kind, ...task }: Peer & Task) =>
  ChildProcess.make(process.execPath, [path.join(import.meta.dirname, "peers", `${kind}.ts`), JSON.stringify(task)], {
    stderr: "inherit"
  })

/** Runs a peer that binds and one that connects; gives what `measured` of them reports. */
const run = Effect.fnUntraced(function* (options: {
  readonly bound: Peer
  readonly connected: Peer
  readonly measured: "bound" | "connected"
  readonly size: number
  readonly count: number
}) {
  const { bound, connected, count, measured, size } = options
  const first = yield* spawn({ ...bound, size, count, endpoint: "" })
  const said = first.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.map((line) => JSON.parse(line))
  )
  const lines = yield* Stream.toPull(said)
  const [{ endpoint }] = yield* lines
  const second = yield* spawn({ ...connected, size, count, endpoint })
  if (measured === "bound") {
    const [result]: ReadonlyArray<Result> = yield* lines
    return result as Result // a pull gives at least one
  }
  const result = yield* second.stdout.pipe(Stream.decodeText(), Stream.mkString)
  return JSON.parse(result) as Result // what ./peers prints
}, Effect.scoped)

const sizes = [
  { size: 16, count: 400_000, trips: 4_000 },
  { size: 1024, count: 100_000, trips: 4_000 },
  { size: 65_536, count: 6_000, trips: 2_000 }
] as const

const raw = (role: Task["role"]): Peer => ({ kind: "raw", role, form: "each" })
const ours = (role: Task["role"], form: Task["form"]): Peer => ({ kind: "ours", role, form })

const throughput = [
  { title: "receive, batches", ours: [ours("pull", "batches"), raw("push")] },
  { title: "receive, one at a time", ours: [ours("pull", "each"), raw("push")] },
  { title: "send, batches of 64", ours: [raw("pull"), ours("push", "batches")] },
  { title: "send, one at a time", ours: [raw("pull"), ours("push", "each")] }
] as const

export const zmq = Command.make(
  "zmq",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each side; the median counts")
    )
  },
  Effect.fnUntraced(function* ({ repetitions }) {
    const rows: Array<ReadonlyArray<string>> = []
    for (const { count, size, trips } of sizes) {
      for (const row of throughput) {
        const rates: Record<Kind, Array<number>> = { raw: [], ours: [] }
        for (let i = 0; i < repetitions; i++) {
          for (const kind of ["raw", "ours"] as const) {
            const [bound, connected] = kind === "raw" ? [raw("pull"), raw("push")] : row.ours
            const { messages, seconds } = yield* run({ bound, connected, measured: "bound", size, count })
            rates[kind].push(messages / seconds)
          }
        }
        const [a, b] = [median(rates.raw), median(rates.ours)]
        rows.push([row.title, `${size} B`, rate(a), rate(b), (b / a).toFixed(2)])
      }
      const p50: Record<Kind, Array<number>> = { raw: [], ours: [] }
      const p99: Record<Kind, Array<number>> = { raw: [], ours: [] }
      for (let i = 0; i < repetitions * 2; i++) {
        for (const kind of ["raw", "ours"] as const) {
          const [bound, connected] =
            kind === "raw" ? [raw("rep"), raw("req")] : [ours("rep", "each"), ours("req", "each")]
          const result = yield* run({ bound, connected, measured: "connected", size, count: trips })
          p50[kind].push(percentile(result.trips ?? [], 0.5))
          p99[kind].push(percentile(result.trips ?? [], 0.99))
        }
      }
      for (const [title, values] of [
        ["round trip p50", p50],
        ["round trip p99", p99]
      ] as const) {
        const [a, b] = [median(values.raw), median(values.ours)]
        rows.push([title, `${size} B`, `${a.toFixed(0)} us`, `${b.toFixed(0)} us`, (b / a).toFixed(2)])
      }
      yield* Console.error(`measured ${size} B`)
    }
    yield* print(["over tcp, two processes", "size", "the addon", "effect-zmq", "ratio"], rows)
  })
).pipe(Command.withDescription("The libzmq transport beside the addon used naively"))
