/**
 * Calls spread over workers that may die: the handlers of an `RpcGroup` in any number of fibers, threads, processes and
 * machines, and a dispatcher that gives each call to one of them, and to another one when that is lost.
 *
 * A dispatcher binds two endpoints: `frontend`, for submitters, who are ordinary RPC clients (`ZmqRpcClient`), and `backend`,
 * for workers. Workers come and go as they like. Each announces a `credit`, how many calls it may have at once; what nobody
 * has credit for waits at the dispatcher. Beyond `queue` calls, and `maxInFlight` of a client, requests wait in a line for each
 * client, of limited length, and beyond that at the submitters.
 *
 * **What is promised.** Every call ends: it is answered, cancelled, or given up as a dead letter, and its caller is told, once.
 * Who asked with `discard` was told that the call was taken: what becomes of it is an answer, or a dead letter, also when the
 * dispatcher ends first (`Closed`).
 *
 * - **At least once.** The calls of a worker that was killed, was cut off, or says nothing for too long are given to others.
 *   So a call may be carried out twice, and more often; `options.requestId` is the same each time, and so what a handler
 *   keeps to know what it has done already. From the second attempt on, the header `zmq-attempt` says which it is.
 * - **One result.** The first result wins, also that of a worker that was given up meanwhile; the others are dropped.
 * - **A ceiling.** After `maxAttempts` workers it is given up, because a call may be what ends its workers. One that it could
 *   not be sent to does not count. `redeliver` is a `Schedule` of the pauses before each further attempt.
 * - **Not twice.** An `Rpc` that is annotated with `Idempotent` as `false` is given to one worker only: where that is lost, the
 *   call is a dead letter.
 * - **Cancellation.** A call that is interrupted, or whose client has left, is taken out of the queue, or its handler
 *   interrupted.
 * - **Who does not read** costs a limited memory, `maxInFlight` answers and a line, and holds up nobody.
 * - **What is not promised.** The dispatcher keeps calls in memory. When it is killed, those in flight there fail at their
 *   clients, each with a typed error, and the workers join the next dispatcher.
 *
 * Pooled calls are unary: a group with a stream does not compile. What differs from a served group: handlers are built once
 * for each worker, `options.client` is the dispatcher's session, and a call may run twice.
 *
 * **Example** (A pool, and a worker)
 *
 * ```ts
 * // where the dispatcher is
 * WorkerPool.layerDispatcher(Words, { frontend: "tcp://127.0.0.1:5559", backend: "tcp://127.0.0.1:5560" })
 *
 * // in each worker, with the handlers that would also serve without a pool
 * WorkerPool.layerWorker(Words, { connect: "tcp://127.0.0.1:5560", credit: 16 }).pipe(
 *   Layer.provide(WordsHandlers),
 *   Layer.provide(RpcSerialization.layerJson)
 * )
 * ```
 *
 * @see The ZeroMQ Guide, chapter 4, the Paranoid Pirate pattern
 * @since 0.1.0
 */
// Long, because it is what a program names: models, options, errors and layers. What happens is in internal/pool.
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import { InvalidOption, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Pull from "effect/Pull"
import type * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Random from "effect/Random"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Take from "effect/Take"
import type * as ThreadWorker from "effect/workers/Worker"
import type { WorkerError } from "effect/workers/WorkerError"
import type * as WorkerRunner from "effect/workers/WorkerRunner"
import { Dispatcher } from "./internal/pool/dispatcher.ts"
import { type BytesCall, bytesHands, defectText, serverHands } from "./internal/pool/hands.ts"
import type { DeadReason, End, Happening, Job, Profile, Worker } from "./internal/pool/job.ts"
import * as internalProcesses from "./internal/pool/processes.ts"
import { anyCodec } from "./internal/pool/refusals.ts"
import { Running } from "./internal/pool/running.ts"
import { keyOfCall } from "./internal/pool/session.ts"
import * as internalThreads from "./internal/pool/threads.ts"
import { type Hands, Laborer } from "./internal/pool/worker.ts"
import { Flag, Kind } from "./internal/records.ts"
import { bodyCodec, starter } from "./internal/rpc/codec.ts"
import type { Start } from "./internal/rpc/outbox.ts"

// -----------------------------------------------------------------------------
// What can be pooled
// -----------------------------------------------------------------------------

/**
 * The tags of a group that answer with a stream.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamTags<R extends Rpc.Any> = R extends Rpc.Any
  ? [Rpc.IsStream<R, R["_tag"]>] extends [never]
    ? never
    : R["_tag"]
  : never

/**
 * What a group has to be besides to be pooled: unary. Otherwise the error of the compiler names the tags that are not.
 *
 * @category models
 * @since 0.1.0
 */
export type UnaryOnly<R extends Rpc.Any> = [StreamTags<R>] extends [never]
  ? unknown
  : { readonly "a pooled group is unary": StreamTags<R> }

/**
 * An annotation of an `Rpc`: which calls go first when several wait for a worker, the higher the sooner. Default: 0.
 *
 * **Example**
 *
 * ```ts
 * Rpc.make("Alarm", { payload: { text: Schema.String } }).annotate(WorkerPool.Priority, 10)
 * ```
 *
 * @category annotations
 * @since 0.1.0
 */
export const Priority: Context.Reference<number> = Context.Reference("@effect-zmq/patterns/WorkerPool/Priority", {
  defaultValue: () => 0
})

/**
 * An annotation of an `Rpc`: whether it may be carried out again when its worker was lost. `false`: a call whose worker is lost
 * fails, and is a dead letter; it may have been carried out, or not. Default: true.
 *
 * @category annotations
 * @since 0.1.0
 */
export const Idempotent: Context.Reference<boolean> = Context.Reference("@effect-zmq/patterns/WorkerPool/Idempotent", {
  defaultValue: () => true
})

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * A dispatcher that runs.
 *
 * @category services
 * @since 0.1.0
 */
export class WorkerPool extends Context.Service<
  WorkerPool,
  {
    /** What clients connect to. For its endpoints and events: the dispatcher receives from it. */
    readonly frontend: Router.Router
    /** What workers connect to. As `frontend`. */
    readonly backend: Router.Router
    /** A call of this process, in bytes (`submit`). */
    readonly submit: (tag: string, bytes: Uint8Array) => Effect.Effect<Uint8Array, PoolError>
    /** The figures, now. */
    readonly status: Effect.Effect<Status>
    /** Waits until the figures are such, and gives them. */
    readonly awaitStatus: (predicate: (status: Status) => boolean) => Effect.Effect<Status>
    /**
     * The calls that were given up: the newest 1,024 from before, and then those to come. Ends with the dispatcher, after the
     * calls that ended with it, and can be run after that, too.
     */
    readonly deadLetters: Stream.Stream<DeadLetter>
    /** What happens from when it is run on; of more than 1,024 that were not taken yet, the newest. */
    readonly events: Stream.Stream<Event>
    /** Takes no more calls, and waits until those that are here have ended. */
    readonly drain: Effect.Effect<void>
    /** Has a worker finish what it has, and leave; `false` where there is none with this id. */
    readonly dismiss: (workerId: string) => Effect.Effect<boolean>
  }
>()("@effect-zmq/patterns/WorkerPool") {}

/**
 * The figures of a pool. At any time, `submitted` = `answered` + `cancelled` + `dead` + `refused` + `queued` + `waiting` +
 * `running`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  readonly workers: ReadonlyArray<WorkerStatus>
  /** How many clients are there. */
  readonly clients: number
  /**
   * How many requests of clients are not taken yet: their client has `maxInFlight` calls, or does not read, or the queue is
   * full. They are in no other figure.
   */
  readonly held: number
  /** How many calls the workers may have at once, all together. */
  readonly credit: number
  /** How many calls wait for a worker. */
  readonly queued: number
  /** How many wait for their next attempt, by `redeliver`. */
  readonly waiting: number
  /** How many are at a worker. */
  readonly running: number
  readonly submitted: number
  readonly answered: number
  readonly cancelled: number
  /** The calls that were given up. */
  readonly dead: number
  /** The calls that were not taken: of an unknown tag, another serialization, or that came while the pool ended. */
  readonly refused: number
  /** How often a call was given, or is to be given, to another worker because its own was lost. */
  readonly redone: number
  /** The results that came when their call had ended, and were dropped. */
  readonly late: number
  /** The records of either side that could not be read, and were dropped. */
  readonly malformed: number
  /** How many workers were lost. */
  readonly deaths: number
  /** Calls in a second, over the last second, or the last few heartbeats where they are slower. */
  readonly rates: { readonly submitted: number; readonly answered: number }
}

/**
 * A worker, as the dispatcher sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerStatus {
  /** Another one for each worker that is started. */
  readonly id: string
  /** What it calls itself; empty where it does not. */
  readonly name: string
  readonly credit: number
  /** How many calls it has, with those whose interruption it has not confirmed yet. */
  readonly busy: number
  /** How many it has answered. */
  readonly done: number
  /** It takes no more, and leaves when it is through. */
  readonly isDraining: boolean
}

/**
 * A call that was given up.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter {
  readonly tag: string
  /** The name of the call: what handlers saw as `options.requestId`. */
  readonly requestId: string
  /**
   * - `WorkerLost`: its worker was lost, and it may not be carried out twice (`Idempotent`)
   * - `TooManyAttempts`: it was given to `maxAttempts` workers, and each was lost
   * - `ScheduleEnded`: the schedule of `redeliver` has ended
   * - `Closed`: the dispatcher has ended before it; with `attempts`, whether it was carried out is unknown
   */
  readonly reason: DeadReason
  /** To how many workers it was given. */
  readonly attempts: number
  /** How long it was in the pool. */
  readonly age: Duration.Duration
  /** Its payload as it came, with its headers before it where it has any: of `submit`, the very bytes. */
  readonly body: Uint8Array
}

/**
 * What happens to a pool.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Data.TaggedEnum<{
  WorkerJoined: { readonly id: string; readonly name: string; readonly credit: number }
  /** A worker takes no more calls, and is about to leave. */
  WorkerDraining: { readonly id: string; readonly name: string }
  /**
   * A worker is one no more: its connection is lost (`Disconnected`), it says nothing (`Silent`), it has finished and left
   * (`Left`), or is back as somebody new (`Replaced`). Of its calls so many are redone, and so many are dead letters.
   */
  WorkerLeft: {
    readonly id: string
    readonly name: string
    readonly why: "Disconnected" | "Silent" | "Left" | "Replaced"
    readonly redone: number
    readonly dead: number
  }
  /** Something came in that could not be read, and was dropped. */
  Malformed: { readonly side: "frontend" | "backend"; readonly problem: string }
}>

/**
 * Constructors, `$is` and `$match` of what happens to a pool.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Event = Data.taggedEnum<Event>()

/**
 * A call of `submit` that has no result.
 *
 * - `UnknownTag`, `Draining`: it was not taken
 * - `Closed`: the dispatcher has ended; a call that it had taken is a dead letter
 * - `WorkerLost`, `TooManyAttempts`, `ScheduleEnded`: it was given up, and is a dead letter
 * - `Failed`: its handler failed, as `detail` says
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolError extends Data.TaggedError("PoolError")<{
  readonly reason: "UnknownTag" | "Draining" | "Codec" | DeadReason | "Failed"
  readonly tag: string
  /** To how many workers it was given, where that is known. */
  readonly attempts?: number | undefined
  readonly detail?: string | undefined
}> {
  override get message(): string {
    const { attempts, detail, reason, tag } = this
    const behind =
      attempts === undefined || attempts === 0 ? "" : `, after ${attempts} attempt${attempts === 1 ? "" : "s"}`
    return `${tag}: ${said[reason]}${behind}${detail === undefined ? "" : `: ${detail}`}`
  }
}

const said: { readonly [R in PoolError["reason"]]: string } = {
  UnknownTag: "the pool's group has no such call",
  Draining: "the pool takes no more calls, it is about to end",
  Closed: "the pool has ended before the call",
  Codec: "the worker understands another serialization",
  WorkerLost: "its worker was lost, and it may not be done twice: whether it was done is unknown",
  TooManyAttempts: "it was given to as many workers as it may be, and each was lost",
  ScheduleEnded: "its workers were lost, and its schedule has ended",
  Failed: "its handler failed"
}

/**
 * Options of the sockets of a dispatcher.
 *
 * @category models
 * @since 0.1.0
 */
export interface SocketOptions extends Omit<Router.Options, "bind" | "connect" | "onFull" | "probeRouter"> {}

/**
 * Options of a dispatcher.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What to bind for clients. */
  readonly frontend: Endpoint.Input | ReadonlyArray<Endpoint.Input>
  /** What to bind for workers. */
  readonly backend: Endpoint.Input | ReadonlyArray<Endpoint.Input>
  /**
   * How often workers are asked for a sign of life. A worker whose connection is lost is noticed at once, or with the next
   * of these. Default: 1 second.
   */
  readonly heartbeat?: Duration.Input | undefined
  /**
   * After how long without a sign of life a worker is given up, in whole heartbeats: for those that are stopped, or cut off.
   * A handler that holds up its event loop for longer looks like one. Default: 5 seconds.
   */
  readonly silence?: Duration.Input | undefined
  /**
   * As `silence`, for clients that have calls, or have not taken their answers. They say something every `ping` of theirs.
   * Default: 30 seconds.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * How long a call that has lost its worker waits before it is given to another one, each time; where it ends, the call is a
   * dead letter. Default: not at all.
   */
  readonly redeliver?: Schedule.Schedule<unknown, Redelivery> | undefined
  /** To how many workers a call is given at most, without those that it could not be sent to. Default: 5. */
  readonly maxAttempts?: number | undefined
  /**
   * How many calls may wait for a worker. With so many, `submit` waits, and what clients ask for waits as it came, in a line
   * for each client; they are taken in turn. A call that is interrupted leaves its line. With 8 MiB in a line nothing more is
   * read of any client, until there is less in it. Default: 10,000.
   */
  readonly queue?: number | undefined
  /**
   * How many calls of one client are under way at once: each from when it is taken until its answer is the socket's to
   * deliver. Those that follow wait in its line, as do all of a client that has 1 MiB of answers waiting for it. A client that
   * does not read, and yet has 16 MiB of requests in its line, is given up: its calls are cancelled, and should it read again,
   * each fails there. `Infinity` is no limit. Default: 4,096.
   */
  readonly maxInFlight?: number | undefined
  /**
   * How many calls a worker is given at a time at least, if so many are ready: otherwise each gets an equal share. More is
   * faster for tiny handlers, and less even. Default: 1.
   */
  readonly pack?: number | undefined
  /** For how long the close of the scope waits for the calls that are here. Default: 5 seconds. */
  readonly drain?: Duration.Input | undefined
  readonly frontendOptions?: SocketOptions | undefined
  readonly backendOptions?: SocketOptions | undefined
}

/**
 * What `redeliver` is asked about.
 *
 * @category models
 * @since 0.1.0
 */
export interface Redelivery {
  readonly tag: string
  readonly requestId: string
  /** To how many workers it was given so far. */
  readonly attempts: number
}

// -----------------------------------------------------------------------------
// The dispatcher
// -----------------------------------------------------------------------------

/**
 * Makes a dispatcher, which works as long as the scope is open. Closing, it takes no more calls, waits for those that are
 * here for at most `drain`, gives up the rest as dead letters (`Closed`), and tells their callers and the workers that it has
 * gone.
 *
 * The group is for its tags and annotations alone: the dispatcher never looks into a call. A call of another tag is refused.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs> & UnaryOnly<Rpcs>,
  options: Options
): Effect.Effect<WorkerPool["Service"], ZmqError, Transport | Scope.Scope> => makeDispatcher(group.requests, options)

const makeDispatcher = Effect.fnUntraced(function* (requests: ReadonlyMap<string, Rpc.Any>, options: Options) {
  const check = checker("make")
  const heartbeat = yield* check.millis("heartbeat", options.heartbeat ?? "1 second")
  const silence = yield* check.millis("silence", options.silence ?? "5 seconds")
  const idle = yield* check.millis("idleTimeout", options.idleTimeout ?? "30 seconds")
  const maxAttempts = yield* check.count("maxAttempts", options.maxAttempts ?? 5)
  const queue = yield* check.count("queue", options.queue ?? 10_000)
  const maxInFlight = yield* check.count("maxInFlight", options.maxInFlight ?? 4_096)
  const pack = yield* check.count("pack", options.pack ?? 1)
  const { redeliver } = options
  const frontend = yield* Router.make({ ...options.frontendOptions, bind: options.frontend, onFull: "suspend" })
  const backend = yield* Router.make({ ...options.backendOptions, bind: options.backend, onFull: "suspend" })

  const machine = new Dispatcher({
    epoch: yield* newEpoch,
    instance: yield* newInstance,
    silence: { worker: Math.ceil(silence / heartbeat), client: Math.ceil(idle / heartbeat) },
    maxAttempts,
    queue,
    maxInFlight,
    pack,
    isScheduled: redeliver !== undefined,
    profileOf: profiles(requests)
  })
  const events = yield* Effect.acquireRelease(PubSub.sliding<Event>(1024), PubSub.shutdown)
  const deadLetters = yield* Effect.acquireRelease(
    PubSub.sliding<Take.Take<DeadLetter>>({ capacity: 1024, replay: 1024 }),
    // Those that read it are to have the calls that ended just now, too.
    (letters) => PubSub.end(letters, Exit.void)
  )
  const clock = yield* Clock.Clock
  const running: Running = new Running(machine, {
    frontend,
    backend,
    clock,
    start: yield* starter,
    scheduler: yield* currentScheduler,
    delayOf: redeliver === undefined ? undefined : delays(redeliver, clock),
    onHappening: (happening) => {
      if (happening._tag !== "Dead") return void PubSub.publishUnsafe(events, eventOf(happening))
      PubSub.publishUnsafe(deadLetters, [deadLetterOf(happening.job, happening.reason, running.now)])
    }
  })
  const rates = new Rates()
  for (const fiber of [
    running.serveWorkers,
    running.watchWorkers,
    running.watchClients,
    running.beat(heartbeat, () => rates.sample(running.now, machine.counts)),
    running.serveClients
  ]) {
    yield* Effect.forkScoped(fiber, { startImmediately: true })
  }

  const drain = Effect.suspend(() => {
    machine.drain()
    return running.until(() => machine.isIdle)
  })
  // Added last, and so run first.
  yield* Effect.addFinalizer(() =>
    Effect.timeoutOption(drain, options.drain ?? "5 seconds").pipe(
      Effect.andThen(
        Effect.sync(() => {
          machine.close()
          running.flush()
        })
      ),
      Effect.andThen(Effect.timeoutOption(running.awaitSent, lastWords))
    )
  )
  const status = () => statusOf(machine, rates.at(running.now, machine.counts))
  return WorkerPool.of({
    frontend,
    backend,
    submit: (tag, bytes) => Effect.flatMap(running.submit(tag, Flag.Encoded, bytes), (end) => resultOf(tag, end)),
    status: Effect.sync(status),
    awaitStatus: (predicate) =>
      Effect.map(
        running.until(() => predicate(status())),
        status
      ),
    deadLetters: Stream.fromPubSubTake(deadLetters),
    events: Stream.fromPubSub(events),
    drain,
    dismiss: (workerId) =>
      Effect.sync(() => {
        for (const worker of machine.workers.values()) {
          if (idOf(worker) !== workerId) continue
          machine.drainWorker(worker)
          running.touch()
          return true
        }
        return false
      })
  })
})

/**
 * A dispatcher, as a service (`make`).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDispatcher = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs> & UnaryOnly<Rpcs>,
  options: Options
): Layer.Layer<WorkerPool, ZmqError, Transport> => Layer.effect(WorkerPool, make(group, options))

/** A tag's annotations, asked for once. */
const profiles = (requests: ReadonlyMap<string, Rpc.Any>): ((tag: string) => Profile | undefined) => {
  const known = new Map<string, Profile>()
  for (const [tag, { annotations }] of requests) {
    known.set(tag, { priority: Context.get(annotations, Priority), idempotent: Context.get(annotations, Idempotent) })
  }
  return (tag) => known.get(tag)
}

/** Each call asks a schedule of its own. */
const delays = (schedule: Schedule.Schedule<unknown, Redelivery>, clock: Clock.Clock) => {
  type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, Redelivery, never, never>>>
  const steps = new WeakMap<Job, Step>()
  const stepOf = (job: Job): Effect.Effect<Step> => {
    const step = steps.get(job)
    return step === undefined
      ? Effect.tap(Schedule.toStep(schedule), (step) => Effect.sync(() => steps.set(job, step)))
      : Effect.succeed(step)
  }
  return (job: Job): Effect.Effect<number | undefined> =>
    Effect.flatMap(stepOf(job), (step) =>
      step(clock.currentTimeMillisUnsafe(), { tag: job.tag, requestId: requestIdOf(job), attempts: job.attempts }).pipe(
        Effect.map(([, delay]): number | undefined => Duration.toMillis(delay)),
        Pull.catchDone(() => Effect.succeed(undefined))
      )
    )
}

const requestIdOf = ({ record }: Job): string => keyOfCall(record.instance, record.sequence)

const idOf = ({ instance }: Worker): string => instance.toString(36)

const deadLetterOf = (job: Job, reason: DeadReason, now: number): DeadLetter => ({
  tag: job.tag,
  requestId: requestIdOf(job),
  reason,
  attempts: job.attempts,
  age: Duration.millis(now - job.since),
  // It is kept: without the message that it came in.
  body: job.record.body.slice()
})

const eventOf = (happening: Exclude<Happening, { readonly _tag: "Dead" }>): Event => {
  switch (happening._tag) {
    case "Malformed":
      return Event.Malformed({ side: happening.side, problem: happening.problem })
    case "WorkerJoined":
      return Event.WorkerJoined({
        id: idOf(happening.worker),
        name: happening.worker.name,
        credit: happening.worker.credit
      })
    case "WorkerDraining":
      return Event.WorkerDraining({ id: idOf(happening.worker), name: happening.worker.name })
    case "WorkerLeft": {
      const { dead, departure, redone, worker } = happening
      return Event.WorkerLeft({ id: idOf(worker), name: worker.name, why: departure, redone, dead })
    }
  }
}

const resultOf = (tag: string, end: End): Effect.Effect<Uint8Array, PoolError> => {
  switch (end._tag) {
    case "Answered":
      return end.answer.kind === Kind.Exit
        ? Effect.succeed(end.answer.body)
        : Effect.fail(new PoolError({ reason: "Failed", tag, detail: defectText(end.answer) }))
    case "Dead":
      return Effect.fail(new PoolError({ reason: end.reason, tag, attempts: end.attempts }))
    case "Refused":
      return Effect.fail(new PoolError({ reason: end.reason, tag }))
  }
}

const statusOf = (machine: Dispatcher, rates: Status["rates"]): Status => {
  const { clients, counts, jobs, queue, waiting, workers } = machine
  const all = [...workers.values()].map(
    (worker): WorkerStatus => ({
      id: idOf(worker),
      name: worker.name,
      credit: worker.credit,
      busy: worker.jobs.size,
      done: worker.done,
      isDraining: worker.isDraining
    })
  )
  return {
    ...counts,
    workers: all,
    clients: clients.size,
    held: machine.held,
    credit: all.reduce((sum, { credit }) => sum + credit, 0),
    queued: queue.size,
    waiting,
    running: jobs.size - queue.size - waiting,
    rates
  }
}

/** How fast counts grow: over the last second, by samples of it. */
class Rates {
  private samples: Array<{ readonly at: number; readonly submitted: number; readonly answered: number }> = []

  sample(at: number, { answered, submitted }: { readonly answered: number; readonly submitted: number }): void {
    this.samples.push({ at, submitted, answered })
    // The oldest is at least a second old, the one after it is not.
    while (this.samples.length > 2 && (this.samples[1]?.at ?? at) <= at - 1_000) this.samples.shift()
  }

  at(now: number, { answered, submitted }: { readonly answered: number; readonly submitted: number }): Status["rates"] {
    const [first] = this.samples
    const seconds = first === undefined ? 0 : (now - first.at) / 1_000
    if (first === undefined || seconds <= 0) return { submitted: 0, answered: 0 }
    return { submitted: (submitted - first.submitted) / seconds, answered: (answered - first.answered) / seconds }
  }
}

// -----------------------------------------------------------------------------
// Submitting, and looking
// -----------------------------------------------------------------------------

/**
 * A call from the process of the dispatcher, in bytes: the payload as the codec of the workers reads it, or, for workers of
 * bytes (`layerWorkerBytes`), anything; and the answer as they wrote it, of an `RpcServer` the encoded Exit. The fast way:
 * nothing is encoded, and there is no span.
 *
 * Waits while `queue` calls wait already. Interrupted, the call is cancelled. Fails with `PoolError`.
 *
 * @category submitting
 * @since 0.1.0
 */
export const submit: {
  (tag: string, bytes: Uint8Array): (self: WorkerPool["Service"]) => Effect.Effect<Uint8Array, PoolError>
  (self: WorkerPool["Service"], tag: string, bytes: Uint8Array): Effect.Effect<Uint8Array, PoolError>
} = dual(3, (self: WorkerPool["Service"], tag: string, bytes: Uint8Array) => self.submit(tag, bytes))

/**
 * The figures of the pool, now.
 *
 * @category getters
 * @since 0.1.0
 */
export const status: Effect.Effect<Status, never, WorkerPool> = WorkerPool.use(({ status }) => status)

/**
 * Waits until the figures of the pool are such, and gives them: for so many workers to be there, for instance.
 *
 * @category getters
 * @since 0.1.0
 */
export const awaitStatus = (predicate: (status: Status) => boolean): Effect.Effect<Status, never, WorkerPool> =>
  WorkerPool.use((pool) => pool.awaitStatus(predicate))

/**
 * The calls that were given up: the newest 1,024 from before, and then those to come, until the dispatcher has ended.
 *
 * @category getters
 * @since 0.1.0
 */
export const deadLetters: Stream.Stream<DeadLetter, never, WorkerPool> = Stream.unwrap(
  WorkerPool.use(({ deadLetters }) => Effect.succeed(deadLetters))
)

/**
 * What happens to the pool, from now on.
 *
 * @category getters
 * @since 0.1.0
 */
export const events: Stream.Stream<Event, never, WorkerPool> = Stream.unwrap(
  WorkerPool.use(({ events }) => Effect.succeed(events))
)

/**
 * Has the pool take no more calls, and waits until those that are here have ended. New ones are refused.
 *
 * @category submitting
 * @since 0.1.0
 */
export const drain: Effect.Effect<void, never, WorkerPool> = WorkerPool.use(({ drain }) => drain)

// -----------------------------------------------------------------------------
// Workers
// -----------------------------------------------------------------------------

/**
 * Options of a worker.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerOptions {
  /**
   * The backend of the dispatcher. It need not be there yet, and may come again; over inproc, libzmq does not connect to one
   * that does.
   */
  readonly connect: Endpoint.Input
  /**
   * How many calls it may have at once. For handlers that take long once or twice their `concurrency`, because what a worker
   * has is redone when it dies; 256 suits tiny ones.
   */
  readonly credit: number
  /** How many handlers run at once; the other calls that it has wait. Default: all. */
  readonly concurrency?: number | undefined
  /** What the worker is called in `Status` and `Event`, and its socket in logs and metrics. Default: nothing. */
  readonly name?: string | undefined
  /** How often it asks for a sign of life when it has heard nothing of the dispatcher. Default: 1 second. */
  readonly heartbeat?: Duration.Input | undefined
  /** For how long its end waits for what it has begun; what is left then is another worker's. Default: 5 seconds. */
  readonly drain?: Duration.Input | undefined
  /** After how long without a dispatcher it ends, as `"orphaned"`. Default: never. */
  readonly orphanedAfter?: Duration.Input | undefined
  readonly socketOptions?:
    | Omit<Dealer.Options, "bind" | "conflate" | "connect" | "probeRouter" | "routingId">
    | undefined
  /** Make no span for each call. Default: false. */
  readonly disableTracing?: boolean | undefined
}

type Needs<Rpcs extends Rpc.Any> =
  | Rpc.ToHandler<Rpcs>
  | Rpc.Middleware<Rpcs>
  | Rpc.ServicesServer<Rpcs>
  | Transport
  | RpcSerialization.RpcSerialization

/**
 * Works for a pool, until it is told to leave (`"dismissed"`), or hears of no dispatcher for too long (`"orphaned"`).
 *
 * Interrupted, it takes no more calls, and finishes what it has for at most `drain`; what is left then is given to others.
 * Fails with `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category workers
 * @since 0.1.0
 */
export const work = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs> & UnaryOnly<Rpcs>,
  options: WorkerOptions
): Effect.Effect<"dismissed" | "orphaned", ZmqError, Needs<Rpcs>> =>
  Effect.scoped(Effect.flatMap(makeWorker(group, options), ({ ending }) => Deferred.await(ending)))

/**
 * A worker that runs as long as the layer is there (`work`), with the handlers of the group. That it ends before is logged.
 *
 * @category workers
 * @since 0.1.0
 */
export const layerWorker = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs> & UnaryOnly<Rpcs>,
  options: WorkerOptions
): Layer.Layer<never, ZmqError, Needs<Rpcs>> => Layer.effectDiscard(Effect.flatMap(makeWorker(group, options), telling))

const makeWorker = Effect.fnUntraced(function* <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options: WorkerOptions
) {
  const serialization = yield* RpcSerialization.RpcSerialization
  const { bytes, codec } = bodyCodec(serialization)
  const { concurrency = "unbounded", disableTracing = false } = options
  return yield* makeLaborer(
    options,
    codec,
    Effect.fnUntraced(function* (start: Start, laborer: () => Laborer) {
      const { hands, protocol } = yield* serverHands(serialization, bytes, start, laborer)
      yield* RpcServer.make(group, { concurrency, disableFatalDefects: true, disableTracing }).pipe(
        Effect.provideService(RpcServer.Protocol, protocol),
        Effect.forkScoped({ startImmediately: true })
      )
      return hands
    })
  )
})

/**
 * A call, as a worker of bytes gets it.
 *
 * @category models
 * @since 0.1.0
 */
export type { BytesCall }

/**
 * Options of a worker of bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface BytesOptions<in out R> extends Omit<WorkerOptions, "disableTracing"> {
  /** What becomes of a call: the bytes of the answer. A failure fails the call with a `PoolError`, `Failed`. */
  readonly handler: (call: BytesCall) => Effect.Effect<Uint8Array, unknown, R>
}

/**
 * Works for a pool in bytes, for `submit`: as `work`, with a handler for all tags, and nothing decoded. RPC clients
 * want workers with the handlers of their group.
 *
 * @category workers
 * @since 0.1.0
 */
export const workBytes = <R = never>(
  options: BytesOptions<R>
): Effect.Effect<"dismissed" | "orphaned", ZmqError, Transport | R> =>
  Effect.scoped(Effect.flatMap(makeBytesWorker(options), ({ ending }) => Deferred.await(ending)))

/**
 * A worker of bytes that runs as long as the layer is there (`workBytes`).
 *
 * @category workers
 * @since 0.1.0
 */
export const layerWorkerBytes = <R = never>(options: BytesOptions<R>): Layer.Layer<never, ZmqError, Transport | R> =>
  Layer.effectDiscard(Effect.flatMap(makeBytesWorker(options), telling))

const makeBytesWorker = Effect.fnUntraced(function* <R>(options: BytesOptions<R>) {
  const { concurrency, handler } = options
  const semaphore = concurrency === undefined ? undefined : yield* Semaphore.make(concurrency)
  yield* Effect.context<R>()
  return yield* makeLaborer(options, anyCodec, (start, laborer) =>
    // Fibers are started in the context that this is made in, which has what the handler needs.
    Effect.succeed(bytesHands(handler as BytesOptions<never>["handler"], semaphore, start, laborer))
  )
})

// -----------------------------------------------------------------------------
// Threads
// -----------------------------------------------------------------------------

/**
 * The handlers of a group, as `layerWorker` wants them, that have worker threads do it: for handlers that keep a core busy.
 * The thread is told what to do over its port, and has no socket; it needs `layerThread`, with the real handlers.
 *
 * A thread that is lost loses the calls that it has, which are given to others, as those of a process are. But it shares the
 * process with its host: what ends the process ends them all.
 *
 * **Example** (Two threads behind one worker)
 *
 * ```ts
 * // in the host
 * WorkerPool.layerWorker(Words, { connect, credit: 4 }).pipe(
 *   Layer.provide(WorkerPool.layerThreads(Words, { size: 2 })),
 *   Layer.provide(NodeWorker.layer(() => new Worker(new URL("./thread.ts", import.meta.url))))
 * )
 *
 * // in thread.ts
 * WorkerPool.layerThread(Words).pipe(Layer.provide(WordsHandlers), Layer.provide(NodeWorkerRunner.layer))
 * ```
 *
 * @category threads
 * @since 0.1.0
 */
export const layerThreads = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs> & UnaryOnly<Rpcs>,
  options: {
    /** How many threads. */
    readonly size: number
  }
): Layer.Layer<
  Rpc.ToHandler<Rpcs>,
  WorkerError | ZmqError,
  ThreadWorker.WorkerPlatform | ThreadWorker.Spawner | Rpc.MiddlewareClient<Rpcs>
> =>
  Layer.effectContext(
    Effect.flatMap(checker("layerThreads").count("size", options.size), (size) =>
      internalThreads.hostHandlers<Rpcs>(group, size)
    )
  )

/**
 * Serves the handlers of a group in a worker thread, for `layerThreads`.
 *
 * @category threads
 * @since 0.1.0
 */
export const layerThread = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs> & UnaryOnly<Rpcs>,
  options?: {
    /** How many handlers run at once; the other calls that it has wait. Default: all. */
    readonly concurrency?: number | undefined
  }
): Layer.Layer<
  never,
  WorkerError,
  Rpc.ToHandler<Rpcs> | Rpc.Middleware<Rpcs> | Rpc.ServicesServer<Rpcs> | WorkerRunner.WorkerRunnerPlatform
> => internalThreads.layerGuest<Rpcs>(group, { concurrency: options?.concurrency ?? "unbounded" })

// -----------------------------------------------------------------------------
// Processes
// -----------------------------------------------------------------------------

/**
 * Child processes that run, started again when they end.
 *
 * @category services
 * @since 0.1.0
 */
export class Processes extends Context.Service<
  Processes,
  {
    /** Those that run now. */
    readonly list: Effect.Effect<ReadonlyArray<ProcessStatus>>
    /** Sends a signal to one of them: `SIGTERM` where none is named. `false` where it does not run. */
    readonly kill: (index: number, signal?: ChildProcess.Signal) => Effect.Effect<boolean>
    /** What happens from the first start on; of more than 1,024 that were not taken yet, the newest. */
    readonly events: Stream.Stream<ProcessEvent>
  }
>()("@effect-zmq/patterns/WorkerPool/Processes") {}

/**
 * A child process that runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessStatus {
  /** Its place, from 0 on: the same one for each process that follows in it. */
  readonly index: number
  readonly pid: number
  /** How often the process in this place was started again. */
  readonly restarts: number
}

/**
 * What happens to child processes.
 *
 * @category models
 * @since 0.1.0
 */
export type ProcessEvent = Data.TaggedEnum<{
  Started: { readonly index: number; readonly pid: number; readonly restarts: number }
  /**
   * It has ended, or could not be started; `how` says it in words: `code 1`, `killed by SIGKILL`. `code` is its exit code,
   * `signal` what killed it: one of them at most.
   */
  Ended: {
    readonly index: number
    readonly pid: number | undefined
    readonly how: string
    readonly code: number | undefined
    readonly signal: string | undefined
  }
  /** Its schedule of restarts has ended: nothing is started in this place any more. */
  Abandoned: { readonly index: number }
}>

/**
 * Constructors, `$is` and `$match` of what happens to child processes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ProcessEvent = Data.taggedEnum<ProcessEvent>()

/**
 * Options of child processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessesOptions {
  /** How many. */
  readonly size: number
  /**
   * What to run in a place, 0 to `size` - 1: a program with a worker, that ends by `whileParent`. Its output goes where that of
   * this process goes, unless its options say otherwise; its standard input is ours to have.
   */
  readonly command: (index: number) => ChildProcess.StandardCommand
  /**
   * How long to wait before a process that has ended is started again, each time; it begins anew for one that ran for ten
   * seconds. Default: 100 milliseconds, doubling up to 5 seconds, for ever.
   */
  readonly restart?: Schedule.Schedule<unknown, unknown> | undefined
  /** How long a process may take to end by `SIGTERM`, before it is killed. Default: 10 seconds. */
  readonly grace?: Duration.Input | undefined
}

const restartDefault = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

/**
 * Starts child processes, and again those that end, as long as the layer is there; then all are told to end by `SIGTERM` at
 * once, which lets workers finish.
 *
 * None of them outlives this process, however it ends, also by `SIGKILL`, if its program is run by `whileParent`.
 *
 * **Example** (A worker for each core)
 *
 * ```ts
 * WorkerPool.layerProcesses({
 *   size: 4,
 *   command: () => ChildProcess.make(process.execPath, ["worker.ts", "tcp://127.0.0.1:5560"])
 * }).pipe(Layer.provide(NodeServices.layer))
 * ```
 *
 * @category processes
 * @since 0.1.0
 */
export const layerProcesses = (options: ProcessesOptions): Layer.Layer<Processes, ZmqError, ChildProcessSpawner> =>
  Layer.effect(
    Processes,
    Effect.gen(function* () {
      const size = yield* checker("layerProcesses").count("size", options.size)
      const events = yield* Effect.acquireRelease(
        PubSub.sliding<ProcessEvent>({ capacity: 1024, replay: 1024 }),
        PubSub.shutdown
      )
      const places = new Map<number, { readonly handle: ChildProcessHandle; readonly restarts: number }>()
      const starts = new Map<number, number>()
      yield* Effect.forkScoped(
        internalProcesses.supervise(
          {
            size,
            command: options.command,
            restart: options.restart ?? restartDefault,
            grace: Duration.fromInputUnsafe(options.grace ?? "10 seconds")
          },
          {
            started: (index, handle) => {
              const restarts = starts.get(index) ?? 0
              starts.set(index, restarts + 1)
              places.set(index, { handle, restarts })
              PubSub.publishUnsafe(events, ProcessEvent.Started({ index, pid: handle.pid, restarts }))
            },
            ended: (index, exit) => {
              const pid = places.get(index)?.handle.pid
              places.delete(index)
              PubSub.publishUnsafe(events, ProcessEvent.Ended({ index, pid, ...internalProcesses.endingOf(exit) }))
            },
            abandoned: (index) => PubSub.publishUnsafe(events, ProcessEvent.Abandoned({ index }))
          }
        ),
        { startImmediately: true }
      )
      return Processes.of({
        list: Effect.sync(() =>
          [...places]
            .map(([index, { handle, restarts }]) => ({ index, pid: handle.pid, restarts }))
            .toSorted((a, b) => a.index - b.index)
        ),
        kill: (index, signal = "SIGTERM") =>
          Effect.suspend(() => {
            const place = places.get(index)
            if (place === undefined) return Effect.succeed(false)
            // It waits for the end, which a process that is merely stopped does not come to.
            return Effect.as(Effect.forkDetach(Effect.ignore(place.handle.kill({ killSignal: signal }))), true)
          }),
        events: Stream.fromPubSub(events)
      })
    })
  )

/**
 * Runs a program of `layerProcesses` until it ends, or the process that has started it is gone, however it ended: then the
 * program is interrupted. It is found out by the end of the standard input, which nobody else may read.
 *
 * **Example** (The program of a worker)
 *
 * ```ts
 * WorkerPool.work(Words, { connect: "tcp://127.0.0.1:5560", credit: 16 }).pipe(
 *   WorkerPool.whileParent,
 *   Effect.provide([WordsHandlers, RpcSerialization.layerJson, ZmqTransport.layer, NodeServices.layer]),
 *   NodeRuntime.runMain
 * )
 * ```
 *
 * @category processes
 * @since 0.1.0
 */
export const whileParent = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A | void, E, R | Stdio.Stdio> =>
  Effect.raceFirst(
    program,
    Stdio.Stdio.use(({ stdin }) => Effect.ignore(Stream.runDrain(stdin)))
  )

// -----------------------------------------------------------------------------
// What both ends have
// -----------------------------------------------------------------------------

/** What ends in the background must not end in silence. */
const telling = ({ ending }: Laborer) =>
  Deferred.await(ending).pipe(
    Effect.tap((ending) => Effect.logInfo(`a worker of a pool has ended, ${ending}`)),
    Effect.tapError((error) => Effect.logError("a worker of a pool has ended", error)),
    Effect.ignore,
    Effect.forkScoped
  )

const makeLaborer = Effect.fnUntraced(function* <R>(
  options: Omit<WorkerOptions, "disableTracing">,
  codec: string,
  handsOf: (start: Start, laborer: () => Laborer) => Effect.Effect<Hands, never, R>
) {
  const check = checker("work")
  const credit = yield* check.count("credit", options.credit)
  if (options.concurrency !== undefined) yield* check.count("concurrency", options.concurrency)
  const heartbeat = yield* check.millis("heartbeat", options.heartbeat ?? "1 second")
  const orphanedAfter =
    options.orphanedAfter === undefined
      ? Number.POSITIVE_INFINITY
      : yield* check.millis("orphanedAfter", options.orphanedAfter)
  // What is said of its socket says whose it is.
  const name = options.socketOptions?.name ?? (options.name === undefined ? undefined : `worker ${options.name}`)
  const linger = yield* check.linger(options.socketOptions?.linger ?? "1 second")
  // Whether anything is to be waited for at the end is decided there.
  const dealer = yield* Dealer.make({ ...options.socketOptions, linger: 0, name, connect: options.connect })
  const start = yield* starter
  // It is asked for when there is something to do, and by then it is there.
  const laborer: () => Laborer = () => made
  const hands = yield* handsOf(start, laborer)
  const made = new Laborer(
    { instance: yield* newInstance, name: options.name ?? "", codec, credit },
    {
      dealer,
      start,
      scheduler: yield* currentScheduler,
      hands,
      log: (level, message) => (level === "error" ? Effect.logError(message) : Effect.logWarning(message))
    }
  )
  yield* Effect.forkScoped(made.receive, { startImmediately: true })
  yield* Effect.forkScoped(made.beat(heartbeat, orphanedAfter), { startImmediately: true })
  // Added last, and so run first: handlers are still there to finish.
  yield* Effect.addFinalizer(() =>
    Effect.timeoutOption(made.drain, options.drain ?? "5 seconds").pipe(
      Effect.andThen(Effect.sync(() => made.leave())),
      Effect.andThen(isHeard(dealer)),
      Effect.andThen((isHeard) => (isHeard ? sayGoodbye(made, dealer, linger) : Effect.void))
    )
  )
  made.begin()
  return made
})

/** Whether anybody may be there. Who is in another thread is not always seen. */
const isHeard = (dealer: Dealer.Dealer): Effect.Effect<boolean> =>
  Effect.map(
    Socket.state(dealer),
    ({ endpoints, peers }) =>
      peers > 0 || endpoints.some(({ _tag, endpoint }) => _tag === "Connecting" && endpoint.startsWith("inproc:"))
  )

/** Delivers what was said last, as a socket does that is closed. */
const sayGoodbye = Effect.fnUntraced(function* (laborer: Laborer, dealer: Dealer.Dealer, linger: Duration.Duration) {
  yield* Effect.timeoutOption(laborer.awaitSent, lastWords)
  const { flushed } = yield* Socket.drain(dealer, linger)
  if (flushed || Duration.isZero(linger)) return
  yield* Effect.logWarning(
    `${dealer.name} has left, and the dispatcher may not have been told: it has not taken everything within ${Duration.format(linger)}`
  )
})

/** For how long what is said last may wait for room in a socket. */
const lastWords = "1 second"

const currentScheduler = Effect.withFiber(({ currentDispatcher }) => Effect.succeed(currentDispatcher))

const newEpoch = Random.nextIntBetween(1, 0xffff_ffff)

const newInstance = Random.nextIntBetween(1, Number.MAX_SAFE_INTEGER)

const checker = (method: string) => {
  const invalid = (option: string, value: unknown, problem: string) =>
    Effect.fail(
      new ZmqError({
        module: "WorkerPool",
        method,
        reason: new InvalidOption({ option, value: String(value), problem })
      })
    )
  return {
    count: (option: string, value: number): Effect.Effect<number, ZmqError> =>
      value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 1)
        ? Effect.succeed(Math.min(value, 0xffff_ffff))
        : invalid(option, value, "it must be a whole number, 1 or more"),
    linger: (value: Duration.Input): Effect.Effect<Duration.Duration, ZmqError> => {
      const linger = Duration.fromInputUnsafe(value)
      return Duration.toMillis(linger) >= 0
        ? Effect.succeed(linger)
        : invalid("linger", value, "it must be nothing or longer")
    },
    millis: (option: string, value: Duration.Input): Effect.Effect<number, ZmqError> => {
      const millis = Duration.toMillis(value)
      return millis > 0 ? Effect.succeed(millis) : invalid(option, value, "it must be longer than nothing")
    }
  }
}
