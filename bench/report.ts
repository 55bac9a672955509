/** What was measured, how figures are written, and where they go: for the commands of the wire, the charts and the page. */
import * as path from "node:path"
import { Effect, FileSystem } from "effect"
import { Flag } from "effect/cli"
import { type Machine, names, type Side } from "./sides.ts"
import { rate } from "./table.ts"

export type Unit = "per second" | "microseconds" | "milliseconds" | "seconds" | "bytes"

/** What is to be reached: a ratio to another side, or so many of the unit at most. */
export interface Goal {
  readonly size: number
  readonly beside?: Side
  readonly value: number
}

/** One figure of one side: the median of the runs, and what it took. */
export interface Measured {
  readonly median: number
  readonly least: number
  readonly most: number
  /** Seconds of processor of both ends for a million messages. */
  readonly cpu: number
  /** The most memory of both ends together, in bytes. */
  readonly memory: number
}

export interface Cell {
  readonly row: string
  readonly figure: string
  readonly size: number
  readonly unit: Unit
  readonly sides: Partial<Record<Side, Measured>>
  readonly goals: ReadonlyArray<Goal & { readonly ratio: number; readonly reached: boolean }>
}

export interface Report {
  readonly machine: Machine
  readonly repetitions: number
  readonly absent: Partial<Record<Side, string>>
  readonly cells: ReadonlyArray<Cell>
}

export const figure = (value: number, unit: Unit): string => {
  if (!Number.isFinite(value)) return "none"
  switch (unit) {
    case "per second":
      return rate(value)
    case "microseconds":
      return `${value.toFixed(0)} us`
    case "milliseconds":
      return `${value.toFixed(1)} ms`
    case "seconds":
      return `${value.toFixed(2)} s`
    case "bytes":
      return `${(value / 1024).toFixed(1)} KB`
  }
}

export const bytes = (size: number): string =>
  size >= 1 << 20 ? `${size >> 20} MB` : size >= 1024 ? `${size >> 10} KB` : `${size} B`

export const titleOf = ({ figure, row }: Pick<Cell, "row" | "figure">): string =>
  figure === "" ? row : `${row}: ${figure}`

/** `≥ 25, reached 31.2`, and what it is beside. */
export const verdict = (unit: Unit, { beside, ratio, reached, value }: Cell["goals"][number]): string => {
  const sign = unit === "per second" ? "≥" : "≤"
  const [goal, got] = beside === undefined ? [figure(value, unit), figure(ratio, unit)] : [`${value}`, ratio.toFixed(2)]
  return `${sign} ${goal}${beside === undefined || beside === "addon" ? "" : ` of ${names[beside]}`}: ${got}, ${reached ? "reached" : "missed"}`
}

export const outputs = {
  json: Flag.String("json").pipe(Flag.withDefault(""), Flag.withDescription("A file for all figures")),
  charts: Flag.String("charts").pipe(Flag.withDefault(""), Flag.withDescription("A folder for the charts")),
  page: Flag.String("page").pipe(Flag.withDefault(""), Flag.withDescription("A page that has places for the tables"))
}

/** More digits than a figure has are noise in a change. */
export const asJson = (report: Report | Curves): string => {
  const short = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(9)) : value)
  return `${JSON.stringify(report, short, 2)}\n`
}

/** Writes a file, and the folders above it. */
export const write = Effect.fnUntraced(function* (file: string, text: string) {
  const files = yield* FileSystem.FileSystem
  yield* files.makeDirectory(path.dirname(file), { recursive: true })
  yield* files.writeFileString(file, text)
})

/** What a number of things costs: connections, subscriptions, or bytes a message. */
export interface Curve {
  /** Of its chart. */
  readonly name: string
  readonly title: string
  readonly figure: string
  /** What there are more and more of. */
  readonly of: string
  readonly unit: "seconds" | "bytes" | "nanoseconds"
  /** Whether a figure is that of all of them, which may grow as they do, or of one, which should stay. */
  readonly per: "all" | "one"
  readonly points: Partial<Record<Side, ReadonlyArray<readonly [number, number]>>>
  /** What was given up, because it took too long. */
  readonly late: ReadonlyArray<readonly [Side, number]>
}

export interface Curves {
  readonly machine: Machine
  readonly curves: ReadonlyArray<Curve>
}

/**
 * How a cost grows with the number of things, from one point to the last one: the exponent, 1 where it is linear. Below
 * `from` things it is what anything costs at all.
 */
export const exponent = (points: ReadonlyArray<readonly [number, number]>, from: number): number => {
  const first = points.find(([x]) => x >= from)
  const last = points.at(-1)
  if (first === undefined || last === undefined || first === last) return Number.NaN
  return Math.log(last[1] / first[1]) / Math.log(last[0] / first[0])
}

/** A figure of a curve. */
export const inUnit = (value: number, unit: Curve["unit"]): string => {
  switch (unit) {
    case "seconds":
      return value >= 1 ? `${value.toFixed(2)} s` : `${(value * 1000).toFixed(value < 0.1 ? 1 : 0)} ms`
    case "nanoseconds":
      return value >= 1e6
        ? `${(value / 1e6).toFixed(1)} ms`
        : value >= 1e4
          ? `${(value / 1e3).toFixed(0)} us`
          : value >= 1e3
            ? `${(value / 1e3).toFixed(1)} us`
            : `${value.toFixed(0)} ns`
    case "bytes":
      return value >= 10_240
        ? `${(value / 1024).toFixed(0)} KB`
        : value >= 1024
          ? `${(value / 1024).toFixed(1)} KB`
          : `${value.toFixed(0)} B`
  }
}

/** From where on a curve is to be linear, or better: what is fixed is no longer most of it. */
export const linearFrom: Readonly<Record<string, number>> = {
  connections: 100,
  subscriptions: 1000,
  "bytes a message": 4096
}
