/**
 * The network of `MemoryTransport`: faults in it, and what goes on in it.
 *
 * `MemoryTransport.layer` provides it beside `Transport`. A program is placed on hosts by `Network.on`; a test then cuts the
 * lines between them, slows them, breaks connections, kills sockets, and looks at what is queued, dropped and on its way.
 * All of it takes place on Effect's clock.
 *
 * **Names.** A socket is called `host/TYPE` (`worker-1/PUSH`; the second on the host `worker-1/PUSH#2`), a connection
 * `worker-1/PUSH → sink/PULL tcp://127.0.0.1:5557`, from who connected to who is bound. Whatever takes the two ends of
 * something takes a host, a socket or `*` (any) for each. Names are given anew once they are free, and never depend on the
 * machine: the same seed gives the same names. Addresses are those of one machine, whatever host a socket is on.
 *
 * **What faults touch.** Connections over tcp and ipc, there now and to come. Over inproc there is no network: only `kill`
 * reaches it. What names nothing does nothing.
 *
 * **What is lost.** A partition and a latency lose nothing: what was sent is on its way, up to the receiver's high-water
 * mark, and behind that it waits with the sender. What is on its way when a connection ends is lost; what waits is kept by a
 * socket that connects, and lost by one that is bound. `dropped` counts it.
 *
 * **Example** (A cut that heals)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const sink = yield* Network.on(Pull.make({ bind: "tcp://127.0.0.1:5558" }), "sink")
 *   const worker = yield* Network.on(Push.make({ connect: "tcp://127.0.0.1:5558" }), "worker-1")
 *   yield* Network.partition("worker-1", "sink")
 *   yield* Push.send(worker, "a result")
 *   assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Pull.receive(sink), "5 seconds")))
 *   yield* Network.heal("worker-1", "sink")
 *   return Message.text(yield* Pull.receive(sink)) // => a result
 * }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Endpoint from "./Endpoint.ts"
import { openedOf } from "./internal/socket.ts"
import type { Socket } from "./Socket.ts"
import type { Handle } from "./Transport.ts"

// -----------------------------------------------------------------------------
// Services
// -----------------------------------------------------------------------------

/**
 * The network that the sockets of one `MemoryTransport` are in.
 *
 * @category services
 * @since 0.1.0
 */
export class Network extends Context.Service<
  Network,
  {
    /** Makes a fault happen; answers how many connections (of a `Kill`, sockets) it touched that are there. */
    readonly inject: (fault: Fault) => Effect.Effect<number>
    /** The open sockets, in the order of their opening. */
    readonly sockets: Effect.Effect<ReadonlyArray<Party>>
    readonly connections: Effect.Effect<ReadonlyArray<Connection>>
    readonly dropped: Effect.Effect<Dropped>
    readonly delivered: Effect.Effect<number>
    /** Records from now on until the scope closes; the effect gives what was recorded so far. */
    readonly trace: Effect.Effect<Effect.Effect<ReadonlyArray<TraceEntry>>, never, Scope.Scope>
    /** The name of a socket of this network. */
    readonly nameOf: (handle: Handle) => string | undefined
  }
>()("@effect-zmq/core/Network") {}

/**
 * The host that sockets are opened on. Default: `localhost`.
 *
 * @category references
 * @since 0.1.0
 */
export const Host: Context.Reference<string> = Context.Reference<string>("@effect-zmq/core/Network/Host", {
  defaultValue: () => "localhost"
})

/**
 * What is run with every network that is built, before anything is in it, in its scope: so a tool reaches the networks of a
 * program that knows nothing of it. Default: nothing.
 *
 * @category references
 * @since 0.1.0
 */
export const Observer: Context.Reference<Observe> = Context.Reference<Observe>("@effect-zmq/core/Network/Observer", {
  defaultValue: () => () => Effect.void
})

/**
 * @category models
 * @since 0.1.0
 */
export type Observe = (network: Network["Service"]) => Effect.Effect<void, never, Scope.Scope>

/**
 * Puts the sockets that a part of a program opens on a host.
 *
 * @category hosts
 * @since 0.1.0
 */
export const on: {
  (host: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, host: string): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, host: string) => Effect.provideService(self, Host, host))

// -----------------------------------------------------------------------------
// Faults, as data
// -----------------------------------------------------------------------------

/**
 * Which connections: one, by its name; or all between two parties, each a host, a socket, or `*` for any.
 *
 * @category models
 * @since 0.1.0
 */
export type Between = string | readonly [a: string, b: string]

/**
 * How long a message is on its way, in whole milliseconds, rounded up.
 *
 * @category models
 * @since 0.1.0
 */
export type Delay = Data.TaggedEnum<{
  Fixed: { readonly duration: Duration.Duration }
  /** Each as likely as the others, from `minimum` to `maximum`. */
  Uniform: { readonly minimum: Duration.Duration; readonly maximum: Duration.Duration }
  /** Mostly short, sometimes long: an exponential distribution. */
  Exponential: { readonly mean: Duration.Duration }
}>

/**
 * @category constructors
 * @since 0.1.0
 */
export const Delay = Data.taggedEnum<Delay>()

/**
 * What can go wrong in a network, and the ways back.
 *
 * `oneWay` is from the first party to the second; of a connection by its name, from who connected to who is bound.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = Data.TaggedEnum<{
  /**
   * Nothing arrives any more. Messages wait, and none is lost, unless heartbeats end the connection; connections that are
   * being made wait, up to `connectTimeout` and `handshakeInterval`.
   */
  Partition: { readonly between: Between; readonly oneWay: boolean }
  /** Ends the partitions of these very parties, in both directions; all of them where no parties are given. */
  Heal: { readonly between: Between | undefined }
  /** Everything takes time to arrive, in its order. The newest one that fits holds; one of 0 is the way back. */
  Latency: { readonly between: Between; readonly delay: Delay; readonly oneWay: boolean }
  /** So many bytes a second for each connection and direction. The newest one that fits holds; `Infinity` is the way back. */
  Bandwidth: { readonly between: Between; readonly bytesPerSecond: number; readonly oneWay: boolean }
  /** Connections break, for both sides at once; sockets make them again. */
  Disconnect: { readonly between: Between }
  /**
   * A frame that breaks the protocol, both ways: each side ends the connection when it arrives, and sockets make another
   * one. What is on its way behind it is lost.
   */
  Corrupt: { readonly between: Between }
  /**
   * A socket, or all those of a host, are gone without a word: what they have queued is lost, and whoever waits on them
   * fails with `Closed`. Peers see a broken connection.
   */
  Kill: { readonly of: string }
  /** Connections to this endpoint are refused; those that are there stay. */
  Refuse: { readonly endpoint: string }
  /** Handshakes at this endpoint fail. */
  RejectHandshake: { readonly endpoint: string }
  /** Ends `Refuse` and `RejectHandshake`. */
  Allow: { readonly endpoint: string }
  /** Ends every partition, latency, bandwidth, `Refuse` and `RejectHandshake`. */
  Clear: {}
}>

/**
 * Constructors, `$is` and `$match` of faults.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Fault = Data.taggedEnum<Fault>()

// -----------------------------------------------------------------------------
// Faults, as effects
// -----------------------------------------------------------------------------

/**
 * Makes a fault happen; answers how many connections (of a `Kill`, sockets) it touched that are there.
 *
 * @category faults
 * @since 0.1.0
 */
export const inject = (fault: Fault): Effect.Effect<number, never, Network> =>
  Network.use((network) => network.inject(fault))

/**
 * What undoes a fault; `undefined` for what is over at once.
 *
 * @category faults
 * @since 0.1.0
 */
export const undo = (fault: Fault): Fault | undefined => {
  switch (fault._tag) {
    case "Partition":
      return Fault.Heal({ between: fault.between })
    case "Latency":
      return Fault.Latency({ ...fault, delay: none })
    case "Bandwidth":
      return Fault.Bandwidth({ ...fault, bytesPerSecond: Number.POSITIVE_INFINITY })
    case "Refuse":
    case "RejectHandshake":
      return Fault.Allow({ endpoint: fault.endpoint })
    default:
      return undefined
  }
}

/**
 * Makes a fault happen, and undoes it when the scope closes.
 *
 * @category faults
 * @since 0.1.0
 */
export const injectScoped = (fault: Fault): Effect.Effect<void, never, Network | Scope.Scope> =>
  Network.use((network) =>
    Effect.asVoid(
      Effect.acquireRelease(network.inject(fault), () => {
        const back = undo(fault)
        return back === undefined ? Effect.void : network.inject(back)
      })
    )
  )

interface Directed {
  /** Only from the first to the second. Default: both ways. */
  readonly oneWay?: boolean | undefined
}

/**
 * Lets nothing pass between two parties until they are healed: messages wait, and none is lost. A partition is not noticed,
 * but by heartbeats and by connections that take too long to be made.
 *
 * @category faults
 * @since 0.1.0
 */
export const partition = (a: string, b: string, options?: Directed): Effect.Effect<void, never, Network> =>
  Effect.asVoid(inject(Fault.Partition({ between: [a, b], oneWay: options?.oneWay ?? false })))

/**
 * Ends the partitions between these two, as `partition` has named them; all partitions where none are named. What waited
 * arrives, in its order.
 *
 * @category faults
 * @since 0.1.0
 */
export const heal: {
  (): Effect.Effect<void, never, Network>
  (a: string, b: string): Effect.Effect<void, never, Network>
} = (...between: [] | [string, string]) =>
  Effect.asVoid(inject(Fault.Heal({ between: between.length === 0 ? undefined : between })))

/**
 * Makes everything between two parties take time, each way: always the same, or by chance. Nothing overtakes anything of
 * the same direction of a connection. 0 is the way back.
 *
 * @category faults
 * @since 0.1.0
 */
export const latency = (
  a: string,
  b: string,
  delay: Duration.Input | Delay,
  options?: Directed
): Effect.Effect<void, never, Network> =>
  Effect.suspend(() =>
    Effect.asVoid(inject(Fault.Latency({ between: [a, b], delay: delayFrom(delay), oneWay: options?.oneWay ?? false })))
  )

/**
 * Lets only so many bytes a second pass, for each connection and direction. `Infinity` is the way back.
 *
 * @category faults
 * @since 0.1.0
 */
export const bandwidth = (
  a: string,
  b: string,
  bytesPerSecond: number,
  options?: Directed
): Effect.Effect<void, never, Network> =>
  Effect.asVoid(inject(Fault.Bandwidth({ between: [a, b], bytesPerSecond, oneWay: options?.oneWay ?? false })))

/**
 * Breaks the connections between two parties, or one connection by its name; sockets make them again. Answers how many
 * there were.
 *
 * @category faults
 * @since 0.1.0
 */
export const disconnect: {
  (connection: string): Effect.Effect<number, never, Network>
  (a: string, b: string): Effect.Effect<number, never, Network>
} = (a: string, b?: string) => inject(Fault.Disconnect({ between: b === undefined ? a : [a, b] }))

/**
 * Sends what breaks the protocol over the connections between two parties, or over one connection by its name. Answers
 * over how many.
 *
 * @category faults
 * @since 0.1.0
 */
export const corrupt: {
  (connection: string): Effect.Effect<number, never, Network>
  (a: string, b: string): Effect.Effect<number, never, Network>
} = (a: string, b?: string) => inject(Fault.Corrupt({ between: b === undefined ? a : [a, b] }))

/**
 * Kills a socket, itself or by its name, or all sockets of a host: what they have queued is lost, and their peers see a
 * broken connection. Answers how many it killed. Sockets that are opened on the host later are well.
 *
 * @category faults
 * @since 0.1.0
 */
export const kill = (socket: Socket | string): Effect.Effect<number, never, Network> =>
  Network.use((network) => {
    const name = typeof socket === "string" ? socket : network.nameOf(openedOf(socket))
    return name === undefined ? Effect.succeed(0) : network.inject(Fault.Kill({ of: name }))
  })

/**
 * Has connections to an endpoint refused until `allow`; those that are there stay.
 *
 * @category faults
 * @since 0.1.0
 */
export const refuse = (endpoint: Endpoint.Input): Effect.Effect<void, never, Network> =>
  Effect.asVoid(inject(Fault.Refuse({ endpoint: textOf(endpoint) })))

/**
 * Has handshakes at an endpoint fail until `allow`; connections that are there stay.
 *
 * @category faults
 * @since 0.1.0
 */
export const rejectHandshake = (endpoint: Endpoint.Input): Effect.Effect<void, never, Network> =>
  Effect.asVoid(inject(Fault.RejectHandshake({ endpoint: textOf(endpoint) })))

/**
 * Ends what `refuse` and `rejectHandshake` began.
 *
 * @category faults
 * @since 0.1.0
 */
export const allow = (endpoint: Endpoint.Input): Effect.Effect<void, never, Network> =>
  Effect.asVoid(inject(Fault.Allow({ endpoint: textOf(endpoint) })))

/**
 * Ends every partition, latency, bandwidth and refusal.
 *
 * @category faults
 * @since 0.1.0
 */
export const clear: Effect.Effect<void, never, Network> = Effect.suspend(() => Effect.asVoid(inject(Fault.Clear())))

// -----------------------------------------------------------------------------
// To look
// -----------------------------------------------------------------------------

/**
 * An open socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Party {
  readonly name: string
  readonly host: string
}

/**
 * A connection, or what a socket does to have one.
 *
 * - `Connecting`: there is none, or it is being made
 * - `Handshaking`: the peers make sure that they understand each other
 * - `Connected`
 * - `HalfOpen`: one side has ended it, and the other does not know yet
 * - `Ended`: nothing comes any more, and messages wait to be taken
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** Without a peer yet, `worker-1/PUSH → tcp://127.0.0.1:5557`. */
  readonly name: string
  readonly state: "Connecting" | "Handshaking" | "Connected" | "HalfOpen" | "Ended"
  /** The socket that connects; `undefined` where it is not known any more. */
  readonly from: string | undefined
  /** The socket that is bound; `undefined` where it is not reached yet. */
  readonly to: string | undefined
  /** What the one is connected to, and the other bound to. */
  readonly endpoint: string
  readonly forward: Depth
  readonly backward: Depth
}

/**
 * The messages of one direction of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Depth {
  /** Sent, and with the sender: behind the receiver's high-water mark, or without a connection. */
  readonly unsent: number
  /** Sent, and on their way. */
  readonly inFlight: number
  /** Come in, and not taken yet. */
  readonly received: number
  /** Dropped for this peer because there was no room: what a PUB or XPUB does. */
  readonly dropped: number
}

/**
 * Messages that were sent and will not be received, by cause. Every message that was sent is delivered, in a queue of
 * `connections`, or here; what goes to several subscribers counts for each.
 *
 * - `queueFull`: a PUB, XPUB or XSUB had no room for this peer
 * - `noSubscriber`: a PUB, XPUB or XSUB had nobody to send to
 * - `unroutable`: the reply of a REP to a client that has left, or that has no room; a ROUTER's message without a body
 * - `disconnected`: on its way, or queued by a socket that is bound, when its connection ended
 * - `unsent`: queued when the socket closed, and linger over
 * - `unread`: come in, and not taken when the socket closed or gave the connection up, or of a kind that it does not read
 * - `conflated`: a newer one took its place
 * - `tooLarge`: a frame beyond `maxMessageSize`, and what came behind it
 *
 * @category models
 * @since 0.1.0
 */
export interface Dropped {
  readonly queueFull: number
  readonly noSubscriber: number
  readonly unroutable: number
  readonly disconnected: number
  readonly unsent: number
  readonly unread: number
  readonly conflated: number
  readonly tooLarge: number
}

/**
 * What was recorded; `time` is that of the clock, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type TraceEntry = Data.TaggedEnum<{
  /** A message came in; it was handed to the network at `sent`. */
  Message: {
    readonly time: number
    readonly sent: number
    readonly connection: string
    readonly from: string
    readonly to: string
    readonly frames: number
    /** Of all frames together. */
    readonly bytes: number
    /** The first 16 bytes of the last frame. */
    readonly head: Uint8Array
  }
  /** So many messages of a connection were lost on their way. */
  Lost: {
    readonly time: number
    readonly connection: string
    readonly from: string
    readonly to: string
    readonly count: number
  }
  /** The peers of a connection understand each other, as `by` sees it. */
  Connected: { readonly time: number; readonly connection: string; readonly by: string }
  /** The connection is lost or ended, as `by` sees it. */
  Disconnected: { readonly time: number; readonly connection: string; readonly by: string }
  Injected: { readonly time: number; readonly fault: Fault }
}>

/**
 * Constructors, `$is` and `$match` of what is recorded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const TraceEntry = Data.taggedEnum<TraceEntry>()

/**
 * The open sockets, in the order of their opening.
 *
 * @category getters
 * @since 0.1.0
 */
export const sockets: Effect.Effect<ReadonlyArray<Party>, never, Network> = Network.use((network) => network.sockets)

/**
 * The connections, and what is queued in them, in the order of their making.
 *
 * @category getters
 * @since 0.1.0
 */
export const connections: Effect.Effect<ReadonlyArray<Connection>, never, Network> = Network.use(
  (network) => network.connections
)

/**
 * How many messages were dropped, by cause, since the network was made.
 *
 * @category getters
 * @since 0.1.0
 */
export const dropped: Effect.Effect<Dropped, never, Network> = Network.use((network) => network.dropped)

/**
 * How many messages were taken from the queues of receivers, since the network was made.
 *
 * @category getters
 * @since 0.1.0
 */
export const delivered: Effect.Effect<number, never, Network> = Network.use((network) => network.delivered)

/**
 * The name of a socket, in this network: `undefined` where it is not in it.
 *
 * @category getters
 * @since 0.1.0
 */
export const nameOf = (socket: Socket): Effect.Effect<string | undefined, never, Network> =>
  Network.use((network) => Effect.sync(() => network.nameOf(openedOf(socket))))

/**
 * Records every message, connection and fault from now on until the scope closes; the effect that it answers with gives
 * what was recorded so far. The same seed records the same.
 *
 * @category tracing
 * @since 0.1.0
 */
export const trace: Effect.Effect<Effect.Effect<ReadonlyArray<TraceEntry>>, never, Network | Scope.Scope> = Network.use(
  (network) => network.trace
)

// -----------------------------------------------------------------------------
// Printing
// -----------------------------------------------------------------------------

/**
 * A fault in one line: `partition worker-1 -> sink`.
 *
 * @category printing
 * @since 0.1.0
 */
export const formatFault = (fault: Fault): string => {
  switch (fault._tag) {
    case "Partition":
      return `partition ${formatBetween(fault.between, fault.oneWay)}`
    case "Heal":
      return fault.between === undefined ? "heal everything" : `heal ${formatBetween(fault.between)}`
    case "Latency":
      return `latency ${formatBetween(fault.between, fault.oneWay)} ${formatDelay(fault.delay)}`
    case "Bandwidth":
      return `bandwidth ${formatBetween(fault.between, fault.oneWay)} ${fault.bytesPerSecond} bytes/s`
    case "Disconnect":
      return `disconnect ${formatBetween(fault.between)}`
    case "Corrupt":
      return `corrupt ${formatBetween(fault.between)}`
    case "Kill":
      return `kill ${fault.of}`
    case "Refuse":
      return `refuse ${fault.endpoint}`
    case "RejectHandshake":
      return `reject handshakes ${fault.endpoint}`
    case "Allow":
      return `allow ${fault.endpoint}`
    case "Clear":
      return "clear"
  }
}

/**
 * What was recorded in one line: `1250 ms  worker-1/PUSH → sink/PULL tcp://127.0.0.1:5557  "a result"`.
 *
 * @category printing
 * @since 0.1.0
 */
export const formatEntry = (entry: TraceEntry): string => `${entry.time} ms  ${describe(entry)}`

const describe = (entry: TraceEntry): string => {
  switch (entry._tag) {
    case "Message": {
      const frames = entry.frames === 1 ? "" : `, ${entry.frames} frames`
      const late = entry.sent === entry.time ? "" : `, sent at ${entry.sent} ms`
      return `${entry.connection}  ${direction(entry)}${print(entry.head)} (${entry.bytes} bytes${frames}${late})`
    }
    case "Lost":
      return `${entry.connection}  ${direction(entry)}${entry.count} lost`
    case "Connected":
      return `${entry.connection}  ${entry.by} is connected`
    case "Disconnected":
      return `${entry.connection}  ${entry.by} is disconnected`
    case "Injected":
      return `fault: ${formatFault(entry.fault)}`
  }
}

/** Who the message is from, where it is not from who connected. */
const direction = ({ connection, from }: { readonly connection: string; readonly from: string }): string =>
  connection.startsWith(`${from} `) ? "" : `from ${from}: `

const printable = /^[\x20-\x7e]*$/

const print = (head: Uint8Array): string => {
  const text = String.fromCharCode(...head)
  return printable.test(text) ? JSON.stringify(text) : `0x${Array.from(head, hex).join("")}`
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0")

const formatBetween = (between: Between, oneWay = false): string =>
  typeof between === "string"
    ? `[${between}]${oneWay ? ", forward" : ""}`
    : `${between[0]} ${oneWay ? "->" : "<->"} ${between[1]}`

const formatDelay = (delay: Delay): string => {
  switch (delay._tag) {
    case "Fixed":
      return Duration.format(delay.duration)
    case "Uniform":
      return `${Duration.format(delay.minimum)} to ${Duration.format(delay.maximum)}`
    case "Exponential":
      return `about ${Duration.format(delay.mean)}`
  }
}

const none: Delay = Delay.Fixed({ duration: Duration.zero })

const delayFrom = (input: Duration.Input | Delay): Delay =>
  isDelay(input) ? input : Delay.Fixed({ duration: Duration.fromInputUnsafe(input) })

// Of what is an input of a duration, nothing has such a tag.
const isDelay = (input: Duration.Input | Delay): input is Delay =>
  typeof input === "object" &&
  "_tag" in input &&
  (input._tag === "Fixed" || input._tag === "Uniform" || input._tag === "Exponential")

const textOf = (endpoint: Endpoint.Input): string =>
  typeof endpoint === "string" ? endpoint : Endpoint.format(endpoint)
