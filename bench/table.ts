/** Figures, and how they are printed. */
import { Console } from "effect"

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

export const percentile = (values: ReadonlyArray<number>, p: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

/** 1234567 as 1.23 M. */
export const rate = (perSecond: number): string =>
  perSecond >= 1e6
    ? `${(perSecond / 1e6).toFixed(2)} M/s`
    : perSecond >= 1e3
      ? `${(perSecond / 1e3).toFixed(0)} k/s`
      : `${perSecond.toFixed(0)} /s`

export const print = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) => {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")
  return Console.log([line(head), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n"))
}

/** One thing, measured of two. */
export interface Comparison {
  readonly title: string
  /** Bytes a message. */
  readonly size: number
  /** More is better of what is `per second`, and less of `microseconds`. */
  readonly unit: "per second" | "microseconds"
  readonly raw: number
  readonly ours: number
  /** The ratio to be reached: the least, or of microseconds the most. */
  readonly goal?: number | undefined
}

const reached = ({ goal, ours, raw, unit }: Comparison): boolean =>
  goal === undefined || (unit === "per second" ? ours / raw >= goal : ours / raw <= goal)

/** Prints a table of both, their ratios and the goals; or JSON. A goal that is missed is the exit code. */
export const report = (title: string, beside: string, comparisons: ReadonlyArray<Comparison>, json: boolean) => {
  if (!comparisons.every(reached)) process.exitCode = 1
  if (json) {
    const rows = comparisons.map((one) => ({ ...one, ratio: one.ours / one.raw, reached: reached(one) }))
    return Console.log(JSON.stringify(rows, undefined, 2))
  }
  const figure = (value: number, unit: Comparison["unit"]) =>
    unit === "per second" ? rate(value) : `${value.toFixed(0)} us`
  return print(
    [title, "size", beside, "effect-zmq", "ratio", "goal"],
    comparisons.map((one) => [
      one.title,
      `${one.size} B`,
      figure(one.raw, one.unit),
      figure(one.ours, one.unit),
      (one.ours / one.raw).toFixed(2),
      one.goal === undefined
        ? ""
        : `${one.unit === "per second" ? "≥" : "≤"} ${one.goal} ${reached(one) ? "reached" : "missed"}`
    ])
  )
}
