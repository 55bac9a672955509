/**
 * ZMTP in TypeScript beside the addon used as its own page shows it, libzmq in C, pyzmq, and `node:net` with no ZeroMQ at
 * all: both ends of one kind, each in a process of its own, over tcp, all of them in turn within one run.
 */
import * as path from "node:path"
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { drawMeasured } from "./charts.ts"
import { writePage } from "./page.ts"
import type { Result, Task } from "./peers/task.ts"
import {
  asJson,
  bytes,
  type Cell,
  figure,
  type Goal,
  type Measured,
  outputs,
  type Report,
  titleOf,
  type Unit,
  verdict,
  write
} from "./report.ts"
import { machine, missingSides, names, type Pairing, type Peer, type Run, run, type Side, sides } from "./sides.ts"
import { median, percentile, print } from "./table.ts"

interface Figure {
  /** Beside the title of the row. */
  readonly name: string
  readonly unit: Unit
  readonly of: (run: Run, count: number) => number
  readonly goals: ReadonlyArray<Goal>
}

interface Row {
  readonly title: string
  readonly sizes: ReadonlyArray<number>
  readonly sides: Partial<Record<Side, Pairing>>
  /** Of how many messages: so many, or seconds of what the side is expected to do. */
  readonly count?: (size: number) => number
  readonly seconds?: number
  readonly figures: ReadonlyArray<Figure>
  /** Why a side has no such row. */
  readonly without?: string
}

/** About what each side does in a second, by size: so that all of them run for about as long. */
const expected: Readonly<Record<Side, Readonly<Record<number, number>>>> = {
  addon: { 16: 400e3, 100: 400e3, 1024: 300e3, 65536: 20e3 },
  ours: { 16: 9e6, 100: 6e6, 1024: 1.2e6, 65536: 24e3 },
  c: { 16: 6e6, 100: 4e6, 1024: 900e3, 65536: 28e3 },
  batched: { 16: 6e6, 100: 4e6, 1024: 900e3, 65536: 28e3 },
  python: { 16: 1e6, 100: 1e6, 1024: 700e3, 65536: 18e3 },
  net: { 16: 15e6, 100: 9e6, 1024: 2e6, 65536: 30e3 }
}

const everybody = (make: (side: Side) => Pairing): Row["sides"] =>
  Object.fromEntries(sides.map((side) => [side, make(side)]))

const only = (given: Row["sides"], ...wanted: ReadonlyArray<Side>): Row["sides"] =>
  Object.fromEntries(Object.entries(given).filter(([side]) => wanted.some((one) => one === side)))

/** How ours receives and sends; the others have one way of each. */
const piped = (receive: Task["form"], send: Task["form"], timer?: boolean) =>
  everybody((side) => {
    const forms = side === "ours" ? ([receive, send] as const) : (["each", send === "turn" ? "turn" : "each"] as const)
    return {
      bound: peer(side, "pull", forms[0], timer),
      connected: peer(side, "push", timer === true && side === "addon" ? "flood" : forms[1], timer),
      measured: "bound"
    }
  })

const peer = (side: Side, role: Task["role"], form: Task["form"], timer = false): Peer => ({ side, role, form, timer })

const publishing = (subscribers: number, form: Task["form"] = "batches") =>
  everybody((side) => ({
    bound: { side, role: "pub", form: side === "ours" ? form : "each", subscribers },
    connected: { side, role: "sub", form: "each", subscribers },
    measured: "connected"
  }))

const asking = (form: Task["form"]) =>
  everybody((side) => ({
    bound: peer(side, "rep", "each"),
    connected: peer(side, "req", form),
    measured: "connected"
  }))

const perSecond = (goals: Figure["goals"] = []): Figure => ({
  name: "",
  unit: "per second",
  of: ({ measured }, count) => count / measured.seconds,
  goals
})

const trips = (p: number, goals: Figure["goals"] = []): Figure => ({
  name: `p${p * 100}`,
  unit: "microseconds",
  of: ({ measured }) => percentile(measured.trips ?? [], p),
  goals
})

const ticks = (name: string, of: (run: Run) => Result, goals: Figure["goals"]): Figure => ({
  name,
  unit: "milliseconds",
  of: (run) => percentile(of(run).ticks ?? [], 0.99),
  goals
})

const beside = (side: Side, values: Readonly<Record<number, number>>): ReadonlyArray<Goal> =>
  Object.entries(values).map(([size, value]) => ({ size: Number(size), beside: side, value }))

const all = [16, 100, 1024, 65_536] as const

const noLoop = "the row is about an event loop"

const rows: ReadonlyArray<Row> = [
  {
    title: "PUSH to PULL, batches",
    sizes: all,
    sides: piped("batches", "batches"),
    figures: [perSecond([...beside("addon", { 16: 25, 100: 18, 1024: 4.5, 65536: 1.15 }), ...beside("c", { 16: 1.5 })])]
  },
  {
    title: "PUSH to PULL, one send an effect, runForEach",
    sizes: [16, 1024],
    sides: only(piped("run", "each"), "addon", "ours"),
    seconds: 0.3,
    figures: [perSecond(beside("addon", { 16: 10 }))]
  },
  {
    title: "PUSH to PULL, one send an effect, stream",
    sizes: [16, 1024],
    sides: only(piped("each", "each"), "addon", "ours"),
    seconds: 0.3,
    figures: [perSecond(beside("addon", { 16: 8 }))]
  },
  {
    title: "PUSH to PULL, one message a turn",
    sizes: [16],
    sides: only(piped("batches", "turn"), "addon", "ours", "net"),
    count: () => 120_000,
    figures: [perSecond(beside("addon", { 16: 1 }))],
    without: noLoop
  },
  {
    title: "libzmq in C to ours",
    sizes: [16],
    sides: {
      c: piped("batches", "batches").c as Pairing, // everybody has one
      ours: { bound: peer("ours", "pull", "batches"), connected: peer("c", "push", "each"), measured: "bound" }
    },
    figures: [perSecond(beside("c", { 16: 1.1 }))]
  },
  {
    title: "ours to libzmq in C",
    sizes: [16],
    sides: {
      c: piped("batches", "batches").c as Pairing, // everybody has one
      ours: { bound: peer("c", "pull", "each"), connected: peer("ours", "push", "batches"), measured: "bound" }
    },
    figures: [perSecond(beside("c", { 16: 1 }))]
  },
  {
    title: "PUB to 1 SUB, batches",
    sizes: [16, 1024, 65_536],
    sides: publishing(1),
    seconds: 0.4,
    figures: [perSecond(beside("addon", { 16: 25 }))]
  },
  {
    title: "PUB to 1 SUB, one send an effect",
    sizes: [16],
    sides: only(publishing(1, "each"), "addon", "ours"),
    seconds: 0.3,
    figures: [perSecond()]
  },
  {
    title: "PUB to 10 SUBs, batches",
    sizes: [16, 1024, 65_536],
    sides: publishing(10),
    seconds: 0.06,
    figures: [perSecond(beside("addon", { 16: 20 }))]
  },
  {
    title: "requests one by one",
    sizes: [16, 1024, 65_536],
    sides: asking("each"),
    // The compiler is at work in the first thousands, and they should not be all that p99 is about.
    count: (size) => (size === 65_536 ? 4000 : 12_000),
    figures: [
      trips(0.5, beside("addon", { 16: 0.8, 1024: 0.6, 65536: 0.65 })),
      trips(0.9),
      trips(0.99, beside("addon", { 16: 0.7, 65536: 1 })),
      trips(0.999)
    ]
  },
  {
    title: "requests, 100 in flight",
    sizes: [16, 1024, 65_536],
    sides: asking("flight"),
    seconds: 0.08,
    figures: [perSecond(beside("addon", { 16: 6, 1024: 6 }))]
  },
  {
    title: "a timer of 1 ms under a flood",
    sizes: [16],
    sides: only(piped("batches", "batches", true), "addon", "ours", "net"),
    seconds: 1.2,
    figures: [
      ticks("p99, who receives", ({ measured }) => measured, [{ size: 16, value: 10 }]),
      ticks("p99, who sends", ({ other }) => other, [{ size: 16, value: 10 }])
    ],
    without: noLoop
  },
  {
    title: "5,000 connections to a ROUTER",
    sizes: [16],
    sides: Object.fromEntries(
      (["addon", "ours"] as const).map((side) => [
        side,
        {
          bound: { side, role: "router", form: "each", subscribers: 5000 },
          connected: { side, role: "crowd", form: "each", subscribers: 5000 },
          measured: "connected"
        }
      ])
    ),
    count: () => 5000,
    figures: [
      { name: "memory each", unit: "bytes", of: ({ other }) => other.each ?? 0, goals: beside("addon", { 16: 0.6 }) },
      {
        name: "until all were answered",
        unit: "seconds",
        of: ({ measured }) => measured.setup ?? 0,
        goals: beside("addon", { 16: 0.3 })
      }
    ],
    without: "peers of this kind are written for Node alone"
  }
]

/** More is better of what is per second, less of all else. */
const judged = (unit: Unit, of: Cell["sides"], goal: Goal) => {
  const ours = of.ours?.median ?? Number.NaN
  const ratio = goal.beside === undefined ? ours : ours / (of[goal.beside]?.median ?? Number.NaN)
  return { ...goal, ratio, reached: unit === "per second" ? ratio >= goal.value : ratio <= goal.value }
}

/** All rows, each of its sides in turn, as often as asked for. */
const measure = Effect.fnUntraced(function* (options: {
  readonly repetitions: number
  readonly absent: Report["absent"]
  readonly sizes: ReadonlyArray<number>
  readonly like: string
}) {
  const cells: Array<Cell> = []
  for (const row of rows.filter(({ title }) => title.includes(options.like))) {
    for (const size of row.sizes) {
      if (options.sizes.length > 0 && !options.sizes.includes(size)) continue
      const present = sides.flatMap((side) => {
        const pairing = row.sides[side]
        const needed = pairing === undefined ? [] : [side, pairing.bound.side, pairing.connected.side]
        return pairing === undefined || needed.some((one) => options.absent[one] !== undefined)
          ? []
          : [{ side, pairing }]
      })
      const runs = new Map<Side, Array<Run>>(present.map(({ side }) => [side, []]))
      const countOf = (side: Side) =>
        row.count?.(size) ?? Math.ceil(((expected[side][size] ?? 1000) * (row.seconds ?? 1)) / 64) * 64
      for (let i = 0; i < options.repetitions; i++) {
        for (const at of present.keys()) {
          const one = present[(at + i) % present.length]
          if (one === undefined) continue
          runs.get(one.side)?.push(yield* run(one.pairing, size, countOf(one.side)))
        }
      }
      for (const { goals, name, of, unit } of row.figures) {
        const measured = Object.fromEntries(
          present.map(({ side }) => [side, summary(runs.get(side) ?? [], countOf(side), of)])
        )
        cells.push({
          row: row.title,
          figure: name,
          size,
          unit,
          sides: measured,
          // What is beside a side that is not here is not judged.
          goals: goals
            .filter((goal) => goal.size === size && (goal.beside === undefined || measured[goal.beside] !== undefined))
            .map((goal) => judged(unit, measured, goal))
        })
      }
      yield* Console.error(`measured ${row.title}, ${size} B`)
    }
  }
  return cells
})

const summary = (runs: ReadonlyArray<Run>, count: number, of: Figure["of"]): Measured => {
  const values = runs.map((one) => of(one, count))
  const cpu = runs.map(({ measured, other }) => {
    // Who is asked has counted the requests before those that count, too.
    const perOther = (other.cpu ?? 0) / other.messages
    return ((measured.cpu ?? 0) / count + perOther) * 1e6
  })
  return {
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    cpu: median(cpu),
    memory: median(runs.map(({ measured, other }) => (measured.memory ?? 0) + (other.memory ?? 0)))
  }
}

const table = ({ absent, cells }: Report) => {
  const present = sides.filter((side) => absent[side] === undefined)
  return print(
    ["over tcp, two processes", "size", ...present.map((side) => names[side]), "ratio to the addon", "goal"],
    cells.map((cell) => {
      const { figure: _, goals, size, unit } = cell
      const [ours, addon] = [cell.sides.ours?.median, cell.sides.addon?.median]
      return [
        titleOf(cell),
        bytes(size),
        ...present.map((side) => {
          const measured = cell.sides[side]
          return measured === undefined ? "" : figure(measured.median, unit)
        }),
        ours === undefined || addon === undefined ? "" : (ours / addon).toFixed(2),
        goals.map((goal) => verdict(unit, goal)).join("; ")
      ]
    })
  )
}

export const zmtp = Command.make(
  "zmtp",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each side; the median counts")
    ),
    size: Flag.Int("size").pipe(
      Flag.withDefault(0),
      Flag.withDescription("Only messages of this size: 16, 100, 1024 or 65536 bytes")
    ),
    row: Flag.String("row").pipe(Flag.withDefault(""), Flag.withDescription("Only rows with this in their title")),
    sides: Flag.String("sides").pipe(
      Flag.withDefault(sides.join(",")),
      Flag.withDescription(`Only these: some of ${sides.join(", ")}`)
    ),
    ...outputs
  },
  Effect.fnUntraced(function* ({ charts, json, page, repetitions, row, sides: wanted, size }) {
    const chosen = new Set(wanted.split(","))
    const absent = yield* missingSides(new Set(sides.filter((side) => chosen.has(side))))
    const where = yield* machine
    const cells = yield* measure({ repetitions, absent, sizes: size === 0 ? [] : [size], like: row })
    const report: Report = { machine: where, repetitions, absent, cells }
    yield* table(report)
    for (const side of sides) {
      if (absent[side] !== undefined) yield* Console.log(`without ${names[side]}: ${absent[side]}`)
    }
    if (json !== "") yield* write(json, asJson(report))
    if (charts !== "") for (const { name, svg } of drawMeasured(report)) yield* write(path.join(charts, name), svg)
    if (page !== "") yield* writePage(page, { measured: report })
    if (cells.some(({ goals }) => goals.some(({ reached }) => !reached))) process.exitCode = 1
  })
).pipe(Command.withDescription("ZMTP in TypeScript beside the addon, libzmq in C, pyzmq, and node:net alone"))
