/**
 * Runs a program under virtual time: hours pass in milliseconds, and the same seed gives the same run.
 *
 * The clock advances by itself: when no fiber can run, the time becomes that of the next one who sleeps. All fibers share
 * one queue, first in, first out, and `Random` is seeded, so that nothing depends on the machine or on what else it does.
 * A run is synchronous, and it ends: a program that waits for what cannot happen any more is a `Deadlock`, and one that
 * goes on for ever reaches a limit; both fail with a `SimulationError`, which says so.
 *
 * What comes from outside is not simulated: a program that waits for a promise, a timer of the platform or a native
 * socket is a deadlock here. Layers must be built inside the program, so that they see its clock.
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
 *   }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
 * })
 * exit // => Exit.succeed("a task")
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { VirtualClock, VirtualScheduler } from "./internal/virtualTime.ts"

/**
 * What to run, and how far.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<out A, out E> {
  /** What chance is drawn from: the same seed gives the same run. */
  readonly seed: number | string
  /** The program, whole: it lacks no service. */
  readonly program: Effect.Effect<A, E>
  /** How far the program may go. */
  readonly limit?: Limit | undefined
}

/**
 * How far a program may go before its run fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit {
  /** How much virtual time may pass. Default: 1 hour. */
  readonly virtualTime?: Duration.Input | undefined
  /**
   * How many steps may be taken: a fiber that goes on, or one that wakes. It ends programs that are busy for ever without
   * sleeping. Default: 1,000,000.
   */
  readonly steps?: number | undefined
}

/**
 * Why a run ended without an end of its program.
 *
 * - `Deadlock`: no fiber can run, and none sleeps: nothing can happen any more
 * - `TimeLimit`: the program wants to go on after the virtual time that it may take
 * - `StepLimit`: the program has taken all its steps
 *
 * @category models
 * @since 0.1.0
 */
export type Problem = "Deadlock" | "TimeLimit" | "StepLimit"

/**
 * The run of a program ended without an end of the program.
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
  TimeLimit: "the limit of virtual time is reached: the program is not done; raise it by limit.virtualTime",
  StepLimit: "the limit of steps is reached: the program is busy without end; raise it by limit.steps"
}

/**
 * Runs a program under virtual time, to its end or to a `SimulationError`.
 *
 * Fibers that the program leaves behind (`Effect.forkDetach`) run no further. A program that fails by a `SimulationError` is
 * interrupted, so that its finalizers run, under the same limits.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(options: Options<A, E>): Exit.Exit<A, E | SimulationError> => {
  const clock = new VirtualClock()
  const scheduler = new VirtualScheduler()
  const limit = {
    elapsed: Math.ceil(Duration.toMillis(Duration.fromInputUnsafe(options.limit?.virtualTime ?? "1 hour"))),
    steps: options.limit?.steps ?? 1_000_000
  }
  const fiber = options.program.pipe(
    Random.withSeed(options.seed),
    Effect.provideService(Clock.Clock, clock),
    Effect.provideService(Scheduler.Scheduler, scheduler),
    Effect.runFork
  )
  const { problem, steps } = drive(fiber, clock, scheduler, limit)
  if (problem === undefined) return fiber.pollUnsafe() as Exit.Exit<A, E> // it is done
  const elapsed = Duration.millis(clock.currentTimeMillisUnsafe())
  fiber.interruptUnsafe()
  drive(fiber, clock, scheduler, { ...limit, elapsed: limit.elapsed + clock.currentTimeMillisUnsafe() })
  return Exit.fail(new SimulationError({ problem, seed: options.seed, elapsed, steps }))
}

/** Runs what can run, then wakes the next one who sleeps, until the fiber is done. */
const drive = (
  fiber: Fiber.Fiber<unknown, unknown>,
  clock: VirtualClock,
  scheduler: VirtualScheduler,
  limit: { readonly elapsed: number; readonly steps: number }
): { readonly problem: Problem | undefined; readonly steps: number } => {
  for (let steps = 0; ; steps++) {
    if (fiber.pollUnsafe() !== undefined) return { problem: undefined, steps }
    if (steps >= limit.steps) return { problem: "StepLimit", steps }
    if (scheduler.runNext()) continue
    const next = clock.nextTime()
    if (next === undefined) return { problem: "Deadlock", steps }
    if (next > limit.elapsed) return { problem: "TimeLimit", steps }
    clock.wakeNext()
  }
}
