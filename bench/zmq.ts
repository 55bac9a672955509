/**
 * The libzmq transport beside the addon used as its own page shows it, each peer in a process of its own, over tcp.
 *
 * - receive: the same raw sender on both sides, which is faster than either
 * - send: the same raw receiver on both sides
 * - round trip, publish: both ends of one kind
 */

import * as path from "node:path"
import { Console, Effect, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { ChildProcess } from "effect/process"
import type { Result, Task } from "./peers/task.ts"
import { type Comparison, median, percentile, report } from "./table.ts"

export type Kind = "raw" | "ours"
export type Peer = Pick<Task, "role" | "form" | "subscribers" | "transport"> & { readonly kind: Kind }

const spawn = ({ kind, ...task }: Peer & Task) =>
  ChildProcess.make(process.execPath, [path.join(import.meta.dirname, "peers", `${kind}.ts`), JSON.stringify(task)], {
    stderr: "inherit",
    env: { NODE_NO_WARNINGS: "1" }, // the addon tells when it waits for what is unsent
    extendEnv: true,
    killSignal: "SIGKILL"
  })

/** Two peers, and which of them reports. */
export interface Pairing {
  readonly bound: Peer
  readonly connected: Peer
  readonly measured: "bound" | "connected"
}

/** Runs two peers; gives what the one that is measured reports. */
export const run = Effect.fnUntraced(
  function* ({ bound, connected, measured }: Pairing, size: number, count: number) {
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
    // Who has answered stays until the other side is through, which here is when the scope closes.
    const answer = yield* second.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runHead)
    return JSON.parse(yield* Effect.fromOption(answer)) as Result // what ./peers prints
  },
  Effect.scoped,
  Effect.timeout("1 minute")
)

const sizes = [
  { size: 16, count: 400_000, trips: 4_000 },
  { size: 1024, count: 100_000, trips: 4_000 },
  { size: 65_536, count: 10_000, trips: 2_000 }
] as const

const raw = (role: Task["role"], form: Task["form"] = "each"): Peer => ({ kind: "raw", role, form })
const ours = (role: Task["role"], form: Task["form"] = "each"): Peer => ({ kind: "ours", role, form })

interface Row {
  readonly title: string
  readonly pairing: Readonly<Record<Kind, Pairing>>
  /** Of how many messages, where that is not all of them. */
  readonly share?: number
  /** The least ratio at 16 B. */
  readonly goal?: number
}

const pulling = (bound: Peer, connected: Peer): Pairing => ({ bound, connected, measured: "bound" })

const flood = raw("push", "flood")

const publishing = (subscribers: number): Row => {
  const pairing = (peer: typeof raw): Pairing => ({
    bound: { ...peer("pub"), subscribers },
    connected: { ...peer("sub"), subscribers },
    measured: "connected"
  })
  return {
    title: subscribers === 1 ? "publish to 1" : `publish to ${subscribers}`,
    pairing: { raw: pairing(raw), ours: pairing(ours) },
    share: 1 / subscribers
  }
}

const rows: ReadonlyArray<Row> = [
  {
    title: "receive, batches",
    pairing: { raw: pulling(raw("pull"), flood), ours: pulling(ours("pull", "batches"), flood) },
    goal: 1.5
  },
  {
    title: "receive, one at a time",
    pairing: { raw: pulling(raw("pull"), flood), ours: pulling(ours("pull"), flood) }
  },
  {
    title: "send, batches of 64",
    pairing: {
      raw: pulling(raw("pull"), raw("push")),
      ours: pulling(raw("pull"), ours("push", "batches"))
    },
    goal: 1.3
  },
  {
    title: "send, one at a time",
    pairing: { raw: pulling(raw("pull"), raw("push")), ours: pulling(raw("pull"), ours("push")) },
    goal: 1
  },
  publishing(1),
  publishing(10)
]

const asking: Readonly<Record<Kind, Pairing>> = {
  raw: { bound: raw("rep"), connected: raw("req"), measured: "connected" },
  ours: { bound: ours("rep"), connected: ours("req"), measured: "connected" }
}

/** Runs both kinds in turn, `times` times. */
export const interleaved = <A, E, R>(times: number, one: (kind: Kind) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const results: Record<Kind, Array<A>> = { raw: [], ours: [] }
    for (let i = 0; i < times; i++) {
      for (const kind of i % 2 === 0 ? (["raw", "ours"] as const) : (["ours", "raw"] as const)) {
        results[kind].push(yield* one(kind))
      }
    }
    return results
  })

export const zmq = Command.make(
  "zmq",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each side; the median counts")
    ),
    size: Flag.Int("size").pipe(
      Flag.optional,
      Flag.withDescription("Only messages of this size: 16, 1024 or 65536 bytes")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("Print the rows as JSON"))
  },
  Effect.fnUntraced(function* ({ json, repetitions, size: only }) {
    const comparisons: Array<Comparison> = []
    for (const { count, size, trips } of sizes) {
      if (Option.isSome(only) && only.value !== size) continue
      for (const { goal, pairing, share = 1, title } of rows) {
        const rates = yield* interleaved(repetitions, (kind) =>
          Effect.map(run(pairing[kind], size, Math.round(count * share)), ({ messages, seconds }) => messages / seconds)
        )
        comparisons.push({
          title,
          size,
          unit: "per second",
          raw: median(rates.raw),
          ours: median(rates.ours),
          goal: size === 16 ? goal : undefined
        })
        yield* Console.error(`measured ${title}, ${size} B`)
      }
      const trip = yield* interleaved(repetitions * 2, (kind) =>
        Effect.map(run(asking[kind], size, trips), (result) => result.trips ?? [])
      )
      for (const [title, p, goal] of [
        ["round trip p50", 0.5, 1.15],
        ["round trip p99", 0.99, undefined]
      ] as const) {
        const of = (kind: Kind) => median(trip[kind].map((times) => percentile(times, p)))
        comparisons.push({
          title,
          size,
          unit: "microseconds",
          raw: of("raw"),
          ours: of("ours"),
          goal: size === 16 ? goal : undefined
        })
      }
    }
    yield* report("over tcp, two processes", "the addon", comparisons, json)
  })
).pipe(Command.withDescription("The libzmq transport beside the addon used naively"))
