/**
 * The inner seam: what carries the pipes of sockets, in memory or over a wire.
 *
 * A link makes connections and pipes. What the messages in them mean is for the patterns, and when to connect again, for
 * how long to linger, and who waits is for `SocketEngine`; a link knows nothing of it.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { Endpoint } from "../Endpoint.ts"
import type { Ledger } from "../Loss.ts"
import type { SocketEvent } from "../SocketEvent.ts"
import type { Resolved } from "../SocketOptions.ts"
import type { SocketType } from "../SocketType.ts"
import type { Reason } from "../ZmqError.ts"
import type { Pipe, PipeEvents } from "./Pipe.ts"

/**
 * What a link knows of a socket.
 *
 * The link logs what happens to listeners and connections (`Listening`, `Accepted`, `AcceptFailed`, `Connected`,
 * `HandshakeSucceeded`, `HandshakeFailed`, `Disconnected`); the engine logs the rest. `connected` is told of a pipe once
 * its handshake has succeeded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Port extends PipeEvents {
  readonly type: SocketType
  readonly options: Resolved
  readonly log: (event: SocketEvent) => void
  /** Of what is lost in the link. */
  readonly losses: Ledger
}

/**
 * Why there is no connection, or no longer.
 *
 * @category errors
 * @since 0.1.0
 */
export class LinkDown extends Data.TaggedError("LinkDown")<{
  readonly problem: string
  /** Succeeds when the peer has appeared, where the link can tell. */
  readonly appeared?: Effect.Effect<void>
  /** Whether to dial again at once: the next `dial` waits for the peer by itself. */
  readonly again?: boolean
}> {}

/**
 * A bound endpoint.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** The endpoint as peers know it. */
  readonly endpoint: Endpoint
  /** Accepts no more peers, and frees the address before it returns; connections stay. */
  readonly close: Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Link<P extends Pipe = Pipe> {
  /** A pipe without a connection yet, for `dial`. What is written to it waits for one. */
  readonly pipe: (endpoint: Endpoint, port: Port) => P
  /** Connects a pipe: one attempt, and then for as long as the connection lasts. Interrupted, it ends the connection. */
  readonly dial: (endpoint: Endpoint, pipe: P, port: Port) => Effect.Effect<never, LinkDown>
  /** Binds. Peers that connect become pipes of the port. Fails with `AddressInUse`, `AddressUnavailable`. */
  readonly listen: (endpoint: Endpoint, port: Port) => Effect.Effect<Listener, Reason>
  /** The socket takes nothing any more: the link adds to its losses what has come in and is not taken. */
  readonly settle?: () => void
}
