/**
 * A line to type in, and above it what others say: neither gets into the other's way.
 *
 * On a terminal the keys are read one by one, and the line that is being typed is drawn anew below what is shown. Where
 * input or output is a pipe or a file, lines are lines.
 */
import { Console, Effect, Option, Stdio, Stream, Terminal } from "effect"
import { printable } from "../messages.ts"

export interface Prompt {
  /** What was typed, line by line. Ends with the input, or by Ctrl-D or Esc; Ctrl-C interrupts who reads it. */
  readonly lines: Stream.Stream<string>
  /** Shows a line. */
  readonly show: (line: string) => Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  const isTerminal = (yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal)
  return isTerminal ? yield* editor : plain(stdio)
})

const plain = (stdio: Stdio.Stdio): Prompt => ({
  lines: stdio.stdin.pipe(Stream.decodeText, Stream.splitLines, Stream.orDie),
  show: (line) => Console.log(printable(line))
})

// -----------------------------------------------------------------------------
// On a terminal
// -----------------------------------------------------------------------------

export const editor = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const keys = yield* terminal.readInput
  const display = (text: string) => Effect.ignore(terminal.display(text))
  let typed = ""

  /** The line anew, with something above it. */
  const draw = (above = "") =>
    Effect.flatMap(terminal.columns, (columns) => {
      // What does not fit is not shown, on the left: the line stays one line. A terminal that has no width is wide enough.
      const width = columns === 0 ? Number.POSITIVE_INFINITY : Math.max(columns - sign.length - 1, 1)
      const shown = Array.from(typed).slice(-width)
      return display(`${startOfLine}${above}${sign}${shown.join("")}`)
    })

  const press = ({ input, key }: Terminal.UserInput): Effect.Effect<ReadonlyArray<string>> => {
    if (key.ctrl && key.name === "c") return Effect.andThen(display("\n"), Effect.interrupt)
    if (key.name === "return" || key.name === "enter") {
      const line = typed
      typed = ""
      return Effect.as(draw(), [line])
    }
    if (key.name === "backspace") typed = Array.from(typed).slice(0, -1).join("")
    else if (key.ctrl && key.name === "u") typed = ""
    else if (!key.ctrl && !key.meta) typed += Option.getOrElse(input, () => "").replaceAll(/\p{Cc}/gu, "")
    return Effect.as(draw(), [])
  }

  yield* draw()
  yield* Effect.addFinalizer(() => display(startOfLine))
  const prompt: Prompt = {
    lines: Stream.fromQueue(keys).pipe(Stream.mapEffect(press), Stream.flattenIterable),
    show: (line) => draw(`${printable(line)}\n`)
  }
  return prompt
})

const sign = "> "

/** To the beginning of the line, and the line empty. */
const startOfLine = "\r\x1b[K"
