/**
 * Runs a program under virtual time, finds the faults that break it, and replays them.
 *
 * `run` runs a program once: hours pass in milliseconds, and the same seed gives the same run. `check` runs it a thousand
 * times, with other faults in its network and other interleavings of its fibers each time, and where it fails shrinks the
 * faults to the fewest that break it. `replay` runs that again, and shows what went over the network.
 *
 * A program under simulation is given `Transport` (a `MemoryTransport`) and its `Network`, and needs to know nothing of
 * any of this. The clock advances by itself: when no fiber can run, the time becomes that of the next one who sleeps. A run
 * is synchronous, and it ends: a program that waits for what cannot happen any more is a `Deadlock`, and one that goes on
 * for ever reaches a limit; both fail with a `SimulationError`, which says so.
 *
 * **Chance.** Everything is drawn from the seed, by a generator for each purpose: the faults, the network (latencies, jitter,
 * ids), the interleaving, and the program's own `Random`. So leaving a fault out shifts no other draw.
 *
 * **What is not simulated** is what comes from outside: a program that waits for a promise, a timer of the platform or a
 * native socket is a deadlock here. What would make two runs differ must be made inside the program: layers that hold
 * state or a clock, counters of a module, ids of fibers.
 *
 * **Interleavings.** With `preemption`, fibers also yield where they would not, by chance. There Effect itself can lose what
 * a fiber was just given when another fiber interrupts it (a `Queue.take` in a race, as much as a `receive`). Order and
 * stuckness are judged well under preemption; where a program must not lose a message and interrupts receivers, judge
 * that with `preemption: 0`.
 *
 * **Example** (Five seconds, in no time)
 *
 * ```ts
 * const exit = Simulation.run({
 *   seed: 1,
 *   program: Effect.gen(function*() {
 *     const push = yield* Push.make({ connect: "tcp://127.0.0.1:5557" })
 *     yield* Push.send(push, "a task")
 *     yield* Effect.sleep("5 seconds") // the other side is late
 *     const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:5557" })
 *     return Message.text(yield* Pull.receive(pull))
 *   })
 * })
 * exit // => Exit.succeed("a task")
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Formatter from "effect/Formatter"
import * as Schedule from "./internal/schedule.ts"
import { type Outcome, type Problem, type Provided, simulate, type Timed } from "./internal/simulate.ts"
import { isPassed, type Settings, Trial } from "./internal/trial.ts"
import * as Network from "./Network.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * What a simulation provides to its program: `Transport`, `Network` and a `Scope`, made anew for each run.
 *
 * @category models
 * @since 0.1.0
 */
export type { Provided }

/**
 * A fault in a run.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimedFault {
  /** When it happens, from the start of the run. */
  readonly at: Duration.Input
  /** After how long it is undone (`Network.undo`). Default: it stays, where it is not over at once. */
  readonly lasts?: Duration.Input | undefined
  readonly fault: Network.Fault
}

/**
 * The kinds of faults that `check` can draw.
 *
 * @category models
 * @since 0.1.0
 */
export type FaultKind = Schedule.Kind

/**
 * How faults are drawn.
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /**
   * Of which kinds. Default: those that sockets get over by themselves, `Partition`, `Latency`, `Disconnect`, `Corrupt` and
   * `Refuse`. A program that is to survive the loss of its sockets adds `Kill`.
   */
  readonly kinds?: ReadonlyArray<FaultKind> | undefined
  /** Only connections of these hosts (`Network.on`). Default: all connections. */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** The most in a run. Default: 8. */
  readonly max?: number | undefined
}

/**
 * How far a run may go before it fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /**
   * How much virtual time may pass. Default: 1 hour; in `check` and `replay`, a minute and ten times what the program takes
   * without faults.
   */
  readonly virtualTime?: Duration.Input | undefined
  /**
   * How many steps may be taken: a fiber that goes on, or one that wakes. It ends programs that are busy for ever without
   * sleeping. Default: 1,000,000; in `check` and `replay`, 50,000 and twenty times what the program takes without faults.
   */
  readonly steps?: number | undefined
}

/**
 * What to run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<out A, out E> {
  /** What chance is drawn from: the same seed gives the same run. */
  readonly seed: number | string
  /** The program. Its layers are built inside of it. */
  readonly program: Effect.Effect<A, E, Provided>
  /** What goes wrong in the network, and when. Default: nothing. */
  readonly faults?: ReadonlyArray<TimedFault> | undefined
  /** How long everything takes to arrive. Default: no time. */
  readonly latency?: Network.Delay | undefined
  /** How probable it is, at each step of a fiber, that others go on before it: 0 to 1. Default: 0. */
  readonly preemption?: number | undefined
  readonly limits?: Limits | undefined
}

/**
 * What to check.
 *
 * @category models
 * @since 0.1.0
 */
export interface CheckOptions<A, out E> {
  /** The program: it passes where it succeeds, and `invariant` holds of its value. */
  readonly program: Effect.Effect<A, E, Provided>
  /** What must be true of the program's value: `false` is a failure, as is whatever it throws. */
  readonly invariant?: ((value: A) => boolean | void) | undefined
  /** How often it is run with faults. Default: 1000. */
  readonly runs?: number | undefined
  /** What chance is drawn from. Default: 1. */
  readonly seed?: number | string | undefined
  readonly faults?: Faults | undefined
  /** How long everything takes to arrive. Default: 1 to 5 milliseconds, by chance. */
  readonly latency?: Network.Delay | undefined
  /** As in `run`. Default: in a third of the runs each, 0, 0.01 and 0.1. */
  readonly preemption?: number | undefined
  readonly limits?: Limits | undefined
}

/**
 * What to run again: the options of `check`, with the seed of one of its runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReplayOptions<A, out E> extends Omit<CheckOptions<A, E>, "runs" | "seed" | "faults"> {
  readonly seed: number | string
  /** The faults, or how they are drawn, as `check` was told. */
  readonly faults?: ReadonlyArray<TimedFault> | Faults | undefined
}

/**
 * What came of a check that passed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly runs: number
  /** How many faults there were in all runs. */
  readonly faults: number
  /** How many of them touched a connection that was there: where there are none, nothing was checked. */
  readonly hits: number
  /** The connections that faults were drawn for: those that the program has without faults. */
  readonly connections: ReadonlyArray<string>
}

/**
 * One run, and what was seen of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recording<out A, out E> {
  readonly exit: Exit.Exit<A, E | SimulationError | InvariantBroken>
  readonly faults: ReadonlyArray<TimedFault>
  /** The virtual time it took. */
  readonly elapsed: Duration.Duration
  readonly steps: number
  /** What went over the network, a line each, with its time; the same seed gives the same text, byte by byte. */
  readonly trace: string
}

// -----------------------------------------------------------------------------
// Errors
// -----------------------------------------------------------------------------

/**
 * The run of a program ended without an end of the program.
 *
 * - `Deadlock`: no fiber can run, and none sleeps: nothing can happen any more
 * - `TimeLimit`: the program wants to go on after the virtual time that it may take
 * - `StepLimit`: the program has taken all its steps
 *
 * @category errors
 * @since 0.1.0
 */
export class SimulationError extends Data.TaggedError("SimulationError")<{
  readonly problem: Problem
  /** What replays the run. */
  readonly seed: number | string
  /** The virtual time from the start to the end of the run. */
  readonly elapsed: Duration.Duration
  /** The steps taken. */
  readonly steps: number
}> {
  override get message(): string {
    return `${explain[this.problem]} (seed ${JSON.stringify(this.seed)}, after ${Duration.format(this.elapsed)} of virtual time and ${this.steps} steps)`
  }
}

const explain: { readonly [P in Problem]: string } = {
  Deadlock:
    "deadlock: the program waits, no fiber can run, and none sleeps; it waits for what cannot happen any more, or for something outside of the simulation, such as a promise",
  TimeLimit: "the limit of virtual time is reached: the program is not done; raise it by limits.virtualTime",
  StepLimit: "the limit of steps is reached: the program is busy without end; raise it by limits.steps"
}

/**
 * The invariant of a check does not hold of the program's value.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvariantBroken extends Data.TaggedError("InvariantBroken")<{ readonly value: unknown }> {
  override get message(): string {
    return `the invariant does not hold of ${Formatter.format(this.value)}`
  }
}

/**
 * What breaks a program: the fewest faults that were found, and how to see it again. Its message is for people.
 *
 * @category errors
 * @since 0.1.0
 */
export class Counterexample<out E> extends Data.TaggedError("Counterexample")<{
  /** Which run it was, of how many; 0 is the one without faults, which comes first. */
  readonly run: number
  readonly runs: number
  /** The seed of the run: `Simulation.replay` takes it. */
  readonly seed: string
  /** What broke the program, after shrinking: empty where no fault is needed. */
  readonly faults: ReadonlyArray<TimedFault>
  /** How many faults the run had, and how often it was run to shrink them. */
  readonly drawn: number
  readonly attempts: number
  /** The preemption that it needs. */
  readonly preemption: number
  /** What became of the program. */
  readonly cause: Cause.Cause<E | SimulationError | InvariantBroken>
  /** The schedule of the faults, as text. */
  readonly schedule: string
  /** The call that replays it, as code. */
  readonly replay: string
}> {
  override get message(): string {
    return [
      this.title,
      ...(this.faults.length === 0 ? [] : ["", indent(this.schedule)]),
      "",
      `What became of it: ${explainCause(this.cause)}`,
      "",
      "See it again, and fix it:",
      "",
      indent(this.replay)
    ].join("\n")
  }

  private get title(): string {
    if (this.run === 0) return "The program fails without any fault."
    const where = `Run ${this.run} of ${this.runs}`
    const how = this.preemption > 0 ? ", in an interleaving that is rare," : ""
    if (this.faults.length === 0) return `${where} fails${how} without any fault.`
    const many = this.faults.length === 1 ? "1 fault" : `${this.faults.length} faults`
    const shrunk =
      this.faults.length === this.drawn ? "" : `, of ${this.drawn} (${this.attempts} runs to find out which)`
    return `${where} fails${how} because of ${many}${shrunk}:`
  }
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, "  ")

const explainCause = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : Formatter.format(error)
}

// -----------------------------------------------------------------------------
// Running
// -----------------------------------------------------------------------------

/**
 * Runs a program under virtual time, to its end or to a `SimulationError`.
 *
 * Fibers that the program leaves behind (`Effect.forkDetach`) run no further. A program that fails by a `SimulationError` is
 * interrupted, so that its finalizers run, under the same limits.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(options: Options<A, E>): Exit.Exit<A, E | SimulationError> =>
  exitOf(
    options.seed,
    simulate(options.program, {
      seed: options.seed,
      faults: (options.faults ?? []).map(toTimed),
      latency: options.latency,
      preemption: options.preemption ?? 0,
      limits: {
        virtualTime: millis(options.limits?.virtualTime ?? "1 hour"),
        steps: options.limits?.steps ?? 1_000_000
      },
      isTraced: false,
      isSilent: false
    })
  )

/**
 * Looks for faults that break a program: first runs it without any, then `runs` times with some, drawn for the connections
 * that it had, and in other interleavings. Takes about a millisecond a run. What the program logs goes nowhere; `replay`
 * shows it.
 *
 * What it finds it shrinks: no fault can be left out of the `Counterexample`, and none happens earlier or lasts shorter by
 * half. Any failure counts: a typed one, a defect, a deadlock, a limit, a broken invariant.
 *
 * The result is an `Exit`, and so an Effect: `Effect.runSync(Simulation.check({ program }))` in any test throws the
 * counterexample, whose message says it all.
 *
 * **Example** (In a test)
 *
 * ```ts
 * it("gives every task to a worker, whatever the network does", () => {
 *   Effect.runSync(Simulation.check({
 *     program: pipeline, // needs a Transport, and knows nothing of this
 *     invariant: (results) => results.length === new Set(results).size
 *   }))
 * })
 * ```
 *
 * @category checking
 * @since 0.1.0
 */
export const check = <A, E>(options: CheckOptions<A, E>): Exit.Exit<Report, Counterexample<E>> => {
  const settings = settingsOf(options, String(options.seed ?? 1), options.faults)
  const trial = new Trial(options.program, judge(options.invariant), settings)
  const runs = options.runs ?? 1000
  const fail = (run: number, seed: string, faults: ReadonlyArray<Timed>) => {
    const broken = trial.shrink(seed, faults)
    const { attempts, drawn, preemption } = broken
    const exit = exitOf(seed, broken.outcome)
    return Exit.fail(
      new Counterexample<E>({
        run,
        runs,
        seed,
        faults: broken.faults,
        drawn,
        attempts,
        preemption,
        cause: Exit.isFailure(exit) ? exit.cause : Cause.empty,
        schedule: Schedule.format(broken.faults),
        replay: codeOf(options, seed, broken.faults, preemption === trial.preemption(seed) ? undefined : preemption)
      })
    )
  }
  if (!isPassed(trial.calm)) return fail(0, `${settings.seed}:0`, [])
  let count = 0
  let hits = 0
  for (let run = 1; run <= runs; run++) {
    const seed = `${settings.seed}:${run}`
    const faults = trial.draw(seed)
    const outcome = trial.simulate(seed, faults, trial.preemption(seed))
    if (!isPassed(outcome)) return fail(run, seed, faults)
    count += faults.length
    hits += outcome.hits
  }
  return Exit.succeed({ runs, faults: count, hits, connections: trial.targets.connections.map(({ name }) => name) })
}

/**
 * Runs a program once more as `check` ran it, and tells what went over the network. The faults are those given; without
 * them, those that `check` drew for this seed.
 *
 * @category checking
 * @since 0.1.0
 */
export const replay = <A, E>(options: ReplayOptions<A, E>): Recording<A, E> => {
  const seed = String(options.seed)
  const given = isList(options.faults) ? options.faults.map(toTimed) : undefined
  const choice = isList(options.faults) ? undefined : options.faults
  const trial = new Trial(
    options.program,
    judge(options.invariant),
    settingsOf(options, seed.replace(/:\d+$/, ""), choice)
  )
  const faults = given ?? trial.draw(seed)
  const outcome = trial.record(seed, faults)
  return {
    exit: exitOf(seed, outcome),
    faults,
    elapsed: Duration.millis(outcome.elapsed),
    steps: outcome.steps,
    trace: outcome.trace.map((entry) => `${Network.formatEntry(entry)}\n`).join("")
  }
}

// -----------------------------------------------------------------------------
// Options
// -----------------------------------------------------------------------------

/** How the program ended, judged by the invariant: outside of the run, so that it shifts nothing in it. */
const judge =
  <A, E>(invariant: CheckOptions<A, E>["invariant"]) =>
  (exit: Exit.Exit<A, E>): Exit.Exit<A, E | InvariantBroken> => {
    if (invariant === undefined || Exit.isFailure(exit)) return exit
    const holds = Effect.runSyncExit(Effect.sync(() => invariant(exit.value)))
    if (Exit.isFailure(holds)) return Exit.failCause(holds.cause)
    return holds.value === false ? Exit.fail(new InvariantBroken({ value: exit.value })) : exit
  }

const defaultKinds: ReadonlyArray<FaultKind> = ["Partition", "Latency", "Disconnect", "Corrupt", "Refuse"]

const settingsOf = <A, E>(
  options: Pick<CheckOptions<A, E>, "latency" | "limits" | "preemption">,
  seed: string,
  faults: Faults | undefined
): Settings => {
  const { latency, limits, preemption } = options
  const virtualTime = limits?.virtualTime === undefined ? undefined : millis(limits.virtualTime)
  return {
    seed,
    choice: { kinds: faults?.kinds ?? defaultKinds, hosts: faults?.hosts, max: faults?.max ?? 8 },
    latency,
    preemption,
    limits: { virtualTime, steps: limits?.steps }
  }
}

const isList = (faults: ReadonlyArray<TimedFault> | Faults | undefined): faults is ReadonlyArray<TimedFault> =>
  Array.isArray(faults)

const toTimed = ({ at, fault, lasts }: TimedFault): Timed => ({
  at: millis(at),
  lasts: lasts === undefined ? undefined : millis(lasts),
  fault
})

const millis = (duration: Duration.Input): number => Math.ceil(Duration.toMillis(Duration.fromInputUnsafe(duration)))

const exitOf = <A, E>(seed: number | string, outcome: Outcome<A, E>): Exit.Exit<A, E | SimulationError> => {
  const { elapsed, end, steps } = outcome
  if (typeof end !== "string") return end
  return Exit.fail(new SimulationError({ problem: end, seed, elapsed: Duration.millis(elapsed), steps }))
}

/** The call that replays a run; what else `check` was told stays as it is. */
const codeOf = <A, E>(
  options: CheckOptions<A, E>,
  seed: string,
  faults: ReadonlyArray<Timed>,
  preemption: number | undefined
): string => {
  const same = (["invariant", "latency", "limits"] as const).filter((name) => options[name] !== undefined)
  return [
    "Simulation.replay({",
    `  ${["program", ...same].join(", ")},`,
    `  seed: ${JSON.stringify(seed)},`,
    ...(preemption === undefined ? [] : [`  preemption: ${preemption},`]),
    `  faults: ${Schedule.code(faults)}`,
    "})"
  ].join("\n")
}
