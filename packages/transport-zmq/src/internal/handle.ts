/**
 * A socket of libzmq as a `Handle`: what the addon tells by callbacks, as Effects.
 *
 * It has more than 400 lines, because it is one class with all operations of the contract, each of a few lines. What they
 * share with no other is beside it: who the peers are, subscriptions, security, the round of requests, files, events.
 */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as EventLog from "@effect-zmq/core/EventLog"
import type { Message } from "@effect-zmq/core/Message"
import type { RoutingId } from "@effect-zmq/core/RoutingId"
import { type CloseReport, SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import type { Handle, Progress } from "@effect-zmq/core/Transport"
import {
  AddressUnavailable,
  Closed,
  InvalidMessage,
  InvalidState,
  LimitReached,
  type Reason,
  UnknownEndpoint,
  Unsupported
} from "@effect-zmq/core/ZmqError"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { attempt, Failure, type NativeContext, type NativeEvent } from "./addon.ts"
import { reasonOf, reasonOfBind, transportName } from "./errors.ts"
import * as IpcFile from "./ipcFile.ts"
import * as Monitor from "./monitor.ts"
import { NativeSocket } from "./nativeSocket.ts"
import { Peers, taken } from "./peers.ts"
import { RequestRound } from "./requestRound.ts"
import { prepare, type Secured } from "./security.ts"
import { lacking, receives, settings } from "./settings.ts"
import { Relay } from "./socks.ts"
import { Subscriptions } from "./subscriptions.ts"
import type { Job } from "./writer.ts"
import * as Zap from "./zapSocket.ts"

/** Opens a socket, and drains it when the scope closes. */
export const open = (
  context: NativeContext,
  type: SocketType,
  options: Resolved
): Effect.Effect<Handle, Reason, Scope.Scope> =>
  // A server's handler is there before it, and until it is closed.
  Effect.flatMap(prepare(context, type, options), (secured) =>
    Effect.acquireRelease(
      Effect.flatMap(EventLog.make, (log) => openWith(context, type, options, secured, log)),
      (handle) => handle.drain(options.linger)
    )
  )

const openWith = (
  context: NativeContext,
  type: SocketType,
  options: Resolved,
  secured: Secured,
  log: EventLog.EventLog
): Effect.Effect<ZmqHandle, Reason> =>
  Effect.suspend(() => {
    const lacks = lacking(type, options)
    if (lacks !== undefined) return Effect.fail(lacks)
    if (context.open >= context.maxSockets) return Effect.fail(tooMany(context))
    const handle = attempt(() => new ZmqHandle(context, type, options, secured, log))
    return handle instanceof Failure ? Effect.fail(reasonOf(handle, `${type} socket`)) : Effect.succeed(handle)
  })

const tooMany = (context: NativeContext): LimitReached =>
  new LimitReached({
    limit: "sockets that are open at once",
    maximum: context.maxSockets,
    option: "ZmqTransport.layerWith({ maxSockets })"
  })

/** How much is read ahead of whoever takes it: a batch. REQ and REP have one message at a time. */
const batch = { messages: 256, bytes: 256 * 1024 }
const single = { messages: 1, bytes: 1 }

/** What a socket is bound or connected to; `address` is how libzmq knows it. */
interface Attachment {
  readonly role: "bound" | "connected"
  readonly endpoint: Endpoint.Endpoint
  readonly address: string
  readonly file?: IpcFile.Owned | undefined
  /** What carries it by a proxy. */
  readonly relay?: Relay | undefined
}

/** The types whose messages alternate. */
type Lockstep = "REQ" | "REP" | undefined

class ZmqHandle implements Handle {
  private readonly native: NativeSocket
  private readonly log: EventLog.EventLog
  private readonly type: SocketType
  private readonly options: Resolved
  private readonly lockstep: Lockstep
  /** Of a REP: the request that was taken is unanswered. Of a REQ: the request that was sent is. */
  private unanswered = false
  private attached: ReadonlyArray<Attachment> = []
  private readonly round: RequestRound
  private readonly subscriptions: Subscriptions
  /** Who they are, of a ROUTER. */
  private readonly roster: Peers | undefined
  private readonly secured: Secured
  readonly userOf: Handle["userOf"]
  private closing = false
  private report: CloseReport | undefined
  private readonly draining: Array<(report: CloseReport) => void> = []
  private readonly unbinding = new Map<string, () => void>()

  /** Throws what the addon throws. */
  constructor(context: NativeContext, type: SocketType, options: Resolved, secured: Secured, log: EventLog.EventLog) {
    this.type = type
    this.options = options
    this.log = log
    this.secured = secured
    this.userOf = secured.userOf
    this.lockstep = type === "REQ" || type === "REP" ? type : undefined
    const isRequest = type === "REQ"
    this.roster =
      type === "ROUTER"
        ? new Peers(
            options.handover,
            (event) => this.met(event),
            () => this.native.call()
          )
        : undefined
    this.subscriptions = new Subscriptions(type, () => this.native)
    const { named, numbered } = settings(type, options)
    this.native = new NativeSocket(
      context,
      type,
      { named, numbered: [...numbered, ...secured.settings()] },
      {
        readAhead: this.lockstep || options.manual ? single : batch,
        admits: options.manual ? this.subscriptions.admits : this.roster?.admits,
        drops: (type === "PUB" || type === "XPUB" || type === "XSUB") && !options.noDrop,
        polls: options.noDrop,
        duplex: receives(type),
        onFull: type === "ROUTER" ? options.onFull : undefined,
        beforeSend: isRequest
          ? () => {
              // What is here by now answers an older request.
              this.native.reader.clear()
              this.unanswered = true
              this.round.sent()
            }
          : undefined,
        refused: isRequest
          ? () => {
              this.unanswered = false
              this.round.refused()
            }
          : undefined,
        onEvent: (event) => {
          const socketEvent = Monitor.toSocketEvent(
            this.named(event),
            (address) => this.isBound(address),
            secured.denial
          )
          if (socketEvent === undefined) return
          this.follow(socketEvent)
          log.addUnsafe(socketEvent)
          if (socketEvent._tag === "Unbound") this.unbinding.get(socketEvent.endpoint)?.()
        }
      }
    )
    this.round = new RequestRound(this.native)
    for (const prefix of options.subscribe) this.subscriptions.add(prefix)
  }

  /** A peer that has a routing id came or went. */
  private met(event: SocketEvent): void {
    this.secured.see(event)
    this.log.addUnsafe(event)
  }

  /** What a connection that came or went asks for. */
  private follow(event: SocketEvent): void {
    if (event._tag !== "HandshakeSucceeded" && event._tag !== "Disconnected") return
    const { native, roster } = this
    roster?.follow(event)
    const isOwed = () => roster !== undefined && roster.owed > 0
    if (event._tag === "HandshakeSucceeded") native.call(isOwed)
    else native.callSoon(isOwed)
  }

  // ---------------------------------------------------------------------------
  // Receiving
  // ---------------------------------------------------------------------------

  receiveUnsafe(max: number): ReadonlyArray<Message> {
    const messages = this.native.reader.take(max)
    if (messages.length > 0) this.step()
    return messages
  }

  receiveOneUnsafe(): Message | undefined {
    const message = this.native.reader.takeOne()
    if (message !== undefined) this.step()
    return message
  }

  putBackUnsafe(messages: ReadonlyArray<Message>): void {
    this.native.reader.putBack(messages)
  }

  /** What a REQ takes is its answer; what a REP takes is to be answered. */
  private step(): void {
    if (this.lockstep === undefined) return
    this.unanswered = this.lockstep === "REP"
    this.round.reopen()
  }

  readonly readable: Effect.Effect<void, Reason> = Effect.callback((resume) => {
    const { reader } = this.native
    if (this.closing) return resume(failClosed)
    if (!reader.isEmpty) return resume(Effect.void)
    if (this.lockstep === "REP" && this.unanswered) return resume(failUnanswered)
    if (this.lockstep === "REQ" && !this.unanswered) return resume(failUnasked)
    const waiter = (failure: Failure | undefined) => {
      if (this.closing) resume(failClosed)
      else resume(failure === undefined ? Effect.void : Effect.fail(reasonOf(failure)))
    }
    reader.wait(waiter)
    return Effect.sync(() => reader.leave(waiter))
  })

  readonly refresh: Effect.Effect<void, Reason> = Effect.suspend(() => {
    if (this.closing) return failClosed
    if (!this.native.reader.isEmpty) return Effect.void
    return Effect.callback((resume) => {
      const brought = () => resume(this.closing ? failClosed : Effect.void)
      if (!this.native.refresh(brought)) resume(Effect.void)
    })
  })

  // ---------------------------------------------------------------------------
  // Sending
  // ---------------------------------------------------------------------------

  sendUnsafe(message: Message): boolean {
    return !(this.options.conflate && message.length > 1) && this.native.writer.now(message)
  }

  send(messages: NonEmptyReadonlyArray<Message>, progress?: Progress): Effect.Effect<void, Reason> {
    return Effect.callback((resume) => {
      if (progress !== undefined) progress.sent = 0
      const refusal = this.refusal(messages)
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      if (this.lockstep === "REP") this.unanswered = false
      const { writer } = this.native
      const job = writer.add(
        messages,
        (failure) => resume(failure === undefined ? Effect.void : Effect.fail(this.problemOf(failure, job))),
        progress
      )
      return Effect.callback((withdrawn) => writer.withdraw(job, () => withdrawn(Effect.void)))
    })
  }

  private problemOf(failure: Failure, { messages, next }: Job): Reason {
    return this.roster?.problemOf(failure, messages[next]) ?? reasonOf(failure)
  }

  private refusal(messages: ReadonlyArray<Message>): Reason | undefined {
    if (this.closing) return new Closed()
    if (this.lockstep === "REP" && !this.unanswered) return unasked
    if (this.lockstep === "REQ" && this.unanswered) return unanswered
    if (this.lockstep !== undefined && messages.length > 1) return oneAtATime
    return this.options.conflate && messages.some((message) => message.length > 1) ? conflated : undefined
  }

  readonly peers: Effect.Effect<ReadonlyArray<RoutingId>> = Effect.callback((resume) => {
    const tell = () => resume(Effect.sync(() => this.roster?.all ?? []))
    if (this.roster === undefined || this.closing || !this.native.refresh(tell)) tell()
  })

  readonly withdraw: Effect.Effect<void> = Effect.sync(() => {
    if (this.lockstep !== "REQ" || !this.unanswered || this.closing) return
    this.unanswered = false
    this.native.reader.clear()
    if (this.options.correlate) return // libzmq tells late replies by their number
    this.round.withdraw(this.attached.filter(({ role }) => role === "connected").map(({ address }) => address))
  })

  // ---------------------------------------------------------------------------
  // Endpoints
  // ---------------------------------------------------------------------------

  readonly endpoints: Effect.Effect<ReadonlyArray<Endpoint.Endpoint>> = Effect.sync(() =>
    this.attached.map(({ endpoint }) => endpoint)
  )

  bind(endpoint: Endpoint.Endpoint): Effect.Effect<Endpoint.Endpoint, Reason> {
    if (this.type === "REQ" && !this.options.correlate) return Effect.fail(bindUncorrelated)
    if (this.isUnsecured(endpoint)) return Effect.fail(unsecured)
    if (Endpoint.format(endpoint) === Zap.address && !Zap.mayBind(this.type)) return Effect.fail(forHandlers)
    return (endpoint._tag === "Ipc" ? this.bindFile(endpoint.path) : this.bindNow(endpoint)).pipe(
      Effect.tapError((reason) =>
        Effect.sync(() =>
          this.log.addUnsafe(SocketEvent.BindFailed({ endpoint: Endpoint.format(endpoint), problem: reason.message }))
        )
      )
    )
  }

  /** libzmq asks nobody over inproc. */
  private isUnsecured(endpoint: Endpoint.Endpoint): boolean {
    return endpoint._tag === "Inproc" && this.options.security !== undefined
  }

  private bindFile(path: string): Effect.Effect<Endpoint.Endpoint, Reason> {
    const endpoint = Endpoint.ipc(path === "*" ? IpcFile.madeUp() : path)
    return Effect.scoped(Effect.andThen(IpcFile.claim(endpoint.path), this.bindNow(endpoint)))
  }

  private bindNow(requested: Endpoint.Endpoint): Effect.Effect<Endpoint.Endpoint, Reason> {
    return Effect.suspend(() => {
      const text = Endpoint.format(requested)
      const address = this.attempt(() =>
        this.native.bind(text, [...(this.roster?.forBind(requested) ?? []), ...this.secured.binding])
      )
      if (address instanceof Failure) return Effect.fail(reasonOfBind(address, text, this.options.device))
      const endpoint = Result.getOrElse(Endpoint.parse(Monitor.plain(address)), () => requested)
      const file = requested._tag === "Ipc" ? IpcFile.own(requested.path) : undefined
      this.attach({ role: "bound", endpoint, address, file })
      // Of inproc, libzmq's monitor tells nothing.
      if (endpoint._tag === "Inproc") this.log.addUnsafe(SocketEvent.Listening({ endpoint: address }))
      return Effect.succeed(endpoint)
    })
  }

  unbind(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return Effect.callback((resume) => {
      const text = Endpoint.format(endpoint)
      const bound = this.find("bound", text)
      if (bound === undefined) return resume(this.failUnknown(text))
      if (bound.file !== undefined) IpcFile.disown(bound.file)
      const unbound = () => {
        this.detach(bound)
        resume(Effect.void)
      }
      this.unbinding.set(text, unbound)
      const failure = this.attempt(() => this.native.disconnect(bound.address))
      if (failure instanceof Failure) return resume(Effect.fail(reasonOf(failure, text)))
      if (endpoint._tag !== "Inproc") return // and the monitor tells when the address is free
      this.log.addUnsafe(SocketEvent.Unbound({ endpoint: text }))
      unbound()
    })
  }

  connect(endpoint: Endpoint.Endpoint, routingId?: RoutingId): Effect.Effect<void, Reason> {
    if (this.isUnsecured(endpoint)) return Effect.fail(unsecured)
    const text = Endpoint.format(endpoint)
    const { roster, secured } = this
    const connect = this.call(() => {
      const settings = [...(roster?.forConnect(routingId) ?? []), ...secured.connecting]
      const { socks } = this.options
      const relay = socks !== undefined && endpoint._tag === "Tcp" ? new Relay(socks, endpoint) : undefined
      const address = relay?.address ?? text
      this.attach({ role: "connected", endpoint, address, relay })
      const failure = attempt(() => this.native.connect(address, settings))
      if (!(failure instanceof Failure)) return
      this.detach({ role: "connected", endpoint, address })
      void relay?.close(0)
      throw failure.cause
    }, text)
    if (this.options.socks !== undefined && endpoint._tag === "Tcp" && endpoint.source !== undefined) {
      return Effect.fail(sourced)
    }
    if (roster === undefined || routingId === undefined) return connect
    if (this.options.immediate) return Effect.fail(namedLate)
    return Effect.flatMap(this.isTaken(roster, routingId), (isTaken) => {
      if (isTaken || roster.has(routingId)) return Effect.fail(taken(routingId))
      return Effect.map(connect, () => roster.name(text, routingId))
    })
  }

  /** Asks libzmq, too, which ends the process where it is to give an id to a second peer. */
  private isTaken(roster: Peers, routingId: RoutingId): Effect.Effect<boolean, Reason> {
    return Effect.callback((resume) => {
      if (this.closing) resume(failClosed)
      else if (roster.has(routingId)) resume(Effect.succeed(true))
      else void this.native.hasPeer(routingId).then((isTaken) => resume(Effect.succeed(isTaken)))
    })
  }

  disconnect(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return Effect.suspend(() => {
      const text = Endpoint.format(endpoint)
      const connected = this.find("connected", text)
      if (connected === undefined) return this.failUnknown(text)
      this.round.reopen()
      return Effect.map(
        this.call(() => this.native.disconnect(connected.address), text),
        () => {
          this.detach(connected)
          void connected.relay?.close(Duration.toMillis(this.options.linger))
          this.roster?.disconnected(text)
        }
      )
    })
  }

  subscribe(prefix: Uint8Array): Effect.Effect<void, Reason> {
    const { subscriptions } = this
    return Effect.andThen(
      subscriptions.confirmable,
      this.call(() => subscriptions.add(prefix))
    )
  }

  unsubscribe(prefix: Uint8Array): Effect.Effect<void, Reason> {
    const { subscriptions } = this
    return Effect.andThen(
      subscriptions.confirmable,
      this.call(() => subscriptions.remove(prefix))
    )
  }

  private call(f: () => void, endpoint?: string): Effect.Effect<void, Reason> {
    return Effect.suspend(() => {
      const failure = this.attempt(f)
      return failure instanceof Failure ? Effect.fail(reasonOf(failure, endpoint)) : Effect.void
    })
  }

  private attempt<A>(f: () => A): A | Failure {
    return this.closing ? new Failure({ code: "EBADF" }) : attempt(f)
  }

  private failUnknown(endpoint: string): Effect.Effect<never, Reason> {
    if (this.closing) return failClosed
    const endpoints = this.attached.map((attachment) => Endpoint.format(attachment.endpoint))
    return Effect.fail(new UnknownEndpoint({ endpoint, endpoints }))
  }

  private find(role: Attachment["role"], endpoint: string): Attachment | undefined {
    return this.closing
      ? undefined
      : this.attached.find(
          (attachment) => attachment.role === role && Endpoint.format(attachment.endpoint) === endpoint
        )
  }

  /** The event, with the endpoint that what goes by a proxy is connected to. */
  private named(event: NativeEvent): NativeEvent {
    if (this.options.socks === undefined || !("address" in event)) return event
    const relayed = this.attached.find(({ address, relay }) => relay !== undefined && address === event.address)
    return relayed === undefined ? event : { ...event, address: Endpoint.format(relayed.endpoint) }
  }

  private isBound(address: string): boolean {
    return this.attached.some((attachment) => attachment.role === "bound" && attachment.address === address)
  }

  private attach(attachment: Attachment): void {
    this.attached = [...this.attached, attachment]
  }

  /** libzmq ends all that have this address, at once. */
  private detach({ address, endpoint, role }: Attachment): void {
    this.unbinding.delete(Endpoint.format(endpoint))
    this.attached = this.attached.filter((other) => other.role !== role || other.address !== address)
  }

  // ---------------------------------------------------------------------------
  // Events, close
  // ---------------------------------------------------------------------------

  get events(): Stream.Stream<SocketEvent> {
    return this.log.stream
  }

  drain(within: Duration.Duration): Effect.Effect<CloseReport> {
    return Effect.callback((resume) => {
      if (this.report !== undefined) return resume(Effect.succeed(this.report))
      this.draining.push((report) => resume(Effect.succeed(report)))
      if (this.closing) return
      this.closing = true
      const linger = Math.max(0, Duration.toMillis(within))
      const deadline = performance.now() + linger
      this.native.close(
        linger,
        () => this.deleteFiles(),
        (report) => void this.passed(deadline).then((passed) => this.closed(passed ? report : unpassed))
      )
    })
  }

  /** Waits until what has left libzmq has also left for the proxies. */
  private async passed(deadline: number): Promise<boolean> {
    const left = Math.max(0, deadline - performance.now())
    const relays = this.attached.flatMap(({ relay }) => relay ?? [])
    return (await Promise.all(relays.map((relay) => relay.close(left)))).every((passed) => passed)
  }

  private deleteFiles(): void {
    for (const { file } of this.attached) if (file !== undefined) IpcFile.disown(file)
  }

  private closed(report: CloseReport): void {
    this.report = report
    for (const { address, endpoint, role } of this.attached) {
      if (role === "bound" && endpoint._tag === "Inproc") this.log.addUnsafe(SocketEvent.Unbound({ endpoint: address }))
    }
    this.attached = []
    this.roster?.flush()
    this.log.addUnsafe(SocketEvent.Closed(report))
    for (const unbound of [...this.unbinding.values()]) unbound()
    for (const resume of this.draining.splice(0)) resume(report)
  }
}

const failClosed = Effect.fail(new Closed())

const unanswered = new InvalidState({ problem: "the last request is not answered yet" })
const unasked = new InvalidState({ problem: "there is no request to be answered" })
const failUnanswered = Effect.fail(unanswered)
const failUnasked = Effect.fail(unasked)

/** With it libzmq makes the queue later, and gives the name to the next that is connected to. */
const namedLate = new Unsupported({
  transport: transportName,
  feature: "to connect by a routing id beside the option immediate",
  hint: "leave immediate out, or let the peer announce its id"
})

const sourced = new Unsupported({
  transport: transportName,
  feature: "an address to connect from (source;target) beside the option socks",
  hint: "leave the one or the other out"
})

const unpassed: CloseReport = { flushed: false, dropped: undefined }

const oneAtATime = new InvalidState({ problem: "requests and replies alternate: one message at a time" })

const conflated = new InvalidMessage({ problem: "several frames, of which a socket with `conflate` would keep one" })

const unsecured = new Unsupported({
  transport: transportName,
  feature: "security over inproc",
  hint: "use tcp or ipc, or a socket without security for who is in this process"
})

const forHandlers = new AddressUnavailable({
  endpoint: Zap.address,
  problem: "libzmq asks there who may connect, and ends the process where neither a REP nor a ROUTER is bound to it"
})

const bindUncorrelated = new Unsupported({
  transport: transportName,
  feature: "to bind a REQ socket that does not correlate",
  hint: "connect it, or make it with correlate: true; otherwise a late reply could be taken for another's"
})
