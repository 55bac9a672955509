/**
 * PUSH: hands tasks to PULL sockets, each to one of them, in turn.
 *
 * Every message goes to exactly one of the peers, round robin over those that have room. A socket that connects has a peer
 * from then on, also before the connection is made: up to `highWaterMark.send` messages queue for it, unless `immediate`
 * is set. A send with no peer, or with all of them at their high-water mark, waits.
 *
 * @see RFC 30
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import type { Input, Message } from "./Message.ts"
import type * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import type { ZmqError } from "./ZmqError.ts"

/**
 * A PUSH socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Push extends Socket.Socket {
  readonly type: "PUSH"
}

/**
 * Options of a PUSH socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.SendOptions {
  /** Keep only the newest message for each peer. Messages of one frame only. Default: false. (`ZMQ_CONFLATE`) */
  readonly conflate?: boolean | undefined
}

/**
 * Makes a PUSH socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Push, ZmqError, Transport | Scope.Scope> =>
  openSocket<Push>("Push", "PUSH", options)

/**
 * Sends one message, of one frame or of several, whole.
 *
 * Waits while there is no peer, or while all have reached their high-water mark. Interrupted, it has sent the whole message or nothing of it. Fails with `Closed` when the socket is closed, and
 * with `InvalidMessage` for what is no message.
 *
 * @category sending
 * @since 0.1.0
 */
export const send: {
  (message: Input): (self: Push) => Effect.Effect<void, ZmqError>
  (self: Push, message: Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.send)

/**
 * Sends several messages in this order: the fast form. Interrupted, it has sent the first so many of them, each whole;
 * where one is no message, it sends none.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll: {
  (messages: Iterable<Input>): (self: Push) => Effect.Effect<void, ZmqError>
  (self: Push, messages: Iterable<Input>): Effect.Effect<void, ZmqError>
} = dual(2, internal.sendAll)

/**
 * Sends values as messages by a schema of their frames (`Message.frames`, `Message.frame`).
 *
 * @category sending
 * @since 0.1.0
 */
export const sendSchema: {
  <A, RD, RE>(
    schema: Schema.Codec<A, Message, RD, RE>
  ): (self: Push) => (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
  <A, RD, RE>(
    self: Push,
    schema: Schema.Codec<A, Message, RD, RE>
  ): (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
} = dual(2, internal.sendSchema)

/**
 * A sink that sends each of its elements as one message.
 *
 * @category sending
 * @since 0.1.0
 */
export const sink: (self: Push) => Sink.Sink<void, Input, never, ZmqError> = internal.sink

/**
 * A sink that sends arrays of messages.
 *
 * @category sending
 * @since 0.1.0
 */
export const sinkBatches: (self: Push) => Sink.Sink<void, ReadonlyArray<Input>, never, ZmqError> = internal.sinkBatches
