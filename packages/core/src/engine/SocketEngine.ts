/**
 * Drives a pattern over a link: what is suspended, when it is woken, when to connect again, and how a socket closes. The
 * result is what a transport opens, a `Transport.Handle`.
 *
 * Messages cost no fiber here, no promise and no span. Whoever waits is woken by a task on the dispatcher of its own
 * fiber, scheduled once however much arrives: so a batch is what arrived in the meantime, a test's scheduler and clock see
 * all of it, and nobody's code runs within another one's call.
 *
 * It has more than 400 lines, because it is one class that is a handle to sockets, a port to the link and a driver to the
 * pattern, all of it in functions of a few lines over the same pipes. What they share with no other is in `internal`.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Endpoint from "../Endpoint.ts"
import * as EventLog from "../EventLog.ts"
import { Ledger, total } from "../Loss.ts"
import type { Message } from "../Message.ts"
import { type RoutingId, toHex } from "../RoutingId.ts"
import type { User } from "../Security.ts"
import { type CloseReport, SocketEvent } from "../SocketEvent.ts"
import type { Resolved } from "../SocketOptions.ts"
import type { SocketState } from "../SocketState.ts"
import type { SocketType } from "../SocketType.ts"
import type { Gauges, Handle, Progress } from "../Transport.ts"
import { Closed, InvalidOption, InvalidState, type Reason, UnknownEndpoint } from "../ZmqError.ts"
import { Receiver } from "./internal/receiver.ts"
import { SendLines } from "./internal/sendLines.ts"
import { run, Session } from "./internal/session.ts"
import type { Link, Listener, Port } from "./Link.ts"
import type { Driver, Pattern } from "./Pattern.ts"
import type { Command, Pipe } from "./Pipe.ts"

/**
 * Opens a socket: a pattern over a link. It closes with the scope, as `Transport.open` says.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <P extends Pipe>(
  type: SocketType,
  options: Resolved,
  pattern: Pattern,
  link: Link<P>
): Effect.Effect<Engine, never, Scope.Scope> =>
  Effect.gen(function* () {
    const engine = new SocketEngine(
      type,
      options,
      pattern,
      link,
      yield* EventLog.make,
      yield* Scope.make(),
      yield* Random.Random
    )
    for (const prefix of options.subscribe) pattern.subscribe(prefix)
    yield* Effect.addFinalizer(() => engine.drain(options.linger))
    return engine
  })

/**
 * A socket as who gives it its link sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine extends Handle {
  /** Closes the socket at once, also where it lingers: what it has queued is dropped. */
  readonly kill: Effect.Effect<CloseReport>
  /** How many messages it has taken to be sent that went to nobody; and what that is called. */
  readonly unheard: number
  readonly unheardCause: "unroutable" | "noSubscriber"
  readonly losses: Ledger
}

/** The types that connect to an endpoint once, however often they are told to. */
const connectOnce: ReadonlySet<SocketType> = new Set<SocketType>(["DEALER", "SUB", "PUB", "REQ"])

/** A message to nobody means something else for these: a peer that has left. */
const answering: ReadonlySet<SocketType> = new Set<SocketType>(["REP", "ROUTER"])

class SocketEngine<P extends Pipe> implements Engine, Port, Driver {
  readonly type: SocketType
  readonly options: Resolved
  private readonly pattern: Pattern
  private readonly link: Link<P>
  private readonly eventLog: EventLog.EventLog
  /** Of the fibers that connect. */
  private readonly scope: Scope.Closeable
  /** What the times of connecting again are drawn from. */
  private readonly random: Random.Random
  /** What the socket is bound and connected to, in the order of the calls. */
  private readonly places = new Set<Listener | Session<P>>()
  /** Every pipe that may have something to deliver or to take; those that the pattern has; and whose they are. */
  private readonly pipes = new Set<Pipe>()
  private readonly attached = new Set<Pipe>()
  private readonly sessions = new Map<Pipe, Session<P>>()
  /** Those of them that are connected. */
  private readonly connections = new Set<Pipe>()
  private readonly lines: SendLines
  readonly losses = new Ledger((report) => this.log(SocketEvent.Dropped(report)))
  readonly unheardCause: "unroutable" | "noSubscriber"
  private reconnects = 0
  private readonly receiver = new Receiver(() => this.readiness())
  /** What was taken and put back. */
  private returned: Array<Message> = []
  /** Those who wait for something to be delivered: each looks again whenever that may be so. */
  private readonly watchers = new Set<() => void>()
  private report: Deferred.Deferred<CloseReport> | undefined = undefined
  private killed = false
  /** Whether nothing is taken any more, nor put back. */
  private over = false

  constructor(
    type: SocketType,
    options: Resolved,
    pattern: Pattern,
    link: Link<P>,
    eventLog: EventLog.EventLog,
    scope: Scope.Closeable,
    random: Random.Random
  ) {
    this.type = type
    this.options = options
    this.pattern = pattern
    this.link = link
    this.eventLog = eventLog
    this.scope = scope
    this.random = random
    this.lines = new SendLines(pattern, options.conflate)
    this.lines.onProgress = this.look
    this.unheardCause = answering.has(type) ? "unroutable" : "noSubscriber"
    this.lines.onUnheard = () => this.losses.add(this.unheardCause, 1)
    pattern.driver = this
  }

  get events(): Stream.Stream<SocketEvent> {
    return this.eventLog.stream
  }

  get state(): Effect.Effect<SocketState> {
    return this.eventLog.state
  }

  get changes(): Stream.Stream<SocketState> {
    return this.eventLog.states
  }

  // ---------------------------------------------------------------------------
  // Receiving
  // ---------------------------------------------------------------------------

  readonly receiveUnsafe = (max: number): ReadonlyArray<Message> => {
    if (this.report !== undefined) return []
    return this.returned.length > 0 ? this.returned.splice(0, max) : this.pattern.take(max)
  }

  readonly receiveOneUnsafe = (): Message | undefined => {
    if (this.report !== undefined) return undefined
    return this.returned.length > 0 ? this.returned.shift() : this.pattern.takeOne()
  }

  readonly putBackUnsafe = (messages: ReadonlyArray<Message>): void => {
    if (this.over) {
      this.losses.add("unread", messages.length)
      return
    }
    this.returned = [...messages, ...this.returned]
    this.receiver.wake()
  }

  readonly readable: Effect.Effect<void, Reason> = this.receiver.wait

  readonly refresh: Effect.Effect<void, Reason> = this.whileOpen(() => Effect.void)

  private readiness(): Effect.Effect<void, Reason> | undefined {
    if (this.report !== undefined) return Effect.fail(new Closed())
    if (this.returned.length > 0) return Effect.void
    const problem = this.pattern.receiveProblem
    if (problem !== undefined) return Effect.fail(new InvalidState({ problem }))
    return this.pattern.hasIn() ? Effect.void : undefined
  }

  // ---------------------------------------------------------------------------
  // Sending
  // ---------------------------------------------------------------------------

  readonly sendUnsafe = (message: Message): boolean => this.lines.sendUnsafe(message)

  readonly send = (messages: NonEmptyReadonlyArray<Message>, progress?: Progress): Effect.Effect<void, Reason> =>
    this.lines.send(messages, progress)

  readonly subscribe = (prefix: Uint8Array): Effect.Effect<void, Reason> =>
    this.whileOpen(() => Effect.sync(() => this.pattern.subscribe(prefix)))

  readonly unsubscribe = (prefix: Uint8Array): Effect.Effect<void, Reason> =>
    this.whileOpen(() => Effect.sync(() => this.pattern.unsubscribe(prefix)))

  readonly withdraw: Effect.Effect<void> = Effect.sync(() => {
    const pipe = this.pattern.withdraw()
    if (pipe !== undefined) {
      const session = this.sessions.get(pipe)
      this.drop(pipe)
      if (session !== undefined && !session.ended) {
        session.reopened = true
        if (session.isUp) this.log(SocketEvent.Disconnected({ endpoint: session.text }))
        this.renew(session)
      }
      pipe.close()
    }
    this.receiver.wake()
  })

  readonly userOf = (message: Message): User | undefined => this.pattern.userOf(message)

  readonly peers: Effect.Effect<ReadonlyArray<RoutingId>> = Effect.sync(
    () => this.pattern.peers as ReadonlyArray<RoutingId> // checked where they come from
  )

  get unheard(): number {
    return this.lines.unheard
  }

  readonly gaugesUnsafe = (): Gauges => {
    let receive = this.returned.length + this.pattern.holds()
    for (const pipe of this.pipes) receive += pipe.arrived
    return {
      queued: { send: this.unsent(), receive },
      peers: this.connections.size,
      reconnects: this.reconnects,
      suspensions: this.lines.suspended,
      waiting: this.lines.waiting
    }
  }

  // ---------------------------------------------------------------------------
  // What the pattern tells
  // ---------------------------------------------------------------------------

  readonly leaveAside = (pipe: Pipe): void => {
    this.attached.delete(pipe)
  }

  readonly joined = (routingId: Uint8Array, { introduced: peer }: Pipe): void =>
    this.log(SocketEvent.PeerJoined({ routingId: routingId as RoutingId, peer })) // checked where it comes from

  readonly left = (routingId: Uint8Array): void => this.log(SocketEvent.PeerLeft({ routingId: routingId as RoutingId })) // as above

  readonly lost = (cause: "malformed" | "unrequested" | "unsubscribed"): void => this.losses.add(cause, 1)

  // ---------------------------------------------------------------------------
  // What the link tells
  // ---------------------------------------------------------------------------

  readonly log = (event: SocketEvent): void => {
    if (event._tag === "Reconnecting") this.reconnects++
    this.eventLog.addUnsafe(event)
  }

  readonly missed = (pipe: Pipe): void => this.losses.add("queueFull", 1, pipe)

  readonly readActivated = (pipe: Pipe): void => {
    if (!this.attached.has(pipe)) return
    this.pattern.readActivated(pipe)
    this.receiver.wake()
  }

  readonly writeActivated = (pipe: Pipe): void => {
    if (!this.attached.has(pipe)) return
    this.pattern.writeActivated(pipe)
    this.lines.wake()
  }

  readonly command = (pipe: Pipe, command: Command, body: Uint8Array): number => {
    if (!this.attached.has(pipe)) return 0
    const held = this.pattern.command(pipe, command, body)
    this.receiver.wake()
    return held
  }

  readonly connected = (pipe: Pipe): void => {
    this.connections.add(pipe)
    this.sessions.get(pipe)?.up()
    this.attach(pipe)
    if (!this.attached.has(pipe)) return
    this.pattern.connected(pipe)
    this.receiver.wake()
  }

  readonly disconnected = (pipe: Pipe): void => {
    this.connections.delete(pipe)
    const session = this.sessions.get(pipe)
    if (session === undefined || session.ended) this.lose(pipe)
    else if (this.options.immediate) {
      // What is queued for a connection goes with it. The other pipe first: losing this one dials again.
      this.renew(session)
      this.lose(pipe)
    } else if (this.attached.has(pipe)) this.pattern.disconnected(pipe)
  }

  readonly flushed = (_pipe: Pipe): void => this.look()

  readonly ended = (pipe: Pipe): void => {
    this.drop(pipe)
    this.look()
  }

  // ---------------------------------------------------------------------------
  // Pipes
  // ---------------------------------------------------------------------------

  private attach(pipe: Pipe): void {
    if (this.attached.has(pipe)) return
    this.pipes.add(pipe)
    this.attached.add(pipe)
    this.pattern.attach(pipe)
    this.receiver.wake()
    this.lines.wake()
  }

  /** A pipe that is not connected again: what it has not delivered is lost, which it counts. */
  private lose(pipe: Pipe): void {
    pipe.close()
    this.retire(pipe)
  }

  /** A pipe that writes nothing more: it ends when all that it took in is taken. */
  private retire(pipe: Pipe): void {
    pipe.open = false
    pipe.finished = true
    if (this.attached.has(pipe)) this.pattern.disconnected(pipe)
    if (pipe.hasIn() && this.attached.has(pipe)) this.receiver.wake()
    else this.ended(pipe)
    this.lines.wake()
  }

  private drop(pipe: Pipe): void {
    if (this.attached.delete(pipe)) this.pattern.detach(pipe)
    this.pipes.delete(pipe)
    this.connections.delete(pipe)
    this.sessions.delete(pipe)
    this.receiver.wake()
    this.lines.wake()
  }

  /** Gives a session another pipe. */
  private renew(session: Session<P>): void {
    session.pipe = this.link.pipe(session.endpoint, this)
    session.pipe.routingId = session.routingId
    this.adopt(session)
  }

  /** The pipe of a session: with `immediate`, the pattern gets it with the connection. */
  private adopt(session: Session<P>): void {
    this.sessions.set(session.pipe, session)
    this.pipes.add(session.pipe)
    if (!this.options.immediate) this.attach(session.pipe)
    if (this.report !== undefined) session.pipe.linger()
  }

  // ---------------------------------------------------------------------------
  // Endpoints
  // ---------------------------------------------------------------------------

  readonly endpoints: Effect.Effect<ReadonlyArray<Endpoint.Endpoint>> = Effect.sync(() =>
    Array.from(this.places, ({ endpoint }) => endpoint)
  )

  readonly bind = (endpoint: Endpoint.Endpoint): Effect.Effect<Endpoint.Endpoint, Reason> =>
    this.whileOpen(() =>
      this.link.listen(endpoint, this).pipe(
        Effect.tapError((reason) =>
          Effect.sync(() =>
            this.log(SocketEvent.BindFailed({ endpoint: Endpoint.format(endpoint), problem: reason.message }))
          )
        ),
        Effect.flatMap((listener) => {
          // Closed in the meantime: nobody else would close it.
          if (this.report !== undefined) return Effect.andThen(this.close(listener), Effect.fail(new Closed()))
          this.places.add(listener)
          return Effect.succeed(listener.endpoint)
        }),
        Effect.uninterruptible
      )
    )

  readonly unbind = (endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> =>
    this.whileOpen(() => {
      const text = Endpoint.format(endpoint)
      const listeners = this.listeners().filter((listener) => Endpoint.format(listener.endpoint) === text)
      if (listeners.length === 0) return Effect.fail(this.unknown(text))
      return Effect.forEach(listeners, (listener) => this.close(listener), { discard: true })
    })

  readonly connect = (endpoint: Endpoint.Endpoint, routingId?: RoutingId): Effect.Effect<void, Reason> =>
    this.whileOpen(() => {
      const text = Endpoint.format(endpoint)
      if (connectOnce.has(this.type) && this.sessionsAt(text).length > 0) return Effect.void
      if (routingId !== undefined && this.knows(routingId)) return Effect.fail(taken(routingId))
      const session = new Session(endpoint, this.link.pipe(endpoint, this), routingId)
      session.pipe.routingId = routingId
      this.places.add(session)
      this.adopt(session)
      return Effect.map(
        // At once: a peer that is there is connected before this returns, where the link can do that.
        Effect.forkIn(
          Effect.provideService(
            run(session, this.link, this, () => this.forsake(session)),
            Random.Random,
            this.random
          ),
          this.scope,
          { startImmediately: true }
        ),
        (fiber) => {
          session.fiber = fiber
        }
      )
    })

  readonly disconnect = (endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> =>
    this.whileOpen(() => {
      const text = Endpoint.format(endpoint)
      const sessions = this.sessionsAt(text)
      if (sessions.length === 0) return Effect.fail(this.unknown(text))
      return Effect.forEach(sessions, (session) => this.hangUp(session), { discard: true })
    })

  private readonly listeners = (): Array<Listener> =>
    Array.from(this.places).filter((place): place is Listener => !(place instanceof Session))

  private sessionsAt(text: string): Array<Session<P>> {
    return Array.from(this.places).filter(
      (place): place is Session<P> => place instanceof Session && place.text === text
    )
  }

  /** Whether a peer has this routing id, or will have it when it is connected. */
  private knows(routingId: RoutingId): boolean {
    const id = toHex(routingId)
    const isCalledSo = (place: Listener | Session<P>) =>
      place instanceof Session && place.routingId !== undefined && toHex(place.routingId) === id
    return this.pattern.destination([routingId]) !== undefined || Array.from(this.places).some(isCalledSo)
  }

  private unknown(endpoint: string): UnknownEndpoint {
    return new UnknownEndpoint({
      endpoint,
      endpoints: Array.from(this.places, (place) => Endpoint.format(place.endpoint))
    })
  }

  private close(listener: Listener): Effect.Effect<void> {
    return Effect.map(listener.close, () => {
      this.places.delete(listener)
      this.log(SocketEvent.Unbound({ endpoint: Endpoint.format(listener.endpoint) }))
    })
  }

  /** Takes no more messages for the peer, and ends the connection when those it has are delivered, or after linger. */
  private hangUp(session: Session<P>): Effect.Effect<void> {
    this.abandon(session)
    const { pipe } = session
    pipe.open = false
    pipe.linger()
    const isDone = () => unsent(pipe) === 0 || !this.pipes.has(pipe)
    const end = Effect.suspend(() => {
      if (this.pipes.has(pipe)) this.lose(pipe)
      return session.fiber === undefined ? Effect.void : Fiber.interrupt(session.fiber)
    })
    if (isDone()) return end
    const lingering = Effect.andThen(this.until(isDone, this.options.linger), end)
    return Effect.asVoid(Effect.forkIn(lingering, this.scope, { startImmediately: true }))
  }

  /** The connection is lost, and not to be made again. */
  private forsake(session: Session<P>): void {
    this.abandon(session)
    this.lose(session.pipe)
  }

  private abandon(session: Session<P>): void {
    session.ended = true
    this.places.delete(session)
    // Of several to one endpoint the last: until then it is connected to.
    if (this.sessionsAt(session.text).length === 0) this.log(SocketEvent.Abandoned({ endpoint: session.text }))
  }

  // ---------------------------------------------------------------------------
  // Closing
  // ---------------------------------------------------------------------------

  readonly drain = (within: Duration.Duration): Effect.Effect<CloseReport> =>
    Effect.uninterruptibleMask((restore) => {
      if (this.report !== undefined) return restore(Deferred.await(this.report))
      const report = Deferred.makeUnsafe<CloseReport>()
      this.report = report
      this.lines.stop()
      this.receiver.look()
      return Effect.forEach(this.listeners(), (listener) => this.close(listener), { discard: true }).pipe(
        // Interrupted, it drops what is left.
        Effect.andThen(Effect.exit(restore(this.flush(within)))),
        Effect.andThen(Effect.suspend(() => this.end())),
        Effect.tap((closed) => Deferred.succeed(report, closed))
      )
    })

  readonly kill: Effect.Effect<CloseReport> = Effect.suspend(() => {
    this.killed = true
    this.look()
    return this.drain(Duration.zero)
  })

  private whileOpen<A>(f: () => Effect.Effect<A, Reason>): Effect.Effect<A, Reason> {
    return Effect.suspend(() => (this.report === undefined ? f() : Effect.fail(new Closed())))
  }

  private flush(within: Duration.Duration): Effect.Effect<void> {
    for (const pipe of this.pipes) pipe.linger()
    return this.until(() => this.killed || (this.unsent() === 0 && (this.lines.isEmpty || !this.hasPeers())), within)
  }

  private end(): Effect.Effect<CloseReport> {
    this.over = true
    for (const place of this.places) if (place instanceof Session) place.ended = true
    for (const pipe of this.pipes) pipe.close()
    this.losses.add("unread", this.returned.length + this.pattern.holds())
    this.returned = []
    this.link.settle?.()
    this.pipes.clear()
    this.connections.clear()
    this.places.clear()
    const { losses } = this.losses
    // Of what it had still to deliver to peers that it has hung up on, too; all of it is told by the pipes.
    const dropped = losses.unsent ?? 0
    const report = { flushed: dropped === 0, dropped, ...(total(losses) > 0 && { losses }) }
    return Effect.map(Scope.close(this.scope, Exit.void), () => {
      this.log(SocketEvent.Closed(report))
      this.lines.end()
      return report
    })
  }

  /** Whether there is anybody to send to, or to come. */
  private hasPeers(): boolean {
    for (const pipe of this.pipes) if (pipe.open) return true
    return false
  }

  private unsent(): number {
    let sum = 0
    for (const pipe of this.pipes) sum += unsent(pipe)
    return sum
  }

  /** Waits until it is so, for at most `within`; no timer where it is so already. */
  private until(isDone: () => boolean, within: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (isDone() || Duration.toMillis(within) === 0) return Effect.void
      const wait = Effect.withFiber((fiber) =>
        Effect.callback<void>((resume) => {
          if (isDone()) return resume(Effect.void)
          const watcher = () => {
            if (!isDone()) return
            this.watchers.delete(watcher)
            // Not now: a peer may be in the middle of taking what was delivered to it.
            fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
          }
          this.watchers.add(watcher)
          return Effect.sync(() => this.watchers.delete(watcher))
        })
      )
      return Duration.isFinite(within) ? Effect.asVoid(Effect.timeoutOption(wait, within)) : wait
    })
  }

  private readonly look = (): void => {
    for (const watcher of this.watchers) watcher()
  }
}

const taken = (routingId: RoutingId): InvalidOption =>
  new InvalidOption({
    option: "routingId",
    value: toHex(routingId),
    problem: "another peer of this socket has it"
  })

const unsent = (pipe: Pipe): number => {
  const { encoded, inFlight, queued } = pipe.unsent
  return queued + encoded + inFlight
}
