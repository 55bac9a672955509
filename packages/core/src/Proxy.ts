/**
 * A proxy joins two sockets: what one receives the other sends, both ways, message by message and whole.
 *
 * Three pairs have names. A **queue** joins clients and workers: a ROUTER for clients (REQ, DEALER) and a DEALER for workers
 * (REP, ROUTER). A **forwarder** joins publishers and subscribers: an XSUB for publishers and an XPUB for subscribers, whose
 * subscriptions go on to the publishers. A **streamer** joins stages of a pipeline: a PULL and a PUSH. Any other pair of
 * which one can send what the other receives may be joined, and a socket with itself, which then answers with what it is
 * sent.
 *
 * A proxy loses nothing of its own: when it is interrupted, paused or stopped, every message that it has taken has either
 * been sent or is in the socket again that it came from, where another proxy, or any receiver, finds it. Where a receiver is
 * full, at most 256 messages are taken, and the sender then feels it, in that direction alone. It runs below what
 * sockets deal in, on frames, and takes and sends in batches.
 *
 * To end one without leaving clients without their replies, `drain` it; the Layers do so when they close.
 *
 * **Example** (A queue)
 *
 * ```ts
 * Effect.gen(function* () {
 *   const clients = yield* Router.make({ bind: "tcp://127.0.0.1:5559" })
 *   const workers = yield* Dealer.make({ bind: "tcp://127.0.0.1:5560" })
 *   return yield* Proxy.run(clients, workers)
 * })
 * ```
 *
 * @see zmq_proxy_steerable(3)
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { constVoid, dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Pipeable from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Dealer from "./Dealer.ts"
import { Capture as CaptureLine } from "./internal/capture.ts"
import * as internal from "./internal/proxy.ts"
import type { Pump } from "./internal/pump.ts"
import { implOf } from "./internal/socket.ts"
import type { Pair } from "./Pair.ts"
import type { Pub } from "./Pub.ts"
import * as Pull from "./Pull.ts"
import * as Push from "./Push.ts"
import type { Rep } from "./Rep.ts"
import * as Router from "./Router.ts"
import type { Socket } from "./Socket.ts"
import type { SocketType } from "./SocketType.ts"
import type { Transport } from "./Transport.ts"
import * as XPub from "./XPub.ts"
import * as XSub from "./XSub.ts"
import { InvalidOption, type Reason, ZmqError } from "./ZmqError.ts"

const TypeId = "~@effect-zmq/core/Proxy"

/**
 * A proxy that runs, until its scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proxy extends Pipeable.Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * Tells whether a value is a proxy.
 *
 * @category guards
 * @since 0.1.0
 */
export const isProxy = (u: unknown): u is Proxy => Predicate.hasProperty(u, TypeId)

// -----------------------------------------------------------------------------
// What can be joined
// -----------------------------------------------------------------------------

const anywhere = ["PUSH", "PUB", "DEALER", "ROUTER", "PAIR", "XSUB"] as const

/**
 * To sockets of which types the messages of a type can go on.
 *
 * REQ and REP are not here: they take turns with one peer at a time, and DEALER and ROUTER stand in for them. What a
 * ROUTER receives begins with a routing id, which is of no use to another ROUTER. An XPUB has subscriptions to pass on, so
 * that only what can send them goes before it.
 *
 * @category models
 * @since 0.1.0
 */
export const onward = {
  PULL: anywhere,
  SUB: anywhere,
  DEALER: [...anywhere, "XPUB"],
  PAIR: [...anywhere, "XPUB"],
  ROUTER: ["DEALER", "PAIR", "PUSH"],
  XSUB: ["PUSH", "PUB", "XPUB", "DEALER", "ROUTER", "PAIR"],
  XPUB: ["XSUB", "DEALER", "PAIR", "PUSH"]
} as const

type Onward<Type extends SocketType> = Type extends keyof typeof onward ? (typeof onward)[Type][number] : never

/**
 * The types that a socket of type `Type` can be joined with: messages can go on one way at least.
 *
 * @category models
 * @since 0.1.0
 */
export type Joinable<Type extends SocketType> =
  | Onward<Type>
  | { [From in keyof typeof onward]: Type extends Onward<From> ? From : never }[keyof typeof onward]

/**
 * A socket that can be joined with one of type `S`.
 *
 * @category models
 * @since 0.1.0
 */
export type Partner<S extends Socket> = Socket & { readonly type: Joinable<S["type"]> }

/**
 * What can be joined with itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Echo = Rep | Router.Router | Dealer.Dealer | Pair

/**
 * What can get a copy of everything.
 *
 * @category models
 * @since 0.1.0
 */
export type Capture = Pub | Push.Push | Dealer.Dealer | Pair

// -----------------------------------------------------------------------------
// Options and figures
// -----------------------------------------------------------------------------

/**
 * Options of a proxy.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * A socket that is sent every message which the proxy forwards, either way: whole, as it is on the wire, that of a ROUTER
   * with the routing id before it. It never stops the proxy: while it is full, 4,096 messages wait for it, and what is
   * beyond is not captured, and counted. Default: none.
   */
  readonly capture?: Capture | undefined
  /**
   * How many messages may wait in the proxy for each peer of a ROUTER whose queue is full, so that those to its other peers
   * go on. 1 to 1,000,000. Default: 1,000.
   */
  readonly parked?: number | undefined
  /**
   * What becomes of a message to a peer for whom so many are waiting:
   *
   * - `"drop"`: it is dropped, and counted: one stalled client disturbs no other (the default)
   * - `"wait"`: nothing more is taken from that side until the peer has room, and all its other peers wait, too
   */
  readonly onStalled?: "drop" | "wait" | undefined
}

/**
 * Messages, and the bytes of all their frames.
 *
 * @category models
 * @since 0.1.0
 */
export interface Count {
  readonly messages: number
  readonly bytes: number
}

/**
 * What went through one socket of a proxy.
 *
 * @category models
 * @since 0.1.0
 */
export interface Traffic {
  /** What came in, and was sent on by the other socket, or dropped there. */
  readonly received: Count
  readonly sent: Count
  /** Messages that could not be sent: to a peer of a ROUTER that has left, or is stalled, or that are none for this socket. */
  readonly dropped: number
  /** Messages that wait for peers of a ROUTER that are stalled. */
  readonly parked: number
}

/**
 * What went through a proxy since it was made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly frontend: Traffic
  readonly backend: Traffic
  readonly capture: { readonly sent: Count; readonly dropped: number }
}

/**
 * How a proxy was drained.
 *
 * @category models
 * @since 0.1.0
 */
export interface Drained {
  /**
   * Requests that were passed on, and whose replies did not come in time: their workers are slow, or have died with them. 0
   * where nothing is answered.
   */
  readonly unanswered: number
  /** Messages that were taken and could not be sent in time: they are in the sockets again that they came from. */
  readonly unsent: number
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Joins two sockets, or a socket with itself, for as long as the scope: forwards from now on, and can be paused, resumed,
 * asked for its `statistics` and stopped. The sockets stay open.
 *
 * Where only one of two directions is possible, what the other socket receives stays in it. Fails with `InvalidOption`
 * for an option that cannot be, and for sockets that cannot be joined, where the types did not tell.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <F extends Socket, B extends Partner<F>>(
    frontend: F,
    backend: B,
    options?: Options
  ): Effect.Effect<Proxy, ZmqError, Scope.Scope>
  <S extends Echo>(socket: S, itself: S, options?: Options): Effect.Effect<Proxy, ZmqError, Scope.Scope>
} = (frontend: Socket, backend: Socket, options: Options = {}): Effect.Effect<Proxy, ZmqError, Scope.Scope> =>
  Effect.gen(function* () {
    const invalid = check(frontend, backend, options)
    if (invalid !== undefined) return yield* fail("make", invalid)
    const proxy = new ProxyImpl(frontend, backend, options, yield* Effect.scope)
    // What is captured is what was forwarded: the pumps, which begin last, end first.
    const { capture } = proxy
    yield* Effect.addFinalizer(() => Effect.andThen(stop(proxy), capture?.finish ?? Effect.void))
    if (capture !== undefined) yield* Effect.forkScoped(capture.run)
    yield* proxy.start
    return proxy
  })

/**
 * Joins two sockets, or a socket with itself, until it is interrupted. It never ends by itself; the sockets stay open.
 *
 * Fails with `Closed` when one of the sockets is closed, and as `make` does.
 *
 * @category running
 * @since 0.1.0
 */
export const run: {
  <F extends Socket, B extends Partner<F>>(frontend: F, backend: B, options?: Options): Effect.Effect<never, ZmqError>
  <S extends Echo>(socket: S, itself: S, options?: Options): Effect.Effect<never, ZmqError>
} = (frontend: Dealer.Dealer, backend: Dealer.Dealer, options?: Options): Effect.Effect<never, ZmqError> =>
  // Nobody else has the proxy, so that nobody stops it.
  Effect.scoped(Effect.flatMap(make(frontend, backend, options), join)).pipe(Effect.andThen(Effect.never))

/**
 * What makes the sockets of a proxy, as Layers have it.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions<out E = never, out R = never> extends Omit<Options, "capture"> {
  /** Makes the capture socket, as `Options.capture` has it. Default: none. */
  readonly capture?: Effect.Effect<Capture, E, R> | undefined
  /** For how long the proxy is drained, as `drain` has it, when the Layer closes. Default: 5 seconds. */
  readonly drain?: Duration.Input | undefined
}

/**
 * A proxy as a part of a program: the sockets are made and joined when the Layer is built. When it closes, the proxy is
 * drained, and then the sockets deliver what is queued for their `linger`. To control the proxy, make it a service of the
 * program, by `Layer.effect` and `make`.
 *
 * **Example** (Tasks, published)
 *
 * ```ts
 * Proxy.layer(Pull.make({ bind: "tcp://127.0.0.1:5557" }), Pub.make({ bind: "tcp://127.0.0.1:5558" }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <F extends Socket, E, R, B extends Partner<F>, E2, R2, E3 = never, R3 = never>(
  frontend: Effect.Effect<F, E, R>,
  backend: Effect.Effect<B, E2, R2>,
  options: LayerOptions<E3, R3> = {}
): Layer.Layer<never, ZmqError | E | E2 | E3, Exclude<R | R2 | R3, Scope.Scope>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const front = yield* frontend
      const back = yield* backend
      const capture = options.capture && (yield* options.capture)
      const proxy = yield* make(front, back, { ...options, capture })
      yield* Effect.addFinalizer(() => drainOrSay(proxy, options.drain ?? "5 seconds"))
      // Nobody else would hear of it.
      const ended = Effect.catch(join(proxy), (error) => Effect.logWarning(`a proxy has ended: ${error.message}`))
      yield* Effect.forkScoped(ended)
    })
  )

const drainOrSay = Effect.fnUntraced(function* (proxy: Proxy, within: Duration.Input) {
  const { unanswered, unsent } = yield* drain(proxy, within)
  if (unanswered > 0) yield* Effect.logWarning(`a proxy has closed with requests that have no reply: ${unanswered}`)
  if (unsent > 0) yield* Effect.logWarning(`a proxy has closed with messages that it could not send on: ${unsent}`)
})

/**
 * A queue: clients (REQ, DEALER) at the frontend, workers (REP, ROUTER) at the backend. Requests go to the workers in turn,
 * replies to who asked.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerQueue = <E = never, R = never>({
  backend,
  frontend,
  ...options
}: LayerOptions<E, R> & {
  readonly frontend: Router.Options
  readonly backend: Dealer.Options
}): Layer.Layer<never, ZmqError | E, Transport | Exclude<R, Scope.Scope>> =>
  layer(Router.make(frontend), Dealer.make(backend), options)

/**
 * A forwarder: publishers (PUB, XPUB) at the frontend, subscribers (SUB, XSUB) at the backend. Publishers send only what
 * somebody is subscribed to.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerForwarder = <E = never, R = never>({
  backend,
  frontend,
  ...options
}: LayerOptions<E, R> & {
  readonly frontend: XSub.Options
  readonly backend: XPub.Options
}): Layer.Layer<never, ZmqError | E, Transport | Exclude<R, Scope.Scope>> =>
  layer(XSub.make(frontend), XPub.make(backend), options)

/**
 * A streamer: those who push tasks at the frontend, those who pull them at the backend. Each task goes to one of them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStreamer = <E = never, R = never>({
  backend,
  frontend,
  ...options
}: LayerOptions<E, R> & {
  readonly frontend: Pull.Options
  readonly backend: Push.Options
}): Layer.Layer<never, ZmqError | E, Transport | Exclude<R, Scope.Scope>> =>
  layer(Pull.make(frontend), Push.make(backend), options)

// -----------------------------------------------------------------------------
// Control
// -----------------------------------------------------------------------------

/**
 * Ends the forwarding for now. When this returns, nothing is being forwarded any more, and what was taken and could not be
 * sent is in its socket again. Messages wait in the sockets, and their senders feel it when those are full.
 *
 * @category control
 * @since 0.1.0
 */
export const pause = (self: Proxy): Effect.Effect<void> => impl(self).pause

/**
 * Forwards again. Does nothing where the proxy runs, or has ended.
 *
 * @category control
 * @since 0.1.0
 */
export const resume = (self: Proxy): Effect.Effect<void> => impl(self).resume

/**
 * Ends the forwarding for good, as `pause` does for now. The sockets stay open.
 *
 * @category control
 * @since 0.1.0
 */
export const stop = (self: Proxy): Effect.Effect<void> => impl(self).stop

/**
 * Ends the forwarding for good, and first lets what is under way come to its end, for at most `within`: takes nothing more from
 * one side (default: the frontend), sends on what it has taken, and, where that side is a ROUTER that is answered, goes on with
 * the replies until there have been as many as requests. The sockets stay open.
 *
 * Replies are counted, not told apart. A request that died with its worker is never answered, so that from then on a drain takes all of
 * `within`; where workers reply more than once, it ends too early. A proxy that is paused goes on for it. Interrupted, it stops.
 *
 * @category control
 * @since 0.1.0
 */
export const drain: {
  (within: Duration.Input, side?: "frontend" | "backend"): (self: Proxy) => Effect.Effect<Drained>
  (self: Proxy, within: Duration.Input, side?: "frontend" | "backend"): Effect.Effect<Drained>
} = dual(
  (args) => isProxy(args[0]),
  (self: Proxy, within: Duration.Input, side: "frontend" | "backend" = "frontend"): Effect.Effect<Drained> =>
    impl(self).drain(within, side)
)

/**
 * What went through the proxy since it was made.
 *
 * @category control
 * @since 0.1.0
 */
export const statistics = (self: Proxy): Effect.Effect<Statistics> => Effect.sync(() => impl(self).statistics)

/**
 * Waits until the proxy is stopped, or its scope closes. Fails with `Closed` when one of its sockets is closed.
 *
 * @category control
 * @since 0.1.0
 */
export const join = (self: Proxy): Effect.Effect<void, ZmqError> => impl(self).ended

// -----------------------------------------------------------------------------

class ProxyImpl extends Pipeable.Class implements Proxy {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly capture: CaptureLine | undefined
  private readonly forth: Pump | undefined
  private readonly back: Pump | undefined
  private readonly scope: Scope.Scope
  private readonly turn = Semaphore.makeUnsafe(1)
  private readonly end = Deferred.makeUnsafe<void, ZmqError>()
  private running: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(frontend: Socket, backend: Socket, options: Options, scope: Scope.Scope) {
    super()
    this.scope = scope
    this.capture = options.capture && new CaptureLine(implOf(options.capture))
    const settings = { parked: options.parked ?? 1000, onStalled: options.onStalled ?? "drop" }
    const pump = (from: Socket, to: Socket) =>
      goesOn(from, to) ? internal.pump(implOf(from), implOf(to), this.capture, settings) : undefined
    this.forth = pump(frontend, backend)
    this.back = frontend === backend ? this.forth : pump(backend, frontend)
  }

  readonly ended: Effect.Effect<void, ZmqError> = Deferred.await(this.end)

  readonly start: Effect.Effect<void> = this.inTurn(() => {
    if (this.running !== undefined || Deferred.isDoneUnsafe(this.end)) return Effect.void
    const pumps = new Set([this.forth, this.back])
    const all = Effect.forEach(pumps, (pump) => pump?.run ?? Effect.void, { concurrency: "unbounded", discard: true })
    const failed = Effect.catch(all, (reason) => Deferred.complete(this.end, fail("run", reason)))
    return Effect.map(Effect.forkIn(failed, this.scope), (fiber) => {
      this.running = fiber
    })
  })

  readonly pause: Effect.Effect<void> = this.inTurn(() => this.halt)

  readonly resume: Effect.Effect<void> = this.start

  readonly stop: Effect.Effect<void> = this.inTurn(() => Effect.andThen(this.halt, Deferred.done(this.end, Exit.void)))

  drain(within: Duration.Input, side: "frontend" | "backend"): Effect.Effect<Drained> {
    const [from, to] = side === "frontend" ? [this.forth, this.back] : [this.back, this.forth]
    const unanswered = () =>
      from === undefined || to === undefined || from === to || !from.isAnswered
        ? 0
        : Math.max(0, from.sent.messages - to.received.messages)
    const isDone = () => from === undefined || (from.isThrough && unanswered() === 0)
    const pumps = new Set([from, to])
    const through = Effect.callback<void>((resume) => {
      const look = () => isDone() && resume(Effect.void)
      for (const pump of pumps) if (pump !== undefined) pump.onMove = look
      look()
      return Effect.sync(() => {
        for (const pump of pumps) if (pump !== undefined) pump.onMove = constVoid
      })
    })
    return Effect.suspend(() => {
      from?.close()
      const over = Effect.raceFirst(through, Effect.ignore(this.ended))
      return Effect.andThen(this.start, Effect.timeoutOption(over, within))
    }).pipe(
      Effect.ensuring(this.stop),
      Effect.map(() => {
        let unsent = 0
        for (const pump of pumps) unsent += pump?.returned ?? 0
        return { unanswered: unanswered(), unsent }
      })
    )
  }

  private readonly halt: Effect.Effect<void> = Effect.suspend(() => {
    const { running } = this
    this.running = undefined
    return running === undefined ? Effect.void : Fiber.interrupt(running)
  })

  private inTurn(f: () => Effect.Effect<unknown>): Effect.Effect<void> {
    return Effect.asVoid(Effect.uninterruptible(this.turn.withPermit(Effect.suspend(f))))
  }

  get statistics(): Statistics {
    const { back, capture, forth } = this
    return {
      frontend: traffic(forth, back),
      backend: forth === back ? traffic(forth, back) : traffic(back, forth),
      capture: { sent: { ...(capture?.sent ?? none) }, dropped: capture?.dropped ?? 0 }
    }
  }
}

// `make` is the only constructor, and makes one of this class.
const impl = (self: Proxy): ProxyImpl => self as ProxyImpl

const none: Count = { messages: 0, bytes: 0 }

const traffic = (received: Pump | undefined, sent: Pump | undefined): Traffic => ({
  received: { ...(received?.received ?? none) },
  sent: { ...(sent?.sent ?? none) },
  dropped: sent?.dropped ?? 0,
  parked: sent?.parked ?? 0
})

const fail = (method: string, reason: Reason): Effect.Effect<never, ZmqError> =>
  Effect.fail(new ZmqError({ module: "Proxy", method, reason }))

/** Whether what `from` receives can be sent by `to`. */
const goesOn = (from: Socket, to: Socket): boolean => {
  if (from === to) return echoes.has(from.type)
  const types: Readonly<Partial<Record<SocketType, ReadonlyArray<SocketType>>>> = onward
  return types[from.type]?.includes(to.type) === true
}

const echoes: ReadonlySet<SocketType> = new Set<SocketType>(["REP", "ROUTER", "DEALER", "PAIR"])

const check = (frontend: Socket, backend: Socket, options: Options): InvalidOption | undefined => {
  const { capture, parked = 1000 } = options
  if (!goesOn(frontend, backend) && !goesOn(backend, frontend)) {
    const problem = `messages can go on neither from the ${frontend.type} to it, nor back; join ROUTER and DEALER, XSUB and XPUB, or PULL and PUSH`
    return new InvalidOption({ option: "backend", value: `a ${backend.type}`, problem })
  }
  if (capture !== undefined && (capture === frontend || capture === backend)) {
    const problem = "it is one of the two sockets that are joined; give it a socket of its own"
    return new InvalidOption({ option: "capture", value: `this ${capture.type}`, problem })
  }
  if (Number.isInteger(parked) && parked >= 1 && parked <= 1_000_000) return undefined
  const problem = "it must be a whole number from 1 to 1000000"
  return new InvalidOption({ option: "parked", value: String(parked), problem })
}
