/**
 * First come, first served: the fibers that wait to receive from one socket.
 *
 * At most one of them, the leader, waits for the transport; the others wait in line behind it. When there is something
 * to take, the leader takes first; then a task on its dispatcher lets the others take in their order, until one finds
 * nothing and leads. A fiber takes while it runs, in the same synchronous step in which it is resumed: no message is
 * ever on its way to a fiber that can still be interrupted.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Handle } from "../Transport.ts"
import type { Reason } from "../ZmqError.ts"

/** Takes from the handle, or `undefined` where it gives nothing now. */
export type Take<A> = (handle: Handle) => A | undefined

export class ReceiveLine {
  private readonly handle: Handle
  /** Whether a fiber waits for the transport. */
  private leading = false
  /** Those behind it: a Set keeps their order, and lets one that is interrupted leave. */
  private readonly waiting = new Set<() => void>()
  private scheduled = false
  private serving = false

  constructor(handle: Handle) {
    this.handle = handle
  }

  /** What can be taken now: nothing while others wait for it. */
  takeUnsafe<A>(take: Take<A>): A | undefined {
    return this.leading || this.waiting.size > 0 ? undefined : take(this.handle)
  }

  /**
   * Takes as soon as it is this fiber's turn and there is something, and gives it to `f` in the same step. `onEnd` is for
   * when the socket can give no more.
   */
  take<A, B, E, R, E2>(
    take: Take<A>,
    f: (taken: A) => Effect.Effect<B, E, R>,
    onEnd: (reason: Reason) => Effect.Effect<B, E2>
  ): Effect.Effect<B, E | E2, R> {
    return Effect.withFiber((fiber) => {
      if (isNearYield(fiber)) return Effect.flatMap(Effect.yieldNow, () => this.takeOrWait(take, f, onEnd))
      return this.takeOrWait(take, f, onEnd)
    })
  }

  private takeOrWait<A, B, E, R, E2>(
    take: Take<A>,
    f: (taken: A) => Effect.Effect<B, E, R>,
    onEnd: (reason: Reason) => Effect.Effect<B, E2>
  ): Effect.Effect<B, E | E2, R> {
    const taken = this.takeUnsafe(take)
    return taken === undefined ? Effect.matchEffect(this.wait(take), { onSuccess: f, onFailure: onEnd }) : f(taken)
  }

  private wait<A>(take: Take<A>): Effect.Effect<A, Reason> {
    return this.leading || this.waiting.size > 0 ? this.follow(take) : this.lead(take)
  }

  private follow<A>(take: Take<A>): Effect.Effect<A, Reason> {
    return Effect.callback((resume) => {
      const turn = () => resume(Effect.suspend(() => this.turn(take)))
      this.waiting.add(turn)
      return Effect.sync(() => this.waiting.delete(turn))
    })
  }

  private turn<A>(take: Take<A>): Effect.Effect<A, Reason> {
    const taken = take(this.handle)
    if (taken !== undefined) return Effect.succeed(taken)
    return this.leading ? this.follow(take) : this.lead(take)
  }

  private lead<A>(take: Take<A>): Effect.Effect<A, Reason> {
    this.leading = true
    return this.handle.readable.pipe(
      Effect.onError(() => Effect.sync(this.succeed)),
      Effect.flatMap(() =>
        Effect.withFiber((fiber) => {
          this.leading = false
          const taken = take(this.handle)
          if (taken === undefined) return this.lead(take)
          if (this.waiting.size > 0 && !this.scheduled) {
            this.scheduled = true
            fiber.currentDispatcher.scheduleTask(this.serve, 0)
          }
          return Effect.succeed(taken)
        })
      )
    )
  }

  /** The leader failed or was interrupted: the next one leads. */
  private readonly succeed = (): void => {
    this.leading = false
    this.serve()
  }

  /** Lets those in line take, in their order, until one finds nothing and leads. */
  private readonly serve = (): void => {
    this.scheduled = false
    if (this.serving) return // the loop below goes on
    this.serving = true
    for (const turn of this.waiting) {
      if (this.leading) break
      this.waiting.delete(turn)
      turn()
    }
    this.serving = false
  }
}

/** How many operations a fiber must have left before it yields, for what it does with a message it has taken. */
const reserve = 128

/**
 * A fiber that has used up its operations yields between any two of them, and can be interrupted there. It yields before
 * it takes, so that what it takes does not fall into that gap.
 */
export const isNearYield = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.currentOpCount > fiber.cache.maxOpsBeforeYield - reserve
