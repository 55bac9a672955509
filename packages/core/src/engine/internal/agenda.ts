import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** What is to happen at a time. */
export interface Appointment {
  readonly time: number
  /** Appointments of one time are kept in the order of their making. */
  readonly order: number
  readonly keep: () => void
  isOff: boolean
}

/**
 * All that is to happen in a network, in the order of time, in whole milliseconds: one fiber keeps all of it, and sleeps
 * until the next. While there is nothing, it waits without a timer.
 */
export class Agenda {
  private readonly clock: Clock.Clock
  /** A heap: each is before the two at twice its index. */
  private readonly heap: Array<Appointment> = []
  private made = 0
  /** Has the fiber look again. */
  private wake: (() => void) | undefined = undefined

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  get now(): number {
    return Math.floor(this.clock.currentTimeMillisUnsafe())
  }

  at(time: number, keep: () => void): Appointment {
    const appointment = { time, order: this.made++, keep, isOff: false }
    this.insert(appointment)
    if (this.heap[0] === appointment) this.wake?.()
    return appointment
  }

  callOff(appointment: Appointment | undefined): void {
    if (appointment === undefined || appointment.isOff) return
    appointment.isOff = true
    if (this.heap[0] === appointment) this.wake?.()
  }

  /** Keeps all appointments. */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => {
      this.keepDue()
      const next = this.heap[0]
      const changed = this.changed(next)
      return next === undefined
        ? changed
        : Effect.raceFirst(this.clock.sleep(Duration.millis(next.time - this.now)), changed)
    }),
    { disableYield: true }
  )

  private keepDue(): void {
    for (let next = this.heap[0]; next !== undefined; next = this.heap[0]) {
      if (!next.isOff && next.time > this.now) return
      this.removeFirst()
      if (next.isOff) continue
      next.isOff = true
      next.keep()
    }
  }

  private changed(next: Appointment | undefined): Effect.Effect<void> {
    return Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        if (this.heap[0] !== next || next?.isOff) return resume(Effect.void)
        const wake = () => {
          this.wake = undefined
          // Not now: whoever made the appointment is in the middle of something.
          fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
        }
        this.wake = wake
        return Effect.sync(() => {
          if (this.wake === wake) this.wake = undefined
        })
      })
    )
  }

  private insert(appointment: Appointment): void {
    const { heap } = this
    let index = heap.length
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above] as Appointment // above an index
      if (!isBefore(appointment, parent)) break
      heap[index] = parent
      index = above
    }
    heap[index] = appointment
  }

  private removeFirst(): void {
    const { heap } = this
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      if (below >= heap.length) break
      // Both are below the length.
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Appointment, heap[below] as Appointment)) below++
      const child = heap[below] as Appointment // likewise
      if (!isBefore(child, last)) break
      heap[index] = child
      index = below
    }
    heap[index] = last
  }
}

const isBefore = (a: Appointment, b: Appointment): boolean =>
  a.time < b.time || (a.time === b.time && a.order < b.order)
