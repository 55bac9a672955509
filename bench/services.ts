/**
 * Typed services, a process for each end, over tcp.
 *
 * A row is measured in turns with what it is beside, and its figure is the median. To add rows: add a `Section` to `sections`.
 */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { pooled } from "./pool.ts"
import type { Row, Section } from "./sections.ts"
import { served } from "./served.ts"
import { median, print, rate } from "./table.ts"
import { interleaved } from "./zmq.ts"

const sections: ReadonlyArray<Section> = [...served, pooled]

const hasReached = ({ figure, ratio, unit }: Row, ours: number, raw: number): boolean =>
  (ratio === undefined || ours / raw >= ratio) &&
  (figure === undefined || (unit === "per second" ? ours >= figure : ours <= figure))

const goalOf = ({ figure, ratio, unit }: Row): string =>
  ratio !== undefined
    ? `≥ ${ratio}`
    : figure === undefined
      ? ""
      : unit === "per second"
        ? `≥ ${rate(figure)}`
        : `≤ ${figure} ms`

export const services = Command.make(
  "services",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each side; the median counts")
    ),
    only: Flag.String("only").pipe(Flag.optional, Flag.withDescription("Only rows whose titles have this text"))
  },
  Effect.fnUntraced(function* ({ only, repetitions }) {
    for (const { beside, rows, title } of sections) {
      const table: Array<ReadonlyArray<string>> = []
      for (const row of rows) {
        if (Option.isSome(only) && !row.title.includes(only.value)) continue
        const { ours, raw } =
          row.alone === true
            ? { raw: [], ours: yield* Effect.replicateEffect(row.run("ours"), repetitions) }
            : yield* interleaved(repetitions, row.run)
        const [a, b] = [median(raw), median(ours)]
        const reached = hasReached(row, b, a)
        if (!reached) process.exitCode = 1
        const figure = (value: number) =>
          Number.isNaN(value) ? "" : row.unit === "per second" ? rate(value) : `${value.toFixed(2)} ms`
        const goal = goalOf(row)
        table.push([
          row.title,
          figure(a),
          figure(b),
          Number.isNaN(a) ? "" : (b / a).toFixed(2),
          goal === "" ? "" : `${goal} ${reached ? "reached" : "missed"}`
        ])
        yield* Console.error(`measured ${row.title}`)
      }
      if (table.length > 0) yield* print([title, beside, "effect-zmq", "ratio", "goal"], table)
    }
  }, Effect.scoped)
).pipe(Command.withDescription("Typed services: served ones beside effect/rpc over TCP"))
