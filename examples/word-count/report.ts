/**
 * What is printed: how far it is, and the figures at the end. A bar that moves and colours are for terminals.
 */
import { Console, Effect, Terminal } from "effect"
import { CliOutput, TerminalCapabilities } from "effect/cli"
import type { Death, Return } from "./attendance.ts"
import type { Counted, Part, Work } from "./count.ts"
import { mostFrequent } from "./words.ts"

/**
 * Tells how far it is, each time `step` is called with what is done: of so many files, and of so many bytes. `note` prints a
 * line above that.
 */
export const progress = Effect.fnUntraced(function* (files: number, bytes: number) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const terminal = yield* Terminal.Terminal
  const display = (text: string) => Effect.ignore(terminal.display(text))
  const percent = (done: Work) => Math.min(100, Math.floor((100 * done.bytes) / bytes))
  const figures = (done: Work) => `${done.files} of ${files} files, ${size(done.bytes)}`
  const widest = figures({ files, bytes, words: 0, redone: 0 }).length
  let last = 0
  let shown = ""

  // What is printed after a bar that came to a halt begins on a line of its own.
  yield* Effect.addFinalizer(() => (canAnimate && last > 0 && last < 100 ? display("\n") : Effect.void))

  const line = (done: Work) => Console.log(`${`${percent(done)}`.padStart(5)} %   ${figures(done)}`)

  /** In one line, however narrow the terminal is: what does not fit is the figures. */
  const bar = (done: Work) =>
    Effect.flatMap(terminal.columns, (columns) => {
      const room = (columns === 0 ? 80 : columns) - "  100 %   ".length - 2
      const [short, long] = [Math.min(room, 32), Math.min(room - widest, 32)]
      const width = Math.max(0, long < 8 ? short : long)
      const filled = Math.round((percent(done) / 100) * width)
      const text = `${style(canColor, "cyan", "█".repeat(filled))}${style(canColor, "dim", "░".repeat(width - filled))}`
      const isEnd = percent(done) === 100
      const line = `\r  ${text} ${`${percent(done)}`.padStart(3)} %${long < 8 ? "" : `   ${figures(done)}`}`
      shown = isEnd ? "" : line
      return display(`${line}${isEnd ? "\n" : ""}`)
    })

  // A terminal gets every step of a percent, a file every quarter.
  const steps = canAnimate ? 1 : 25
  return {
    step: (done: Work): Effect.Effect<void> => {
      const step = Math.floor(percent(done) / steps)
      if (step === last) return Effect.void
      last = step
      return canAnimate ? bar(done) : line(done)
    },
    note: (text: string): Effect.Effect<void> =>
      shown === "" ? Console.log(text) : display(`\r\x1b[K${text}\n${shown}`)
  }
})

/** Tells of workers that die and are back, by `note`, and in the end what it came to. */
export const deaths = Effect.fnUntraced(function* (note: (text: string) => Effect.Effect<void>) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const all: Array<Death> = []
  const returns: Array<number> = []
  return {
    all,
    onDeath: (death: Death) => {
      all.push(death)
      const { how, noticedAfter, pid, redone, worker } = death
      const noticed = noticedAfter === undefined ? "" : `; noticed after ${number(noticedAfter)} ms`
      const given = redone === 0 ? "" : `; ${plural(redone, "part")} given to others`
      return note(`    ${style(canColor, "red", "✗")} worker ${worker} (pid ${pid}) is gone: ${how}${noticed}${given}`)
    },
    onReturn: ({ after, pid, worker }: Return) => {
      returns.push(after)
      return note(
        `    ${style(canColor, "green", "✓")} worker ${worker} is back after ${number(after)} ms, as pid ${pid}`
      )
    },
    /** How soon that was noticed, how soon they were back, and what was done again. */
    report: Effect.fnUntraced(function* ({ late, redone }: Counted, isKilling: boolean) {
      if (all.length === 0) {
        if (!isKilling) return
        return yield* Console.log("\n  No worker died: all was counted too soon. --input takes a larger directory")
      }
      const noticed = times("noticed", noticedAfter(all))
      yield* Console.log(`\n  ${plural(all.length, "worker")} died${noticed}${times("back", returns)}`)
      if (redone.length === 0) yield* Console.log("  Nothing had to be done again")
      else {
        yield* Console.log(
          `  ${plural(redone.length, "part")} done again by another worker, and counted once:\n    ${names(redone)}`
        )
      }
      if (late > 0) yield* Console.log(`  ${plural(late, "result")} came when its part had been counted: dropped`)
    })
  }
})

const noticedAfter = (deaths: ReadonlyArray<Death>): ReadonlyArray<number> =>
  deaths.flatMap(({ noticedAfter }) => (noticedAfter === undefined ? [] : [noticedAfter]))

const times = (what: string, millis: ReadonlyArray<number>): string => {
  if (millis.length === 0) return ""
  const mean = number(Math.round(millis.reduce((a, b) => a + b, 0) / millis.length))
  return `; ${what} after ${mean} ms on average, ${number(Math.max(...millis))} ms at most`
}

/** The files of these parts, those with the most of them first. */
const names = (parts: ReadonlyArray<Part>): string => {
  const byFile = new Map<string, { redone: number; readonly of: number }>()
  for (const { file, of } of parts) byFile.set(file, { redone: (byFile.get(file)?.redone ?? 0) + 1, of })
  const names = [...byFile]
    .sort(([a, { redone: n }], [b, { redone: m }]) => m - n || (a < b ? -1 : 1))
    .map(([file, { of, redone }]) => (of === 1 ? file : `${file} (${redone} of ${of} parts)`))
  const rest = names.length > 4 ? ` and ${plural(names.length - 4, "file")} more` : ""
  return `${names.slice(0, 4).join(", ")}${rest}`
}

const plural = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? "" : "s"}`

/** The figures: what each worker did, and what all of them did in so many milliseconds; and who died, if anybody did. */
export const report = Effect.fnUntraced(function* (
  { all, workers }: Counted,
  millis: number,
  deaths: ReadonlyArray<Death>
) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const more = (work: Work, deaths: ReadonlyArray<Death>, isAll: boolean) => {
    const noticed = noticedAfter(deaths)
    const times = isAll || noticed.length === 0 ? "" : `${noticed.map(number).join(", ")} ms`
    return [number(work.redone), number(deaths.length), times]
  }
  const rowOf = (name: string, work: Work, died: ReadonlyArray<Death>, isAll: boolean) => [
    ...row(name, work, millis),
    ...(deaths.length === 0 ? [] : more(work, died, isAll))
  ]
  const rows = [
    [
      "worker",
      "files",
      "MB",
      "words",
      "words/s",
      ...(deaths.length === 0 ? [] : ["redone", "deaths", "noticed after"])
    ],
    ...workers.map((work, i) =>
      rowOf(
        `${i + 1}`,
        work,
        deaths.filter(({ worker }) => worker === i + 1),
        false
      )
    ),
    rowOf("all", all, deaths, true)
  ]
  // With those who died it is as wide as a terminal.
  const table = align(rows, { gap: deaths.length === 0 ? "    " : "  " })

  yield* Console.log("")
  for (const [i, line] of table.entries()) {
    yield* Console.log(
      `  ${i === 0 ? style(canColor, "dim", line) : i > workers.length ? style(canColor, "bold", line) : line}`.trimEnd()
    )
  }
  yield* Console.log(`\n  ${(millis / 1000).toFixed(1)} s in all, the start of the processes included`)
})

/** The most frequent words. */
export const words = Effect.fnUntraced(function* ({ counts }: Counted) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const words = mostFrequent(counts, 20).map(([word, count], i) => [`${i + 1}`, clip(word), number(count)])
  const [left, right] = [align(words.slice(0, 10), { text: 1 }), align(words.slice(10), { text: 1 })]
  yield* Console.log(`\n  ${style(canColor, "dim", `the most frequent of ${number(counts.size)} different words`)}`)
  for (const [i, line] of left.entries()) yield* Console.log(`  ${line}      ${right[i] ?? ""}`.trimEnd())
})

const row = (name: string, { bytes, files, words }: Work, millis: number): ReadonlyArray<string> => [
  name,
  number(files),
  megabytes(bytes),
  number(words),
  number(millis === 0 ? 0 : Math.round((1000 * words) / millis))
]

/** Rows as lines, in columns: to the right, but for the column `text`. */
const align = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  { gap = "  ", text }: { readonly gap?: string; readonly text?: number } = {}
): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => CliOutput.displayWidth(row[column] ?? "")))
  )
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = " ".repeat((widths[column] ?? 0) - CliOutput.displayWidth(cell))
        return column === text ? cell + space : space + cell
      })
      .join(gap)
  )
}

/** A word that is not too long for a column. */
const clip = (word: string): string => (word.length > 20 ? `${word.slice(0, 19)}…` : word)

export const number = (n: number): string => n.toLocaleString("en-US")

export const size = (bytes: number): string =>
  bytes < 1000 ? `${bytes} bytes` : bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${megabytes(bytes)} MB`

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(1)

const codes = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 }

const style = (canColor: boolean, name: keyof typeof codes, text: string): string =>
  canColor ? `\x1b[${codes[name]}m${text}\x1b[0m` : text
