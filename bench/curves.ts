/**
 * What more of everything costs: 1 to 10,000 connections, 1 to 1,000,000 subscriptions, messages of 16 B to 16 MB. Each
 * point is one run, so a curve shows its shape, and a table of `zmtp` the figures.
 */
import * as path from "node:path"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { drawCurves } from "./charts.ts"
import { writePage } from "./page.ts"
import type { Task } from "./peers/task.ts"
import { asJson, type Curve, type Curves, exponent, inUnit, linearFrom, outputs, write } from "./report.ts"
import { machine, missingSides, names, type Run, run, type Side } from "./sides.ts"
import { print } from "./table.ts"

interface Sweep {
  readonly of: string
  readonly sides: ReadonlyArray<readonly [Side, ReadonlyArray<number>]>
  readonly one: (side: Side, n: number) => ReturnType<typeof run>
  readonly curves: ReadonlyArray<
    Pick<Curve, "name" | "title" | "figure" | "unit" | "per"> & {
      readonly value: (run: Run, n: number) => number
      /** Fewer have too little of it to be told from what the process needs. */
      readonly from?: number
    }
  >
}

const tens = (most: number) => [1, 10, 100, 1000, 10_000, 100_000, 1_000_000].filter((n) => n <= most)

/** Of a crowd, after all were answered once: this many more requests, 100 of them in flight. */
const echoes = 10_000

/** How long a point may take. */
const patience = "40 seconds"

/** Publications, each to one of the subscriptions. */
const publications = 20_000

const pairing = (
  side: Side,
  [bound, connected]: readonly [Task["role"], Task["role"]],
  subscribers: number | undefined,
  measured: "bound" | "connected",
  form: Task["form"] = "each",
  mark?: number
) => {
  const more = {
    side,
    form,
    ...(subscribers === undefined ? {} : { subscribers }),
    ...(mark === undefined ? {} : { mark })
  }
  return { bound: { ...more, role: bound }, connected: { ...more, role: connected }, measured }
}

/** 16 B, 64 B, 256 B … 16 MB. */
const sizes = Array.from({ length: 11 }, (_, i) => 16 * 4 ** i)

/** About 0.3 seconds of messages: by their number where they are small, by their bytes where they are large. */
const countOf = (side: Side, size: number) => {
  const [perSecond, bytes] = side === "addon" ? [400e3, 1.5e9] : side === "ours" ? [8e6, 1.5e9] : [5e6, 1.5e9]
  return Math.max(24, Math.round(0.3 * Math.min(perSecond, bytes / size)))
}

/** A thousand messages, or 64 MB of them. */
const markOf = (size: number) => Math.max(2, Math.min(1000, Math.floor((64 << 20) / size)))

const sweeps: ReadonlyArray<Sweep> = [
  {
    of: "connections",
    // The client's sockets of the addon need two descriptors each.
    sides: [
      ["ours", [...tens(10_000), 5000]],
      ["addon", [...tens(1000), 5000]]
    ],
    one: (side, n) => run(pairing(side, ["router", "crowd"], n, "connected"), 16, echoes),
    curves: [
      {
        name: "connections-time",
        title: "Connections: until all were answered",
        figure: "connect, and be answered once",
        unit: "seconds",
        per: "all",
        value: ({ measured }) => measured.setup ?? 0
      },
      {
        name: "connections-memory",
        title: "Connections: memory of a ROUTER for each",
        figure: "memory of a ROUTER for each",
        unit: "bytes",
        per: "one",
        from: 100,
        value: ({ other }) => other.each ?? 0
      },
      {
        name: "connections-requests",
        title: "Connections: a request, 100 in flight over all",
        figure: "a request, 100 in flight over all",
        unit: "nanoseconds",
        per: "one",
        value: ({ measured }) => (measured.seconds * 1e9) / echoes
      }
    ]
  },
  {
    of: "subscriptions",
    sides: [
      ["ours", tens(1_000_000)],
      ["addon", tens(1_000_000)]
    ],
    one: (side, n) => run(pairing(side, ["topics", "subscriber"], n, "connected"), 16, publications),
    curves: [
      {
        name: "subscriptions-time",
        title: "Subscriptions: until the first publication by them",
        figure: "subscribe, and receive by one",
        unit: "seconds",
        per: "all",
        value: ({ measured }) => measured.setup ?? 0
      },
      {
        name: "subscriptions-memory",
        title: "Subscriptions: memory of an XPUB for each",
        figure: "memory of an XPUB for each",
        unit: "bytes",
        per: "one",
        from: 100,
        value: ({ other }) => other.each ?? 0
      },
      {
        name: "subscriptions-publish",
        title: "Subscriptions: a publication to one of them",
        figure: "a publication to one of them",
        unit: "nanoseconds",
        per: "one",
        value: ({ other }) => (other.seconds * 1e9) / publications
      }
    ]
  },
  {
    of: "bytes a message",
    sides: [
      ["ours", sizes],
      ["addon", sizes],
      ["c", sizes]
    ],
    one: (side, size) => {
      const form = side === "ours" ? "batches" : "each"
      return run(pairing(side, ["pull", "push"], undefined, "bound", form, markOf(size)), size, countOf(side, size))
    },
    curves: [
      {
        name: "sizes",
        title: "Size: time a message",
        figure: "time a message",
        unit: "nanoseconds",
        per: "all",
        value: ({ measured }) => (measured.seconds * 1e9) / measured.messages
      }
    ]
  }
]

export const curves = Command.make(
  "curves",
  {
    of: Flag.String("of").pipe(
      Flag.withDefault(""),
      Flag.withDescription("Only one: connections, subscriptions, bytes")
    ),
    ...outputs
  },
  Effect.fnUntraced(function* ({ charts, json, of, page }) {
    const absent = yield* missingSides(new Set<Side>(["addon", "ours", "c"]))
    const where = yield* machine
    const made: Array<Curve> = []
    for (const sweep of sweeps.filter((one) => one.of.includes(of))) {
      const points = sweep.curves.map((): Partial<Record<Side, Array<readonly [number, number]>>> => ({}))
      const late: Array<readonly [Side, number]> = []
      const numbers = [...new Set(sweep.sides.flatMap(([, some]) => some))].toSorted((a, b) => a - b)
      for (const n of numbers) {
        for (const [side, some] of sweep.sides) {
          if (absent[side] !== undefined || !some.includes(n)) continue
          const result = yield* Effect.timeoutOption(sweep.one(side, n), patience)
          if (Option.isNone(result)) {
            late.push([side, n])
            yield* Console.error(`gave up ${n} ${sweep.of}, ${names[side]}, after ${patience}`)
            continue
          }
          for (const [i, { from = 1, value }] of sweep.curves.entries()) {
            const lines = points[i] ?? {}
            if (n >= from) lines[side] = [...(lines[side] ?? []), [n, value(result.value, n)]]
          }
          yield* Console.error(`measured ${n} ${sweep.of}, ${names[side]}`)
        }
      }
      for (const [i, { figure, name, per, title, unit }] of sweep.curves.entries()) {
        made.push({ name, title, figure, unit, per, of: sweep.of, points: points[i] ?? {}, late })
      }
    }
    const result: Curves = { machine: where, curves: made }
    for (const curve of made) yield* show(curve)
    if (json !== "") yield* write(json, asJson(result))
    if (charts !== "") for (const { name, svg } of drawCurves(result)) yield* write(path.join(charts, name), svg)
    if (page !== "") yield* writePage(page, { curves: result })
  })
).pipe(Command.withDescription("What more connections, subscriptions and bytes cost"))

const show = ({ figure, late, of, per, points, unit }: Curve) => {
  const columns = Object.entries(points)
  const numbers = [
    ...new Set([...columns.flatMap(([, line]) => line.map(([n]) => n)), ...late.map(([, n]) => n)])
  ].toSorted((a, b) => a - b)
  return Effect.andThen(
    print(
      [of, ...columns.map(([side]) => `${figure}, ${names[side as Side]}`)], // keys are sides
      numbers.map((n) => [
        `${n}`,
        ...columns.map(([side, line]) => {
          const point = line.find(([at]) => at === n)
          if (point === undefined) return late.some(([who, at]) => who === side && at === n) ? "gave up" : ""
          return inUnit(point[1], unit)
        })
      ])
    ),
    Console.log(
      columns
        .map(([side, line]) => {
          const grows = exponent(line, linearFrom[of] ?? 1)
          return `${names[side as Side]}: n^${grows.toFixed(2)} of ${per}` // keys are sides
        })
        .join(", ")
    )
  )
}
