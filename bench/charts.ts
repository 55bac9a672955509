/** Which charts there are of what was measured. */
import { bars, lines } from "./chart.ts"
import { bytes, type Cell, type Curves, inUnit, type Measured, type Report } from "./report.ts"
import { type Machine, names, type Side, sides } from "./sides.ts"
import { rate } from "./table.ts"

export interface Drawing {
  readonly name: string
  readonly svg: string
}

const named = ({ at, cores, cpu, memory, node }: Machine) =>
  `tcp over loopback, two processes; ${cpu}, ${cores} cores, ${memory} GB, Node ${node}, ${at}`

const colour = (side: Side) => sides.indexOf(side)

const powersOfTwo = (least: number, most: number, factor: number) => {
  const ticks: Array<number> = []
  for (let at = least; at <= most; at *= factor) ticks.push(at)
  return ticks
}

/** Each power of ten, and 2 and 5 of it, from below to above all values. */
const fine = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const all = Array.from({ length: 16 }, (_, i) => 10 ** (i - 3)).flatMap((n) => [n, 2 * n, 5 * n])
  return all.filter((n, i) => (all[i + 1] ?? n) > least && (all[i - 1] ?? n) < most)
}

/** Throughput, latency, memory, and what it costs. */
export const drawMeasured = ({ absent, cells, machine }: Report): ReadonlyArray<Drawing> => {
  const present = sides.filter((side) => absent[side] === undefined)
  const keys = present.map((side) => ({ name: names[side], colour: colour(side) }))
  const note = named(machine)
  const batches = cells.filter(({ row }) => row === "PUSH to PULL, batches")
  const trips = (size: number) => cells.filter((cell) => cell.row === "requests one by one" && cell.size === size)
  const drawings: Array<Drawing> = []
  if (batches.length > 1) {
    drawings.push({
      name: "throughput.svg",
      svg: lines({
        title: "PUSH to PULL: messages a second, by their size",
        note,
        x: { label: "bytes a message", format: bytes, ticks: batches.map(({ size }) => size) },
        y: { label: "messages a second", format: (value) => rate(value).replace("/s", "") },
        series: present.map((side) => ({
          name: names[side],
          colour: colour(side),
          points: batches.map((cell) => [cell.size, cell.sides[side]?.median ?? 0] as const)
        }))
      })
    })
    const grouped = (of: (measured: Measured) => number) =>
      batches.map(({ size, sides: measured }) => ({
        label: bytes(size),
        values: present.map((side) => {
          const one = measured[side]
          return one === undefined ? undefined : of(one)
        })
      }))
    drawings.push({
      name: "memory.svg",
      svg: bars({
        title: "PUSH to PULL: the most memory of both processes",
        note,
        y: { label: "MB", format: (value) => value.toFixed(0) },
        names: keys,
        groups: grouped(({ memory }) => memory / 2 ** 20)
      })
    })
    const small = new Set(batches.filter(({ size }) => size <= 1024).map(({ size }) => bytes(size)))
    drawings.push({
      name: "cpu.svg",
      svg: bars({
        title: "PUSH to PULL: seconds of processor a million messages, both ends",
        note,
        y: { label: "seconds", format: (value) => value.toFixed(value < 1 ? 2 : 1) },
        names: keys,
        groups: grouped(({ cpu }) => cpu).filter(({ label }) => small.has(label))
      })
    })
  }
  for (const size of [16, 65_536]) {
    const measured = trips(size)
    if (measured.length === 0) continue
    drawings.push({
      name: size === 16 ? "latency.svg" : "latency-64k.svg",
      svg: lines({
        title: `Requests one by one, ${bytes(size)}: microseconds of a round trip`,
        note,
        x: {
          label: "percentile",
          format: (value) => measured[value - 1]?.figure ?? "",
          ticks: measured.map((_, i) => i + 1),
          even: true
        },
        y: {
          label: "microseconds",
          format: (value) => `${value}`,
          ticks: fine(measured.flatMap((cell) => present.map((side) => cell.sides[side]?.median ?? 100)))
        },
        series: present.map((side) => ({
          name: names[side],
          colour: colour(side),
          points: measured.map((cell: Cell, i) => [i + 1, cell.sides[side]?.median ?? 0] as const)
        }))
      })
    })
  }
  return drawings
}

/** A chart for each curve. */
export const drawCurves = ({ curves, machine }: Curves): ReadonlyArray<Drawing> =>
  curves.map(({ name, of, points, title, unit }) => {
    const series = Object.entries(points).map(([side, line]) => ({
      name: names[side as Side], // keys are sides
      colour: colour(side as Side),
      points: line
    }))
    const byBytes = of === "bytes a message"
    return {
      name: `${name}.svg`,
      svg: lines({
        title,
        note: named(machine),
        x: byBytes
          ? { label: of, format: bytes, ticks: powersOfTwo(16, 1 << 24, 16) }
          : { label: of, format: (value) => value.toLocaleString("en") },
        y: { label: unit === "bytes" ? "bytes" : "time", format: (value) => inUnit(value, unit) },
        series
      })
    }
  })
