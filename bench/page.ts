/**
 * The tables of a page, between `<!-- bench: name -->` and `<!-- /bench -->`. The words around them are written by hand,
 * and so hold no figures that another run would change.
 */
import * as path from "node:path"
import { Console, Effect, FileSystem } from "effect"
import { Command, Flag } from "effect/cli"
import { drawCurves, drawMeasured } from "./charts.ts"
import {
  bytes,
  type Cell,
  type Curve,
  type Curves,
  exponent,
  figure,
  inUnit,
  linearFrom,
  type Report,
  titleOf,
  write
} from "./report.ts"
import { type Machine, names, type Side, sides } from "./sides.ts"

type Blocks = Readonly<Record<string, string>>

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const where = ({ at, cores, cpu, libzmq, load, memory, node, system }: Machine, runs: string) =>
  `Measured on ${at}: ${cpu}, ${cores} cores, ${memory} GB, ${system}, Node ${node.slice(1)}, libzmq ${libzmq}; ${runs}. The load of the machine just before was ${load}${load > cores / 4 ? ": it was not idle, so these are not its best figures" : ""}.`

const goals = (cells: ReadonlyArray<Cell>) =>
  table(
    ["what", "message", "beside", "goal", "reached", ""],
    cells.flatMap((cell) =>
      cell.goals.map(({ beside, ratio, reached, value }) => [
        titleOf(cell),
        bytes(cell.size),
        beside === undefined ? "" : names[beside],
        `${cell.unit === "per second" ? "at least" : "at most"} ${beside === undefined ? figure(value, cell.unit) : value}`,
        beside === undefined ? figure(ratio, cell.unit) : ratio.toFixed(2),
        reached ? "reached" : "**missed**"
      ])
    )
  )

const figures = ({ absent, cells }: Report) => {
  const present = sides.filter((side) => absent[side] === undefined)
  return table(
    ["", "message", ...present.map((side) => names[side])],
    cells.map((cell) => [
      titleOf(cell),
      bytes(cell.size),
      ...present.map((side) => {
        const measured = cell.sides[side]
        if (measured === undefined) return ""
        const beside = cell.sides.addon?.median
        const ratio = beside === undefined || side === "addon" ? "" : ` (${short(measured.median / beside)})`
        return `${figure(measured.median, cell.unit)}${ratio}`
      })
    ])
  )
}

const short = (ratio: number) => `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)}x`

/** How far apart the runs of ours and of the addon were: how much a ratio is worth. */
const spread = ({ cells }: Report) => {
  const off = cells.flatMap(({ sides: { addon, ours } }) =>
    [addon, ours].flatMap((one) => (one === undefined ? [] : [(one.most - one.least) / one.median]))
  )
  const sorted = off.toSorted((a, b) => a - b)
  const at = (p: number) => `${(100 * (sorted[Math.floor((sorted.length - 1) * p)] ?? 0)).toFixed(0)} %`
  return `From the slowest run of a figure to the fastest it was ${at(0.5)} of its median in half of the rows, and up to ${at(0.9)} in nine of ten.`
}

const costs = ({ absent, cells }: Report) => {
  const present = sides.filter((side) => absent[side] === undefined)
  const throughput = cells.filter(({ unit }) => unit === "per second")
  return table(
    ["seconds of processor a million messages; most memory", "message", ...present.map((side) => names[side])],
    throughput.map((cell) => [
      titleOf(cell),
      bytes(cell.size),
      ...present.map((side) => {
        const measured = cell.sides[side]
        return measured === undefined
          ? ""
          : `${measured.cpu.toPrecision(2)} s; ${(measured.memory / 2 ** 20).toFixed(0)} MB`
      })
    ])
  )
}

const without = ({ absent }: Report) => {
  const lines = sides.flatMap((side) => (absent[side] === undefined ? [] : [`- ${names[side]}: ${absent[side]}.`]))
  return lines.length === 0 ? "All sides were measured." : ["Not measured here:", "", ...lines].join("\n")
}

const ofCurves = (curves: ReadonlyArray<Curve>, of: string) => {
  const mine = curves.filter((curve) => curve.of === of)
  const columns = mine.flatMap(
    (curve) => Object.entries(curve.points).map(([side, line]) => ({ curve, side: side as Side, line })) // keys are sides
  )
  const numbers = [
    ...new Set([
      ...columns.flatMap(({ line }) => line.map(([n]) => n)),
      ...mine.flatMap(({ late }) => late.map(([, n]) => n))
    ])
  ].toSorted((a, b) => a - b)
  const label = (n: number) => (of === "bytes a message" ? bytes(n) : n.toLocaleString("en"))
  const from = linearFrom[of] ?? 1
  return table(
    [of, ...columns.map(({ curve, side }) => `${curve.figure}, ${names[side]}`)],
    [
      ...numbers.map((n) => [
        label(n),
        ...columns.map(({ curve, line, side }) => {
          const point = line.find(([at]) => at === n)
          if (point === undefined) return curve.late.some(([who, at]) => who === side && at === n) ? "**gave up**" : ""
          return inUnit(point[1], curve.unit)
        })
      ]),
      [
        `growth from ${label(from)} on`,
        ...columns.map(({ curve, line }) => {
          const grows = exponent(line, from)
          // Of one of them, 0 is no growth; of all of them, 1 is linear.
          return `n^${grows.toFixed(2)}${grows <= (curve.per === "all" ? 1.1 : 0.1) ? "" : ", **more than linear**"}`
        })
      ]
    ]
  )
}

const blocksOf = (given: { readonly measured?: Report; readonly curves?: Curves }): Blocks => {
  const { curves, measured } = given
  return {
    ...(measured === undefined
      ? {}
      : {
          machine: where(
            measured.machine,
            `${measured.repetitions === 1 ? "one run" : `medians of ${measured.repetitions} runs`} of each side, in turn`
          ),
          spread:
            measured.repetitions === 1 ? "Each was run once, so nothing is known of the spread." : spread(measured),
          goals: goals(measured.cells),
          figures: figures(measured),
          costs: costs(measured),
          without: without(measured)
        }),
    ...(curves === undefined
      ? {}
      : {
          "curves machine": where(curves.machine, "one run for each point"),
          connections: ofCurves(curves.curves, "connections"),
          subscriptions: ofCurves(curves.curves, "subscriptions"),
          bytes: ofCurves(curves.curves, "bytes a message")
        })
  }
}

const place = /<!-- bench: ([a-z ]+) -->\n[\s\S]*?<!-- \/bench -->/g

/** Writes the tables that there are into the page; the others stay. */
export const writePage = Effect.fnUntraced(function* (
  file: string,
  given: { readonly measured?: Report; readonly curves?: Curves }
) {
  const files = yield* FileSystem.FileSystem
  const blocks = blocksOf(given)
  const before = yield* files.readFileString(file)
  const after = before.replaceAll(place, (whole, name: string) =>
    blocks[name] === undefined ? whole : `<!-- bench: ${name} -->\n\n${blocks[name]}\n\n<!-- /bench -->`
  )
  yield* files.writeFileString(file, after)
})

export const page = Command.make(
  "page",
  {
    from: Flag.String("from").pipe(
      Flag.withDefault("docs/bench"),
      Flag.withDescription("The folder of zmtp.json and curves.json; the charts go there")
    ),
    to: Flag.String("to").pipe(Flag.withDefault("docs/performance.md"), Flag.withDescription("The page"))
  },
  Effect.fnUntraced(function* ({ from, to }) {
    const files = yield* FileSystem.FileSystem
    const read = Effect.fnUntraced(function* (name: string) {
      const file = path.join(from, name)
      return (yield* files.exists(file)) ? JSON.parse(yield* files.readFileString(file)) : undefined
    })
    const measured: Report | undefined = yield* read("zmtp.json")
    const curves: Curves | undefined = yield* read("curves.json")
    yield* writePage(to, {
      ...(measured === undefined ? {} : { measured }),
      ...(curves === undefined ? {} : { curves })
    })
    const drawings = [
      ...(measured === undefined ? [] : drawMeasured(measured)),
      ...(curves === undefined ? [] : drawCurves(curves))
    ]
    for (const { name, svg } of drawings) yield* write(path.join(from, name), svg)
    yield* Console.log(`${to}, and ${drawings.length} charts in ${from}`)
  })
).pipe(Command.withDescription("Writes docs/performance.md and its charts anew, from what was measured last"))
