/**
 * The metrics of sockets.
 *
 * What a socket does is counted in plain fields, on the way through its handle. Effect's registry gets series that read
 * those fields when somebody reads it: an update of a metric for each message would cost more than the message.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Context from "effect/Context"
import * as Ctx from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Stream from "effect/Stream"
import type * as Endpoint from "../Endpoint.ts"
import { type Cause, causes, Ledger } from "../Loss.ts"
import type { Message } from "../Message.ts"
import type { RoutingId } from "../RoutingId.ts"
import type { CloseReport, SocketEvent } from "../SocketEvent.ts"
import type { SocketState } from "../SocketState.ts"
import type { SocketType } from "../SocketType.ts"
import type { Gauges, Handle, Progress } from "../Transport.ts"
import type { Reason } from "../ZmqError.ts"

/** A number of messages, and of the bytes in their frames. */
class Flow {
  messages = 0
  bytes = 0

  add(message: Message): void {
    this.messages++
    this.bytes += message.length === 1 ? message[0].length : sizeOf(message)
  }

  /** Those from one index up to another. */
  addAll(messages: ReadonlyArray<Message>, from: number, to: number): void {
    let bytes = 0
    for (let i = from; i < to; i++) {
      const message = messages[i] as Message // below the length
      bytes += message.length === 1 ? message[0].length : sizeOf(message)
    }
    this.messages += to - from
    this.bytes += bytes
  }
}

export const sizeOf = (message: Message): number => {
  let size = 0
  // Below the length.
  for (let i = 0; i < message.length; i++) size += (message[i] as Uint8Array).length
  return size
}

/** Counts one message in the step in which it is handed over; `also` is told, too. */
class Single implements Progress {
  private readonly flow: Flow
  private readonly message: Message
  private readonly also: Progress | undefined
  private count = 0

  constructor(flow: Flow, message: Message, also: Progress | undefined) {
    this.flow = flow
    this.message = message
    this.also = also
  }

  get sent(): number {
    return this.count
  }

  set sent(sent: number) {
    if (sent > this.count) this.flow.add(this.message)
    this.count = sent
    if (this.also !== undefined) this.also.sent = sent
  }
}

/** Several messages that are being sent, counted up to an index: when somebody reads, and in the end. */
class Several {
  readonly messages: ReadonlyArray<Message>
  readonly progress: Progress
  /** Of all of them, where who sends has added them up. */
  private readonly bytes: number | undefined
  private counted = 0

  constructor(messages: ReadonlyArray<Message>, progress: Progress, bytes: number | undefined) {
    this.messages = messages
    this.progress = progress
    this.bytes = bytes
    progress.sent = 0
  }

  count(flow: Flow): void {
    const { sent } = this.progress
    if (this.bytes !== undefined && this.counted === 0 && sent === this.messages.length) {
      flow.messages += sent
      flow.bytes += this.bytes
    } else flow.addAll(this.messages, this.counted, sent)
    this.counted = sent
  }
}

/** What has to be passed on: also what a handle need not have. */
type Complete = { readonly [K in keyof Required<Handle>]: Handle[K] }

// A character a byte, however many there are.
const decoder = new TextDecoder("latin1")

/** A handle that counts what passes through it. */
export class Metered implements Complete {
  readonly inner: Handle
  readonly losses: Ledger
  readonly received = new Flow()
  private readonly handedOver = new Flow()
  private readonly sending = new Set<Several>()
  /** How many messages are borrowed. */
  private borrowed = 0
  private heir: ((bytes: number) => void) | undefined = undefined
  /** What it has subscribed to, by a character for each byte, and how often. */
  private readonly subscribed = new Map<string, { readonly prefix: Uint8Array; readonly times: number }>()
  readonly userOf: Handle["userOf"]

  constructor(inner: Handle) {
    this.inner = inner
    this.losses = inner.losses ?? new Ledger(() => {})
    this.userOf = inner.userOf && ((message) => inner.userOf?.(message))
  }

  receiveUnsafe(max: number): ReadonlyArray<Message> {
    const messages = this.inner.receiveUnsafe(max)
    this.received.addAll(messages, 0, messages.length)
    return messages
  }

  receiveOneUnsafe(): Message | undefined {
    const message = this.inner.receiveOneUnsafe()
    if (message !== undefined) this.received.add(message)
    return message
  }

  /** `receiveUnsafe` for who may put some of it back: until each is kept or put back it counts as queued. */
  borrowUnsafe(max: number): ReadonlyArray<Message> {
    const messages = this.inner.receiveUnsafe(max)
    this.borrowed += messages.length
    return messages
  }

  /** A message that was borrowed, of so many bytes, is received: also where the socket is closed by now. */
  keep(bytes: number): void {
    this.borrowed--
    this.received.messages++
    this.received.bytes += bytes
    this.heir?.(bytes)
  }

  /** Only what was borrowed: what was received is not counted backwards. */
  putBackUnsafe(messages: ReadonlyArray<Message>): void {
    this.borrowed -= messages.length
    this.inner.putBackUnsafe(messages)
  }

  /** Has somebody count what is still to be kept. */
  inherit(heir: (bytes: number) => void): void {
    this.heir = heir
  }

  sendUnsafe(message: Message): boolean {
    if (!this.inner.sendUnsafe(message)) return false
    this.handedOver.add(message)
    return true
  }

  send(messages: NonEmptyReadonlyArray<Message>, progress?: Progress, bytes?: number): Effect.Effect<void, Reason> {
    if (messages.length === 1) return this.inner.send(messages, new Single(this.handedOver, messages[0], progress))
    return Effect.suspend(() => {
      const several = new Several(messages, progress ?? { sent: 0 }, bytes)
      this.sending.add(several)
      return Effect.onExit(this.inner.send(messages, several.progress), () =>
        Effect.sync(() => {
          this.sending.delete(several)
          several.count(this.handedOver)
        })
      )
    })
  }

  /** What was handed over by now. */
  get sent(): Flow {
    for (const several of this.sending) several.count(this.handedOver)
    return this.handedOver
  }

  bind(endpoint: Endpoint.Endpoint): Effect.Effect<Endpoint.Endpoint, Reason> {
    return this.inner.bind(endpoint)
  }

  unbind(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return this.inner.unbind(endpoint)
  }

  connect(endpoint: Endpoint.Endpoint, routingId?: RoutingId): Effect.Effect<void, Reason> {
    return this.inner.connect(endpoint, routingId)
  }

  disconnect(endpoint: Endpoint.Endpoint): Effect.Effect<void, Reason> {
    return this.inner.disconnect(endpoint)
  }

  subscribe(prefix: Uint8Array): Effect.Effect<void, Reason> {
    return Effect.tap(this.inner.subscribe(prefix), () => Effect.sync(() => this.count(prefix, 1)))
  }

  unsubscribe(prefix: Uint8Array): Effect.Effect<void, Reason> {
    return Effect.tap(this.inner.unsubscribe(prefix), () => Effect.sync(() => this.count(prefix, -1)))
  }

  /** Remembers a subscription, or the end of one. */
  count(prefix: Uint8Array, change: 1 | -1): void {
    const key = decoder.decode(prefix)
    const times = (this.subscribed.get(key)?.times ?? 0) + change
    if (times > 0) this.subscribed.set(key, { prefix, times })
    else this.subscribed.delete(key)
  }

  get subscriptions(): ReadonlyArray<Uint8Array> {
    return Array.from(this.subscribed.values(), ({ prefix }) => prefix)
  }

  drain(within: Duration.Duration): Effect.Effect<CloseReport> {
    return this.inner.drain(within)
  }

  get readable(): Effect.Effect<void, Reason> {
    return this.inner.readable
  }

  get refresh(): Effect.Effect<void, Reason> {
    return this.inner.refresh
  }

  get withdraw(): Effect.Effect<void> {
    return this.inner.withdraw
  }

  get peers(): Effect.Effect<ReadonlyArray<RoutingId>> {
    return this.inner.peers
  }

  get endpoints(): Effect.Effect<ReadonlyArray<Endpoint.Endpoint>> {
    return this.inner.endpoints
  }

  get events(): Stream.Stream<SocketEvent> {
    return this.inner.events
  }

  get state(): Effect.Effect<SocketState> {
    return this.inner.state
  }

  get changes(): Stream.Stream<SocketState> {
    return this.inner.changes
  }

  readonly gaugesUnsafe = (): Gauges => {
    const gauges = this.inner.gaugesUnsafe?.() ?? unknown
    const { receive, send } = gauges.queued
    if (this.borrowed === 0 || receive === undefined) return gauges
    return { ...gauges, queued: { send, receive: receive + this.borrowed } }
  }
}

const unknown: Gauges = {
  queued: { send: undefined, receive: undefined },
  peers: undefined,
  reconnects: 0,
  suspensions: 0
}

// -----------------------------------------------------------------------------
// Series
// -----------------------------------------------------------------------------

/** How many names of sockets a registry tells apart; sockets of further ones are counted together, as `other`. */
export const mostNames = 1000

interface Reading {
  readonly id: string
  readonly description: string
  readonly attributes?: { readonly [name: string]: string }
  readonly read: (socket: Metered) => number
}

const messagesReceived: Reading = {
  id: "zmq_messages_received",
  description: "messages received",
  read: ({ received }) => received.messages
}

const bytesReceived: Reading = {
  id: "zmq_bytes_received",
  description: "bytes of the frames of messages received",
  read: ({ received }) => received.bytes
}

const counters: ReadonlyArray<Reading> = [
  { id: "zmq_messages_sent", description: "messages handed over to be sent", read: ({ sent }) => sent.messages },
  messagesReceived,
  { id: "zmq_bytes_sent", description: "bytes of the frames of messages sent", read: ({ sent }) => sent.bytes },
  bytesReceived,
  {
    id: "zmq_reconnects",
    description: "times that a connection could not be made, or was lost, and was tried again",
    read: (socket) => socket.gaugesUnsafe().reconnects
  },
  {
    id: "zmq_sends_suspended",
    description: "sends that had to wait for room, or for a peer",
    read: (socket) => socket.gaugesUnsafe().suspensions
  }
]

const dropped = (cause: Cause): Reading => ({
  id: "zmq_messages_dropped",
  description: "messages that nobody will receive, by cause",
  attributes: { cause },
  read: ({ losses }) => losses.count(cause)
})

const readings: ReadonlyArray<Reading> = [...counters, ...causes.map(dropped)]

const gauges: ReadonlyArray<Reading> = [
  {
    id: "zmq_messages_queued",
    description: "messages sent that have not left, and messages come in that are not taken",
    attributes: { direction: "send" },
    read: (socket) => socket.gaugesUnsafe().queued.send ?? 0
  },
  {
    id: "zmq_messages_queued",
    description: "messages sent that have not left, and messages come in that are not taken",
    attributes: { direction: "receive" },
    read: (socket) => socket.gaugesUnsafe().queued.receive ?? 0
  },
  {
    id: "zmq_peers",
    description: "peers that are connected",
    read: (socket) => socket.gaugesUnsafe().peers ?? 0
  }
]

/** The sockets of one name, type and transport: those that are open, and what those had counted that are not. */
class Series {
  private readonly open = new Set<Metered>()
  private readonly closed = new Map<Reading, number>()

  constructor(labels: { readonly [name: string]: string }, context: Context.Context<never>) {
    for (const reading of readings) {
      const { attributes, description, id } = reading
      const metric = Metric.counter(id, { description, incremental: true, attributes: { ...labels, ...attributes } })
      const get = () => ({ count: this.sum(reading), incremental: true })
      Metric.registerUnsafe(metric, context, { get, update: ignore, modify: ignore })
    }
    for (const reading of gauges) {
      const { attributes, description, id } = reading
      const metric = Metric.gauge(id, { description, attributes: { ...labels, ...attributes } })
      const get = () => ({ value: this.sum(reading) })
      Metric.registerUnsafe(metric, context, { get, update: ignore, modify: ignore })
    }
  }

  add(socket: Metered): void {
    this.open.add(socket)
  }

  /** Of a counter what a closed socket had counted stays, or it would count backwards. */
  remove(socket: Metered): void {
    if (!this.open.delete(socket)) return
    for (const reading of readings) this.count(reading, reading.read(socket))
    // What it has handed over may still be lost on its way.
    socket.losses.inherit((cause, count) => {
      const reading = readings.find(({ attributes }) => attributes?.cause === cause)
      if (reading !== undefined) this.count(reading, count)
    })
    // And what a proxy has in its hand may still be passed on.
    socket.inherit((bytes) => {
      this.count(messagesReceived, 1)
      this.count(bytesReceived, bytes)
    })
  }

  private count(reading: Reading, count: number): void {
    if (count > 0) this.closed.set(reading, (this.closed.get(reading) ?? 0) + count)
  }

  private sum(reading: Reading): number {
    let sum = this.closed.get(reading) ?? 0
    for (const socket of this.open) sum += reading.read(socket)
    return sum
  }
}

const ignore = (): void => {}

/** The series in each registry, by their labels. */
const registries = new WeakMap<Metric.MetricRegistry, Map<string, Series>>()

/** Has a socket's counts in the metrics of a context; answers with what ends that, when it is closed. */
export const register = (
  socket: Metered,
  labels: { readonly type: SocketType; readonly name: string; readonly transport: string },
  context: Context.Context<never>
): (() => void) => {
  const registry = Ctx.get(context, Metric.MetricRegistry)
  const all = registries.get(registry) ?? new Map<string, Series>()
  registries.set(registry, all)
  const attributes = Ctx.get(context, Metric.CurrentMetricAttributes)
  const find = (name: string) => {
    const named = { ...labels, name }
    const key = JSON.stringify([named, attributes])
    return { key, named, series: all.get(key) }
  }
  let found = find(labels.name)
  if (found.series === undefined && all.size >= mostNames) found = find("other")
  const series = found.series ?? new Series(found.named, context)
  all.set(found.key, series)
  series.add(socket)
  return () => series.remove(socket)
}
