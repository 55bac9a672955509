/**
 * What is printed: how far it is, and the figures at the end. A bar that moves and colours are for terminals.
 */
import { Console, Effect, Terminal } from "effect"
import { CliOutput, TerminalCapabilities } from "effect/cli"
import type { Counted, Work } from "./count.ts"
import type { Part } from "./parts.ts"
import type { Death, Return } from "./supervised.ts"
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
  let last = 0
  let shown = ""

  // What is printed after a bar that came to a halt begins on a line of its own.
  yield* Effect.addFinalizer(() => (canAnimate && last > 0 && last < 100 ? display("\n") : Effect.void))

  const line = (done: Work) => Console.log(`${`${percent(done)}`.padStart(5)} %   ${figures(done)}`)

  const bar = (done: Work) => {
    const filled = Math.round((percent(done) / 100) * 32)
    const text = `${style(canColor, "cyan", "█".repeat(filled))}${style(canColor, "dim", "░".repeat(32 - filled))}`
    const isEnd = percent(done) === 100
    const line = `\r  ${text} ${`${percent(done)}`.padStart(3)} %   ${figures(done)}`
    shown = isEnd ? "" : line
    return display(`${line}${isEnd ? "\n" : ""}`)
  }

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
  const times: Array<number> = []
  let dead = 0
  return {
    onDeath: ({ how, noticedAfter, pid, worker }: Death) => {
      dead++
      const noticed = noticedAfter === undefined ? "" : `; noticed after ${noticedAfter} ms, by its exit`
      return note(`    ${style(canColor, "red", "✗")} worker ${worker} (pid ${pid}) died: ${how}${noticed}`)
    },
    onReturn: ({ after, pid, worker }: Return) => {
      times.push(after)
      return note(
        `    ${style(canColor, "green", "✓")} worker ${worker} is back after ${number(after)} ms, as pid ${pid}`
      )
    },
    /** How soon they were back, and what was lost with them. */
    report: Effect.fnUntraced(function* ({ again, twice }: Counted) {
      if (dead === 0) {
        return yield* Console.log("\n  No worker died: all was counted too soon. --input takes a larger directory")
      }
      const mean = number(Math.round(times.reduce((a, b) => a + b, 0) / times.length))
      const most = number(Math.max(...times))
      const back = times.length === 0 ? "" : `; back after ${mean} ms on average, ${most} ms at most`
      yield* Console.log(`\n  ${plural(dead, "worker")} died${back}`)
      if (again.length === 0) yield* Console.log("  Nothing was lost")
      else
        yield* Console.log(
          `  ${plural(again.length, "part")} lost, handed out again, and counted once:\n    ${lost(again)}`
        )
      if (twice > 0) yield* Console.log(`  ${plural(twice, "result")} came twice: late, and not lost`)
    })
  }
})

/** Which parts were lost: the files with the most of them by name. */
const lost = (again: ReadonlyArray<Part>): string => {
  const byFile = new Map<string, { lost: number; readonly of: number }>()
  for (const { file, of } of again) byFile.set(file, { lost: (byFile.get(file)?.lost ?? 0) + 1, of })
  const names = [...byFile]
    .sort(([a, { lost: n }], [b, { lost: m }]) => m - n || (a < b ? -1 : 1))
    .map(([file, { lost, of }]) => (of === 1 ? file : `${file} (${lost} of ${of} parts)`))
  const rest = names.length > 4 ? ` and ${plural(names.length - 4, "file")} more` : ""
  return `${names.slice(0, 4).join(", ")}${rest}`
}

const plural = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? "" : "s"}`

/** The figures: what each worker did, and what all of them did in so many milliseconds. */
export const report = Effect.fnUntraced(function* ({ all, workers }: Counted, millis: number) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const rows = workers.map((work, i) => row(`${i + 1}`, work, millis))
  const table = align([["worker", "files", "MB", "words", "words/s"], ...rows, row("all", all, millis)])

  yield* Console.log("")
  for (const [i, line] of table.entries()) {
    yield* Console.log(
      `  ${i === 0 ? style(canColor, "dim", line) : i > workers.length ? style(canColor, "bold", line) : line}`
    )
  }
  yield* Console.log(`\n  ${(millis / 1000).toFixed(1)} s in all, the start of the processes included`)
})

/** The most frequent words. */
export const words = Effect.fnUntraced(function* ({ counts }: Counted) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const words = mostFrequent(counts, 20).map(([word, count], i) => [`${i + 1}`, clip(word), number(count)])
  const [left, right] = [align(words.slice(0, 10), 1), align(words.slice(10), 1)]
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
const align = (rows: ReadonlyArray<ReadonlyArray<string>>, text?: number): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => CliOutput.displayWidth(row[column] ?? "")))
  )
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = " ".repeat((widths[column] ?? 0) - CliOutput.displayWidth(cell))
        return column === text ? cell + space : space + cell
      })
      .join(text === undefined ? "    " : "  ")
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
