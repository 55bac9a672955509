/**
 * A worker thread's side of its sockets, which the main thread has (`host.ts` says why): a `Handle` whose operations go over a
 * MessagePort. What is read ahead of who takes it is here: at most a batch, and only while someone waits.
 */
import { randomUUID } from "node:crypto"
import { isMainThread, MessageChannel, type MessagePort, postMessageToThread } from "node:worker_threads"
import * as EventLog from "@effect-zmq/core/EventLog"
import { Ledger, total } from "@effect-zmq/core/Loss"
import type { Message } from "@effect-zmq/core/Message"
import * as Security from "@effect-zmq/core/Security"
import { type CloseReport, SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import type { Gauges, Handle, Progress } from "@effect-zmq/core/Transport"
import { Closed, InvalidState, type Reason } from "@effect-zmq/core/ZmqError"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { ContextOptions } from "../addon.ts"
import { failUnanswered, failUnasked, unanswered, unasked } from "../lockstep.ts"
import {
  type Answer,
  buffersOf,
  type Call,
  type CallName,
  decode,
  decodeReason,
  encode,
  type Invitation,
  pack,
  protocol,
  unpack
} from "./carriage.ts"
import { accept, type Verdict } from "./host.ts"

export { isMainThread }

/** The name of a context of the main thread that is not the shared one. */
export const newContext = (): string => randomUUID()

/** Opens a socket in the main thread, and drains it when the scope closes. */
export const open = (
  context: string | undefined,
  type: SocketType,
  options: Resolved
): Effect.Effect<Handle, Reason, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const log = yield* EventLog.make
      const services = yield* Effect.context<never>()
      const ask = { _tag: "Open", type, options: encode(options) } as const
      const port = yield* invite(context, ask)
      return new GuestHandle(port, type, options, log, Effect.runForkWith(services))
    }),
    (handle) => handle.drain(options.linger)
  )

/** Gives a context of the main thread its options, or fails with why not. */
export const configure = (context: string | undefined, options: ContextOptions): Effect.Effect<void, Reason> =>
  Effect.map(invite(context, { _tag: "Configure", options: { ...options } }), (port) => port.close())

/** Asks the main thread for something, and gives the port over which it has agreed. */
const invite = (context: string | undefined, ask: Invitation["ask"]): Effect.Effect<MessagePort, Reason> =>
  Effect.callback((resume) => {
    const { port1: port, port2 } = new MessageChannel()
    port.once("message", ({ reason }: Answer & { readonly _tag: "Answer" }) =>
      resume(reason === undefined ? Effect.succeed(port) : Effect.fail(decodeReason(reason)))
    )
    const invitation = { "@effect-zmq/transport-zmq": protocol, port: port2, context, ask }
    deliver(invitation, port2).catch(() => {
      port.close()
      resume(Effect.fail(unhosted))
    })
  })

/** The main thread can be asked by itself, too: so the same is tested there. */
const deliver = (invitation: Invitation, port: MessagePort): Promise<void> =>
  isMainThread ? Promise.resolve(accept(invitation)) : postMessageToThread(0, invitation, [port])

const unhosted = new InvalidState({
  problem:
    "the sockets of a worker thread are opened by the main thread, which has not loaded @effect-zmq/transport-zmq: import it there before the thread opens a socket, or provide ZmqTransport.layerWith({ inThread: true }) in this thread, which then must not be terminated while it has sockets"
})

/** How much is read ahead of whoever takes it. */
const batch = 256

/** How many messages and bytes of a socket that drops may be on their way to the main thread. */
const window = { messages: 1024, bytes: 1024 * 1024 }

class GuestHandle implements Handle {
  private readonly port: MessagePort
  private readonly type: SocketType
  private readonly options: Resolved
  private readonly log: EventLog.EventLog
  private readonly fork: (effect: Effect.Effect<void>) => unknown
  private readonly calls = new Map<number, (answer: Answer) => void>()
  private next = 1
  readonly losses: Ledger
  private reconnects = 0
  private suspensions = 0
  private closing = false
  private report: CloseReport | undefined
  private readonly draining: Array<(report: CloseReport) => void> = []
  /** Of a REP: the request that was taken is unanswered. Of a REQ: the request that was sent is. */
  private unanswered = false
  private inbox: Array<Message> = []
  private taken = 0
  private readonly users = new WeakMap<Message, Security.User>()
  private readonly waiters = new Set<(reason: Reason | undefined) => void>()
  /** The `Take` that waits for something to come. */
  private asked: number | undefined
  /** Of a REQ: what was asked for before is an answer to an older request. */
  private round = 0
  private outbox: Array<Message> = []
  private readonly flying = { messages: 0, bytes: 0 }
  readonly userOf: Handle["userOf"]

  constructor(
    port: MessagePort,
    type: SocketType,
    options: Resolved,
    log: EventLog.EventLog,
    fork: (effect: Effect.Effect<void>) => unknown
  ) {
    this.port = port
    this.type = type
    this.options = options
    this.log = log
    this.fork = fork
    this.losses = new Ledger((report) => log.addUnsafe(SocketEvent.Dropped(report)))
    this.drops = (type === "PUB" || type === "XPUB" || type === "XSUB") && !options.noDrop
    this.userOf = type === "ROUTER" ? (message) => this.users.get(message) : undefined
    port.on("message", (answer: Answer) => this.told(answer))
    // The process is about to end: nobody answers any more.
    port.on("close", () => this.lost())
  }

  private readonly drops: boolean

  // ---------------------------------------------------------------------------
  // The port
  // ---------------------------------------------------------------------------

  private told(answer: Answer): void {
    switch (answer._tag) {
      case "Event":
        this.happened(decode(answer.event) as SocketEvent) // as it was before it was encoded
        break
      case "Judge":
        this.judge(answer.id, decode(answer.request) as never) // likewise
        break
      default: {
        const call = this.calls.get(answer.id)
        this.calls.delete(answer.id)
        call?.(answer)
      }
    }
  }

  private happened(event: SocketEvent): void {
    if (event._tag === "Reconnecting") this.reconnects++
    // What is lost is counted, and told of, with what is lost here.
    if (event._tag === "Dropped") this.losses.add(event.cause, event.count, { label: event.peer })
    else this.log.addUnsafe(event)
  }

  /** Asks who may connect: of a server, its `authenticate`. */
  private judge(id: number, request: never): void {
    const { security } = this.options
    if (security?.role !== "server") return
    const tell = (verdict: Verdict) => this.post({ _tag: "Verdict", id, verdict })
    this.fork(
      Effect.suspend(() => security.authenticate(request)).pipe(
        Effect.exit,
        Effect.map((exit) => {
          if (Exit.isSuccess(exit)) return tell({ user: { ...exit.value } })
          const denied = Cause.findErrorOption(exit.cause)
          if (denied._tag === "Some" && denied.value instanceof Security.Denied) tell({ denied: denied.value.reason })
          else tell({ defect: Cause.pretty(exit.cause) })
        })
      )
    )
  }

  private post(call: Call, transfer: Array<ArrayBuffer> = []): void {
    this.flush()
    this.port.postMessage(call, transfer)
  }

  private ask(call: Call, answered: (answer: Answer) => void, transfer?: Array<ArrayBuffer>): void {
    this.calls.set(call.id, answered)
    this.post(call, transfer)
  }

  private call(name: CallName, ...args: ReadonlyArray<unknown>): Effect.Effect<unknown, Reason> {
    return Effect.callback((resume) => {
      if (this.closing) return resume(failClosed)
      this.ask({ _tag: "Call", id: this.next++, name, args: encode(args) }, (answer) => {
        if (answer._tag !== "Answer") return
        resume(
          answer.reason === undefined ? Effect.succeed(decode(answer.value)) : Effect.fail(decodeReason(answer.reason))
        )
      })
    })
  }

  // ---------------------------------------------------------------------------
  // Receiving
  // ---------------------------------------------------------------------------

  private get count(): number {
    return this.inbox.length - this.taken
  }

  receiveUnsafe(max: number): ReadonlyArray<Message> {
    const messages =
      this.taken === 0 && this.inbox.length <= max ? this.inbox : this.inbox.slice(this.taken, this.taken + max)
    if (messages === this.inbox) this.inbox = []
    else this.taken += messages.length
    if (this.count === 0) this.clear()
    if (messages.length > 0) this.step()
    return messages
  }

  receiveOneUnsafe(): Message | undefined {
    const message = this.inbox[this.taken]
    if (message === undefined) return undefined
    if (++this.taken === this.inbox.length) this.clear()
    this.step()
    return message
  }

  putBackUnsafe(messages: ReadonlyArray<Message>): void {
    if (this.closing) this.losses.add("unread", messages.length)
    if (this.closing || messages.length === 0) return
    this.inbox = [...messages, ...this.inbox.slice(this.taken)]
    this.taken = 0
    this.wake(undefined)
  }

  private clear(): void {
    if (this.inbox.length > 0) this.inbox = []
    this.taken = 0
  }

  private step(): void {
    this.unanswered = this.type === "REP"
  }

  readonly readable: Effect.Effect<void, Reason> = Effect.callback((resume) => {
    if (this.closing) return resume(failClosed)
    if (this.count > 0) return resume(Effect.void)
    if (this.type === "REP" && this.unanswered) return resume(failUnanswered)
    if (this.type === "REQ" && !this.unanswered) return resume(failUnasked)
    const waiter = (reason: Reason | undefined) => resume(reason === undefined ? Effect.void : Effect.fail(reason))
    this.waiters.add(waiter)
    if (this.asked === undefined) this.asked = this.take(true, () => undefined)
    return Effect.sync(() => {
      this.waiters.delete(waiter)
      if (this.waiters.size > 0 || this.asked === undefined || this.closing) return
      this.post({ _tag: "Cancel", id: this.asked })
      this.asked = undefined
    })
  })

  readonly refresh: Effect.Effect<void, Reason> = Effect.callback((resume) => {
    if (this.closing) return resume(failClosed)
    if (this.count > 0) return resume(Effect.void)
    this.take(false, () => resume(this.closing ? failClosed : Effect.void))
  })

  private take(wait: boolean, brought: () => void): number {
    const id = this.next++
    const { round } = this
    const max = this.type === "REQ" || this.type === "REP" || this.options.manual ? 1 : batch
    this.ask({ _tag: "Take", id, max, wait }, (answer) => {
      if (answer._tag !== "Taken") return
      if (this.asked === id) this.asked = undefined
      if (this.closing) return brought()
      const messages = unpack(answer.messages)
      answer.users?.forEach((user, i) => {
        const message = messages[i]
        // As `host.ts` encodes it.
        if (message !== undefined && user !== undefined) this.users.set(message, user as Security.User)
      })
      if (round === this.round) this.inbox.push(...messages)
      else this.losses.add("unrequested", messages.length)
      brought()
      if (this.count > 0) this.wake(undefined)
      else if (answer.reason !== undefined && this.asked === undefined) this.wake(decodeReason(answer.reason))
      else if (this.waiters.size > 0 && this.asked === undefined) this.asked = this.take(true, () => undefined)
    })
    return id
  }

  private wake(reason: Reason | undefined): void {
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const waiter of waiters) waiter(reason)
  }

  // ---------------------------------------------------------------------------
  // Sending
  // ---------------------------------------------------------------------------

  sendUnsafe(message: Message): boolean {
    if (!this.drops || this.closing || (this.options.conflate && message.length > 1)) return false
    if (this.flying.messages >= window.messages || this.flying.bytes >= window.bytes) return false
    this.flying.messages++
    this.flying.bytes += sizeOf(message)
    if (this.outbox.push(message) === 1) queueMicrotask(() => this.flush())
    return true
  }

  /** What was sent in one go goes over the port in one go. */
  private flush(): void {
    if (this.outbox.length === 0) return
    const messages = this.outbox
    this.outbox = []
    const bytes = messages.reduce((sum, message) => sum + sizeOf(message), 0)
    const packed = pack(messages)
    const given = () => {
      this.flying.messages -= messages.length
      this.flying.bytes -= bytes
    }
    this.ask({ _tag: "Give", id: this.next++, messages: packed }, given, buffersOf(packed))
  }

  send(messages: ReadonlyArray<Message>, progress: Progress = { sent: 0 }): Effect.Effect<void, Reason> {
    return Effect.callback((resume) => {
      progress.sent = 0
      const refusal = this.refusal()
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      if (this.type === "REP") this.unanswered = false
      this.renew()
      const id = this.next++
      const packed = pack(messages)
      const sent = (done: (reason: unknown) => void) => (answer: Answer) => {
        if (answer._tag === "Sent") {
          progress.sent = answer.sent
          this.suspensions = answer.suspensions
          if (answer.sent > 0 && this.type === "REQ") this.unanswered = true
        }
        done("reason" in answer ? answer.reason : undefined)
      }
      const done = (reason: unknown) => resume(reason === undefined ? Effect.void : Effect.fail(decodeReason(reason)))
      this.ask({ _tag: "Send", id, messages: packed }, sent(done), buffersOf(packed))
      return Effect.callback((withdrawn) => {
        if (!this.calls.has(id)) return withdrawn(Effect.void)
        this.calls.set(
          id,
          sent(() => withdrawn(Effect.void))
        )
        this.post({ _tag: "Cancel", id })
      })
    })
  }

  private refusal(): Reason | undefined {
    if (this.closing) return new Closed()
    if (this.type === "REP" && !this.unanswered) return unasked
    return this.type === "REQ" && this.unanswered ? unanswered : undefined
  }

  /** What is here by now, of a REQ, answers an older request. */
  private renew(): void {
    if (this.type !== "REQ") return
    this.round++
    this.losses.add("unrequested", this.count)
    this.clear()
  }

  readonly withdraw: Effect.Effect<void> = Effect.suspend(() => {
    if (this.type !== "REQ" || !this.unanswered || this.closing) return Effect.void
    this.unanswered = false
    this.renew()
    return Effect.ignore(this.call("withdraw"))
  })

  // ---------------------------------------------------------------------------
  // Endpoints
  // ---------------------------------------------------------------------------

  // Each gives what the operation of `host.ts` by its name does.

  readonly endpoints: Handle["endpoints"] = this.listOf("endpoints") as Handle["endpoints"]

  readonly peers: Handle["peers"] = this.listOf("peers") as Handle["peers"]

  private listOf(name: "endpoints" | "peers"): Effect.Effect<unknown> {
    return Effect.catch(this.call(name), () => Effect.succeed([]))
  }

  // As above.
  readonly bind: Handle["bind"] = (endpoint) => this.call("bind", endpoint) as ReturnType<Handle["bind"]>

  readonly unbind: Handle["unbind"] = (endpoint) => Effect.asVoid(this.call("unbind", endpoint))

  readonly connect: Handle["connect"] = (...args) => Effect.asVoid(this.call("connect", ...args))

  readonly disconnect: Handle["disconnect"] = (endpoint) => Effect.asVoid(this.call("disconnect", endpoint))

  readonly subscribe: Handle["subscribe"] = (prefix) => Effect.asVoid(this.call("subscribe", prefix))

  readonly unsubscribe: Handle["unsubscribe"] = (prefix) => Effect.asVoid(this.call("unsubscribe", prefix))

  // ---------------------------------------------------------------------------
  // Events and the end
  // ---------------------------------------------------------------------------

  get events(): Handle["events"] {
    return this.log.stream
  }

  get state(): Handle["state"] {
    return this.log.state
  }

  get changes(): Handle["changes"] {
    return this.log.states
  }

  readonly gaugesUnsafe = (): Gauges => ({
    queued: { send: undefined, receive: this.count },
    peers: this.log.stateUnsafe().peers,
    reconnects: this.reconnects,
    suspensions: this.suspensions
  })

  drain(within: Duration.Duration): Effect.Effect<CloseReport> {
    return Effect.callback((resume) => {
      if (this.report !== undefined) return resume(Effect.succeed(this.report))
      this.draining.push((report) => resume(Effect.succeed(report)))
      if (this.closing) return
      this.closing = true
      this.losses.add("unread", this.count)
      this.clear()
      this.wake(new Closed())
      const call = { _tag: "Call", id: this.next++, name: "drain", args: encode([within]) } as const
      this.ask(call, (answer) => {
        // It cannot fail, and `decode` makes of it what it was.
        this.closed(answer._tag === "Answer" ? (decode(answer.value) as CloseReport) : unknown)
        this.port.close()
      })
    })
  }

  private closed(closed: CloseReport): void {
    for (const [cause, count = 0] of Object.entries(closed.losses ?? {})) {
      const known = cause as keyof typeof closed.losses // they are causes
      this.losses.add(known, Math.max(0, count - this.losses.count(known)))
    }
    const { losses } = this.losses
    const report = { flushed: closed.flushed, dropped: closed.dropped, ...(total(losses) > 0 && { losses }) }
    this.report = report
    this.log.addUnsafe(SocketEvent.Closed(report))
    for (const resume of this.draining.splice(0)) resume(report)
  }

  private lost(): void {
    this.closing = true
    this.wake(new Closed())
    if (this.report === undefined) this.closed(unknown)
  }
}

const sizeOf = (message: Message): number => message.reduce((sum, frame) => sum + frame.length, 0)

const failClosed = Effect.fail(new Closed())

const unknown: CloseReport = { flushed: false, dropped: undefined }
