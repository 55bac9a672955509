/** One simulated run: the services that a program gets, and the loop that drives it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as MemoryTransport from "../MemoryTransport.ts"
import * as Network from "../Network.ts"
import type { Transport } from "../Transport.ts"
import * as Generator from "./generator.ts"
import { VirtualClock, VirtualScheduler } from "./virtualTime.ts"

/** What a simulation provides to its program. */
export type Provided = Transport | Network.Network | Scope.Scope

/** A fault, when it happens, and when it is undone; in milliseconds. */
export interface Timed {
  readonly at: number
  /** `undefined` where it stays, or is over at once. */
  readonly lasts: number | undefined
  readonly fault: Network.Fault
}

export interface Setup {
  readonly seed: number | string
  readonly faults: ReadonlyArray<Timed>
  /** Of every connection; `undefined` for none. */
  readonly latency: Network.Delay | undefined
  readonly preemption: number
  readonly limits: Limits
  readonly isTraced: boolean
  /** Whether what the program logs goes nowhere. */
  readonly isSilent: boolean
}

export interface Limits {
  /** In milliseconds. */
  readonly virtualTime: number
  readonly steps: number
}

export type Problem = "Deadlock" | "TimeLimit" | "StepLimit"

export interface Outcome<A, E> {
  /** How the program ended, or why it did not. */
  readonly end: Exit.Exit<A, E> | Problem
  /** In milliseconds. */
  readonly elapsed: number
  readonly steps: number
  /** How many of the faults touched something that was there. */
  readonly hits: number
  /** Empty where it was not asked for. */
  readonly trace: ReadonlyArray<Network.TraceEntry>
}

/** Runs a program to its end, to a deadlock or to a limit; always the same way. */
export const simulate = <A, E>(program: Effect.Effect<A, E, Provided>, setup: Setup): Outcome<A, E> => {
  const clock = new VirtualClock()
  // Faults happen on a scheduler of their own: how many there are shifts nothing that the program's draws.
  const faults = new VirtualScheduler()
  const fibers = new VirtualScheduler(
    setup.preemption > 0
      ? { generator: Generator.make(setup.seed, "scheduling"), preemption: setup.preemption }
      : undefined
  )
  const watch = new Watch(setup, faults)
  const fiber = program.pipe(
    Effect.scoped,
    Effect.provide(
      Layer.provide(MemoryTransport.layer, Layer.succeed(Random.Random, Generator.make(setup.seed, "network"))),
      {
        local: true
      }
    ),
    Effect.provideContext(
      Context.empty().pipe(
        Context.add(Clock.Clock, clock),
        Context.add(Random.Random, Generator.make(setup.seed, "program")),
        Context.add(Scheduler.Scheduler, fibers),
        Context.add(Network.Observer, watch.observe),
        setup.isSilent ? Context.add(Logger.CurrentLoggers, new Set()) : identity
      )
    ),
    Effect.runFork
  )
  const { problem, steps } = drive(fiber, clock, [faults, fibers], setup.limits)
  const elapsed = clock.currentTimeMillisUnsafe()
  if (problem !== undefined) {
    // So that its finalizers run, under the same limits.
    fiber.interruptUnsafe()
    const { limits } = setup
    drive(fiber, clock, [faults, fibers], { ...limits, virtualTime: limits.virtualTime + elapsed })
  }
  const { trace } = watch
  return { end: problem ?? (fiber.pollUnsafe() as Exit.Exit<A, E>), elapsed, steps, hits: watch.hits, trace } // it is done
}

/** What is done to, and seen of, the networks that a program builds. */
class Watch {
  hits = 0
  private readonly setup: Setup
  private readonly scheduler: Scheduler.Scheduler
  private readonly records: Array<Effect.Effect<ReadonlyArray<Network.TraceEntry>>> = []

  constructor(setup: Setup, scheduler: Scheduler.Scheduler) {
    this.setup = setup
    this.scheduler = scheduler
  }

  /** What was recorded, of one network after the other. */
  get trace(): ReadonlyArray<Network.TraceEntry> {
    return this.records.flatMap((record) => Effect.runSync(record))
  }

  readonly observe = (network: Network.Network["Service"]): Effect.Effect<void, never, Scope.Scope> => {
    const { records, setup } = this
    return Effect.gen({ self: this }, function* () {
      // Not by this fiber: an operation more would shift who yields when, and so the run that is to be looked at.
      if (setup.isTraced) records.push(Effect.runSync(Scope.provide(network.trace, Scope.makeUnsafe())))
      if (setup.latency !== undefined) yield* network.inject(slow(["*", "*"], setup.latency))
      const steps = inOrder(setup.faults).flatMap(({ at, fault, lasts }) => {
        const back = lasts === undefined ? undefined : this.undo(fault)
        const happens = { at, inject: Effect.map(network.inject(fault), (hit) => void (this.hits += hit > 0 ? 1 : 0)) }
        return back === undefined ? [happens] : [happens, { at: at + (lasts ?? 0), inject: network.inject(back) }]
      })
      yield* Effect.gen(function* () {
        for (const { at, inject } of inOrder(steps)) {
          const now = yield* Clock.currentTimeMillis
          if (at > now) yield* Effect.sleep(Duration.millis(at - now))
          yield* inject
        }
        // It stays: whether there was a fault must make no difference, also not to who closes the scope.
        yield* Effect.never
      }).pipe(Effect.forkScoped({ startImmediately: true }), Effect.provideService(Scheduler.Scheduler, this.scheduler))
    })
  }

  /** A connection that is slow no longer is as slow as the others. */
  private undo(fault: Network.Fault): Network.Fault | undefined {
    const { latency } = this.setup
    return fault._tag === "Latency" && latency !== undefined ? { ...fault, delay: latency } : Network.undo(fault)
  }
}

/** By their times; those of one time in the order they are given in. */
export const inOrder = <A extends { readonly at: number }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  [...all].sort((a, b) => a.at - b.at)

const slow = (between: Network.Between, delay: Network.Delay): Network.Fault =>
  Network.Fault.Latency({ between, delay, oneWay: false })

/** Runs what can run, then wakes the next one who sleeps, until the fiber is done. */
const drive = (
  fiber: Fiber.Fiber<unknown, unknown>,
  clock: VirtualClock,
  schedulers: readonly [VirtualScheduler, VirtualScheduler],
  limits: Limits
): { readonly problem: Problem | undefined; readonly steps: number } => {
  for (let steps = 0; ; steps++) {
    if (fiber.pollUnsafe() !== undefined) return { problem: undefined, steps }
    if (steps >= limits.steps) return { problem: "StepLimit", steps }
    if (schedulers[0].runNext() || schedulers[1].runNext()) continue
    const next = clock.nextTime()
    if (next === undefined) return { problem: "Deadlock", steps }
    if (next > limits.virtualTime) return { problem: "TimeLimit", steps }
    clock.wakeNext()
  }
}
