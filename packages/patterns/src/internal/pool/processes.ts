/** Child processes that are started, started again when they have ended, and stopped with their scope: all at the same time. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schedule from "effect/Schedule"

/** What becomes of one of the processes. */
export interface Observer {
  readonly started: (index: number, handle: ChildProcessHandle) => void
  readonly ended: (index: number, how: Exit.Exit<number, unknown>, millis: number) => void
  /** The schedule has ended: it is not started again. */
  readonly abandoned: (index: number) => void
}

export interface Plan {
  readonly size: number
  readonly command: (index: number) => ChildProcess.StandardCommand
  readonly restart: Schedule.Schedule<unknown, unknown>
  /** How long it may take to end when it is told to. */
  readonly grace: Duration.Duration
}

/** Who ran for so long has not failed at its start: the schedule begins anew. */
const settled = 10_000

/** Runs until it is interrupted, or all are abandoned. */
export const supervise = (plan: Plan, observer: Observer): Effect.Effect<void, never, ChildProcessSpawner> =>
  Effect.forEach(
    Array.from({ length: plan.size }, (_, index) => index),
    (index) => keep(index, plan, observer),
    { concurrency: "unbounded", discard: true }
  )

const keep = Effect.fnUntraced(function* (index: number, plan: Plan, observer: Observer) {
  let step = yield* Schedule.toStep(plan.restart)
  for (;;) {
    const since = yield* Clock.currentTimeMillis
    // It fails on a death by signal, which is a death like any other; and so is a command that dies before it is one.
    const spawned = Effect.suspend(() => spawn(index, plan, observer))
    const exit = yield* Effect.exit(Effect.scoped(Effect.flatMap(spawned, ({ exitCode }) => exitCode)))
    const now = yield* Clock.currentTimeMillis
    observer.ended(index, exit, now - since)
    if (now - since >= settled) step = yield* Schedule.toStep(plan.restart)
    const delay = yield* step(now, exit).pipe(
      Effect.map(([, delay]): Duration.Duration | undefined => delay),
      Pull.catchDone(() => Effect.succeed(undefined)),
      // One that dies has ended: the other places are none of its business.
      Effect.catchCause((cause) =>
        Effect.as(Effect.logError("the schedule of restarts died, and with it a place of processes", cause), undefined)
      )
    )
    if (delay === undefined) return observer.abandoned(index)
    yield* Effect.sleep(delay)
  }
})

/**
 * In this process group, so that a terminal's signals reach it; with a pipe as its standard input, whose end tells it that
 * this process is no more, however that came.
 */
const spawn = (index: number, plan: Plan, observer: Observer) => {
  const { args, command, options } = plan.command(index)
  const child = ChildProcess.make(command, [...args], {
    stdout: "inherit",
    stderr: "inherit",
    forceKillAfter: plan.grace,
    ...options,
    stdin: "pipe",
    detached: false
  })
  return Effect.tap(child, (handle) => Effect.sync(() => observer.started(index, handle)))
}

/** How a process ended: in words, and by its exit code or the signal that killed it, where it was started at all. */
export interface Ending {
  readonly how: string
  readonly code: number | undefined
  readonly signal: string | undefined
}

export const endingOf = (exit: Exit.Exit<number, unknown>): Ending => {
  if (Exit.isSuccess(exit)) return { how: `code ${exit.value}`, code: exit.value, signal: undefined }
  if (Cause.hasInterruptsOnly(exit.cause)) return { how: "interrupted", code: undefined, signal: undefined }
  const error = Cause.squash(exit.cause)
  const signal = signalOf(error)
  const how = signal === undefined ? String(error instanceof Error ? error.message : error) : `killed by ${signal}`
  return { how, code: undefined, signal }
}

/** The spawner fails with an error that has the name of the signal in its cause, and nowhere else. */
const signalOf = (error: unknown): string | undefined =>
  error instanceof Error && error.cause instanceof Error ? /\bSIG[A-Z0-9]+\b/.exec(error.cause.message)?.[0] : undefined
