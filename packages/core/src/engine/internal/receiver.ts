import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Reason } from "../../ZmqError.ts"

/** Whether there is something to take, or a reason why there never is; `undefined` where one has to wait. */
type Readiness = () => Effect.Effect<void, Reason> | undefined

/**
 * The one fiber that waits to receive. It is woken by a task on its own dispatcher, scheduled once however much arrives.
 */
export class Receiver {
  private readonly readiness: Readiness
  private waiting:
    | { readonly resume: (effect: Effect.Effect<void, Reason>) => void; readonly dispatcher: SchedulerDispatcher }
    | undefined = undefined
  private scheduled = false

  constructor(readiness: Readiness) {
    this.readiness = readiness
  }

  readonly wait: Effect.Effect<void, Reason> = Effect.withFiber((fiber) => {
    const now = this.readiness()
    if (now !== undefined) return now
    return Effect.callback((resume) => {
      // The fiber may have yielded before it came here: what arrived meanwhile has woken nobody.
      const now = this.readiness()
      if (now !== undefined) return resume(now)
      const waiting = { resume, dispatcher: fiber.currentDispatcher }
      this.waiting = waiting
      return Effect.sync(() => {
        if (this.waiting === waiting) this.waiting = undefined
      })
    })
  })

  /** There may be something to take: who waits looks soon. */
  wake(): void {
    if (this.waiting === undefined || this.scheduled) return
    this.scheduled = true
    this.waiting.dispatcher.scheduleTask(this.look, 0)
  }

  /** Who waits looks now. */
  readonly look = (): void => {
    this.scheduled = false
    const { waiting } = this
    const now = waiting && this.readiness()
    if (now === undefined) return
    this.waiting = undefined
    waiting?.resume(now)
  }
}
