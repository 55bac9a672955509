/**
 * A broker that gives each request to a worker that is ready for it: of those that are, to the one that was used least
 * recently (the Guide's lruqueue).
 *
 * A DEALER behind a ROUTER hands requests out in turn, whether a worker is free or not. Here workers say when they are, and
 * get one request at a time, so that a slow one holds up nobody but who it works for.
 *
 * **On the wire** both sides of the broker are ROUTERs. Frames in brackets; `[]` is an empty one.
 *
 * | who | sends | receives |
 * |---|---|---|
 * | client, REQ | `[request]` | `[reply]` |
 * | client, DEALER | `[] [request]` | `[] [reply]` |
 * | worker, REQ | `[READY]`, and then `[client] [] [reply]` | `[client] [] [request]` |
 * | worker, DEALER | `[] [READY]` or `[] [READY] [instance]`, and then `[] [client] [] [reply]` | `[] [client] [] [request]` |
 *
 * Requests and replies may have several frames. `client` is what the worker has to send back as it came, up to the empty
 * frame: the client's routing id; before that a number of 4 bytes, where the worker has another request of this client
 * already; behind it further ids, where the client is behind other ROUTERs. A REQ worker of plain clients always gets one frame.
 *
 * `READY` is these five bytes, or the byte 1, and says that the worker can take one request more; a reply says so, too. A
 * DEALER worker that can do several at once sends it several times. A worker that wants to leave sends `BYE` in the place of
 * `READY`, gets `BYE` back behind the last request that it was given, and then no more.
 *
 * `instance` is anything that is not empty, and another one for each life of a worker and for each of its connections. A
 * worker with a routing id of its own should send it: not every transport tells that such a one has left, where the next
 * comes by its id (`handover`). Who is ready by another instance than the one that is known takes its place, and what that
 * one had is lost with it. Without, the two would be one worker, which seems to have what it never got. `serve` sends it.
 *
 * **What becomes of a request.** The broker takes one from its clients only while a worker is ready: all others wait in the
 * queues of sockets, up to their high-water marks, and behind these at the clients. Then it is answered once, or counted:
 *
 * - as `lost`: the worker that had it has left. The client is not told: it times out, and may ask again. Only the client knows
 *   whether doing it twice is harmful; where it never is, `onWorkerLost: "retry"` gives it to another worker (at least once)
 * - as `dropped`: its client has left, or does not take its replies
 *
 * A client never gets the reply to another's request. Nor to one of its own that it has given up: a REQ that asks again does
 * so over another connection, by another routing id. One that has a `routingId` of its own should `correlate` its requests,
 * or an old one that was still on its way may be answered as the new one.
 *
 * A worker that is connected, and does not answer, is waited for. Heartbeats find those whose machine or network is gone.
 *
 * **Example** (Three workers of one program)
 *
 * ```ts
 * Broker.layer({ frontend: "tcp://127.0.0.1:5559", backend: "tcp://127.0.0.1:5560" })
 *
 * Broker.serve((request) => Effect.succeed(`${Message.text(request)}!`), {
 *   connect: "tcp://127.0.0.1:5560",
 *   concurrency: 3
 * })
 * ```
 *
 * @see The ZeroMQ Guide, chapter 3, the load balancing pattern
 * @since 0.1.0
 */
import type * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Router from "@effect-zmq/core/Router"
import { type RoutingId, toHex } from "@effect-zmq/core/RoutingId"
import * as Socket from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import { InvalidOption, isZmqError, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constVoid } from "effect/Function"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Envelope from "./Envelope.ts"
import { Balancer, type Request, type Worker } from "./internal/balancer.ts"
import { BYE, heartbeat, readyOf, work } from "./internal/brokerWorker.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * A running broker.
 *
 * @category services
 * @since 0.1.0
 */
export class Broker extends Context.Service<
  Broker,
  {
    /** What clients connect to. For its endpoints and events: the broker receives from it. */
    readonly frontend: Router.Router
    /** What workers connect to. As `frontend`. */
    readonly backend: Router.Router
    /** The figures, now. */
    readonly stats: Effect.Effect<Stats>
    /** Waits until the figures are such, and gives them. */
    readonly awaitStats: (predicate: (stats: Stats) => boolean) => Effect.Effect<Stats>
    /** What happens from when it is run on; of more than 1,024 that were not taken yet, the newest. */
    readonly events: Stream.Stream<Event>
    /** Waits for the end of the broker. */
    readonly ended: Effect.Effect<void, ZmqError>
  }
>()("@effect-zmq/patterns/Broker") {}

/**
 * The figures of a broker. At any time, `requests` = `replies` + `dropped` + `lost` + `busy` + `waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** The workers that are known: they have been ready, and neither have left in order nor lost their connection. */
  readonly workers: number
  /** How many requests they could take now. */
  readonly ready: number
  /** How many requests workers have. */
  readonly busy: number
  /** How many requests no worker has, that the broker has taken: at most one, but those that are retried. */
  readonly waiting: number
  /** The requests that were taken from clients. */
  readonly requests: number
  /** The replies that were sent to clients. */
  readonly replies: number
  /** The requests whose reply nobody took: their client has left, or its queue was full. */
  readonly dropped: number
  /** The requests that were lost with their worker. */
  readonly lost: number
  /** How often a request was given to another worker because its own was lost. */
  readonly retried: number
  /** The replies that came when their request was not their worker's any more, and were dropped. */
  readonly late: number
  /** The messages of either side that were none of these. */
  readonly malformed: number
}

/**
 * What happens to a broker.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Data.TaggedEnum<{
  /** A worker was ready for the first time. */
  WorkerJoined: { readonly worker: RoutingId }
  /**
   * A worker has left in order, is connected no more, or another one has come by its id. So many of its requests were lost,
   * and so many are for others.
   */
  WorkerLeft: { readonly worker: RoutingId; readonly lost: number; readonly retried: number }
  /** A request was lost with its worker. */
  RequestLost: { readonly client: RoutingId; readonly worker: RoutingId }
  /** A reply was not taken: its client has left (`Unroutable`), or its queue was full (`PeerFull`). */
  ReplyDropped: { readonly client: RoutingId; readonly reason: "Unroutable" | "PeerFull" }
  /** A message could not be understood, and was dropped. */
  Malformed: { readonly side: "frontend" | "backend"; readonly from: RoutingId; readonly problem: string }
}>

/**
 * Constructors, `$is` and `$match` of what happens to a broker.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Event = Data.taggedEnum<Event>()

/**
 * Options of the sockets of a broker.
 *
 * @category models
 * @since 0.1.0
 */
export interface SocketOptions extends Omit<Router.Options, "bind" | "connect" | "onFull" | "probeRouter"> {}

/**
 * Options of a broker.
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
   * What becomes of the requests of a worker that has left:
   *
   * - `"lose"`: they are counted as lost, and their clients time out (the default): a request is carried out at most once
   * - `"retry"`: they are given to others first, to three workers in all: a request is carried out at least once, if it is
   *   answered. So many, and no more, because a request may be what ends its workers
   */
  readonly onWorkerLost?: "lose" | "retry" | undefined
  /**
   * How long the close of the scope waits for what workers have: meanwhile no request is taken, and replies are delivered.
   * Default: 5 seconds.
   */
  readonly drain?: Duration.Input | undefined
  /** Default: `handover`. A client that comes again with its routing id takes it over, also where its last connection seems to be there. */
  readonly frontendOptions?: SocketOptions | undefined
  /** Default: `handover`, and a `heartbeat` every second that may take five. */
  readonly backendOptions?: SocketOptions | undefined
}

/** With how many workers a request is tried, by `onWorkerLost`. */
const attempts = { lose: 1, retry: 3 } as const

// -----------------------------------------------------------------------------
// The broker
// -----------------------------------------------------------------------------

/**
 * Makes a broker, which works as long as the scope is open. Closing, it takes no more requests, waits for what workers have
 * for at most `drain`, and delivers the replies; what clients have sent and it has not taken is lost with its socket.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: Options) => Effect.Effect<Broker["Service"], ZmqError, Transport | Scope.Scope> =
  Effect.fnUntraced(function* (options: Options) {
    const frontend = yield* Router.make({
      handover: true,
      ...options.frontendOptions,
      bind: options.frontend,
      onFull: "fail"
    })
    const backend = yield* Router.make({
      heartbeat,
      handover: true,
      ...options.backendOptions,
      bind: options.backend,
      onFull: "fail"
    })
    const happenings = yield* Effect.acquireRelease(PubSub.sliding<Event>(1024), PubSub.shutdown)
    const broker = new Running(frontend, backend, attempts[options.onWorkerLost ?? "lose"], happenings)
    const start = (one: Effect.Effect<void, ZmqError>) =>
      Effect.forkScoped(telling(one, "a broker"), { startImmediately: true })
    const fibers = yield* Effect.forEach([broker.serveWorkers, broker.watchWorkers, broker.watchClients], start)
    const intake = yield* start(broker.serveClients)
    // Added last, and so run first.
    yield* Effect.addFinalizer(() =>
      Fiber.interrupt(intake).pipe(
        Effect.andThen(broker.awaitStats(({ busy, waiting }) => busy === 0 && waiting === 0)),
        Effect.timeoutOption(options.drain ?? "5 seconds")
      )
    )
    return Broker.of({
      frontend,
      backend,
      stats: broker.stats,
      awaitStats: broker.awaitStats,
      events: Stream.fromPubSub(happenings),
      ended: Effect.asVoid(Effect.raceAllFirst([intake, ...fibers].map(Fiber.join)))
    })
  })

/**
 * A broker, as a service: to look at its figures. It works whether anybody looks or not.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Broker, ZmqError, Transport> => Layer.effect(Broker, make(options))

/**
 * Runs a broker until it is interrupted, or fails.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (options: Options): Effect.Effect<void, ZmqError, Transport> =>
  Effect.scoped(Effect.flatMap(make(options), ({ ended }) => ended))

class Running {
  private readonly happenings: PubSub.PubSub<Event>
  private readonly frontend: Router.Router
  private readonly backend: Router.Router
  private readonly balancer: Balancer
  private readonly turn = Semaphore.makeUnsafe(1)
  /** Open while a request that is received finds a worker. */
  private readonly appetite = Latch.makeUnsafe(false)
  /** What workers have said, and is not handled yet. */
  private readonly heard: Array<Router.Received> = []
  /** Workers that have left, and what is open while there are any. */
  private readonly left: Array<RoutingId> = []
  private readonly farewell = Latch.makeUnsafe(false)
  private readonly waiters = new Set<() => void>()

  constructor(frontend: Router.Router, backend: Router.Router, attempts: number, happenings: PubSub.PubSub<Event>) {
    this.happenings = happenings
    this.frontend = frontend
    this.backend = backend
    this.balancer = new Balancer(attempts)
  }

  get stats(): Effect.Effect<Stats> {
    return Effect.sync(() => this.balancer.counts)
  }

  readonly awaitStats = (predicate: (stats: Stats) => boolean): Effect.Effect<Stats> =>
    Effect.callback((resume) => {
      const look = () => {
        const stats = this.balancer.counts
        // It is anybody's: what it throws is theirs, and not the broker's.
        const holds = Result.try(() => predicate(stats))
        if (Result.isSuccess(holds) && !holds.success) return
        this.waiters.delete(look)
        resume(Result.isSuccess(holds) ? Effect.succeed(stats) : Effect.die(holds.failure))
      }
      this.waiters.add(look)
      look()
      return Effect.sync(() => this.waiters.delete(look))
    })

  /** Requests, while a worker is ready. What was taken is handled whatever becomes of this fiber. */
  get serveClients(): Effect.Effect<void, ZmqError> {
    return Effect.andThen(
      this.appetite.await,
      Router.runForEach(this.frontend, (received) =>
        Effect.andThen(this.step(Effect.suspend(() => this.fromClient(received))), this.appetite.await)
      )
    )
  }

  /**
   * What workers say, until the socket closes. Where one has left, what it had said before comes first: nobody else receives
   * then, so that what is polled is in its order, and a reply among it is one. Nor is what was taken lost with the fiber
   * that took it.
   */
  get serveWorkers(): Effect.Effect<void, ZmqError> {
    const reading = Effect.as(Router.runForEach(this.backend, this.hear), true)
    const round: Effect.Effect<void, ZmqError> = Effect.flatMap(
      Effect.raceFirst(reading, Effect.as(this.farewell.await, false)),
      (isClosed) => (isClosed ? Effect.void : Effect.andThen(Effect.andThen(this.handleHeard, this.workersLeft), round))
    )
    return round
  }

  get watchWorkers(): Effect.Effect<void> {
    return Stream.runForEach(Socket.events(this.backend), (event) =>
      Effect.sync(() => {
        if (event._tag !== "PeerLeft") return
        this.left.push(event.routingId)
        this.farewell.openUnsafe()
      })
    )
  }

  get watchClients(): Effect.Effect<void, ZmqError> {
    return Stream.runForEach(Socket.events(this.frontend), (event) =>
      event._tag === "PeerLeft" ? this.step(Effect.sync(() => this.balancer.clientLeft(event.routingId))) : Effect.void
    )
  }

  /** It is noted in the step that takes it: whoever goes on handles it. */
  private readonly hear = (received: Router.Received): Effect.Effect<void, ZmqError> => {
    this.heard.push(received)
    return this.handleHeard
  }

  private readonly handleHeard: Effect.Effect<void, ZmqError> = Effect.uninterruptible(
    Effect.whileLoop({
      while: () => this.heard.length > 0,
      body: () => {
        const next = Effect.suspend(() => this.fromWorker(this.heard.shift() as Router.Received)) // there is one
        return this.isFromAnother(this.heard[0]) ? Effect.andThen(this.restFirst, this.step(next)) : this.step(next)
      },
      step: constVoid
    })
  )

  /** Whether a worker is ready that comes by another one's id. */
  private isFromAnother(received: Router.Received | undefined): boolean {
    if (received === undefined) return false
    const ready = readyOf(received.message)
    return ready !== undefined && this.balancer.isAnother(received.from, ready.instance)
  }

  /** What the one before has said comes first: of two connections it may have arrived behind. */
  private readonly restFirst: Effect.Effect<void, ZmqError> = Effect.suspend(() =>
    Effect.flatMap(Router.poll(this.backend), (received) => {
      if (Option.isSome(received)) {
        this.heard.push(received.value)
        return this.restFirst
      }
      const all = this.heard.splice(0)
      const id = toHex((all[0] as Router.Received).from) // that of the one who comes
      const isRest = ({ from, message }: Router.Received) => toHex(from) === id && readyOf(message) === undefined
      this.heard.push(...all.filter(isRest), ...all.filter((one) => !isRest(one)))
      return Effect.void
    })
  )

  /**
   * Something happens, and requests go to who is ready: whole, and before anything else happens. A worker that leaves would
   * otherwise be told so before a request that is on its way to it.
   */
  private step(happens: Effect.Effect<void, ZmqError>): Effect.Effect<void, ZmqError> {
    return Effect.uninterruptible(this.turn.withPermit(Effect.andThen(happens, this.handOut)))
  }

  private fromClient({ from, message }: Router.Received): Effect.Effect<void> {
    if (isProbe(message)) return Effect.void
    const envelope = Envelope.split(message)
    if (Result.isFailure(envelope)) return this.misread("frontend", from, envelope.failure)
    const { addresses, body } = envelope.success
    return Effect.sync(() => this.balancer.request(from, addresses, body))
  }

  private fromWorker({ from, message }: Router.Received): Effect.Effect<void, ZmqError> {
    if (isProbe(message)) return Effect.void
    const content = Envelope.undelimit(message)
    if (Result.isFailure(content)) return this.misread("backend", from, content.failure)
    const ready = readyOf(message)
    if (ready !== undefined) return this.workerReady(from, ready.instance)
    if (content.success.length === 1 && Message.text(content.success) === BYE) return this.workerLeaves(from)
    const reply = Envelope.split(content.success)
    if (Result.isFailure(reply)) return this.misread("backend", from, reply.failure)
    return Effect.suspend(() => {
      const request = this.balancer.answered(from, reply.success.addresses)
      const replied = request === undefined ? Effect.void : this.reply(request, reply.success.body)
      return Effect.andThen(replied, this.dismiss(from))
    })
  }

  private workerReady(worker: RoutingId, instance: Message.Frame | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      const before = this.balancer.isAnother(worker, instance) ? this.balancer.find(worker) : undefined
      const gone = before === undefined ? Effect.void : this.gone(before)
      return this.balancer.ready(worker, instance)
        ? Effect.andThen(gone, this.tell(Event.WorkerJoined({ worker })))
        : gone
    })
  }

  private workerLeaves(worker: RoutingId): Effect.Effect<void, ZmqError> {
    this.balancer.leaving(worker)
    // Whether it is still there to read it is its own affair.
    const said = Effect.ignore(Router.send(this.backend, { to: worker, message: Envelope.delimit(BYE) }))
    return Effect.andThen(said, this.dismiss(worker))
  }

  /** A worker that has said BYE has left when it has answered all: not every transport tells that it is connected no more. */
  private dismiss(worker: RoutingId): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.balancer.dismissed(worker) ? this.tell(Event.WorkerLeft({ worker, lost: 0, retried: 0 })) : Effect.void
    )
  }

  private get workersLeft(): Effect.Effect<void, ZmqError> {
    return Effect.flatMap(Router.peers(this.backend), (peers) => {
      this.farewell.closeUnsafe()
      const there = new Set(peers.map(toHex))
      const workers = this.left.splice(0).flatMap((id) => {
        const worker = this.balancer.find(id)
        // Where another one has come by its id already, that one's word tells the two apart.
        return worker === undefined || (worker.instance !== undefined && there.has(toHex(id))) ? [] : [worker]
      })
      return Effect.forEach(workers, (worker) => this.workerLeft(worker), { discard: true })
    })
  }

  private workerLeft(worker: Worker): Effect.Effect<void, ZmqError> {
    const rest: Effect.Effect<void, ZmqError> = Effect.suspend(() =>
      worker.requests.length > 0
        ? Effect.flatMap(Router.poll(this.backend), (received) =>
            Option.isNone(received) ? Effect.void : Effect.andThen(this.hear(received.value), rest)
          )
        : Effect.void
    )
    return Effect.uninterruptible(Effect.andThen(rest, this.step(Effect.suspend(() => this.gone(worker)))))
  }

  /** It is done when this answers; what is left is to tell of it. */
  private gone(worker: Worker): Effect.Effect<void> {
    const loss = this.balancer.workerLeft(worker)
    if (loss === undefined) return Effect.void
    const { id } = worker
    const lost = loss.lost.map(({ addresses: [client] }) => Event.RequestLost({ client, worker: id }))
    const left = Event.WorkerLeft({ worker: id, lost: lost.length, retried: loss.retried.length })
    return Effect.asVoid(PubSub.publishAll(this.happenings, [...lost, left]))
  }

  private reply(request: Request, body: Message.Message): Effect.Effect<void, ZmqError> {
    const [client, ...addresses] = request.addresses
    return Router.send(this.frontend, { to: client, message: Envelope.join(addresses, body) }).pipe(
      Effect.andThen(Effect.sync(() => this.balancer.delivered(true))),
      Effect.catch((error) => {
        const reason = refusal(error)
        if (reason === undefined) return Effect.fail(error)
        this.balancer.delivered(false)
        return this.tell(Event.ReplyDropped({ client, reason }))
      })
    )
  }

  /** Gives requests to who is ready, for as long as there are both. */
  private readonly handOut: Effect.Effect<void, ZmqError> = Effect.suspend(() => {
    const next = this.balancer.next()
    if (next === undefined) {
      if (this.balancer.isHungry) this.appetite.openUnsafe()
      else this.appetite.closeUnsafe()
      for (const look of this.waiters) look()
      return Effect.void
    }
    return Effect.andThen(this.give(next.worker, next.request), this.handOut)
  })

  private give(worker: Worker, request: Request): Effect.Effect<void, ZmqError> {
    const message = Envelope.delimit(Envelope.join(request.given, request.body))
    return Effect.catch(Router.send(this.backend, { to: worker.id, message }), (error) => {
      const reason = refusal(error)
      this.balancer.returned(worker, request, reason === "PeerFull")
      return reason === undefined ? Effect.fail(error) : Effect.void
    })
  }

  private misread(
    side: "frontend" | "backend",
    from: RoutingId,
    { problem, received }: Envelope.MalformedEnvelope
  ): Effect.Effect<void> {
    this.balancer.misread()
    return this.tell(Event.Malformed({ side, from, problem: `${problem}, in ${Message.inspect(received)}` }))
  }

  private tell(event: Event): Effect.Effect<void> {
    return Effect.asVoid(PubSub.publish(this.happenings, event))
  }
}

/** The greeting of a peer with `probeRouter`. */
const isProbe = (message: Message.Message): boolean => message.length === 1 && message[0].length === 0

/** Why a ROUTER did not send to a peer; `undefined` where something else went wrong. */
const refusal = (error: ZmqError): "Unroutable" | "PeerFull" | undefined => {
  const tag = isZmqError(error) ? error.reason._tag : undefined
  return tag === "Unroutable" || tag === "PeerFull" ? tag : undefined
}

// -----------------------------------------------------------------------------
// Workers
// -----------------------------------------------------------------------------

/**
 * Options of a worker.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerOptions extends Omit<Dealer.Options, "bind" | "connect" | "probeRouter" | "conflate"> {
  /** The backend of the broker. For several brokers, serve each. */
  readonly connect: Endpoint.Input
  /** How many requests it takes at once: 1 to 1,000,000. Default: 1. */
  readonly concurrency?: number | undefined
  /** How long the end of the worker waits for what it has begun. Default: 5 seconds. */
  readonly drain?: Duration.Input | undefined
}

/**
 * Works for a broker until it is interrupted: each request that it is given is answered with what the handler makes of it.
 *
 * The handler cannot fail, unless `onError` makes a reply of its failure (of defects too); a defect otherwise ends the
 * worker, and its requests are lost. When the connection to the broker is lost, so are the requests: their handlers
 * are interrupted, and the worker begins anew. Interrupted, it takes no more requests, and finishes what it has for at most
 * `drain`.
 *
 * Fails with `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category workers
 * @since 0.1.0
 */
export const serve: {
  <R>(
    handler: (request: Message.Message) => Effect.Effect<Message.Input, never, R>,
    options: WorkerOptions
  ): Effect.Effect<never, ZmqError, Transport | R>
  <E, R, R2 = never>(
    handler: (request: Message.Message) => Effect.Effect<Message.Input, E, R>,
    options: WorkerOptions & { readonly onError: OnError<E, R2> }
  ): Effect.Effect<never, ZmqError, Transport | R | R2>
} = <E, R>(
  handler: (request: Message.Message) => Effect.Effect<Message.Input, E, R>,
  { onError, ...options }: WorkerOptions & { readonly onError?: OnError<E, R> }
): Effect.Effect<never, ZmqError, Transport | R> => {
  const handle = (request: Message.Message): Effect.Effect<Message.Input, never, R> => {
    const handled = Effect.suspend(() => handler(request))
    // Without `onError` it cannot fail: `E` is never.
    return onError === undefined
      ? (handled as Effect.Effect<Message.Input, never, R>)
      : Effect.catchCause(handled, onError)
  }
  const invalid = concurrencyProblem(options.concurrency)
  if (invalid !== undefined) return Effect.fail(new ZmqError({ module: "Broker", method: "serve", reason: invalid }))
  // A socket that is closed under it is a connection that is lost.
  const once = Effect.catchReason(Effect.scoped(work(handle, options)), "ZmqError", "Closed", () => Effect.void)
  return Effect.forever(Effect.andThen(once, Effect.sleep(pause)))
}

const concurrencyProblem = (concurrency = 1): InvalidOption | undefined =>
  Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1_000_000
    ? undefined
    : new InvalidOption({
        option: "concurrency",
        value: String(concurrency),
        problem: "it must be a whole number from 1 to 1000000"
      })

/**
 * What makes a reply of what went wrong in a handler.
 *
 * @category models
 * @since 0.1.0
 */
export type OnError<E, R> = (cause: Cause.Cause<E>) => Effect.Effect<Message.Input, never, R>

/**
 * A worker that runs as long as the layer is there (`serve`). What ends it before is logged as an error.
 *
 * @category workers
 * @since 0.1.0
 */
export const layerWorker: {
  <R>(
    handler: (request: Message.Message) => Effect.Effect<Message.Input, never, R>,
    options: WorkerOptions
  ): Layer.Layer<never, never, Transport | R>
  <E, R, R2 = never>(
    handler: (request: Message.Message) => Effect.Effect<Message.Input, E, R>,
    options: WorkerOptions & { readonly onError: OnError<E, R2> }
  ): Layer.Layer<never, never, Transport | R | R2>
} = <E, R>(
  handler: (request: Message.Message) => Effect.Effect<Message.Input, E, R>,
  options: WorkerOptions & { readonly onError?: OnError<E, R> }
): Layer.Layer<never, never, Transport | R> =>
  // As the overload that was called has it.
  Layer.effectDiscard(Effect.forkScoped(telling(serve<R>(handler as never, options), "a worker")))

/** What fails in the background must not fail in silence. */
const telling = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string): Effect.Effect<A, E, R> =>
  Effect.tapCause(effect, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError(`${what} has ended`, cause)
  )

/** Before a worker that has lost its broker begins anew: as a socket that connects again. */
const pause = "100 millis"

// -----------------------------------------------------------------------------
// To look
// -----------------------------------------------------------------------------

/**
 * The figures of a broker, now.
 *
 * @category getters
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats, never, Broker> = Broker.use(({ stats }) => stats)

/**
 * Waits until the figures of a broker are such, and gives them: for so many workers to be ready, for instance.
 *
 * @category getters
 * @since 0.1.0
 */
export const awaitStats = (predicate: (stats: Stats) => boolean): Effect.Effect<Stats, never, Broker> =>
  Broker.use((broker) => broker.awaitStats(predicate))
