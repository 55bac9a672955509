/**
 * How the connections of a socket are.
 *
 * `Socket.state` tells it, `Socket.changes` each change of it, and `Socket.awaitConnected` and `Socket.awaitPeers` wait
 * for what a program mostly waits for. It is made of the same events that `Socket.events` tells, as they happen: right
 * also for who asks late, and where the log of events has forgotten the oldest.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as DateTime from "effect/DateTime"
import type { CloseReport, HandshakeProblem } from "./SocketEvent.ts"

/**
 * How an endpoint of a socket is. Of one that is connected to:
 *
 * - `Connecting`: there has been no connection yet
 * - `Connected`: to its peer (to several, where it was connected to several times)
 * - `Reconnecting`: the connection was lost, and is being made again
 * - `HandshakeFailed`: a peer is there, and the two do not come together; it is tried again
 *
 * Of one that is bound:
 *
 * - `Listening`: with so many peers, or none
 *
 * `attempt` is the one under way or waited for, from 1; `since` is when the endpoint came to be so.
 *
 * @category models
 * @since 0.1.0
 */
export type EndpointState = Data.TaggedEnum<{
  Listening: { readonly endpoint: string; readonly peers: number }
  Connecting: { readonly endpoint: string; readonly since: DateTime.Utc; readonly attempt: number }
  Connected: { readonly endpoint: string; readonly since: DateTime.Utc; readonly peers: number }
  Reconnecting: { readonly endpoint: string; readonly since: DateTime.Utc; readonly attempt: number }
  HandshakeFailed: {
    readonly endpoint: string
    readonly since: DateTime.Utc
    readonly attempt: number
    readonly problem: HandshakeProblem
    readonly detail: string
  }
}>

/**
 * Constructors, `$is` and `$match` of the states of endpoints.
 *
 * @category constructors
 * @since 0.1.0
 */
export const EndpointState = Data.taggedEnum<EndpointState>()

/**
 * How the connections of a socket are, all together.
 *
 * @category models
 * @since 0.1.0
 */
export interface SocketState {
  /**
   * Of the endpoints that the socket connects to, the one that is worst off (`HandshakeFailed`, then `Reconnecting`,
   * `Connecting`, `Connected`). A socket that is only bound is `Connected` while it has a peer, otherwise `Listening`; one
   * that is neither is `Idle`.
   */
  readonly status: "Idle" | "Listening" | "Connecting" | "Connected" | "Reconnecting" | "HandshakeFailed" | "Closed"
  /** How many peers are connected, of all endpoints. */
  readonly peers: number
  /** Every endpoint, in the order in which it was bound or connected to. */
  readonly endpoints: ReadonlyArray<EndpointState>
  /** How the socket closed. */
  readonly closed: CloseReport | undefined
}
