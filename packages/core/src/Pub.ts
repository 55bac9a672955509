/**
 * PUB: publishes messages to the SUB sockets that have subscribed to them.
 *
 * Every message goes to each subscriber that has a subscription which the first frame begins with. A send never waits:
 * for a subscriber whose queue is full the message is dropped, and without subscribers it is dropped at once, so that a
 * subscriber who joins later misses what came before. `noDrop` makes the sender wait instead.
 *
 * @see RFC 29
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
 * A PUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pub extends Socket.Socket {
  readonly type: "PUB"
}

/**
 * Options of a PUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.SendOptions {
  /** Keep only the newest message for each subscriber. Messages of one frame only. Default: false. (`ZMQ_CONFLATE`) */
  readonly conflate?: boolean | undefined
  /**
   * Send to each subscriber what does not match its subscriptions. Its subscribers need the same. Default: false.
   * (`ZMQ_INVERT_MATCHING`)
   */
  readonly invertMatching?: boolean | undefined
  /** Wait while a subscriber's queue is full, rather than drop for it: one slow subscriber then holds up all. Default: false. (`ZMQ_XPUB_NODROP`) */
  readonly noDrop?: boolean | undefined
}

/**
 * Makes a PUB socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Pub, ZmqError, Transport | Scope.Scope> =>
  openSocket<Pub>("Pub", "PUB", options)

/**
 * Sends one message, of one frame or of several, whole.
 *
 * Never waits, unless `noDrop` is set and a subscriber's queue is full. Interrupted, it has sent the whole message or nothing of it. Fails with `Closed` when the socket is closed, and
 * with `InvalidMessage` for what is no message.
 *
 * @category sending
 * @since 0.1.0
 */
export const send: {
  (message: Input): (self: Pub) => Effect.Effect<void, ZmqError>
  (self: Pub, message: Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.send)

/**
 * Sends several messages in this order: the fast form. Interrupted, it has sent the first so many of them, each whole;
 * where one is no message, it sends none.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll: {
  (messages: Iterable<Input>): (self: Pub) => Effect.Effect<void, ZmqError>
  (self: Pub, messages: Iterable<Input>): Effect.Effect<void, ZmqError>
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
  ): (self: Pub) => (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
  <A, RD, RE>(
    self: Pub,
    schema: Schema.Codec<A, Message, RD, RE>
  ): (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
} = dual(2, internal.sendSchema)

/**
 * A sink that sends each of its elements as one message.
 *
 * @category sending
 * @since 0.1.0
 */
export const sink: (self: Pub) => Sink.Sink<void, Input, never, ZmqError> = internal.sink

/**
 * A sink that sends arrays of messages.
 *
 * @category sending
 * @since 0.1.0
 */
export const sinkBatches: (self: Pub) => Sink.Sink<void, ReadonlyArray<Input>, never, ZmqError> = internal.sinkBatches
