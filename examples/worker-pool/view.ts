/**
 * How a pool is, as it changes: on a terminal a picture that is drawn anew, elsewhere a line now and then.
 */
import type { WorkerPool } from "@effect-zmq/patterns"
import { Console, Duration, Effect, Stream, Terminal } from "effect"
import { CliOutput, TerminalCapabilities } from "effect/cli"

type Pool = WorkerPool.WorkerPool["Service"]

export interface View {
  /** Shows it, until it is interrupted. */
  readonly run: Effect.Effect<never>
  readonly note: (text: string) => Effect.Effect<void>
  /** Shows it once more: what follows is printed below. */
  readonly end: Effect.Effect<void>
}

/** The calls that are here. */
export const unfinished = ({ queued, running, waiting }: WorkerPool.Status): number => queued + waiting + running

/** Begins to watch a pool, as long as the scope is open. */
export const make = Effect.fnUntraced(function* (pool: Pool) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const view: View = canAnimate ? yield* picture(pool, canColor) : lines(pool)
  yield* pool.events.pipe(
    Stream.runForEach((event) => view.note(said(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* pool.deadLetters.pipe(
    Stream.runForEach((letter) => view.note(saidOf(letter))),
    Effect.forkScoped({ startImmediately: true })
  )
  return view
})

// -----------------------------------------------------------------------------
// In lines
// -----------------------------------------------------------------------------

const lines = (pool: Pool): View => {
  let shown = ""
  const show = Effect.flatMap(pool.status, (status) => {
    const line = summary(status)
    if (line === shown) return Effect.void
    shown = line
    return Console.log(line)
  })
  return {
    run: Effect.forever(Effect.andThen(Effect.sleep("1 second"), show)),
    note: (text) => Console.log(text),
    end: Effect.void
  }
}

/** The figures, in a line. */
export const summary = (status: WorkerPool.Status): string => {
  const { answered, credit, dead, queued, redone, running, waiting, workers } = status
  const there = `${plural(workers.length, "worker")}, ${running} of ${credit} at work, ${queued + waiting} queued`
  return `${there}; ${plural(answered, "call")} answered, ${redone} done again, ${dead} given up`
}

// -----------------------------------------------------------------------------
// On a terminal
// -----------------------------------------------------------------------------

/** How many of the latest rates and notes are shown. */
const [history, noted, most] = [40, 6, 12]

const picture = Effect.fnUntraced(function* (pool: Pool, canColor: boolean) {
  const terminal = yield* Terminal.Terminal
  const display = (text: string) => Effect.ignore(terminal.display(text))
  const rates: Array<number> = []
  const notes: Array<string> = []
  let height = 0

  const draw = Effect.gen(function* () {
    const status = yield* pool.status
    rates.push(status.rates.answered)
    if (rates.length > history) rates.shift()
    const columns = yield* terminal.columns
    const all = render(status, { rates, notes, canColor, columns: columns === 0 ? 80 : columns })
    yield* display(`${up(height)}${all.map((line) => `${line}\n`).join("")}`)
    height = all.length
  })
  yield* Effect.acquireRelease(display("\x1b[?25l"), () => display("\x1b[?25h"))
  const view: View = {
    run: Effect.forever(Effect.andThen(draw, Effect.sleep(Duration.millis(250)))),
    note: (text) =>
      Effect.sync(() => {
        notes.push(text)
        if (notes.length > noted) notes.shift()
      }),
    end: draw
  }
  return view
})

/** To the first line of so many, and everything from there on empty. */
const up = (height: number): string => (height === 0 ? "" : `\x1b[${height}A\r\x1b[J`)

/** The picture, in lines that are not longer than the terminal is wide. */
export const render = (
  status: WorkerPool.Status,
  options: {
    readonly rates: ReadonlyArray<number>
    readonly notes: ReadonlyArray<string>
    readonly canColor: boolean
    readonly columns: number
  }
): ReadonlyArray<string> => {
  const { canColor, columns, notes, rates } = options
  const dim = (text: string) => (canColor && text !== "" ? `\x1b[2m${text}\x1b[0m` : text)
  const cyan = (text: string) => (canColor && text !== "" ? `\x1b[36m${text}\x1b[0m` : text)
  const clip = (text: string) => (CliOutput.displayWidth(text) < columns ? text : `${text.slice(0, columns - 2)}…`)
  const workers = status.workers.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, most)
  const width = Math.max(8, ...workers.map(({ name }) => CliOutput.displayWidth(printable(name))))
  const left = (text: string) => text + " ".repeat(Math.max(0, width - CliOutput.displayWidth(text)))
  // What is too wide has no colours: they would be cut.
  const line = (plain: string, coloured: string) => (CliOutput.displayWidth(plain) < columns ? coloured : clip(plain))

  const rows = workers.map(({ busy, credit, done, isDraining, name }) => {
    const filled = Math.round((Math.min(busy, credit) / credit) * 10)
    const [full, free] = ["█".repeat(filled), "░".repeat(10 - filled)]
    const figures = `${`${busy} of ${credit}`.padStart(9)}${number(done).padStart(9)}${isDraining ? "  leaves" : ""}`
    const called = left(printable(name))
    return line(`  ${called}  ${full}${free} ${figures}`, `  ${called}  ${cyan(full)}${dim(free)} ${figures}`)
  })
  const more = status.workers.length - workers.length
  const heading = `  ${left("worker")}  at work            credit     done`
  const peak = Math.max(1, ...rates)
  const graph = rates.map((rate) => levels[Math.round((rate / peak) * (levels.length - 1))]).join("")
  const figures = [
    [
      "calls",
      `${number(status.submitted)} came, ${number(status.answered)} answered, ${number(status.cancelled)} cancelled, ${number(status.refused)} refused`
    ],
    [
      "here",
      `${number(status.running)} at work of ${number(status.credit)}, ${number(status.queued + status.waiting)} queued`
    ],
    [
      "lost",
      `${plural(status.deaths, "worker")}: ${number(status.redone)} calls done again, ${number(status.dead)} given up`
    ]
  ].map(([name = "", text = ""]) => line(`  ${name.padEnd(6)}${text}`, `  ${dim(name.padEnd(6))}${text}`))
  const rate = `${number(Math.round(status.rates.answered))} a second`

  return [
    line(heading, dim(heading)),
    ...(rows.length === 0 ? ["  none yet"] : rows),
    ...(more > 0 ? [clip(`  and ${more} more`)] : []),
    "",
    ...figures,
    line(`  rate  ${graph} ${rate}`, `  ${dim("rate")}  ${cyan(graph)} ${rate}`),
    "",
    ...notes.map((note) => line(`  ${note}`, dim(`  ${note}`)))
  ]
}

const levels = "▁▂▃▄▅▆▇█"

// -----------------------------------------------------------------------------
// In words
// -----------------------------------------------------------------------------

/** What happens, in a line. */
export const said = (event: WorkerPool.Event): string => {
  switch (event._tag) {
    case "WorkerJoined":
      return `${printable(event.name)} is here, for ${plural(event.credit, "call")} at a time`
    case "WorkerDraining":
      return `${printable(event.name)} takes no more, and finishes what it has`
    case "WorkerLeft": {
      const { dead, name, redone, why } = event
      const fate = [
        ...(redone === 0 ? [] : [`${plural(redone, "call")} done again`]),
        ...(dead === 0 ? [] : [`${plural(dead, "call")} given up`])
      ]
      return `${printable(name)} ${departures[why]}${fate.length === 0 ? "" : `: ${fate.join(", ")}`}`
    }
    case "Malformed":
      return `Something came that is no record, of a ${event.side === "frontend" ? "client" : "worker"}: ${event.problem}`
  }
}

type Departure = WorkerPool.Event & { readonly _tag: "WorkerLeft" }

const departures: { readonly [W in Departure["why"]]: string } = {
  Left: "has left",
  Disconnected: "is lost, its connection has ended",
  Silent: "is lost, it says nothing",
  Replaced: "is back, as somebody new"
}

/** A call that was given up, in a line. */
export const saidOf = ({ age, attempts, reason, tag }: WorkerPool.DeadLetter): string =>
  `${tag} is given up after ${plural(attempts, "attempt")} and ${(Duration.toMillis(age) / 1000).toFixed(1)} s: ${reasons[reason]}`

const reasons: { readonly [R in WorkerPool.DeadLetter["reason"]]: string } = {
  WorkerLost: "its worker was lost, and it is not to be done twice",
  TooManyAttempts: "each of its workers was lost",
  ScheduleEnded: "its schedule has ended",
  Closed: "the pool has ended before it"
}

/** A worker calls itself what it likes. */
const printable = (name: string): string => (name === "" ? "somebody" : name.replaceAll(/\p{Cc}/gu, ""))

const number = (n: number): string => n.toLocaleString("en-US")

const plural = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? "" : "s"}`
