/** The two services that make the time of a program virtual: its clock, and the one queue of all its fibers. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

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
      if ((this.sleepers[middle] as Sleeper).time <= time)
        low = middle + 1 // `middle` is below the length
      else high = middle
    }
    return low
  }
}

type Task = () => void

/**
 * A scheduler whose dispatchers share one queue, which runs when it is told to: the tasks of one turn in the order of
 * their priority, then of their coming. What they schedule is the next turn's.
 */
export class VirtualScheduler implements Scheduler.Scheduler {
  // Runs a program without a microtask: what waits asks for a turn instead.
  readonly executionMode = "sync"
  private turn: Array<Task> = []
  private at = 0
  private coming: Array<{ readonly task: Task; readonly priority: number }> = []

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  private readonly dispatcher: Scheduler.SchedulerDispatcher = {
    scheduleTask: (task, priority) => {
      this.coming.push({ task, priority })
    },
    flush: () => {
      while (this.runNext());
    }
  }

  /** Runs the next task; `false` where there is none. */
  runNext(): boolean {
    if (this.at === this.turn.length) {
      this.turn = this.coming.sort((a, b) => a.priority - b.priority).map(({ task }) => task)
      this.coming = []
      this.at = 0
    }
    const task = this.turn[this.at]
    if (task === undefined) return false
    this.at += 1
    task()
    return true
  }
}
