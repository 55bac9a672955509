/**
 * A transport whose sockets do what a test tells them to: messages arrive when it says so, sends find room when it
 * gives some. It keeps to the contract of `Transport.Handle`, and dies where its caller does not.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Endpoint from "../src/Endpoint.ts"
import * as EventLog from "../src/EventLog.ts"
import * as Message from "../src/Message.ts"
import type { RoutingId } from "../src/RoutingId.ts"
import { type CloseReport, SocketEvent } from "../src/SocketEvent.ts"
import type { Resolved } from "../src/SocketOptions.ts"
import type { SocketType } from "../src/SocketType.ts"
import * as SocketTypes from "../src/SocketType.ts"
import * as Transport from "../src/Transport.ts"
import { Closed, type Reason } from "../src/ZmqError.ts"

type Wait = {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly resume: (effect: Effect.Effect<void, Reason>) => void
}

export interface Script {
  readonly capabilities?: ReadonlyArray<Transport.Capability>
  /** Refuses to open, bind, or connect. */
  readonly refuse?: (what: "open" | "bind" | "connect", endpoint?: string) => Reason | undefined
  /** Whether a parked receiver is resumed within the arrival, or by a task on its dispatcher (the default). */
  readonly wake?: "now" | "soon"
  /** Whether `refresh` takes a turn of the event loop. */
  readonly refresh?: "now" | "soon"
}

export class ScriptedHandle implements Transport.Handle {
  readonly type: SocketType
  readonly options: Resolved
  /** What was done with the handle, in order: "bind tcp://…", "subscribe a", "withdraw", "close". */
  readonly done: Array<string> = []
  readonly sent: Array<Message.Message> = []
  /** How many messages may still be sent. */
  room = Number.POSITIVE_INFINITY
  /** Is called with what was sent, in the call that sends it. */
  onSend: (message: Message.Message) => void = () => {}
  /** Why a message is not sent at all. */
  refusal: (message: Message.Message) => Reason | undefined = () => undefined
  closed = false
  connectedPeers: ReadonlyArray<RoutingId> = []
  /** How often a fiber waited for `readable`. */
  waits = 0

  private readonly script: Script
  private readonly log: EventLog.EventLog
  /** Taken from `first` on, so that taking is not shifting. */
  private inbox: Array<Message.Message> = []
  private first = 0
  private arrived: Array<Message.Message> = []
  private waiting: Wait | undefined = undefined
  private scheduled = false
  private readonly senders = new Set<() => void>()
  private report: CloseReport | undefined = undefined
  private bound: Array<Endpoint.Endpoint> = []

  constructor(type: SocketType, options: Resolved, script: Script, log: EventLog.EventLog) {
    this.type = type
    this.options = options
    this.script = script
    this.log = log
  }

  // ---------------------------------------------------------------------------
  // For tests
  // ---------------------------------------------------------------------------

  /** Messages arrive, and can be taken. */
  deliver(...inputs: ReadonlyArray<Message.Input>): void {
    for (const input of inputs) this.inbox.push(Message.make(input))
    this.wake()
  }

  /** Messages arrive, and can be taken after the next `refresh`, or when someone waits. */
  arrive(...inputs: ReadonlyArray<Message.Input>): void {
    for (const input of inputs) this.arrived.push(Message.make(input))
    if (this.waiting !== undefined) this.bringIn()
    this.wake()
  }

  /** Wakes who waits, without a message. */
  wakeForNothing(): void {
    const waiting = this.waiting
    this.waiting = undefined
    waiting?.resume(Effect.void)
  }

  /** Makes room for so many messages more, for those who wait first. */
  grant(room: number): void {
    this.room += room
    for (const retry of Array.from(this.senders)) retry()
  }

  /** How many messages have arrived and were not taken. */
  get left(): number {
    return this.inbox.length - this.first + this.arrived.length
  }

  get isWaitedFor(): boolean {
    return this.waiting !== undefined
  }

  get sentTexts(): ReadonlyArray<string> {
    return this.sent.map((message) => message.map((frame) => new TextDecoder().decode(frame)).join("|"))
  }

  // ---------------------------------------------------------------------------
  // The contract
  // ---------------------------------------------------------------------------

  readonly receiveUnsafe = (max: number): ReadonlyArray<Message.Message> => {
    if (this.closed) return []
    const batch = this.inbox.slice(this.first, this.first + max)
    this.first += batch.length
    return batch
  }

  readonly receiveOneUnsafe = (): Message.Message | undefined => {
    if (this.closed || this.first === this.inbox.length) return undefined
    return this.inbox[this.first++]
  }

  readonly putBackUnsafe = (messages: ReadonlyArray<Message.Message>): void => {
    this.inbox.splice(this.first, 0, ...messages)
    this.wake()
  }

  readonly readable: Effect.Effect<void, Reason> = Effect.withFiber((fiber) =>
    Effect.callback<void, Reason>((resume) => {
      if (this.waiting !== undefined) throw new Error("two fibers wait for readable")
      this.waits++
      this.bringIn()
      if (this.closed) return resume(Effect.fail(new Closed()))
      if (this.first < this.inbox.length) return resume(Effect.void)
      const wait = { fiber, resume }
      this.waiting = wait
      return Effect.sync(() => {
        if (this.waiting === wait) this.waiting = undefined
      })
    })
  )

  readonly refresh: Effect.Effect<void, Reason> = Effect.suspend(() => {
    const bringIn = Effect.suspend(() => {
      if (this.closed) return Effect.fail(new Closed())
      this.bringIn()
      return Effect.void
    })
    return this.script.refresh === "soon" ? Effect.andThen(Effect.yieldNow, bringIn) : bringIn
  })

  readonly sendUnsafe = (message: Message.Message): boolean => {
    if (this.closed || this.senders.size > 0 || this.room < 1 || this.refusal(message) !== undefined) return false
    this.hand(message)
    return true
  }

  readonly send = (
    messages: ReadonlyArray<Message.Message>,
    progress: Transport.Progress = { sent: 0 }
  ): Effect.Effect<void, Reason> => {
    progress.sent = 0
    return Effect.forEach(messages, (message) => Effect.map(this.sendOne(message), () => progress.sent++), {
      discard: true
    })
  }

  private readonly sendOne = (message: Message.Message): Effect.Effect<void, Reason> =>
    Effect.callback<void, Reason>((resume) => {
      const refusal = this.refusal(message)
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      const attempt = () => {
        if (this.closed) resume(Effect.fail(new Closed()))
        else if (this.room >= 1) {
          this.hand(message)
          resume(Effect.void)
        } else return
        this.senders.delete(attempt)
      }
      if (this.closed || this.senders.size === 0) attempt()
      if (this.closed || this.sent.at(-1) === message) return
      this.senders.add(attempt)
      return Effect.sync(() => this.senders.delete(attempt))
    })

  readonly bind = (endpoint: Endpoint.Endpoint): Effect.Effect<Endpoint.Endpoint, Reason> =>
    this.join(
      "bind",
      endpoint,
      endpoint._tag === "Tcp" && endpoint.port === 0 ? { ...endpoint, port: 49152 } : endpoint
    )

  readonly unbind = (endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> => this.leave("unbind", endpoint)

  readonly connect = (endpoint: Endpoint.Endpoint, routingId?: RoutingId): Effect.Effect<void, Reason> =>
    Effect.map(this.join("connect", endpoint, endpoint), () => {
      if (routingId !== undefined) this.done.push(`as ${Message.text([routingId])}`)
    })

  readonly disconnect = (endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> => this.leave("disconnect", endpoint)

  readonly subscribe = (prefix: Uint8Array): Effect.Effect<void, Reason> =>
    this.note(`subscribe ${Message.text([prefix])}`)

  readonly unsubscribe = (prefix: Uint8Array): Effect.Effect<void, Reason> =>
    this.note(`unsubscribe ${Message.text([prefix])}`)

  readonly withdraw: Effect.Effect<void> = Effect.sync(() => {
    this.done.push("withdraw")
  })

  readonly peers: Effect.Effect<ReadonlyArray<RoutingId>> = Effect.sync(() => this.connectedPeers)

  readonly drain = (): Effect.Effect<CloseReport> =>
    Effect.sync(() => {
      if (this.report !== undefined) return this.report
      this.closed = true
      this.done.push("close")
      const waiting = this.waiting
      this.waiting = undefined
      waiting?.resume(Effect.fail(new Closed()))
      for (const retry of Array.from(this.senders)) retry()
      this.report = { flushed: true, dropped: 0 }
      this.log.addUnsafe(SocketEvent.Closed(this.report))
      return this.report
    })

  readonly endpoints: Effect.Effect<ReadonlyArray<Endpoint.Endpoint>> = Effect.sync(() => this.bound)

  get events() {
    return this.log.stream
  }

  get state() {
    return this.log.state
  }

  get changes() {
    return this.log.states
  }

  // ---------------------------------------------------------------------------

  private hand(message: Message.Message): void {
    this.room--
    this.sent.push(message)
    this.onSend(message)
  }

  private bringIn(): void {
    if (this.first > 10_000) {
      this.inbox = this.inbox.slice(this.first)
      this.first = 0
    }
    this.inbox.push(...this.arrived)
    this.arrived = []
  }

  private wake(): void {
    if (this.waiting === undefined || this.scheduled || this.first === this.inbox.length) return
    if (this.script.wake === "now") {
      this.wakeForNothing()
      return
    }
    this.scheduled = true
    this.waiting.fiber.currentDispatcher.scheduleTask(() => {
      this.scheduled = false
      if (this.first < this.inbox.length) this.wakeForNothing()
    }, 0)
  }

  private note(what: string): Effect.Effect<void, Reason> {
    return Effect.suspend(() => {
      if (this.closed) return Effect.fail(new Closed())
      this.done.push(what)
      return Effect.void
    })
  }

  private join(
    what: "bind" | "connect",
    endpoint: Endpoint.Endpoint,
    resolved: Endpoint.Endpoint
  ): Effect.Effect<Endpoint.Endpoint, Reason> {
    const text = Endpoint.format(endpoint)
    return Effect.suspend(() => {
      const reason = this.closed ? new Closed() : this.script.refuse?.(what, text)
      if (reason !== undefined) return Effect.fail(reason)
      this.done.push(`${what} ${text}`)
      this.bound = [...this.bound, resolved]
      this.log.addUnsafe(
        what === "bind"
          ? SocketEvent.Listening({ endpoint: Endpoint.format(resolved) })
          : SocketEvent.Connecting({ endpoint: text })
      )
      return Effect.succeed(resolved)
    })
  }

  private leave(what: "unbind" | "disconnect", endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return Effect.andThen(
      this.note(`${what} ${Endpoint.format(endpoint)}`),
      Effect.sync(() => {
        this.bound = this.bound.filter((one) => Endpoint.format(one) !== Endpoint.format(endpoint))
      })
    )
  }
}

export interface Scripted {
  readonly transport: Transport.Transport["Service"]
  /** Every handle that was opened, also those that are closed by now. */
  readonly handles: Array<ScriptedHandle>
}

export const make = (script: Script = {}): Scripted => {
  const handles: Array<ScriptedHandle> = []
  const transport: Transport.Transport["Service"] = {
    name: "scripted",
    version: "1",
    capabilities: new Set(script.capabilities ?? [...SocketTypes.all, "tcp", "ipc", "inproc"]),
    open: (type, options) =>
      Effect.gen(function* () {
        const reason = script.refuse?.("open")
        if (reason !== undefined) return yield* Effect.fail(reason)
        const log = yield* EventLog.make
        return yield* Effect.acquireRelease(
          Effect.sync(() => {
            const handle = new ScriptedHandle(type, options, script, log)
            handles.push(handle)
            return handle
          }),
          (handle) => handle.drain()
        )
      })
  }
  return { transport, handles }
}

/** Makes a socket on a scripted transport, and gives it with its handle. */
export const open = <S, E, R>(socket: Effect.Effect<S, E, R>, script: Script = {}) =>
  Effect.suspend(() => {
    const { handles, transport } = make(script)
    return Effect.map(Effect.provideService(socket, Transport.Transport, transport), (socket) => {
      const [handle] = handles
      if (handle === undefined) throw new Error("no handle was opened")
      return { socket, handle }
    })
  })

// -----------------------------------------------------------------------------
// Chance, and numbered messages
// -----------------------------------------------------------------------------

/** Chance that can be had again: `dice(n)` is a whole number from 0 to n - 1. */
export const makeDice = (seed: number): ((sides: number) => number) => {
  let state = seed >>> 0
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % sides
  }
}

export const numberOf = (message: Message.Message): number => Number(Message.text(message))

export const range = (from: number, to: number): Array<number> => Array.from({ length: to - from }, (_, i) => from + i)

export const numbered = (from: number, to: number): Array<string> => range(from, to).map(String)
