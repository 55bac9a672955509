/**
 * A supervisor starts children, sees each of them end, and starts again what must not be gone: Erlang's, over Effect's fibers,
 * scopes and schedules.
 *
 * A child is any Effect, or a Layer. Each start has a scope of its own, which is closed before the child is started
 * again: sockets are made anew, and their addresses are free.
 *
 * **When a child ends**, its `restart` says whether it is started again: a `permanent` one always, a `transient` one unless it
 * succeeded, a `temporary` one never. A failure, a defect and an interruption that is not the supervisor's are all failures.
 * Each is told as an event and logged with its cause, whatever becomes of it: none is silent.
 *
 * **What is started again with it** is the supervisor's `strategy`:
 *
 * | strategy | stopped, and started again |
 * |---|---|
 * | `one-for-one` | the child |
 * | `one-for-all` | all children: none can do without the others |
 * | `rest-for-one` | the child, and those after it in the list, which depend on it |
 *
 * A temporary child that is stopped with others is gone; a transient one that had succeeded is started with the others.
 *
 * **Restarts are limited** (`intensity`): by default a second one within 5 seconds is not made. The supervisor then stops all
 * its children and fails with `TooManyRestarts`: what a restart does not mend is for whoever knows more. A supervisor is
 * an Effect, so it can be the child of another one, whose strategy decides next, and so on upwards, to the end of
 * the program.
 *
 * **Stopping** goes in reverse order, one child after the other: each is interrupted, and has until its deadline to finish
 * what it holds and to close its scope. A fiber that ignores interruption cannot be killed: of such a child `Unstopped` is
 * told and logged, it goes on, and so does the supervisor, without it. Work that must be killed for certain belongs into a process.
 *
 * **Example** (A broker, and two workers of it)
 *
 * ```ts
 * Supervisor.run(
 *   [
 *     Supervisor.child("broker", Broker.run({ frontend, backend })),
 *     Supervisor.child("worker-1", Broker.serve(handle, { connect: backend })),
 *     Supervisor.child("worker-2", Broker.serve(handle, { connect: backend }))
 *   ],
 *   { backoff: Schedule.exponential("100 millis"), intensity: { restarts: 5, within: "10 seconds" } }
 * )
 * ```
 *
 * @see Erlang/OTP, Supervisor Behaviour
 * @since 0.1.0
 */
import { InvalidOption, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Supervision } from "./internal/supervision.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * A running supervisor.
 *
 * @category services
 * @since 0.1.0
 */
export class Supervisor extends Context.Service<
  Supervisor,
  {
    /**
     * What happens, from the first event on (where there were more than 1,024, the newest of them), also in the supervisors
     * below this one. Ends after `Closed`.
     */
    readonly events: Stream.Stream<Event>
    /** The children, and how each is, now. */
    readonly children: Effect.Effect<ReadonlyArray<Status>>
    /** Waits until every child has ended for good, or the scope closes. Fails with `TooManyRestarts`. */
    readonly ended: Effect.Effect<void, TooManyRestarts>
  }
>()("@effect-zmq/patterns/Supervisor") {}

/**
 * Whether a child is started again when it has ended:
 *
 * - `"permanent"`: always
 * - `"transient"`: unless it succeeded
 * - `"temporary"`: never
 *
 * @category models
 * @since 0.1.0
 */
export type Restart = "permanent" | "transient" | "temporary"

/**
 * Which children are started again when one of them is.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = "one-for-one" | "one-for-all" | "rest-for-one"

/**
 * What a supervisor starts. Made by `child`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Child<out R = never> {
  readonly name: string
  /** Tells `ready` when those after it can be started, and works until it ends, or is interrupted. */
  readonly start: (ready: Effect.Effect<void>) => Effect.Effect<unknown, unknown, R>
  readonly restart: Restart
  readonly shutdown: Duration.Duration | undefined
}

/**
 * Options of a child.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildOptions {
  /** Default: `"permanent"`. */
  readonly restart?: Restart | undefined
  /**
   * How long it may take to stop, once it is interrupted. 0 waits for nothing. Default: 7 seconds, which is longer than the
   * default `drain` of a Broker and its `linger` together; and for a supervisor as long as its own children may take.
   */
  readonly shutdown?: Duration.Input | undefined
}

/**
 * Options of a supervisor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What it is called in logs and in `TooManyRestarts`. Default: `"supervisor"`. */
  readonly name?: string | undefined
  /** Default: `"one-for-one"`. */
  readonly strategy?: Strategy | undefined
  /**
   * How many restarts may be made within how long: the one that exceeds it is not made. Several children that are
   * started again for one are one restart. Default: 1 restart within 5 seconds, as in OTP.
   */
  readonly intensity?:
    | { readonly restarts?: number | undefined; readonly within?: Duration.Input | undefined }
    | undefined
  /**
   * How long to wait before a child is started again: the delays of the Schedule, one after the other, whose input is the
   * cause of the failure (empty where a permanent child succeeded). It begins anew for a child that has run for
   * `intensity.within`. Where it ends, the restart is one too many. Default: no wait.
   *
   * Delays spread restarts out: allow as many as fit into `within`, or the limit is never reached.
   */
  readonly backoff?: Schedule.Schedule<unknown, Cause.Cause<unknown>> | undefined
}

/**
 * How a child is:
 *
 * - `"starting"`: a Layer that is being built, or what waits for one before it
 * - `"running"`
 * - `"waiting"`: ended, and to be started again
 * - `"ended"`: it succeeded, or is not started again
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  readonly name: string
  readonly state: "starting" | "running" | "waiting" | "ended"
  /** How often it was started again. */
  readonly restarts: number
}

/**
 * What happens to the children of a supervisor. `child` is a name, and a path for the child of a supervisor that is a child:
 * `"workers/worker-1"`.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Data.TaggedEnum<{
  /** Started for the first time; of a Layer, built. */
  Started: { readonly child: string }
  /** Started again, for the `attempt`th time, so long after it had ended. */
  Restarted: { readonly child: string; readonly attempt: number; readonly after: Duration.Duration }
  /** Failed, died, or was interrupted by somebody else. */
  Failed: { readonly child: string; readonly cause: Cause.Cause<unknown> }
  /** Succeeded. */
  Completed: { readonly child: string }
  /** Was stopped by the supervisor. */
  Stopped: { readonly child: string }
  /** Did not stop within its deadline, and goes on: nothing waits for it any more. */
  Unstopped: { readonly child: string; readonly deadline: Duration.Duration }
  /** There is one restart too many, of this child: all are stopped now. */
  Escalated: { readonly child: string; readonly error: TooManyRestarts }
  /** The last one: no child runs, but those that are `Unstopped`. */
  Closed: {}
}>

/**
 * Constructors, `$is` and `$match` of events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Event = Data.taggedEnum<Event>()

/**
 * A child would have had to be started again once too often. All children of the supervisor are stopped when it fails with this.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyRestarts extends Data.TaggedError("TooManyRestarts")<{
  readonly supervisor: string
  readonly child: string
  /** How many restarts there would have been within `within`, this one included. */
  readonly restarts: number
  readonly within: Duration.Duration
  /** Whether there were too many within that time, or the back-off had no more delays. */
  readonly limit: "intensity" | "backoff"
  /** How the child ended the last time; empty where it succeeded. */
  readonly cause: Cause.Cause<unknown>
}> {
  override get message(): string {
    const { cause, child, limit, restarts, supervisor, within } = this
    const why =
      limit === "intensity"
        ? `it would be restart ${restarts} within ${Duration.format(within)}`
        : "its back-off has ended"
    const last = cause.reasons.length === 0 ? "it succeeded" : Cause.pretty(cause).split("\n", 1)[0]
    return `${supervisor} does not start ${child} again: ${why}; how it ended: ${last}`
  }
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * A child of a supervisor: an Effect, which is started and then works, or a Layer, which works once it is built. Those after a
 * Layer are started when it is built.
 *
 * Each start has a new scope, and builds the whole Layer anew: nothing of it is shared with others. Of what a Layer forks only
 * the Layer itself hears; so a loop is better given as an Effect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const child: {
  <E, R>(name: string, effect: Effect.Effect<unknown, E, R>, options?: ChildOptions): Child<Exclude<R, Scope.Scope>>
  <A, E, R>(name: string, layer: Layer.Layer<A, E, R>, options?: ChildOptions): Child<R>
} = <E, R>(
  name: string,
  work: Effect.Effect<unknown, E, R | Scope.Scope> | Layer.Layer<unknown, E, R>,
  options: ChildOptions = {}
): Child<R> => ({
  name,
  start: (ready) =>
    Effect.scoped(
      Layer.isLayer(work)
        ? Effect.andThen(Layer.build(Layer.fresh(work)), Effect.andThen(ready, Effect.never))
        : Effect.andThen(ready, work)
    ) as Effect.Effect<unknown, unknown, R>, // `isLayer` forgets the requirements.
  restart: options.restart ?? "permanent",
  shutdown: options.shutdown === undefined ? undefined : Duration.fromInputUnsafe(options.shutdown)
})

/**
 * What the children of a list need.
 *
 * @category models
 * @since 0.1.0
 */
export type Requirements<Children extends ReadonlyArray<Child<unknown>>> = Children[number] extends infer One
  ? One extends Child<infer R>
    ? R
    : never
  : never

/**
 * Runs children, in this order, until every one has ended for good, or it is interrupted: then they are stopped in reverse order.
 *
 * Fails with `TooManyRestarts` when there are, once all children are stopped; with `InvalidOption` for options that
 * cannot be, or names that are not one each.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = <const Children extends ReadonlyArray<Child<unknown>>>(
  children: Children,
  options: Options = {}
): Effect.Effect<void, TooManyRestarts | ZmqError, Requirements<Children>> =>
  Effect.flatMap(supervision("run", needs(children), options), (one) => one.run)

/**
 * Runs children for as long as the scope is open, as `run` does, and answers when each has been started once (where a Layer
 * among them cannot be built, as often as it is allowed to). Who does not wait for `ended` finds in the log that they could not be
 * kept running.
 *
 * Fails as `run` does, where that is before all were started.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* <const Children extends ReadonlyArray<Child<unknown>>>(
  children: Children,
  options: Options = {}
): Effect.fn.Return<Supervisor["Service"], TooManyRestarts | ZmqError, Requirements<Children> | Scope.Scope> {
  const one = yield* supervision("make", needs(children), options)
  const run = Effect.tapCause(one.run, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("a supervisor has ended", cause)
  )
  const fiber = yield* Effect.forkScoped(run, { startImmediately: true })
  const ended = Effect.flatMap(Fiber.await(fiber), (exit) =>
    exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause) ? Effect.void : exit
  )
  yield* Effect.raceFirst(Deferred.await(one.started), ended)
  return Supervisor.of({ events: one.events, children: one.children, ended })
})

/**
 * A supervisor as a part of a program: its children run for as long as the Layer is there. The program waits for
 * `Supervisor.ended`, so that what cannot be kept running ends it.
 *
 * **Example** (The whole program)
 *
 * ```ts
 * Supervisor.ended.pipe(Effect.provide(Supervisor.layer(children)), NodeRuntime.runMain)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <const Children extends ReadonlyArray<Child<unknown>>>(
  children: Children,
  options?: Options
): Layer.Layer<Supervisor, TooManyRestarts | ZmqError, Exclude<Requirements<Children>, Scope.Scope>> =>
  Layer.effect(Supervisor, make(children, options))

/**
 * Waits until every child has ended for good. Fails with `TooManyRestarts`.
 *
 * @category getters
 * @since 0.1.0
 */
export const ended: Effect.Effect<void, TooManyRestarts, Supervisor> = Supervisor.use(({ ended }) => ended)

// -----------------------------------------------------------------------------

/** A list of children that need different things is a list of children that need all of them. */
const needs = <const Children extends ReadonlyArray<Child<unknown>>>(children: Children) =>
  children as ReadonlyArray<Child<unknown>> as ReadonlyArray<Child<Requirements<Children>>>

const supervision = <R>(
  method: string,
  children: ReadonlyArray<Child<R>>,
  { backoff, intensity, name = "supervisor", strategy = "one-for-one" }: Options
) => {
  const { restarts = 1, within = "5 seconds" } = intensity ?? {}
  const period = Duration.fromInputUnsafe(within)
  const invalid = check(children, restarts, period)
  return invalid === undefined
    ? Supervision.make(children, { name, strategy, restarts, within: period, backoff, excess })
    : Effect.fail(new ZmqError({ module: "Supervisor", method, reason: invalid }))
}

const excess = (fields: ConstructorParameters<typeof TooManyRestarts>[0]) => new TooManyRestarts(fields)

const check = (
  children: ReadonlyArray<Child<unknown>>,
  restarts: number,
  within: Duration.Duration
): InvalidOption | undefined => {
  const names = new Set<string>()
  for (const { name } of children) {
    if (names.has(name)) {
      return new InvalidOption({
        option: "children",
        value: name,
        problem: "another child has this name; give it its own"
      })
    }
    names.add(name)
  }
  if (!(restarts >= 0)) {
    const problem = "it is a number of restarts: 0 for none, Infinity for any"
    return new InvalidOption({ option: "intensity.restarts", value: String(restarts), problem })
  }
  if (!Duration.isPositive(within)) {
    const problem = "it is the time in which restarts are counted: give more than 0"
    return new InvalidOption({ option: "intensity.within", value: Duration.format(within), problem })
  }
  return undefined
}
