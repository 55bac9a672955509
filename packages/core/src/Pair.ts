/**
 * PAIR: two sockets, joined to each other alone.
 *
 * Meant for two parts of one program, over inproc. While a PAIR has a peer, the messages of whoever else connects to it
 * are not received; it is free for another peer when the first one has left.
 *
 * @see RFC 31
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import type { Input, Message } from "./Message.ts"
import * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import type { ZmqError } from "./ZmqError.ts"

/**
 * A PAIR socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pair extends Socket.Readable<Message> {
  readonly type: "PAIR"
}

/**
 * Options of a PAIR socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.DuplexOptions {}

/**
 * Makes a PAIR socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Pair, ZmqError, Transport | Scope.Scope> =>
  openSocket<Pair>("Pair", "PAIR", options)

/**
 * Sends one message, of one frame or of several, whole.
 *
 * Waits while there is no peer, or while its queue has reached its high-water mark. Interrupted, it has sent the whole message or
 * nothing of it. Fails with `Closed` when the socket is closed, and with `InvalidMessage` for what is no message.
 *
 * @category sending
 * @since 0.1.0
 */
export const send: {
  (message: Input): (self: Pair) => Effect.Effect<void, ZmqError>
  (self: Pair, message: Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.send)

/**
 * Sends several messages in this order: the fast form. Interrupted, it has sent the first so many of them, each whole;
 * where one is no message, it sends none.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll: {
  (messages: Iterable<Input>): (self: Pair) => Effect.Effect<void, ZmqError>
  (self: Pair, messages: Iterable<Input>): Effect.Effect<void, ZmqError>
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
  ): (self: Pair) => (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
  <A, RD, RE>(
    self: Pair,
    schema: Schema.Codec<A, Message, RD, RE>
  ): (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
} = dual(2, internal.sendSchema)

/**
 * A sink that sends each of its elements as one message.
 *
 * @category sending
 * @since 0.1.0
 */
export const sink: (self: Pair) => Sink.Sink<void, Input, never, ZmqError> = internal.sink

/**
 * A sink that sends arrays of messages.
 *
 * @category sending
 * @since 0.1.0
 */
export const sinkBatches: (self: Pair) => Sink.Sink<void, ReadonlyArray<Input>, never, ZmqError> = internal.sinkBatches

/**
 * Receives the next message: waits for one, in line behind who asked before.
 *
 * It may be interrupted or timed out without loss: what it did not give is still in the socket. Fails with `Closed` when
 * the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const receive: (self: Pair) => Effect.Effect<Message, ZmqError> = internal.receive

/**
 * Receives the next message if it has arrived, and waits for none.
 *
 * @category receiving
 * @since 0.1.0
 */
export const poll: (self: Pair) => Effect.Effect<Option.Option<Message>, ZmqError> = internal.poll

/**
 * The messages, one at a time: nothing is taken from the socket before it is asked for, so that `Stream.take`,
 * `Stream.takeUntil`, `Stream.runHead` or an interruption lose nothing. Ends when the socket closes.
 *
 * `Stream.merge` takes ahead into a buffer of its own, which is lost when it is interrupted; `Poller.merge` does not.
 *
 * @category receiving
 * @since 0.1.0
 */
export const stream: (self: Pair) => Stream.Stream<Message> = internal.stream

/**
 * The messages in arrays, each what had arrived, 1 to 4,096: the fast form. Whoever receives an array owns all that is
 * in it. Ends when the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const batches: (self: Pair) => Stream.Stream<NonEmptyReadonlyArray<Message>> = internal.batches

/**
 * Runs an effect for each message, one after the other, until the socket closes: as lossless as `stream`, and the fastest
 * way to handle one message at a time.
 *
 * @category receiving
 * @since 0.1.0
 */
export const runForEach: {
  <A, E, R>(f: (message: Message) => Effect.Effect<A, E, R>): (self: Pair) => Effect.Effect<void, E, R>
  <A, E, R>(self: Pair, f: (message: Message) => Effect.Effect<A, E, R>): Effect.Effect<void, E, R>
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
export const streamSchema: Socket.StreamSchema<Pair> = dual((args) => Socket.isSocket(args[0]), internal.streamSchema)
