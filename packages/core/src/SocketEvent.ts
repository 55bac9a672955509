/**
 * What happens to a socket and to its connections.
 *
 * `Socket.events` tells every event of a socket, from before its first bind or connect on, and ends after `Closed`.
 * The names follow libzmq's socket monitor (`ZMQ_EVENT_…`).
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Loss from "./Loss.ts"
import type { RoutingId } from "./RoutingId.ts"
import type { SocketType } from "./SocketType.ts"

/**
 * Why a handshake failed, as far as the transport can tell.
 *
 * - `protocol`: the peer is no ZeroMQ socket, or of an incompatible type (of which libzmq tells nothing but
 *   `Disconnected`), or uses another security mechanism, or the server has another key than its client expects
 * - `authentication`: the peer was not let in, or we were not. Why, the server alone tells, in `detail`
 * - `other`: the connection ended in the middle of the handshake, or it took too long
 *
 * @category models
 * @since 0.1.0
 */
export type HandshakeProblem = "protocol" | "authentication" | "other"

/**
 * What a peer says of itself in the handshake (RFC 37). That is all that is known of it: who it is in truth, `Security` asks.
 *
 * - `routingId`: what it wants ROUTERs to call it
 * - `metadata`: its properties whose names begin with `x-`, by name in lower case: the option `metadata` of its socket
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly type: SocketType
  readonly routingId: RoutingId | undefined
  readonly metadata: Readonly<Record<string, Uint8Array>>
}

/**
 * What happens to a socket and to its connections.
 *
 * @category models
 * @since 0.1.0
 */
export type SocketEvent = Data.TaggedEnum<{
  /** Bound; `endpoint` is the resolved one (`ZMQ_EVENT_LISTENING`). */
  Listening: { readonly endpoint: string }
  /** Could not be bound (`ZMQ_EVENT_BIND_FAILED`). */
  BindFailed: { readonly endpoint: string; readonly problem: string }
  /** Bound no longer (`ZMQ_EVENT_CLOSED`). */
  Unbound: { readonly endpoint: string }
  /** A peer connected to a bound endpoint (`ZMQ_EVENT_ACCEPTED`). */
  Accepted: { readonly endpoint: string }
  /** A connection to a bound endpoint could not be accepted (`ZMQ_EVENT_ACCEPT_FAILED`). */
  AcceptFailed: { readonly endpoint: string; readonly problem: string }
  /** A connection was begun (`ZMQ_EVENT_CONNECT_DELAYED`). */
  Connecting: { readonly endpoint: string }
  /** A connection was made; the handshake follows (`ZMQ_EVENT_CONNECTED`). */
  Connected: { readonly endpoint: string }
  /**
   * A connection could not be made or was lost, and will be tried again (`ZMQ_EVENT_CONNECT_RETRIED`). `attempt` is which
   * one that will be since the socket was connected to, or since the connection was lost.
   */
  Reconnecting: { readonly endpoint: string; readonly after: Duration.Duration; readonly attempt: number }
  /**
   * The peers understand each other: messages flow from here on (`ZMQ_EVENT_HANDSHAKE_SUCCEEDED`). libzmq does not tell what
   * the peer says of itself.
   */
  HandshakeSucceeded: { readonly endpoint: string; readonly peer?: Peer | undefined }
  /** The handshake failed (`ZMQ_EVENT_HANDSHAKE_FAILED_…`). */
  HandshakeFailed: { readonly endpoint: string; readonly problem: HandshakeProblem; readonly detail: string }
  /** A peer, at this address, has exceeded a limit of the transport: its connection is ended. */
  LimitExceeded: {
    readonly endpoint: string
    readonly peer: string
    readonly limit: string
    readonly problem: string
  }
  /** A connection was lost (`ZMQ_EVENT_DISCONNECTED`). */
  Disconnected: { readonly endpoint: string }
  /** Connected to no longer, nor to be: the socket was disconnected from it, or lost it and does not reconnect. */
  Abandoned: { readonly endpoint: string }
  /** A peer can be sent to by its routing id. ROUTER only. `peer` is what it says of itself, as above. */
  PeerJoined: { readonly routingId: RoutingId; readonly peer?: Peer | undefined }
  /** The connection to a peer is lost; what it had sent may still be there to be received. ROUTER only. */
  PeerLeft: { readonly routingId: RoutingId }
  /**
   * Messages were lost: how many, and why. It is told when the count of a cause reaches 1, 2, 4, 8 and so on; the metric
   * `zmq_messages_dropped` and `Closed` tell of all.
   */
  Dropped: Loss.Report
  /** The last event: the socket is closed, and its addresses are free (`ZMQ_EVENT_MONITOR_STOPPED`). */
  Closed: CloseReport
}>

/**
 * How a socket closed.
 *
 * - `flushed`: whether everything sent had left for its peers in time. What had no peer to go to by the rules of its
 *   socket type (a PUB without subscribers) counts as flushed.
 * - `dropped`: how many messages were dropped unsent; `undefined` where the transport cannot count them.
 * - `losses`: what the socket lost in its life, by cause, as far as the transport can tell; missing where that is nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface CloseReport {
  readonly flushed: boolean
  readonly dropped: number | undefined
  readonly losses?: Loss.Losses | undefined
}

/**
 * Constructors, `$is` and `$match` of socket events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const SocketEvent = Data.taggedEnum<SocketEvent>()
