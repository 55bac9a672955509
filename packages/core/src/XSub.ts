/**
 * XSUB: a SUB for proxies: it tells of every subscription, receives whatever its publishers send it, and sends messages to
 * them.
 *
 * Where a SUB filters what it receives once more, an XSUB gives all. Publishers are told of each `subscribe`, of a further
 * one to the same prefix too; and again with each connection. What an XSUB sends, XPUB sockets receive; a PUB drops it.
 *
 * @see RFC 29
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
import * as subscriptions from "./internal/subscriptions.ts"
import type { Input, Message } from "./Message.ts"
import * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Prefix } from "./Sub.ts"
import type { Transport } from "./Transport.ts"
import { InvalidMessage, type ZmqError } from "./ZmqError.ts"

/**
 * A XSUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface XSub extends Socket.Readable<Message> {
  readonly type: "XSUB"
}

/**
 * Options of a XSUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.DuplexOptions {
  /** What to subscribe to from the beginning. `""` is every message. Default: nothing. (`ZMQ_SUBSCRIBE`) */
  readonly subscribe?: Prefix | ReadonlyArray<Prefix> | undefined
  /** Tell publishers of every `unsubscribe`, rather than of the last of a prefix only. Default: false. (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`) */
  readonly verboseUnsubscribe?: boolean | undefined
}

class XSubImpl extends internal.SocketImpl {
  override encode(input: unknown): Message | InvalidMessage {
    const message = super.encode(input)
    if (message instanceof InvalidMessage) return message
    const kind = message[0][0]
    if (kind === undefined || kind > 1) return message
    const problem =
      "a first frame that begins with a byte 0 or 1, which is a subscription: use subscribe and unsubscribe"
    return new InvalidMessage({ problem })
  }
}

/**
 * Makes a XSUB socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<XSub, ZmqError, Transport | Scope.Scope> =>
  openSocket<XSub>(
    "XSub",
    "XSUB",
    { ...options, subscribe: subscriptions.toPrefixes(options.subscribe ?? []) },
    XSubImpl
  )

/**
 * Subscribes to a prefix, and tells every publisher. Subscriptions are counted: what was subscribed to twice ends with the second
 * `unsubscribe`.
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const subscribe: {
  (prefix: Prefix): (self: XSub) => Effect.Effect<void, ZmqError>
  (self: XSub, prefix: Prefix): Effect.Effect<void, ZmqError>
} = subscriptions.subscribe

/**
 * Ends a subscription. Does nothing where there is none to this prefix.
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const unsubscribe: {
  (prefix: Prefix): (self: XSub) => Effect.Effect<void, ZmqError>
  (self: XSub, prefix: Prefix): Effect.Effect<void, ZmqError>
} = subscriptions.unsubscribe

/**
 * Sends one message to every publisher, of one frame or of several, whole.
 *
 * Never waits: a publisher whose queue is full loses the message. Interrupted, it has sent the whole message or
 * nothing of it. Fails with `Closed` when the socket is closed, and with `InvalidMessage` for what is no message.
 * So does a first frame that begins with a byte 0 or 1, which on the wire is a subscription: for these there are
 * `subscribe` and `unsubscribe`.
 *
 * @category sending
 * @since 0.1.0
 */
export const send: {
  (message: Input): (self: XSub) => Effect.Effect<void, ZmqError>
  (self: XSub, message: Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.send)

/**
 * Sends several messages in this order: the fast form. Interrupted, it has sent the first so many of them, each whole;
 * where one is no message, it sends none.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll: {
  (messages: Iterable<Input>): (self: XSub) => Effect.Effect<void, ZmqError>
  (self: XSub, messages: Iterable<Input>): Effect.Effect<void, ZmqError>
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
  ): (self: XSub) => (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
  <A, RD, RE>(
    self: XSub,
    schema: Schema.Codec<A, Message, RD, RE>
  ): (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
} = dual(2, internal.sendSchema)

/**
 * A sink that sends each of its elements as one message.
 *
 * @category sending
 * @since 0.1.0
 */
export const sink: (self: XSub) => Sink.Sink<void, Input, never, ZmqError> = internal.sink

/**
 * A sink that sends arrays of messages.
 *
 * @category sending
 * @since 0.1.0
 */
export const sinkBatches: (self: XSub) => Sink.Sink<void, ReadonlyArray<Input>, never, ZmqError> = internal.sinkBatches

/**
 * Receives the next message: waits for one, in line behind who asked before.
 *
 * It may be interrupted or timed out without loss: what it did not give is still in the socket. Fails with `Closed` when
 * the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const receive: (self: XSub) => Effect.Effect<Message, ZmqError> = internal.receive

/**
 * Receives the next message if it has arrived, and waits for none.
 *
 * @category receiving
 * @since 0.1.0
 */
export const poll: (self: XSub) => Effect.Effect<Option.Option<Message>, ZmqError> = internal.poll

/**
 * The messages, one at a time: nothing is taken from the socket before it is asked for, so that `Stream.take`,
 * `Stream.takeUntil`, `Stream.runHead` or an interruption lose nothing. Ends when the socket closes.
 *
 * `Stream.merge` takes ahead into a buffer of its own, which is lost when it is interrupted; `Poller.merge` does not.
 *
 * @category receiving
 * @since 0.1.0
 */
export const stream: (self: XSub) => Stream.Stream<Message> = internal.stream

/**
 * The messages in arrays, each what had arrived, 1 to 4,096: the fast form. Whoever receives an array owns all that is
 * in it. Ends when the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const batches: (self: XSub) => Stream.Stream<NonEmptyReadonlyArray<Message>> = internal.batches

/**
 * Runs an effect for each message, one after the other, until the socket closes: as lossless as `stream`, and the fastest
 * way to handle one message at a time.
 *
 * @category receiving
 * @since 0.1.0
 */
export const runForEach: {
  <A, E, R>(f: (message: Message) => Effect.Effect<A, E, R>): (self: XSub) => Effect.Effect<void, E, R>
  <A, E, R>(self: XSub, f: (message: Message) => Effect.Effect<A, E, R>): Effect.Effect<void, E, R>
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
export const streamSchema: Socket.StreamSchema<XSub> = dual((args) => Socket.isSocket(args[0]), internal.streamSchema)
