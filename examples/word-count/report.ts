/**
 * What is printed: how far it is, and the figures at the end. A bar that moves and colours are for terminals.
 */
import { Console, Effect, Terminal } from "effect"
import { CliOutput, TerminalCapabilities } from "effect/cli"
import type { Counted, Work } from "./count.ts"
import { mostFrequent } from "./words.ts"

/** Tells how far it is, each time it is called with what is done: of so many files, and of so many bytes. */
export const progress = Effect.fnUntraced(function* (files: number, bytes: number) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const terminal = yield* Terminal.Terminal
  const display = (text: string) => Effect.ignore(terminal.display(text))
  const percent = (done: Work) => Math.min(100, Math.floor((100 * done.bytes) / bytes))
  const figures = (done: Work) => `${done.files} of ${files} files, ${size(done.bytes)}`
  let last = 0

  // What is printed after a bar that came to a halt begins on a line of its own.
  yield* Effect.addFinalizer(() => (canAnimate && last > 0 && last < 100 ? display("\n") : Effect.void))

  const line = (done: Work) => Console.log(`${`${percent(done)}`.padStart(5)} %   ${figures(done)}`)

  const bar = (done: Work) => {
    const filled = Math.round((percent(done) / 100) * 32)
    const text = `${style(canColor, "cyan", "█".repeat(filled))}${style(canColor, "dim", "░".repeat(32 - filled))}`
    const end = percent(done) === 100 ? "\n" : ""
    return display(`\r  ${text} ${`${percent(done)}`.padStart(3)} %   ${figures(done)}${end}`)
  }

  // A terminal gets every step of a percent, a file every quarter.
  const steps = canAnimate ? 1 : 25
  return (done: Work): Effect.Effect<void> => {
    const step = Math.floor(percent(done) / steps)
    if (step === last) return Effect.void
    last = step
    return canAnimate ? bar(done) : line(done)
  }
})

/** The figures: what each worker did, what all of them did in so many milliseconds, and the most frequent words. */
export const report = Effect.fnUntraced(function* ({ all, counts, workers }: Counted, millis: number) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const rows = workers.map((work, i) => row(`${i + 1}`, work, millis))
  const table = align([["worker", "files", "MB", "words", "words/s"], ...rows, row("all", all, millis)])
  const words = mostFrequent(counts, 20).map(([word, count], i) => [`${i + 1}`, clip(word), number(count)])
  const [left, right] = [align(words.slice(0, 10), 1), align(words.slice(10), 1)]

  yield* Console.log("")
  for (const [i, line] of table.entries()) {
    yield* Console.log(
      `  ${i === 0 ? style(canColor, "dim", line) : i > workers.length ? style(canColor, "bold", line) : line}`
    )
  }
  yield* Console.log(`\n  ${(millis / 1000).toFixed(1)} s in all, the start of the processes included`)
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

const codes = { bold: 1, dim: 2, cyan: 36 }

const style = (canColor: boolean, name: keyof typeof codes, text: string): string =>
  canColor ? `\x1b[${codes[name]}m${text}\x1b[0m` : text
