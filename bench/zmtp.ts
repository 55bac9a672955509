/**
 * ZMTP in TypeScript beside the addon used as its own page shows it: both ends of one kind, each in a process of its own,
 * over tcp.
 */
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { Task } from "./peers/task.ts"
import { type Comparison, median, percentile, report } from "./table.ts"
import { interleaved, type Kind, type Pairing, type Peer, run } from "./zmq.ts"

interface Row {
  readonly title: string
  readonly pairing: Readonly<Record<Kind, Pairing>>
  /** Of how many messages, by size; ours gets as many more as it is faster. */
  readonly count: Readonly<Record<Size, number>>
  readonly times: number
  readonly goals: Partial<Record<Size, number>>
}

const sizes = [16, 100, 1024, 65_536] as const

type Size = (typeof sizes)[number]

const raw = (role: Task["role"], form: Task["form"] = "each"): Peer => ({ kind: "raw", role, form })
const ours = (role: Task["role"], form: Task["form"] = "each"): Peer => ({
  kind: "ours",
  role,
  form,
  transport: "zmtp"
})

const pulling = (bound: Peer, connected: Peer): Pairing => ({ bound, connected, measured: "bound" })

const piped = (receive: Task["form"], send: Task["form"]): Row["pairing"] => ({
  raw: pulling(raw("pull"), raw("push")),
  ours: pulling(ours("pull", receive), ours("push", send))
})

const publishing = (subscribers: number, form: Task["form"]): Row["pairing"] => {
  const pairing = (peer: typeof raw): Pairing => ({
    bound: { ...peer("pub", form), subscribers },
    connected: { ...peer("sub"), subscribers },
    measured: "connected"
  })
  return { raw: pairing(raw), ours: pairing(ours) }
}

const asking = (form: Task["form"]): Row["pairing"] => ({
  raw: { bound: raw("rep"), connected: raw("req", form), measured: "connected" },
  ours: { bound: ours("rep"), connected: ours("req", form), measured: "connected" }
})

const plenty = { 16: 300_000, 100: 300_000, 1024: 100_000, 65536: 10_000 }
const fewer = { 16: 30_000, 100: 30_000, 1024: 10_000, 65536: 1_000 }

const rows: ReadonlyArray<Row> = [
  {
    title: "batches",
    pairing: piped("batches", "batches"),
    count: plenty,
    times: 20,
    goals: { 16: 25, 100: 18, 1024: 4.5, 65536: 1.15 }
  },
  {
    title: "one send an effect, runForEach",
    pairing: piped("run", "each"),
    count: plenty,
    times: 6,
    goals: { 16: 10 }
  },
  { title: "one send an effect, stream", pairing: piped("each", "each"), count: plenty, times: 6, goals: { 16: 8 } },
  {
    title: "publish to 1, batches",
    pairing: publishing(1, "batches"),
    count: plenty,
    times: 12,
    goals: { 16: 25 }
  },
  { title: "publish to 1, one send an effect", pairing: publishing(1, "each"), count: plenty, times: 6, goals: {} },
  {
    title: "publish to 10, batches",
    pairing: publishing(10, "batches"),
    count: fewer,
    times: 12,
    goals: { 16: 20 }
  },
  { title: "100 in flight", pairing: asking("flight"), count: fewer, times: 4, goals: { 16: 6, 1024: 6 } }
]

const tripGoals: Readonly<Record<string, Partial<Record<Size, number>>>> = {
  "round trip p50": { 16: 0.8, 1024: 0.6, 65536: 0.65 },
  "round trip p99": { 16: 0.7, 65536: 1 }
}

export const zmtp = Command.make(
  "zmtp",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each side; the median counts")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("Print the rows as JSON"))
  },
  Effect.fnUntraced(function* ({ json, repetitions }) {
    const comparisons: Array<Comparison> = []
    for (const size of sizes) {
      for (const { count, goals, pairing, times, title } of rows) {
        const countOf = (kind: Kind) => (kind === "raw" || size === 65_536 ? count[size] : count[size] * times)
        const rates = yield* interleaved(repetitions, (kind) =>
          Effect.map(run(pairing[kind], size, countOf(kind)), ({ messages, seconds }) => messages / seconds)
        )
        const [rawRate, oursRate] = [median(rates.raw), median(rates.ours)]
        comparisons.push({ title, size, unit: "per second", raw: rawRate, ours: oursRate, goal: goals[size] })
        yield* Console.error(`measured ${title}, ${size} B`)
      }
      const trip = yield* interleaved(repetitions, (kind) =>
        Effect.map(run(asking("each")[kind], size, 3000), (result) => result.trips ?? [])
      )
      for (const [title, p] of [
        ["round trip p50", 0.5],
        ["round trip p99", 0.99]
      ] as const) {
        const of = (kind: Kind) => median(trip[kind].map((all) => percentile(all, p)))
        comparisons.push({
          title,
          size,
          unit: "microseconds",
          raw: of("raw"),
          ours: of("ours"),
          goal: tripGoals[title]?.[size]
        })
      }
    }
    yield* report("over tcp, two processes", "the addon", comparisons, json)
  })
).pipe(Command.withDescription("ZMTP in TypeScript beside the addon used naively"))
