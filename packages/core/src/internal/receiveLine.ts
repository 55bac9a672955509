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
import { identity } from "effect/Function"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Handle } from "../Transport.ts"
import type { Reason } from "../ZmqError.ts"

/** Takes from the handle, or `undefined` where it gives nothing now. */
export type Take<A> = (handle: Handle) => A | undefined

export class ReceiveLine {
  private readonly handle: Handle
  /** Who waits for the transport: the `as` of `take`. */
  private leader: object | undefined = undefined
  /** Those behind it: a Set keeps their order, and lets one that is interrupted leave. */
  private readonly waiting = new Set<() => void>()
  private scheduled = false
  private serving = false

  constructor(handle: Handle) {
    this.handle = handle
  }

  /** Whether anybody waits to receive: then all that has come in is taken. */
  get isAwaited(): boolean {
    return this.leader !== undefined || this.waiting.size > 0
  }

  /** What can be taken now: nothing while others wait for it. Who leads as `as` is not another. */
  takeUnsafe<A>(take: Take<A>, as?: object): A | undefined {
    const others = this.waiting.size > 0 || (this.leader !== undefined && this.leader !== as)
    return others ? undefined : take(this.handle)
  }

  /** `takeUnsafe`, where nothing is lost when the fiber is interrupted. */
  takeNow<A>(take: Take<A>, as?: object): Effect.Effect<A | undefined> {
    return whenSafe(() => Effect.succeed(this.takeUnsafe(take, as)))
  }

  /**
   * Takes as soon as it is this fiber's turn and there is something, and calls `f` with it in the same step: what `f` does
   * before it answers is done, also where the fiber is interrupted. `onEnd` is for when the socket can give no more.
   */
  take<A, B, E, R, E2>(
    take: Take<A>,
    f: (taken: A) => Effect.Effect<B, E, R>,
    onEnd: (reason: Reason) => Effect.Effect<B, E2>,
    as: object = this
  ): Effect.Effect<B, E | E2, R> {
    const give: Take<Effect.Effect<B, E, R>> = (handle) => {
      const taken = take(handle)
      return taken === undefined ? undefined : f(taken)
    }
    return whenSafe(
      () => this.takeUnsafe(give) ?? Effect.matchEffect(this.wait(give, as), { onSuccess: identity, onFailure: onEnd })
    )
  }

  private wait<A>(take: Take<A>, as: object): Effect.Effect<A, Reason> {
    return this.leader !== undefined || this.waiting.size > 0 ? this.follow(take, as) : this.lead(take, as)
  }

  private follow<A>(take: Take<A>, as: object): Effect.Effect<A, Reason> {
    return Effect.callback((resume) => {
      const turn = () => resume(Effect.suspend(() => this.turn(take, as)))
      // The fiber may have yielded before it came here: if the leader has gone meanwhile, nobody else would call it.
      if (this.leader === undefined && this.waiting.size === 0) return turn()
      this.waiting.add(turn)
      return Effect.sync(() => this.waiting.delete(turn))
    })
  }

  private turn<A>(take: Take<A>, as: object): Effect.Effect<A, Reason> {
    const taken = take(this.handle)
    if (taken !== undefined) return Effect.succeed(taken)
    return this.leader !== undefined ? this.follow(take, as) : this.lead(take, as)
  }

  /** Leads from the step in which it says so to the step in which it takes, fails, or is interrupted. */
  private lead<A>(take: Take<A>, as: object): Effect.Effect<A, Reason> {
    let leads = false
    const attempt: Effect.Effect<A, Reason> = Effect.flatMap(this.handle.readable, () =>
      whenSafe((fiber) => {
        const taken = take(this.handle)
        if (taken === undefined) return attempt
        leads = false
        this.leader = undefined
        if (this.waiting.size > 0) this.schedule(fiber.currentDispatcher)
        return Effect.succeed(taken)
      })
    )
    const begin = Effect.suspend(() => {
      if (this.leader !== undefined) return this.follow(take, as)
      leads = true
      this.leader = as
      return attempt
    })
    const giveUp = Effect.withFiber((fiber) => {
      if (leads) {
        this.leader = undefined
        this.serve(fiber.currentDispatcher)
      }
      return Effect.void
    })
    return Effect.onError(begin, () => giveUp)
  }

  private schedule(dispatcher: SchedulerDispatcher): void {
    if (this.scheduled) return
    this.scheduled = true
    dispatcher.scheduleTask(() => {
      this.scheduled = false
      this.serve(dispatcher)
    }, 0)
  }

  /** Lets those in line take, in their order, until one finds nothing and leads. */
  private serve(dispatcher: SchedulerDispatcher): void {
    if (this.serving) return // the loop below goes on
    this.serving = true
    // Who was served may be in line again already: the rest of the program has its turn, too.
    let turns = Math.max(this.waiting.size, 1024)
    for (const turn of this.waiting) {
      if (this.leader !== undefined) break
      if (turns-- === 0) {
        this.schedule(dispatcher)
        break
      }
      this.waiting.delete(turn)
      turn()
    }
    this.serving = false
  }
}

/** How many operations a fiber must have left before it yields, for what it does with a message it has taken. */
const reserve = 128

/** The fibers that have yielded here before. */
const seen = new WeakSet<Fiber.Fiber<unknown, unknown>>()

/**
 * A fiber that has used up its operations yields between any two of them, and can be interrupted there: it must not take
 * shortly before.
 */
const isSpent = (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
  if (fiber.currentOpCount <= fiber.cache.maxOpsBeforeYield - reserve) return false
  seen.add(fiber)
  return true
}

/**
 * Nor must a fiber that was just forked: `Effect.timeout` and the races run such a fiber inside a step of its parent, and
 * the parent may be about to yield.
 */
const isNew = (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
  if (seen.has(fiber)) return false
  seen.add(fiber)
  return true
}

/** Takes when it is safe: at once, or when the fiber has yielded. */
export const whenSafe = <A, E, R>(
  take: (fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    if (isSpent(fiber)) return Effect.flatMap(Effect.yieldNow, () => take(fiber))
    return isNew(fiber) ? Effect.flatMap(leaveStep(fiber), () => take(fiber)) : take(fiber)
  })

/**
 * Ends the step that the fiber runs in. A microtask does that before anything else can run: a test that gives a fiber one
 * turn, and then moves the clock, finds that it has received. A scheduler that runs programs synchronously waits for no
 * microtask, and is asked for a turn.
 */
const leaveStep = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  fiber.cache.scheduler.executionMode === "async" ? microtask : Effect.yieldNow

const microtask: Effect.Effect<void> = Effect.promise(() => Promise.resolve())
