/**
 * The seam between sockets and what carries their messages.
 *
 * A program uses sockets (`Push`, `Pull`, …); which transport carries them is a Layer, provided once:
 * `ZmqTransport.layer` (libzmq), `MemoryTransport.layer` (in this process, for tests). This module is for those who
 * write a transport, and for asking one what it can do.
 *
 * A transport opens sockets as `Handle`s. **Waiting takes nothing; taking is synchronous.** What was not taken is still
 * in the socket, and so interruption, timeouts, races and merges cannot lose a message.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Endpoint from "./Endpoint.ts"
import type { Ledger } from "./Loss.ts"
import type { Message } from "./Message.ts"
import type { RoutingId } from "./RoutingId.ts"
import type { User } from "./Security.ts"
import type { Socket } from "./Socket.ts"
import type { CloseReport, SocketEvent } from "./SocketEvent.ts"
import type { Resolved } from "./SocketOptions.ts"
import type { SocketState } from "./SocketState.ts"
import type { SocketType } from "./SocketType.ts"
import type { Reason } from "./ZmqError.ts"

/**
 * What a transport can do: socket types, the schemes of endpoints, and security mechanisms (of them "null" is to
 * authenticate by address).
 *
 * @category models
 * @since 0.1.0
 */
export type Capability = SocketType | "tcp" | "ipc" | "inproc" | "ws" | "null" | "plain" | "curve"

/**
 * What carries the messages of sockets.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<
  Transport,
  {
    /** The name of the transport, as error messages have it. */
    readonly name: string
    /** The version of what does the work. */
    readonly version: string
    readonly capabilities: ReadonlySet<Capability>
    /**
     * Opens a socket, and closes it with the scope: intake stops, what is queued is delivered for at most `linger`, and
     * the addresses are free when the close returns.
     *
     * Fails with `Unsupported` where the transport lacks the type or an option, `LimitReached`.
     */
    readonly open: (type: SocketType, options: Resolved) => Effect.Effect<Handle, Reason, Scope.Scope>
    /**
     * Where it is there, is shown every socket, after it was opened and before it is bound or connected. What it adds to
     * the scope is run when the socket is closed.
     */
    readonly watch?: ((socket: Socket) => Effect.Effect<void, never, Scope.Scope>) | undefined
  }
>()("@effect-zmq/core/Transport") {}

/**
 * How far a `send` of several messages is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** How many were handed over: exact once the `send` has ended, also where it failed or was interrupted. */
  sent: number
}

/**
 * How a socket is doing, as far as its transport can tell: `undefined` where it cannot.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gauges {
  /** How many messages were sent and have not left, and how many have come in and are not taken. */
  readonly queued: { readonly send: number | undefined; readonly receive: number | undefined }
  /** How many peers are connected. */
  readonly peers: number | undefined
  /** How many times a connection could not be made, or was lost, and was tried again. */
  readonly reconnects: number
  /** How many sends have had to wait, for room or for a peer. */
  readonly suspensions: number
  /** How many of them wait now. */
  readonly waiting?: number | undefined
}

/**
 * An open socket of a transport.
 *
 * The messages of a ROUTER have the routing id of the peer as their first frame, in and out. What an XPUB takes of
 * subscriptions are messages of one frame: a byte, 1 for a new one and 0 for one that ended, and the prefix.
 *
 * Sockets see to it that at most one fiber waits for `readable` at a time; everything else may be called by any number
 * of fibers at once. Everything fails with `Closed` once the socket is closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle {
  /**
   * What is here now, at most `max` messages, taken: the caller owns the array. `[]` where there is nothing. It and
   * `receiveOneUnsafe` serve from the same read-ahead array, which belongs to the socket.
   */
  readonly receiveUnsafe: (max: number) => ReadonlyArray<Message>
  /** The next message, taken; `undefined` where none is here now. */
  readonly receiveOneUnsafe: () => Message | undefined
  /**
   * Puts messages that were taken back, before all others: they are taken next, in this order. Where the socket is closed
   * they are lost, `unread`.
   */
  readonly putBackUnsafe: (messages: ReadonlyArray<Message>) => void
  /** Waits until there is something to take, and takes nothing. */
  readonly readable: Effect.Effect<void, Reason>
  /** Brings in what has arrived already, so that it can be taken; waits for nothing else. */
  readonly refresh: Effect.Effect<void, Reason>
  /**
   * Hands a message over now. `false`: not so (no room, or others wait in line), and `send` then waits, or says why.
   */
  readonly sendUnsafe: (message: Message) => boolean
  /**
   * Sends messages in this order, each whole, waiting in line where there is no room. Interrupted, it has sent a prefix
   * of them, which `progress` tells.
   */
  readonly send: (messages: NonEmptyReadonlyArray<Message>, progress?: Progress) => Effect.Effect<void, Reason>
  /** Binds, and answers with the endpoint as it is known to peers. */
  readonly bind: (endpoint: Endpoint.Endpoint) => Effect.Effect<Endpoint.Endpoint, Reason>
  /** Accepts no more peers there; those that are connected stay. */
  readonly unbind: (endpoint: Endpoint.Endpoint) => Effect.Effect<void, Reason>
  /**
   * Begins to connect, and succeeds before the peer exists. A ROUTER knows the peer by `routingId` from then on, where it
   * is given one, and fails with `InvalidOption` where another peer has it.
   */
  readonly connect: (endpoint: Endpoint.Endpoint, routingId?: RoutingId) => Effect.Effect<void, Reason>
  /** Ends the connection, and connects no more. */
  readonly disconnect: (endpoint: Endpoint.Endpoint) => Effect.Effect<void, Reason>
  /**
   * Subscriptions are counted: what was subscribed to twice ends with the second `unsubscribe`. SUB and XSUB; an XPUB with
   * `manual` subscribes the peer whose subscription was taken last (and takes one at a time), if it is still there.
   */
  readonly subscribe: (prefix: Uint8Array) => Effect.Effect<void, Reason>
  readonly unsubscribe: (prefix: Uint8Array) => Effect.Effect<void, Reason>
  /**
   * Withdraws the request that has not been answered: its connection is opened anew, and a late reply is never seen.
   * Does nothing where there is none. REQ only.
   */
  readonly withdraw: Effect.Effect<void>
  /** The routing ids of the peers that are connected. ROUTER only. */
  readonly peers: Effect.Effect<ReadonlyArray<RoutingId>>
  /**
   * Who sent a message, by the authentication of its connection: asked in the step that takes the message, with the very
   * message that was taken. `undefined` where it is not known. ROUTER and REP only, and where this is missing, the
   * transport cannot tell.
   */
  readonly userOf?: ((message: Message) => User | undefined) | undefined
  /** What the socket has lost; where it is missing, the transport cannot tell of any loss. */
  readonly losses?: Ledger | undefined
  /** How the socket is doing: asked when somebody reads its metrics, and cheap. */
  readonly gaugesUnsafe?: (() => Gauges) | undefined
  /** Closes the socket: delivers what is queued for at most `within`. Later calls get the first one's report. */
  readonly drain: (within: Duration.Duration) => Effect.Effect<CloseReport>
  /** What the socket is bound and connected to, resolved, in the order of the calls. */
  readonly endpoints: Effect.Effect<ReadonlyArray<Endpoint.Endpoint>>
  /**
   * The events of the socket from the first on (where there were more than 1,024, the newest of them), then those to
   * come; ends after `Closed`.
   */
  readonly events: Stream.Stream<SocketEvent>
  /** How the connections are, by all events up to now. */
  readonly state: Effect.Effect<SocketState>
  /** The state, then each that follows; ends after that of `Closed`. */
  readonly changes: Stream.Stream<SocketState>
}
