/** A socket of libzmq as a `Handle`: what the addon tells by callbacks, as Effects. */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as EventLog from "@effect-zmq/core/EventLog"
import type { Message } from "@effect-zmq/core/Message"
import { type CloseReport, SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import type { Handle } from "@effect-zmq/core/Transport"
import {
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
import { attempt, Failure, type NativeContext, type NativeType } from "./addon.ts"
import { reasonOf, transportName } from "./errors.ts"
import * as IpcFile from "./ipcFile.ts"
import * as Monitor from "./monitor.ts"
import { NativeSocket } from "./nativeSocket.ts"
import { RequestRound } from "./requestRound.ts"
import { isNativeType, lacking, settings } from "./settings.ts"

/** Opens a socket, and drains it when the scope closes. */
export const open = (
  context: NativeContext,
  type: SocketType,
  options: Resolved
): Effect.Effect<Handle, Reason, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(EventLog.make, (log) => openWith(context, type, options, log)),
    (handle) => handle.drain(options.linger)
  )

const openWith = (
  context: NativeContext,
  type: SocketType,
  options: Resolved,
  log: EventLog.EventLog
): Effect.Effect<ZmqHandle, Reason> =>
  Effect.suspend(() => {
    if (!isNativeType(type)) {
      return Effect.fail(
        new Unsupported({ transport: transportName, feature: `${type} sockets`, hint: "use another socket type" })
      )
    }
    const lacks = lacking(type, options)
    if (lacks !== undefined) return Effect.fail(lacks)
    if (context.open >= context.maxSockets) return Effect.fail(tooMany(context))
    const handle = attempt(() => new ZmqHandle(context, type, options, log))
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
  readonly file: IpcFile.Owned | undefined
}

/** The types whose messages alternate. */
type Lockstep = "REQ" | "REP" | undefined

class ZmqHandle implements Handle {
  private readonly native: NativeSocket
  private readonly log: EventLog.EventLog
  private readonly type: NativeType
  private readonly options: Resolved
  private readonly lockstep: Lockstep
  /** Of a REP: the request that was taken is unanswered. Of a REQ: the request that was sent is. */
  private unanswered = false
  private attached: ReadonlyArray<Attachment> = []
  private readonly round: RequestRound
  private closing = false
  private report: CloseReport | undefined
  private readonly draining: Array<(report: CloseReport) => void> = []
  private readonly unbinding = new Map<string, () => void>()

  /** Throws what the addon throws. */
  constructor(context: NativeContext, type: NativeType, options: Resolved, log: EventLog.EventLog) {
    this.type = type
    this.options = options
    this.log = log
    this.lockstep = type === "REQ" || type === "REP" ? type : undefined
    const isRequest = type === "REQ"
    this.native = new NativeSocket(context, type, settings(type, options), {
      readAhead: this.lockstep ? single : batch,
      drops: type === "PUB" && !options.noDrop,
      polls: options.noDrop,
      duplex: this.lockstep !== undefined,
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
        const socketEvent = Monitor.toSocketEvent(event, (address) => this.isBound(address))
        if (socketEvent === undefined) return
        log.addUnsafe(socketEvent)
        if (socketEvent._tag === "Unbound") this.unbinding.get(socketEvent.endpoint)?.()
      }
    })
    this.round = new RequestRound(this.native)
    for (const prefix of options.subscribe) this.native.subscribe(prefix)
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

  send(messages: NonEmptyReadonlyArray<Message>): Effect.Effect<void, Reason> {
    return Effect.callback((resume) => {
      const refusal = this.refusal(messages)
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      if (this.lockstep === "REP") this.unanswered = false
      const { writer } = this.native
      const job = writer.add(messages, (failure) =>
        resume(failure === undefined ? Effect.void : Effect.fail(reasonOf(failure)))
      )
      return Effect.sync(() => writer.withdraw(job))
    })
  }

  private refusal(messages: ReadonlyArray<Message>): Reason | undefined {
    if (this.closing) return new Closed()
    if (this.lockstep === "REP" && !this.unanswered) return unasked
    if (this.lockstep === "REQ" && this.unanswered) return unanswered
    if (this.lockstep !== undefined && messages.length > 1) return oneAtATime
    return this.options.conflate && messages.some((message) => message.length > 1) ? conflated : undefined
  }

  /** Of a ROUTER, which is not here. */
  readonly peers = Effect.succeed([])

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
    return (endpoint._tag === "Ipc" ? this.bindFile(endpoint.path) : this.bindNow(endpoint)).pipe(
      Effect.tapError((reason) =>
        Effect.sync(() =>
          this.log.addUnsafe(SocketEvent.BindFailed({ endpoint: Endpoint.format(endpoint), problem: reason.message }))
        )
      )
    )
  }

  private bindFile(path: string): Effect.Effect<Endpoint.Endpoint, Reason> {
    const endpoint = Endpoint.ipc(path === "*" ? IpcFile.madeUp() : path)
    return Effect.scoped(Effect.andThen(IpcFile.claim(endpoint.path), this.bindNow(endpoint)))
  }

  private bindNow(requested: Endpoint.Endpoint): Effect.Effect<Endpoint.Endpoint, Reason> {
    return Effect.suspend(() => {
      const text = Endpoint.format(requested)
      const address = this.attempt(() => this.native.bind(text))
      if (address instanceof Failure) return Effect.fail(reasonOf(address, text))
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

  connect(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    const address = Endpoint.format(endpoint)
    return Effect.map(
      this.call(() => this.native.connect(address), address),
      () => this.attach({ role: "connected", endpoint, address, file: undefined })
    )
  }

  disconnect(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return Effect.suspend(() => {
      const text = Endpoint.format(endpoint)
      const connected = this.find("connected", text)
      if (connected === undefined) return this.failUnknown(text)
      this.round.reopen()
      return Effect.map(
        this.call(() => this.native.disconnect(connected.address), text),
        () => this.detach(connected)
      )
    })
  }

  subscribe(prefix: Uint8Array): Effect.Effect<void, Reason> {
    return this.call(() => this.native.subscribe(prefix))
  }

  unsubscribe(prefix: Uint8Array): Effect.Effect<void, Reason> {
    return this.call(() => this.native.unsubscribe(prefix))
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
      this.native.close(
        linger,
        () => this.deleteFiles(),
        (report) => this.closed(report)
      )
    })
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

const oneAtATime = new InvalidState({ problem: "requests and replies alternate: one message at a time" })

const conflated = new InvalidMessage({ problem: "several frames, of which a socket with `conflate` would keep one" })

const bindUncorrelated = new Unsupported({
  transport: transportName,
  feature: "to bind a REQ socket that does not correlate",
  hint: "connect it, or make it with correlate: true; otherwise a late reply could be taken for another's"
})
