/**
 * SUB: receives the messages it has subscribed to from PUB sockets, fairly from each.
 *
 * A subscription is a prefix of the first frame, byte by byte: `"1000"` also matches `"10001"`. Subscriptions reach the
 * publishers as connections are made, and again after each reconnection; what was published before is not received.
 *
 * @see RFC 29
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import * as subscriptions from "./internal/subscriptions.ts"
import type { Message } from "./Message.ts"
import * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import type { ZmqError } from "./ZmqError.ts"

/**
 * A SUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sub extends Socket.Readable<Message> {
  readonly type: "SUB"
}

/**
 * Options of a SUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.ReceiveOptions {
  /** What to subscribe to: without any, nothing is received. `""` is every message; `[]` is nothing yet. (`ZMQ_SUBSCRIBE`) */
  readonly subscribe: Prefix | ReadonlyArray<Prefix>
  /** Keep only the newest message of each publisher. Messages of one frame only. Default: false. (`ZMQ_CONFLATE`) */
  readonly conflate?: boolean | undefined
  /** Receive what does not match the subscriptions. The publishers need the same. Default: false. (`ZMQ_INVERT_MATCHING`) */
  readonly invertMatching?: boolean | undefined
}

/**
 * Makes a SUB socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Sub, ZmqError, Transport | Scope.Scope> =>
  openSocket<Sub>("Sub", "SUB", { ...options, subscribe: subscriptions.toPrefixes(options.subscribe) })

/**
 * What begins the first frame of the messages to be received: text (in UTF-8) or bytes. `""` is every message.
 *
 * @category models
 * @since 0.1.0
 */
export type Prefix = string | Uint8Array

/**
 * Subscribes to a further prefix. Subscriptions are counted: what was subscribed to twice ends with the second
 * `unsubscribe`.
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const subscribe: {
  (prefix: Prefix): (self: Sub) => Effect.Effect<void, ZmqError>
  (self: Sub, prefix: Prefix): Effect.Effect<void, ZmqError>
} = subscriptions.subscribe

/**
 * Ends a subscription. Does nothing where there is none to this prefix.
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const unsubscribe: {
  (prefix: Prefix): (self: Sub) => Effect.Effect<void, ZmqError>
  (self: Sub, prefix: Prefix): Effect.Effect<void, ZmqError>
} = subscriptions.unsubscribe

/**
 * Receives the next message: waits for one, in line behind who asked before.
 *
 * It may be interrupted or timed out without loss: what it did not give is still in the socket. Fails with `Closed` when
 * the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const receive: (self: Sub) => Effect.Effect<Message, ZmqError> = internal.receive

/**
 * Receives the next message if it has arrived, and waits for none.
 *
 * @category receiving
 * @since 0.1.0
 */
export const poll: (self: Sub) => Effect.Effect<Option.Option<Message>, ZmqError> = internal.poll

/**
 * The messages, one at a time: nothing is taken from the socket before it is asked for, so that `Stream.take`,
 * `Stream.takeUntil`, `Stream.runHead` or an interruption lose nothing. Ends when the socket closes.
 *
 * `Stream.merge` takes ahead into a buffer of its own, which is lost when it is interrupted; `Poller.merge` does not.
 *
 * @category receiving
 * @since 0.1.0
 */
export const stream: (self: Sub) => Stream.Stream<Message> = internal.stream

/**
 * The messages in arrays, each what had arrived, 1 to 4,096: the fast form. Whoever receives an array owns all that is
 * in it. Ends when the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const batches: (self: Sub) => Stream.Stream<NonEmptyReadonlyArray<Message>> = internal.batches

/**
 * Runs an effect for each message, one after the other, until the socket closes: as lossless as `stream`, and the fastest
 * way to handle one message at a time.
 *
 * @category receiving
 * @since 0.1.0
 */
export const runForEach: {
  <A, E, R>(f: (message: Message) => Effect.Effect<A, E, R>): (self: Sub) => Effect.Effect<void, E, R>
  <A, E, R>(self: Sub, f: (message: Message) => Effect.Effect<A, E, R>): Effect.Effect<void, E, R>
} = dual(2, internal.runForEach)

/**
 * The messages, decoded by a schema of their frames (`Message.frames`, `Message.frame`).
 *
 * A message that does not fit is dropped and counted by `zmq_messages_dropped` (`malformed`); `onMalformed` may be a
 * function, which is run for it, or `"fail"`, which fails the stream with a `SchemaError`.
 *
 * @category receiving
 * @since 0.1.0
 */
export const streamSchema: Socket.StreamSchema<Sub> = dual((args) => Socket.isSocket(args[0]), internal.streamSchema)
