/**
 * A socket of libzmq as a `Handle`: what the addon tells by callbacks, as Effects.
 *
 * It has more than 400 lines, because it is one class with all operations of the contract, each of a few lines. What they
 * share with no other is beside it: who the peers are, subscriptions, security, the round of requests, files, events.
 */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as EventLog from "@effect-zmq/core/EventLog"
import { Ledger, total } from "@effect-zmq/core/Loss"
import type { Message } from "@effect-zmq/core/Message"
import type { RoutingId } from "@effect-zmq/core/RoutingId"
import { type CloseReport, SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketState } from "@effect-zmq/core/SocketState"
import type { SocketType } from "@effect-zmq/core/SocketType"
import type { Gauges, Handle, Progress } from "@effect-zmq/core/Transport"
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
import { type Attachment, attachmentOf } from "./attachments.ts"
import { reasonOf, reasonOfBind, transportName } from "./errors.ts"
import { Fence } from "./fence.ts"
import * as Inproc from "./inproc.ts"
import * as IpcFile from "./ipcFile.ts"
import { failUnanswered, failUnasked, unanswered, unasked } from "./lockstep.ts"
import * as Monitor from "./monitor.ts"
import { NativeSocket } from "./nativeSocket.ts"
import { Peers, taken } from "./peers.ts"
import { RequestRound } from "./requestRound.ts"
import { Revival } from "./revival.ts"
import { prepare, type Secured } from "./security.ts"
import { heartbeats, lacking, receives, settings } from "./settings.ts"
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

/** The types whose messages alternate. */
type Lockstep = "REQ" | "REP" | undefined

class ZmqHandle implements Handle {
  private readonly native: NativeSocket
  private readonly context: NativeContext
  private readonly log: EventLog.EventLog
  private readonly type: SocketType
  private readonly options: Resolved
  private readonly lockstep: Lockstep
  /** Of a REP: the request that was taken is unanswered. Of a REQ: the request that was sent is. */
  private unanswered = false
  private attached: ReadonlyArray<Attachment> = []
  private readonly round: RequestRound
  private readonly revival: Revival
  /** The addresses of which the first attempt was told when it was begun. */
  private readonly begun = new Set<string>()
  /** Its places among the names of inproc. */
  private readonly ends = new Set<Inproc.End>()
  /** Whether there ever was a connection; until then what was sent can only be in the queues of those to come. */
  private wasUp = false
  /** How many messages were lost with connections that libzmq had given up. */
  private forfeited = 0
  private readonly subscriptions: Subscriptions
  /** Who they are, of a ROUTER. */
  private readonly roster: Peers | undefined
  private readonly secured: Secured
  readonly losses: Ledger
  private reconnects = 0
  readonly userOf: Handle["userOf"]
  private closing = false
  private report: CloseReport | undefined
  private readonly draining: Array<(report: CloseReport) => void> = []
  /** Who waits for an address to be free, by its endpoint. */
  private readonly unbinding = new Map<string, { readonly bound: Attachment; readonly waiting: Array<() => void> }>()

  /** Throws what the addon throws. */
  constructor(context: NativeContext, type: SocketType, options: Resolved, secured: Secured, log: EventLog.EventLog) {
    this.context = context
    this.type = type
    this.options = options
    this.log = log
    this.secured = secured
    this.losses = new Ledger((report) => log.addUnsafe(SocketEvent.Dropped(report)))
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
        addressed: this.roster?.addressed,
        beforeSend: isRequest
          ? () => {
              // What is here by now answers an older request.
              this.losses.add("unrequested", this.native.reader.count)
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
        onEvent: (event) => this.hear(event)
      }
    )
    this.round = new RequestRound(this.native, (address) => this.connectAgain(address))
    this.revival = new Revival(type, options, {
      giveUp: (address) => this.giveUp(address),
      planned: (address, millis) => this.planned(address, millis),
      revive: (address) => this.revive(address)
    })
    for (const prefix of options.subscribe) this.subscriptions.add(prefix)
  }

  /** A peer that has a routing id came or went. */
  private met(event: SocketEvent): void {
    this.secured.see(event)
    this.log.addUnsafe(event)
  }

  /** libzmq tells something. */
  private hear(event: NativeEvent): void {
    if (event.type === "end" || event.type === "unknown") return
    const at = attachmentOf(this.attached, event)
    // Whatever its type says: the close of what could not be bound has no address.
    const endpoint = at === undefined ? Monitor.plain(event.address ?? "") : Endpoint.format(at.endpoint)
    const subject = {
      endpoint,
      isBound: at?.role === "bound",
      attempt: () => this.log.nextAttemptUnsafe(endpoint)
    }
    const isGivenUp = at?.role === "connected" && event.type === "close" && this.options.reconnect === undefined
    const socketEvent = Monitor.toSocketEvent(event, subject, this.secured.denial)
    if (socketEvent !== undefined) this.tell(socketEvent, at)
    else if (isGivenUp) this.abandon(at)
  }

  private tell(event: SocketEvent, at: Attachment | undefined): void {
    // Of what it was disconnected from in the meantime.
    if (at === undefined && (event._tag === "Connecting" || event._tag === "Reconnecting")) return
    if (at?.role === "connected") {
      const isBegun = this.begun.delete(at.address)
      if (event._tag === "Connecting" && isBegun) return
    }
    this.follow(event)
    if (event._tag === "Reconnecting") this.reconnects++
    if (event._tag === "HandshakeSucceeded") this.wasUp = true
    const peers = event._tag === "Unbound" && !this.closing ? this.log.peersUnsafe(event.endpoint) : 0
    this.log.addUnsafe(event)
    // libzmq ends their connections with it, and does not say so.
    if (event._tag === "Unbound") {
      for (let n = 0; n < peers; n++) this.log.addUnsafe(SocketEvent.Disconnected({ endpoint: event.endpoint }))
      this.unbound(event.endpoint)
    }
    if (at?.role !== "connected" || this.closing) return
    if (event._tag === "Disconnected" && this.options.reconnect === undefined) this.abandon(at)
    else this.revival.follow(event, at.address)
  }

  /** libzmq does not connect any more, and is not to. */
  private abandon(at: Attachment): void {
    attempt(() => this.native.disconnect(at.address))
    this.forget(at)
  }

  /** It is connected to no longer. */
  private forget(at: Attachment): void {
    const endpoint = Endpoint.format(at.endpoint)
    if (!this.attached.includes(at)) return
    this.detach(at)
    this.revival.forget(at.address)
    void at.relay?.close(Duration.toMillis(this.options.linger))
    this.roster?.disconnected(endpoint)
    this.log.addUnsafe(SocketEvent.Abandoned({ endpoint }))
  }

  // ---------------------------------------------------------------------------
  // Connecting again
  // ---------------------------------------------------------------------------

  private connectNow(at: Attachment): Failure | undefined {
    const [before, afterwards] = this.revival.begin(at.address)
    const settings = [
      ...(this.roster?.forConnect(at.routingId) ?? []),
      ...this.secured.connecting,
      ...heartbeats(this.type, this.options, at.endpoint),
      ...before
    ]
    const failure = attempt(() => this.native.connect(at.address, settings, afterwards))
    if (failure instanceof Failure) return failure
    this.begun.add(at.address)
    this.log.addUnsafe(SocketEvent.Connecting({ endpoint: Endpoint.format(at.endpoint) }))
    return undefined
  }

  private connectedAt(address: string): ReadonlyArray<Attachment> {
    return this.attached.filter((at) => at.role === "connected" && at.address === address)
  }

  private connectAgain(address: string): void {
    for (const at of this.connectedAt(address)) this.connectNow(at)
  }

  /** What was given up will be tried again. */
  private planned(address: string, millis: number): void {
    const [at] = this.connectedAt(address)
    if (at === undefined) return
    const endpoint = Endpoint.format(at.endpoint)
    if (this.revival.queues && !this.wasUp && this.attached.length === 1) {
      // All that libzmq was given was for it.
      this.losses.add("disconnected", this.native.writer.sent - this.forfeited)
      this.forfeited = this.native.writer.sent
    }
    this.reconnects++
    const attempt = this.log.nextAttemptUnsafe(endpoint)
    this.log.addUnsafe(SocketEvent.Reconnecting({ endpoint, after: Duration.millis(millis), attempt }))
  }

  private revive(address: string): void {
    if (this.closing || this.round.isWaiting(address)) return
    // Where libzmq has not given it up, it is disconnected only now.
    this.giveUp(address)
    if (this.isNamed(address)) void this.reviveNamed(address)
    else this.connectAgain(address)
  }

  /** A routing id is not to be kept by what is queued for it. */
  private giveUp(address: string): void {
    attempt(() => (this.isNamed(address) ? this.native.abandon(address) : this.native.disconnect(address)))
  }

  private isNamed(address: string): boolean {
    return this.connectedAt(address).some(({ routingId }) => routingId !== undefined)
  }

  /**
   * Connects when the routing id is free: libzmq ends the process where it is to give one to a second peer. It lets go of
   * it by commands between the socket and the thread of the connection, to and fro.
   */
  private async reviveNamed(address: string): Promise<void> {
    const fence = attempt(() => new Fence(this.context))
    if (fence instanceof Failure) return this.revival.postpone(address)
    for (let turns = 0; turns < freeingTurns; turns++) {
      await new Promise<void>((resolve) => fence.passed(resolve))
      this.native.call()
    }
    fence.close()
    if (!this.closing) this.connectAgain(address)
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
    if (this.closing) this.losses.add("unread", messages.length)
    else this.native.reader.putBack(messages)
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
    this.losses.add("unrequested", this.native.reader.count)
    this.native.reader.clear()
    if (this.options.correlate) return // libzmq tells late replies by their number
    const connected = this.attached.filter(({ role }) => role === "connected")
    // Their connections end, of which libzmq does not tell.
    for (const one of this.log.stateUnsafe().endpoints) {
      if (one._tag === "Connected") this.log.addUnsafe(SocketEvent.Disconnected({ endpoint: one.endpoint }))
    }
    this.round.withdraw(connected.map(({ address }) => address))
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
        this.native.bind(text, [
          ...(this.roster?.forBind(requested) ?? []),
          ...this.secured.binding,
          ...heartbeats(this.type, this.options, requested)
        ])
      )
      if (address instanceof Failure) return Effect.fail(reasonOfBind(address, text, this.options.device))
      const endpoint = Result.getOrElse(Endpoint.parse(Monitor.plain(address)), () => requested)
      const file = requested._tag === "Ipc" ? IpcFile.own(requested.path) : undefined
      const end = endpoint._tag === "Inproc" ? this.endAt("bound", Endpoint.format(endpoint)) : undefined
      this.attach({ role: "bound", endpoint, address, file, end })
      this.log.addUnsafe(SocketEvent.Listening({ endpoint: Endpoint.format(endpoint) }))
      if (end !== undefined) Inproc.bind(this.context, end)
      return Effect.succeed(endpoint)
    })
  }

  unbind(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return Effect.callback((resume) => {
      const text = Endpoint.format(endpoint)
      const bound = this.find("bound", text)
      if (bound === undefined) return resume(this.failUnknown(text))
      if (bound.file !== undefined) IpcFile.disown(bound.file)
      const unbound = () => resume(Effect.void)
      const begun = this.unbinding.get(text)
      // For somebody else: both are told.
      if (begun !== undefined) return void begun.waiting.push(unbound)
      const failure = this.attempt(() => this.native.disconnect(bound.address))
      if (failure instanceof Failure) return resume(Effect.fail(reasonOf(failure, text)))
      this.unbinding.set(text, { bound, waiting: [unbound] })
      if (endpoint._tag !== "Inproc") return // and the monitor tells when the address is free
      if (bound.end !== undefined) Inproc.unbind(this.context, bound.end)
      this.log.addUnsafe(SocketEvent.Unbound({ endpoint: text }))
      this.unbound(text)
    })
  }

  /** An address is free. */
  private unbound(endpoint: string): void {
    const begun = this.unbinding.get(endpoint)
    if (begun === undefined) return
    this.detach(begun.bound)
    for (const tell of begun.waiting) tell()
  }

  connect(endpoint: Endpoint.Endpoint, routingId?: RoutingId): Effect.Effect<void, Reason> {
    if (this.isUnsecured(endpoint)) return Effect.fail(unsecured)
    const text = Endpoint.format(endpoint)
    const { roster } = this
    const connect = this.call(() => {
      const { socks } = this.options
      const relay = socks !== undefined && endpoint._tag === "Tcp" ? new Relay(socks, endpoint) : undefined
      const address = relay?.address ?? text
      const end = endpoint._tag === "Inproc" ? this.endAt("connected", text) : undefined
      const at: Attachment = { role: "connected", endpoint, address, relay, routingId, end }
      this.attach(at)
      const failure = this.connectNow(at)
      if (failure === undefined) {
        if (end !== undefined) Inproc.connect(this.context, end)
        return
      }
      this.detach(at)
      if (routingId !== undefined) roster?.unnamed(routingId)
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

  /** Asks libzmq, too: who has come may not have been heard of yet. */
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
        this.call(() => this.disconnectNow(connected.address), text),
        () => {
          if (connected.end !== undefined) this.leave(connected.end)
          this.forget(connected)
        }
      )
    })
  }

  /** What is being revived, libzmq has no more. */
  private disconnectNow(address: string): void {
    const failure = attempt(() => this.native.disconnect(address))
    if (failure instanceof Failure && failure.code !== "ENOENT") throw failure.cause
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

  /** A place among the names of inproc, of which libzmq's monitor tells nothing. */
  private endAt(role: Attachment["role"], endpoint: string): Inproc.End {
    const tell = (...events: ReadonlyArray<SocketEvent>) => {
      for (const event of events) this.log.addUnsafe(event)
    }
    const up = SocketEvent.HandshakeSucceeded({ endpoint })
    const down = SocketEvent.Disconnected({ endpoint })
    const end: Inproc.End = {
      name: endpoint,
      joined: () =>
        role === "bound" ? tell(SocketEvent.Accepted({ endpoint }), up) : tell(SocketEvent.Connected({ endpoint }), up),
      // Over inproc libzmq does not connect again.
      left: () => (role === "bound" ? tell(down) : tell(down, SocketEvent.Abandoned({ endpoint })))
    }
    this.ends.add(end)
    return end
  }

  private leave(end: Inproc.End): void {
    this.ends.delete(end)
    Inproc.leave(this.context, end)
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

  get state(): Effect.Effect<SocketState> {
    return this.log.state
  }

  get changes(): Stream.Stream<SocketState> {
    return this.log.states
  }

  drain(within: Duration.Duration): Effect.Effect<CloseReport> {
    return Effect.callback((resume) => {
      if (this.report !== undefined) return resume(Effect.succeed(this.report))
      this.draining.push((report) => resume(Effect.succeed(report)))
      if (this.closing) return
      this.closing = true
      this.revival.stop()
      this.losses.add("unread", this.native.reader.count)
      const millis = Math.max(0, Duration.toMillis(within))
      const linger = Number.isFinite(millis) ? Math.min(millis, mostLinger) : millis
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

  /** libzmq tells nothing of its own queues: what is read ahead of who takes it is known. */
  readonly gaugesUnsafe = (): Gauges => ({
    queued: { send: undefined, receive: this.native.reader.count },
    peers: this.log.stateUnsafe().peers,
    reconnects: this.reconnects,
    suspensions: this.native.writer.suspended,
    waiting: this.native.writer.waits
  })

  private deleteFiles(): void {
    for (const { file } of this.attached) if (file !== undefined) IpcFile.disown(file)
  }

  private closed(closed: CloseReport): void {
    if (closed.dropped !== undefined) this.losses.add("unsent", closed.dropped)
    const { losses } = this.losses
    const report = total(losses) > 0 ? { ...closed, losses } : closed
    this.report = report
    for (const end of this.ends) this.leave(end)
    for (const { address, endpoint, role } of this.attached) {
      if (role === "bound" && endpoint._tag === "Inproc") this.log.addUnsafe(SocketEvent.Unbound({ endpoint: address }))
    }
    this.attached = []
    this.roster?.flush()
    this.log.addUnsafe(SocketEvent.Closed(report))
    for (const endpoint of [...this.unbinding.keys()]) this.unbound(endpoint)
    for (const resume of this.draining.splice(0)) resume(report)
  }
}

/** Some 24 days, of milliseconds: beyond, neither libzmq nor Node's timers know of. A little less, for who waits longer. */
const mostLinger = 2 ** 31 - 1 - 10_000

/** How often each side may have to answer before libzmq lets go of a routing id: twice, and once more. */
const freeingTurns = 4

const failClosed = Effect.fail(new Closed())

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
