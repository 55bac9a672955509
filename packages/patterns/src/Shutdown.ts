/**
 * The end of a program that was asked to end, by SIGINT (Ctrl-C) or SIGTERM: nothing new is taken, what is held is finished,
 * what was sent is delivered, sockets are closed, and the exit code is 0.
 *
 * **Example** (A worker)
 *
 * ```ts
 * const worker = Effect.gen(function* () {
 *   const tasks = yield* Pull.make({ connect: "tcp://127.0.0.1:5557" })
 *   const results = yield* Push.make({ connect: "tcp://127.0.0.1:5558" })
 *   yield* Pull.runForEach(tasks, (task) => Effect.uninterruptible(Effect.andThen(work(task), Push.send(results, "done"))))
 * })
 *
 * worker.pipe(
 *   Effect.scoped,
 *   Effect.provide(Shutdown.layer().pipe(Layer.provideMerge(ZmqTransport.layer))),
 *   NodeRuntime.runMain({ teardown: Shutdown.teardown })
 * )
 * ```
 *
 * **What happens.** `runMain` interrupts the program at the first signal. Interruption is how everything is told:
 *
 * - What waits to receive ends, and has taken nothing: the intake stops.
 * - What must be finished is `Effect.uninterruptible`, as above, or has a `drain` of its own, as a `Broker` and its workers do. A
 *   pipeline of several stages ends at its source, in `graceful`.
 * - Scopes close in reverse order: sockets deliver what is queued for at most their `linger`.
 *
 * `Shutdown.layer` watches over it: at a second signal, or after `deadline`, the process ends for certain, and a line on
 * standard error says what had not been closed and was lost with it. `Shutdown.teardown` makes the exit code 0 of an end that was
 * asked for. Outside of this nothing in this library ends the process.
 *
 * What blocks the event loop (a loop that never waits, a native call) blocks signals, too: only SIGKILL ends that.
 *
 * @since 0.1.0
 */
import { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { Ledger } from "./internal/ledger.ts"
import * as process from "./internal/process.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * Knows whether the program was asked to end.
 *
 * @category services
 * @since 0.1.0
 */
export class Shutdown extends Context.Service<
  Shutdown,
  {
    /** Waits until the program is asked to end, and gives why: `"SIGTERM"`, or the reason of `request`. */
    readonly requested: Effect.Effect<string>
    readonly isRequested: Effect.Effect<boolean>
    /** Asks the program to end, as a signal does. Asked again, it does nothing. */
    readonly request: (reason: string) => Effect.Effect<void>
  }
>()("@effect-zmq/patterns/Shutdown") {}

/**
 * The signals that can ask a program to end.
 *
 * @category models
 * @since 0.1.0
 */
export type Signal = process.Signal

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long the program may take to end, by the clock of the machine, also in tests. Then it is ended, with exit code 1.
   * It should be longer than each `drain` and `linger` in the program, and shorter than the patience of what sent the signal: 10
   * seconds for Docker, 30 for Kubernetes, and then they kill. `"Infinity"` waits for ever. Default: 8 seconds.
   */
  readonly deadline?: Duration.Input | undefined
  /**
   * What asks the program to end, as `runMain` has it. With none the process is left alone: there is no deadline, and
   * `request` tells `requested` alone. Default: SIGINT and SIGTERM.
   */
  readonly signals?: ReadonlyArray<Signal> | undefined
}

// -----------------------------------------------------------------------------
// The process
// -----------------------------------------------------------------------------

/** Of one process, as it ends once: what `teardown` has to know, and has no service for. */
let wasRequested = false

/** So soon comes no second Ctrl-C: it is the first one again, passed on by what the program was started with, such as npm. */
const echo = 200

/**
 * Listens for signals, and sees to it that the program ends. It stands directly over the transport, whose sockets it has an
 * eye on, so that the last line can name those that were not closed.
 *
 * **Example**
 *
 * ```ts
 * Effect.provide(program, Shutdown.layer({ deadline: "20 seconds" }).pipe(Layer.provideMerge(ZmqTransport.layer)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Shutdown | Transport, never, Transport> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const transport = yield* Transport
      const ledger = new Ledger()
      const { deadline = "8 seconds", signals = ["SIGINT", "SIGTERM"] } = options
      const asked = yield* Deferred.make<string>()
      const begin = ask(asked, Duration.fromInputUnsafe(deadline), ledger)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.listen(signals, begin)),
        // Once asked, to the end of the process: the program is not over yet when this Layer is.
        (forget) => Effect.map(Deferred.isDone(asked), (isAsked) => isAsked || forget())
      )
      const [signal] = signals
      const request = (reason: string) =>
        Effect.sync(() => {
          if (!Deferred.doneUnsafe(asked, Exit.succeed(reason)) || signal === undefined) return
          begin(signal)
          process.raise(signal)
        })
      return Context.make(Shutdown, {
        requested: Deferred.await(asked),
        isRequested: Deferred.isDone(asked),
        request
      }).pipe(Context.add(Transport, ledger.watch(transport)))
    })
  )

/** What is done at a signal: at the first one the deadline begins, at the second one the process ends. */
const ask = (asked: Deferred.Deferred<string>, deadline: Duration.Duration, ledger: Ledger) => {
  let since: number | undefined
  return (signal: Signal): void => {
    const now = process.now()
    if (since === undefined) {
      since = now
      wasRequested = true
      Deferred.doneUnsafe(asked, Exit.succeed(signal))
      const after = Duration.format(deadline)
      process.later(Duration.toMillis(deadline), () =>
        process.end(1, `Ended by its deadline, ${after} after it was asked to end. ${ledger.losses}`)
      )
    } else if (now - since >= echo) {
      const after = Duration.format(Duration.millis(Math.round(now - since)))
      process.end(
        128 + process.numbers[signal],
        `Ended by a second signal (${signal}), ${after} after it was asked to end. ${ledger.losses}`
      )
    }
  }
}

/**
 * The exit code of a program, for `NodeRuntime.runMain`: 0 where it was asked to end and did, and else as ever (0 for
 * success, 130 for an interruption, 1 for a failure, also one on the way to the end).
 *
 * @category running
 * @since 0.1.0
 */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Runtime.defaultTeardown(exit, (code) => onExit(code === 130 && wasRequested ? 0 : code))

// -----------------------------------------------------------------------------
// In the program
// -----------------------------------------------------------------------------

/**
 * Waits until the program is asked to end, and gives why: `"SIGTERM"`, or the reason of `request`.
 *
 * `runMain` interrupts the program at the same moment: this is for what runs on until its scope closes, to take notice of
 * it before, as a health check does that must not call the program ready any more.
 *
 * @category requests
 * @since 0.1.0
 */
export const whenRequested: Effect.Effect<string, never, Shutdown> = Shutdown.use(({ requested }) => requested)

/**
 * Asks the program to end, as a signal does: for a command that comes by a socket, for instance. Asked again, it does nothing.
 *
 * @category requests
 * @since 0.1.0
 */
export const request = (reason: string): Effect.Effect<void, never, Shutdown> =>
  Shutdown.use(({ request }) => request(reason))

/**
 * Runs what ends by itself when it is told to, and is not to be interrupted in its middle: a pipeline of several stages, which is
 * through when its source has ended and all stages are empty.
 *
 * Interrupted, by a signal, a scope that closes or a supervisor, it opens `stop`, and waits for the end for at most `within`
 * (default: 5 seconds); then what is left is interrupted. Where it fails on the way, so does this.
 *
 * **Example** (Nothing of what was taken is left undone)
 *
 * ```ts
 * Shutdown.graceful((stop) =>
 *   Pull.stream(tasks).pipe(
 *     Shutdown.until(stop),
 *     Stream.mapEffect(work, { concurrency: 8 }),
 *     Stream.runForEach((result) => Push.send(results, result))
 *   )
 * )
 * ```
 *
 * @category draining
 * @since 0.1.0
 */
export const graceful = <A, E, R>(
  f: (stop: Effect.Effect<void>) => Effect.Effect<A, E, R>,
  options: { readonly within?: Duration.Input | undefined } = {}
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const stop = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(f(Deferred.await(stop)), { startImmediately: true })
      const finish = Effect.gen(function* () {
        yield* Deferred.succeed(stop, undefined)
        const ended = yield* Effect.timeoutOption(Fiber.await(fiber), options.within ?? "5 seconds")
        if (Option.isNone(ended)) yield* Fiber.interrupt(fiber)
        else if (Exit.isFailure(ended.value) && !Cause.hasInterruptsOnly(ended.value.cause)) yield* ended.value
      })
      return yield* yield* Effect.onInterrupt(restore(Fiber.await(fiber)), () => finish)
    })
  )

/**
 * Ends a stream when an effect succeeds, which is run once, beside it; and loses nothing: directly behind the stream of a
 * socket, what it has not given is still in the socket. (`Stream.interruptWhen` reads ahead, and drops what it has read.) What has
 * been given goes on through what follows, to its end.
 *
 * Each pull costs two fibers: where messages are many, put it behind `batches`.
 *
 * @see graceful
 * @category draining
 * @since 0.1.0
 */
export const until: {
  (stop: Effect.Effect<unknown>): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  <A, E, R>(self: Stream.Stream<A, E, R>, stop: Effect.Effect<unknown>): Stream.Stream<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Stream.Stream<A, E, R>, stop: Effect.Effect<unknown>): Stream.Stream<A, E, R> =>
    Stream.transformPull(self, (pull, scope) =>
      Effect.map(Effect.forkIn(stop, scope, { startImmediately: true }), (stopping) => {
        const stopped = Effect.flatMap(Fiber.join(stopping), () => Cause.done())
        // Where it has come, nothing is taken.
        return Effect.suspend(() => (stopping.pollUnsafe() ? stopped : Effect.raceFirst(stopped, pull)))
      })
    )
)
