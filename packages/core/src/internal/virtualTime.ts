/** The two services that make the time of a program virtual: its clock, and the queues of its fibers. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { between, type Generator } from "./generator.ts"

/** One who sleeps. */
interface Sleeper {
  readonly time: number
  readonly wake: () => void
}

/**
 * A clock that stands still until it is told to wake the next one who sleeps. It counts whole milliseconds from 0; parts
 * of one are rounded up, because a time that cannot be reached by adding is one that a sleeper waits for for ever.
 */
export class VirtualClock implements Clock.Clock {
  private now = 0
  /** By time, and those of one time in the order of their coming. */
  private readonly sleepers: Array<Sleeper> = []

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  currentTimeMillisUnsafe(): number {
    return this.now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.now) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Math.ceil(Duration.toMillis(duration))
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback((resume) => {
      const sleeper = { time: this.now + millis, wake: () => resume(Effect.void) }
      this.sleepers.splice(this.after(sleeper.time), 0, sleeper)
      return Effect.sync(() => {
        const index = this.sleepers.indexOf(sleeper)
        if (index !== -1) this.sleepers.splice(index, 1)
      })
    })
  }

  /** When the next one wakes; `undefined` where nobody sleeps. */
  nextTime(): number | undefined {
    return this.sleepers[0]?.time
  }

  /** Makes it that time, and wakes this one alone. */
  wakeNext(): void {
    const sleeper = this.sleepers.shift()
    if (sleeper === undefined) return
    this.now = sleeper.time
    sleeper.wake()
  }

  /** The index after all who wake at this time or before. */
  private after(time: number): number {
    let low = 0
    let high = this.sleepers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { time: wakes } = this.sleepers[middle] as Sleeper // below the length
      if (wakes <= time) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Task {
  readonly run: () => void
  readonly priority: number
}

/** How a scheduler varies the interleaving of fibers. */
export interface Interleaving {
  readonly generator: Generator
  /** How probable it is, at each of a fiber's operations, that another fiber goes on before it. */
  readonly preemption: number
}

/**
 * A scheduler whose tasks run when it is told to.
 *
 * Without an interleaving all dispatchers share one queue: the tasks of one turn run in the order of their priority, then of
 * their coming; what they schedule is the next turn's. With one, fibers also yield by chance, and of the dispatchers that
 * have something to run, chance picks the next: within each, the order stays.
 */
export class VirtualScheduler implements Scheduler.Scheduler {
  // Runs a program without a microtask: what waits asks for a turn instead.
  /** Nobody waits for microtasks here. */
  readonly executionMode = "sync"
  private readonly interleaving: Interleaving | undefined
  private readonly shared = new Turns()
  /** Those that have something to run. */
  private readonly busy: Array<Turns> = []
  /** How many operations until the next one that yields by chance. */
  private untilYield = Number.POSITIVE_INFINITY

  constructor(interleaving?: Interleaving) {
    this.interleaving = interleaving
    this.drawYield()
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    // A fiber that goes on gets somewhere: the first operation is to leave the yield, the second what it yielded before.
    if (fiber.currentOpCount > 2 && --this.untilYield <= 0) {
      this.drawYield()
      return true
    }
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const turns = this.interleaving === undefined ? this.shared : new Turns()
    return {
      scheduleTask: (run, priority) => {
        if (turns.isEmpty) this.busy.push(turns)
        turns.add({ run, priority })
      },
      flush: () => {
        while (this.runNext());
      }
    }
  }

  /** Runs the next task; `false` where there is none. */
  runNext(): boolean {
    const { busy } = this
    if (busy.length === 0) return false
    const at = this.interleaving === undefined ? 0 : between(this.interleaving.generator, 0, busy.length - 1)
    const turns = busy[at] as Turns // `at` is below the length
    const task = turns.take()
    if (turns.isEmpty) busy.splice(at, 1)
    task?.run()
    return true
  }

  /** The gap between two operations that yield, where each does with the same probability. */
  private drawYield(): void {
    if (this.interleaving === undefined || this.interleaving.preemption <= 0) return
    const { generator, preemption } = this.interleaving
    this.untilYield = 1 + Math.floor(Math.log(1 - generator.nextDoubleUnsafe()) / Math.log(1 - preemption))
  }
}

/** The tasks of one queue: those of this turn, and those of the next. */
class Turns {
  private turn: ReadonlyArray<Task> = []
  private at = 0
  private coming: Array<Task> = []

  get isEmpty(): boolean {
    return this.at === this.turn.length && this.coming.length === 0
  }

  add(task: Task): void {
    this.coming.push(task)
  }

  take(): Task | undefined {
    if (this.at === this.turn.length) {
      this.turn = this.coming.sort((a, b) => a.priority - b.priority)
      this.coming = []
      this.at = 0
    }
    return this.turn[this.at++]
  }
}
