/** A program under many schedules of faults: how it does without any, how it does with some, and which break it. */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Network from "../Network.ts"
import * as Generator from "./generator.ts"
import * as Schedule from "./schedule.ts"
import { shrink } from "./shrink.ts"
import { inOrder, type Limits, type Outcome, type Provided, type Setup, simulate, type Timed } from "./simulate.ts"

export interface Settings {
  /** Of the check: those of its runs end in `:` and their number. */
  readonly seed: string
  readonly choice: Schedule.Choice
  readonly latency: Network.Delay | undefined
  /** `undefined` where it is drawn. */
  readonly preemption: number | undefined
  readonly limits: { readonly [L in keyof Limits]: number | undefined }
}

/** Faults that break the program, and how they were found. */
export interface Broken<A, E> {
  readonly faults: ReadonlyArray<Timed>
  readonly drawn: number
  readonly attempts: number
  readonly preemption: number
  readonly outcome: Outcome<A, E>
}

const defaultLatency = Network.Delay.Uniform({ minimum: Duration.millis(1), maximum: Duration.millis(5) })

/** How often a fiber yields by chance: in a third of the runs never. */
const preemptions = [0, 0.01, 0.1]

/** The most runs to shrink a schedule. */
const maxAttempts = 300

export class Trial<A, E, E2> {
  /** How the program does without faults. */
  readonly calm: Outcome<A, E2>
  readonly targets: Schedule.Targets
  private readonly program: Effect.Effect<A, E, Provided>
  private readonly judge: (exit: Exit.Exit<A, E>) => Exit.Exit<A, E2>
  private readonly settings: Settings
  private readonly limits: Limits

  constructor(
    program: Effect.Effect<A, E, Provided>,
    judge: (exit: Exit.Exit<A, E>) => Exit.Exit<A, E2>,
    settings: Settings
  ) {
    this.program = program
    this.judge = judge
    this.settings = settings
    const { limits } = settings
    this.limits = { virtualTime: limits.virtualTime ?? 3_600_000, steps: limits.steps ?? 1_000_000 }
    this.calm = this.run(`${settings.seed}:0`, [], 0, { isTraced: true, isSilent: true })
    this.targets = Schedule.targetsOf(this.calm.trace, this.calm.elapsed, settings.choice.hosts)
    this.limits = {
      virtualTime: limits.virtualTime ?? 60_000 + 10 * this.calm.elapsed,
      steps: limits.steps ?? 50_000 + 20 * this.calm.steps
    }
  }

  /** The faults of a seed. */
  draw(seed: string): ReadonlyArray<Timed> {
    return Schedule.draw(seed, this.targets, this.settings.choice)
  }

  preemption(seed: string): number {
    return this.settings.preemption ?? Generator.pick(Generator.make(seed, "preemption"), preemptions)
  }

  /** One of many runs, in silence. */
  simulate(seed: string, faults: ReadonlyArray<Timed>, preemption: number): Outcome<A, E2> {
    return this.run(seed, faults, preemption, { isTraced: false, isSilent: true })
  }

  /** A run to look at. */
  record(seed: string, faults: ReadonlyArray<Timed>): Outcome<A, E2> {
    return this.run(seed, faults, this.preemption(seed), { isTraced: true, isSilent: false })
  }

  private run(
    seed: string,
    faults: ReadonlyArray<Timed>,
    preemption: number,
    how: Pick<Setup, "isTraced" | "isSilent">
  ): Outcome<A, E2> {
    const { limits } = this
    const outcome = simulate(this.program, {
      seed,
      faults,
      latency: this.settings.latency ?? defaultLatency,
      preemption,
      limits,
      ...how
    })
    const { end } = outcome
    return { ...outcome, end: typeof end === "string" ? end : this.judge(end) }
  }

  /** The fewest of the faults that still break the program, without preemption where it breaks without. */
  shrink(seed: string, faults: ReadonlyArray<Timed>): Broken<A, E2> {
    const drawn = this.preemption(seed)
    const fails = (preemption: number) => (faults: ReadonlyArray<Timed>) =>
      !isPassed(this.simulate(seed, faults, preemption))
    const preemption = drawn > 0 && fails(0)(faults) ? 0 : drawn
    const { attempts, parts } = shrink(faults, fails(preemption), Schedule, maxAttempts)
    return {
      faults: inOrder(parts),
      drawn: faults.length,
      attempts,
      preemption,
      outcome: this.simulate(seed, parts, preemption)
    }
  }
}

export const isPassed = ({ end }: Outcome<unknown, unknown>): boolean => typeof end !== "string" && Exit.isSuccess(end)
