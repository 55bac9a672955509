/**
 * The supervisor at work: one fiber, which is told what happens and decides what follows. Children run in fibers of their
 * own, so that nothing ends them but themselves and `stop`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Child, Event, Status, Strategy, TooManyRestarts } from "../Supervisor.ts"

export interface Settings {
  readonly name: string
  readonly strategy: Strategy
  readonly restarts: number
  readonly within: Duration.Duration
  readonly backoff: Schedule.Schedule<unknown, Cause.Cause<unknown>> | undefined
  readonly excess: (
    excess: Pick<TooManyRestarts, "supervisor" | "child" | "restarts" | "within" | "limit" | "cause">
  ) => TooManyRestarts
}

/** What a child's fiber knows of the supervisor that started it, for a supervisor below. */
interface Above {
  readonly tell: (event: Event) => void
  /** Is told that the child is a supervisor. */
  readonly isSupervisor: () => void
}

const Above = Context.Reference<Above | undefined>("@effect-zmq/patterns/Supervisor/Above", {
  defaultValue: () => undefined
})

type Step = (now: number, cause: Cause.Cause<unknown>) => Pull.Pull<[unknown, Duration.Duration], never, unknown>

/** What is waited for before a restart. Who has another one by then is not meant any more. */
interface Ticket {
  timer: Fiber.Fiber<unknown> | undefined
}

/** A child, and how it is. */
interface Slot<R> {
  readonly child: Child<R>
  state: Status["state"]
  /** Its fiber, while it has one and has not been stopped. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** By which it is to be started again, and those with it. */
  ticket: Ticket | undefined
  /** A temporary one that has been started: never again. */
  isGone: boolean
  isSupervisor: boolean
  /** How often it was started. */
  starts: number
  hasStarted: boolean
  startedAt: number | undefined
  endedAt: number
  /** The delays to come. */
  backoff: Step | undefined
}

type Notice<R> =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Ended"; readonly slot: Slot<R>; readonly fiber: Fiber.Fiber<unknown, unknown> }
  | { readonly _tag: "Due"; readonly slots: ReadonlyArray<Slot<R>>; readonly ticket: Ticket }

/** Longer than a `drain` and a `linger` take by default, and shorter than the deadline of a shutdown. */
const patience = Duration.seconds(7)

const remembered = 1024

export class Supervision<R> {
  /** Every child has been started once. */
  readonly started = Deferred.makeUnsafe<void>()
  private readonly settings: Settings
  private readonly slots: ReadonlyArray<Slot<R>>
  private readonly notices: Queue.Queue<Notice<R>>
  private readonly happened: PubSub.PubSub<Event>
  /** What is to be started, in this order, one after the other. */
  private toStart: Array<Slot<R>>
  /** When the restarts were that still count. */
  private restartedAt: Array<number> = []
  private above: Above | undefined = undefined

  static readonly make = <R>(children: ReadonlyArray<Child<R>>, settings: Settings): Effect.Effect<Supervision<R>> =>
    Effect.zipWith(
      Queue.unbounded<Notice<R>>(),
      PubSub.unbounded<Event>({ replay: remembered }),
      (notices, happened) => new Supervision(children, settings, notices, happened)
    )

  private constructor(
    children: ReadonlyArray<Child<R>>,
    settings: Settings,
    notices: Queue.Queue<Notice<R>>,
    happened: PubSub.PubSub<Event>
  ) {
    this.settings = settings
    this.notices = notices
    this.happened = happened
    this.slots = children.map((child) => ({
      child,
      state: "starting",
      fiber: undefined,
      ticket: undefined,
      isGone: false,
      isSupervisor: false,
      starts: 0,
      hasStarted: false,
      startedAt: undefined,
      endedAt: 0,
      backoff: undefined
    }))
    this.toStart = [...this.slots]
  }

  get events(): Stream.Stream<Event> {
    return Stream.takeUntil(Stream.fromPubSub(this.happened), ({ _tag }) => _tag === "Closed")
  }

  get children(): Effect.Effect<ReadonlyArray<Status>> {
    return Effect.sync(() =>
      this.slots.map(({ child: { name }, starts, state }) => {
        return { name, state, restarts: Math.max(0, starts - 1) }
      })
    )
  }

  get run(): Effect.Effect<void, TooManyRestarts, R> {
    return Effect.gen({ self: this }, function* () {
      this.above = yield* Above
      this.above?.isSupervisor()
      yield* this.startNext
      while (this.isAlive) yield* this.handle(yield* Queue.take(this.notices))
    }).pipe(Effect.onExit(() => this.close))
  }

  /** Something runs, or will. */
  private get isAlive(): boolean {
    return this.slots.some(({ state }) => state !== "ended")
  }

  private handle(notice: Notice<R>): Effect.Effect<void, TooManyRestarts, R> {
    switch (notice._tag) {
      case "Ready":
        return this.startNext
      case "Due":
        return Effect.suspend(() => {
          this.toStart.push(...notice.slots.filter(({ ticket }) => ticket === notice.ticket))
          return this.startNext
        })
      case "Ended":
        // Otherwise it was stopped, and what is to be said of it has been said.
        return notice.slot.fiber === notice.fiber ? this.ended(notice.slot, notice.fiber) : Effect.void
    }
  }

  // ---------------------------------------------------------------------------
  // Starting
  // ---------------------------------------------------------------------------

  /** Starts what is to be started, up to one that takes its time. */
  private get startNext(): Effect.Effect<void, never, R> {
    return Effect.suspend(() => {
      if (this.slots.some(({ fiber, state }) => state === "starting" && fiber !== undefined)) return Effect.void
      const slot = this.toStart.shift()
      if (slot !== undefined) return Effect.andThen(this.start(slot), this.startNext)
      if (this.slots.every(({ hasStarted, state }) => hasStarted || state === "ended")) {
        Deferred.doneUnsafe(this.started, Exit.void)
      }
      return Effect.void
    })
  }

  private start(slot: Slot<R>): Effect.Effect<void, never, R> {
    const { child } = slot
    const above: Above = {
      tell: (event) => {
        if (event._tag !== "Closed") this.tell({ ...event, child: `${child.name}/${event.child}` })
      },
      isSupervisor: () => (slot.isSupervisor = true)
    }
    const ready = Effect.map(Clock.currentTimeMillis, (now) => {
      this.begun(slot, now)
      // Where the supervisor waits for it, and not while it is starting it.
      if (slot.fiber !== undefined) Queue.offerUnsafe(this.notices, { _tag: "Ready" })
    })
    slot.state = "starting"
    slot.ticket = undefined
    slot.starts++
    slot.startedAt = undefined
    slot.isGone = child.restart === "temporary"
    const fork = Effect.forkDetach(Effect.provideService(child.start(ready), Above, above), { startImmediately: true })
    return Clock.clockWith((clock) =>
      Effect.map(fork, (fiber) => {
        slot.fiber = fiber
        fiber.addObserver(() => {
          if (slot.fiber !== fiber) return
          slot.endedAt = clock.currentTimeMillisUnsafe()
          Queue.offerUnsafe(this.notices, { _tag: "Ended", slot, fiber })
        })
      })
    ).pipe(Effect.uninterruptible) // A fiber that nobody knows could not be stopped.
  }

  private begun(slot: Slot<R>, now: number): void {
    const { name } = slot.child
    slot.state = "running"
    if (slot.starts === 1) {
      this.tell({ _tag: "Started", child: name })
    } else {
      this.tell({
        _tag: "Restarted",
        child: name,
        attempt: slot.starts - 1,
        after: Duration.millis(now - slot.endedAt)
      })
    }
    slot.hasStarted = true
    slot.startedAt = now
  }

  // ---------------------------------------------------------------------------
  // What follows from an end
  // ---------------------------------------------------------------------------

  private ended(slot: Slot<R>, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void, TooManyRestarts, R> {
    return Effect.gen({ self: this }, function* () {
      const exit = yield* Fiber.await(fiber)
      yield* this.over(slot, exit)
      const { restart } = slot.child
      if (restart === "permanent" || (restart === "transient" && Exit.isFailure(exit))) {
        yield* this.restart(slot, Exit.isFailure(exit) ? exit.cause : Cause.empty)
      }
      yield* this.startNext
    })
  }

  /** A child has no fiber any more. */
  private over(slot: Slot<R>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { name } = slot.child
    slot.fiber = undefined
    slot.state = "ended"
    if (Exit.isSuccess(exit)) {
      this.tell({ _tag: "Completed", child: name })
      return Effect.void
    }
    this.tell({ _tag: "Failed", child: name, cause: exit.cause })
    return Effect.logWarning(`${this.settings.name}: ${name} has failed`, exit.cause)
  }

  private restart(slot: Slot<R>, cause: Cause.Cause<unknown>): Effect.Effect<void, TooManyRestarts, R> {
    return Effect.gen({ self: this }, function* () {
      const now = yield* Clock.currentTimeMillis
      const { restarts, within } = this.settings
      const since = now - Duration.toMillis(within)
      this.restartedAt = this.restartedAt.filter((at) => at >= since)
      this.restartedAt.push(now)
      if (this.restartedAt.length > restarts) return yield* this.escalate(slot, "intensity", cause)
      const delay = yield* this.delay(slot, cause, now)
      if (delay === undefined) return yield* this.escalate(slot, "backoff", cause)

      const group = this.groupOf(slot)
      this.toStart = this.toStart.filter((one) => !group.includes(one))
      for (const one of group.toReversed()) {
        yield* this.stop(one)
      }
      const again = group.filter(({ isGone }) => !isGone)
      const ticket: Ticket = { timer: undefined }
      for (const one of again) {
        one.state = "waiting"
        one.ticket = ticket
      }
      if (Duration.isZero(delay)) return void this.toStart.push(...again)
      const due = Effect.sync(() => Queue.offerUnsafe(this.notices, { _tag: "Due", slots: again, ticket }))
      ticket.timer = yield* Effect.forkDetach(Effect.delay(due, delay), { startImmediately: true })
    })
  }

  private groupOf(slot: Slot<R>): ReadonlyArray<Slot<R>> {
    switch (this.settings.strategy) {
      case "one-for-one":
        return [slot]
      case "one-for-all":
        return this.slots
      case "rest-for-one":
        return this.slots.slice(this.slots.indexOf(slot))
    }
  }

  /** How long to wait; `undefined` where the schedule has ended. */
  private delay(slot: Slot<R>, cause: Cause.Cause<unknown>, now: number): Effect.Effect<Duration.Duration | undefined> {
    const { backoff, within } = this.settings
    if (backoff === undefined) return Effect.succeed(Duration.zero)
    const hasRun = slot.startedAt !== undefined && slot.endedAt - slot.startedAt >= Duration.toMillis(within)
    const step = slot.backoff === undefined || hasRun ? Schedule.toStep(backoff) : Effect.succeed(slot.backoff)
    return Effect.flatMap(step, (step) => {
      slot.backoff = step
      return step(now, cause).pipe(
        Effect.map(([, delay]): Duration.Duration | undefined => delay),
        Pull.catchDone(() => Effect.succeed(undefined))
      )
    })
  }

  private escalate(
    slot: Slot<R>,
    limit: TooManyRestarts["limit"],
    cause: Cause.Cause<unknown>
  ): Effect.Effect<never, TooManyRestarts> {
    const { excess, name, within } = this.settings
    const restarts = this.restartedAt.length
    const error = excess({ supervisor: name, child: slot.child.name, restarts, within, limit, cause })
    this.tell({ _tag: "Escalated", child: slot.child.name, error })
    return Effect.fail(error)
  }

  // ---------------------------------------------------------------------------
  // Stopping
  // ---------------------------------------------------------------------------

  /** Stops all children in reverse order. */
  private get close(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.toStart = []
      for (const slot of this.slots.toReversed()) {
        yield* this.stop(slot)
      }
      this.tell({ _tag: "Closed" })
    })
  }

  /** Interrupts a child, and waits for its end until its deadline. It does not start any more. */
  private stop(slot: Slot<R>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { fiber, ticket } = slot
      slot.state = "ended"
      slot.ticket = undefined
      if (ticket?.timer !== undefined) yield* Fiber.interrupt(ticket.timer)
      if (fiber === undefined) return
      const { name } = slot.child
      const hadEnded = fiber.pollUnsafe() !== undefined
      fiber.interruptUnsafe()
      const deadline = slot.child.shutdown ?? (slot.isSupervisor ? Duration.infinity : patience)
      const exit =
        fiber.pollUnsafe() ?? Option.getOrUndefined(yield* Effect.timeoutOption(Fiber.await(fiber), deadline))
      if (exit === undefined) {
        slot.fiber = undefined
        slot.endedAt = yield* Clock.currentTimeMillis
        this.tell({ _tag: "Unstopped", child: name, deadline })
        const after = Duration.format(deadline)
        yield* Effect.logWarning(
          `${this.settings.name}: ${name} has not stopped within ${after}, and goes on unsupervised`
        )
        return
      }
      // It ended by itself before it was told to, or failed to stop: neither is to be silent.
      if (hadEnded || (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause))) yield* this.over(slot, exit)
      slot.fiber = undefined
      if (!hadEnded) this.tell({ _tag: "Stopped", child: name })
    })
  }

  private tell(event: Event): void {
    PubSub.publishUnsafe(this.happened, event)
    this.above?.tell(event)
  }
}
