/**
 * The one error of sockets.
 *
 * A `ZmqError` says which function failed (`module`, `method`) and why: its `reason` is one of a closed set of tagged
 * reasons, each with the data that a person needs to act on it. Recover from one by
 * `Effect.catchReason("ZmqError", "AddressInUse", (reason) => …)`.
 *
 * Losing a connection is no error in ZeroMQ: sockets reconnect by themselves, and `Socket.events` tells of it.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"

const TypeId = "~@effect-zmq/core/ZmqError"

/**
 * A socket, of this or of another process, is bound to the endpoint already.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AddressInUse extends Data.TaggedError("AddressInUse")<{ readonly endpoint: string }> {
  override get message(): string {
    const hint = this.endpoint.startsWith("tcp:")
      ? "bind another port, or any free one by tcp://127.0.0.1:*"
      : this.endpoint.startsWith("ipc:")
        ? "bind another path, or any free one by ipc://*"
        : "bind another name"
    return `${this.endpoint} is in use already; ${hint}`
  }
}

/**
 * The endpoint is well formed, but cannot be used here: the address is of another machine, the interface or directory
 * does not exist, or this process may not use it.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AddressUnavailable extends Data.TaggedError("AddressUnavailable")<{
  readonly endpoint: string
  readonly problem: string
}> {
  override get message(): string {
    return `${this.endpoint} cannot be used: ${this.problem}`
  }
}

/**
 * Text that is not an endpoint: what is wrong, where (the index of the first wrong character), and what to write.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidEndpoint extends Data.TaggedError("InvalidEndpoint")<{
  readonly input: string
  readonly position: number
  readonly problem: string
  readonly hint: string
}> {
  override get message(): string {
    return `${JSON.stringify(this.input)} is not an endpoint: ${this.problem} (at character ${this.position}); ${this.hint}`
  }
}

/**
 * The socket is not bound, or not connected, to this endpoint.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownEndpoint extends Data.TaggedError("UnknownEndpoint")<{
  readonly endpoint: string
  readonly endpoints: ReadonlyArray<string>
}> {
  override get message(): string {
    const have = this.endpoints.length === 0 ? "none" : this.endpoints.join(", ")
    return `there is nothing to end at ${this.endpoint}; the socket has ${have} (unbind ends what was bound, disconnect what was connected)`
  }
}

/**
 * No peer has this routing id (in hexadecimal).
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unroutable extends Data.TaggedError("Unroutable")<{ readonly routingId: string }> {
  override get message(): string {
    return `no peer has the routing id ${this.routingId}`
  }
}

/**
 * The queue towards the peer of this routing id (in hexadecimal) has reached its high-water mark.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PeerFull extends Data.TaggedError("PeerFull")<{ readonly routingId: string }> {
  override get message(): string {
    return `the queue to the peer ${this.routingId} has reached its high-water mark`
  }
}

/**
 * The transport lacks what was asked for.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unsupported extends Data.TaggedError("Unsupported")<{
  readonly transport: string
  readonly feature: string
  readonly hint: string
}> {
  override get message(): string {
    return `the ${this.transport} transport does not support ${this.feature}; ${this.hint}`
  }
}

/**
 * The socket is closed: its scope has ended, or it was drained.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Closed extends Data.TaggedError("Closed")<{}> {
  override get message(): string {
    return "the socket is closed: its scope has ended, or it was drained"
  }
}

/**
 * A limit was reached; `option` is what raises it.
 *
 * @category reasons
 * @since 0.1.0
 */
export class LimitReached extends Data.TaggedError("LimitReached")<{
  readonly limit: string
  readonly maximum: number
  readonly option: string
}> {
  override get message(): string {
    return `${this.limit}: the limit of ${this.maximum} is reached; raise it by ${this.option}, or close what is no longer needed`
  }
}

/**
 * A peer refused the connection, or could not be understood.
 *
 * @category reasons
 * @since 0.1.0
 */
export class HandshakeFailed extends Data.TaggedError("HandshakeFailed")<{
  readonly endpoint: string
  readonly problem: string
}> {
  override get message(): string {
    return `the handshake with ${this.endpoint} failed: ${this.problem}`
  }
}

/**
 * What was given to be sent is no message, or none that this socket can send.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidMessage extends Data.TaggedError("InvalidMessage")<{ readonly problem: string }> {
  override get message(): string {
    return `not a message: ${this.problem}; send a string, a Uint8Array, or a non-empty array of either`
  }
}

/**
 * An option has a value that it cannot have.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidOption extends Data.TaggedError("InvalidOption")<{
  readonly option: string
  readonly value: string
  readonly problem: string
}> {
  override get message(): string {
    return `the option ${this.option} cannot be ${this.value}: ${this.problem}`
  }
}

/**
 * The socket is in a state in which this cannot be done, such as a REP that is asked for the next request before it has
 * answered the last one (EFSM).
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidState extends Data.TaggedError("InvalidState")<{ readonly problem: string }> {
  override get message(): string {
    return this.problem
  }
}

/**
 * What the transport did not foresee: the code and the original error of what lies under it.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unexpected extends Data.TaggedError("Unexpected")<{ readonly code: string; readonly cause: unknown }> {
  override get message(): string {
    return `unexpected error ${this.code}: ${Predicate.isError(this.cause) ? this.cause.message : String(this.cause)}`
  }
}

/**
 * Why a socket operation failed.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason =
  | AddressInUse
  | AddressUnavailable
  | InvalidEndpoint
  | UnknownEndpoint
  | Unroutable
  | PeerFull
  | Unsupported
  | Closed
  | LimitReached
  | HandshakeFailed
  | InvalidMessage
  | InvalidOption
  | InvalidState
  | Unexpected

/**
 * A socket operation that failed: where, and why.
 *
 * @category errors
 * @since 0.1.0
 */
export class ZmqError extends Data.TaggedError("ZmqError")<{
  readonly module: string
  readonly method: string
  readonly reason: Reason
}> {
  readonly [TypeId]: typeof TypeId = TypeId

  override get message(): string {
    return `${this.module}.${this.method}: ${this.reason.message}`
  }
}

/**
 * Tells whether a value is a `ZmqError`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isZmqError = (u: unknown): u is ZmqError => Predicate.hasProperty(u, TypeId)
