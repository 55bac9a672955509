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
import type { RoutingId } from "./RoutingId.ts"

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
  /** A connection could not be made or was lost, and will be tried again (`ZMQ_EVENT_CONNECT_RETRIED`). */
  Reconnecting: { readonly endpoint: string; readonly after: Duration.Duration }
  /** The peers understand each other: messages flow from here on (`ZMQ_EVENT_HANDSHAKE_SUCCEEDED`). */
  HandshakeSucceeded: { readonly endpoint: string }
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
  /** A peer can be sent to by its routing id. ROUTER only. */
  PeerJoined: { readonly routingId: RoutingId }
  /** The connection to a peer is lost. ROUTER only. */
  PeerLeft: { readonly routingId: RoutingId }
  /** The last event: the socket is closed, and its addresses are free (`ZMQ_EVENT_MONITOR_STOPPED`). */
  Closed: CloseReport
}>

/**
 * How a socket closed.
 *
 * - `flushed`: whether everything sent had left for its peers in time. What had no peer to go to by the rules of its
 *   socket type (a PUB without subscribers) counts as flushed.
 * - `dropped`: how many messages were dropped unsent; `undefined` where the transport cannot count them.
 *
 * @category models
 * @since 0.1.0
 */
export interface CloseReport {
  readonly flushed: boolean
  readonly dropped: number | undefined
}

/**
 * Constructors, `$is` and `$match` of socket events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const SocketEvent = Data.taggedEnum<SocketEvent>()
