/**
 * XPUB: a PUB that learns of its subscriptions, and receives what its XSUB peers send.
 *
 * Made for proxies, which pass subscriptions on, and for publishers that have something to say to a new subscriber, such as
 * the last value. With `manual` no subscription holds before it is confirmed.
 *
 * Subscriptions wait to be received, however many they are: receive from an XPUB, or use a PUB.
 *
 * **Example** (The last value for each new topic)
 *
 * ```ts
 * XPub.runForEach(xpub, (event) => event._tag === "Subscribe" ? XPub.send(xpub, lastOf(event.topic)) : Effect.void)
 * ```
 *
 * @see RFC 29
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import { toBytes } from "./internal/subscriptions.ts"
import type { Input, Message } from "./Message.ts"
import * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Prefix } from "./Sub.ts"
import type { Transport } from "./Transport.ts"
import { InvalidState, type ZmqError } from "./ZmqError.ts"

/**
 * An XPUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface XPub extends Socket.Readable<Event> {
  readonly type: "XPUB"
}

/**
 * What an XPUB receives.
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Data.TaggedEnum<{
  /** A subscription to what nobody was subscribed to; to anything by `verbosity`, or with `manual`. */
  Subscribe: { readonly topic: Uint8Array }
  /** A subscription ended, or its subscriber has left, and nobody is subscribed to it any more; each by `verbosity`, or with `manual`. */
  Unsubscribe: { readonly topic: Uint8Array }
  /** A message of an XSUB. */
  Message: { readonly message: Message }
}>

/**
 * Constructors, `$is` and `$match` of what an XPUB receives.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Event = Data.taggedEnum<Event>()

/**
 * What an XPUB receives of subscriptions.
 *
 * @category models
 * @since 0.1.0
 */
export type Subscription = Exclude<Event, { readonly _tag: "Message" }>

/**
 * Options of an XPUB socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.DuplexOptions {
  /**
   * Which subscriptions are told of:
   *
   * - `"unique"`: those to what nobody was subscribed to, and ends after which nobody is (the default)
   * - `"subscriptions"`: every subscription, and ends after which nobody is (`ZMQ_XPUB_VERBOSE`)
   * - `"all"`: every subscription and every end (`ZMQ_XPUB_VERBOSER`)
   */
  readonly verbosity?: "unique" | "subscriptions" | "all" | undefined
  /** Tell of every subscription and every end, and let them hold only when they are confirmed. Default: false. (`ZMQ_XPUB_MANUAL`) */
  readonly manual?: boolean | undefined
  /**
   * With `manual`: the message that is sent next after a subscription was received goes to its subscriber alone, where what
   * was confirmed matches it, and those after it to all again: for the last value of a topic. Default: false.
   * (`ZMQ_XPUB_MANUAL_LAST_VALUE`)
   */
  readonly lastValue?: boolean | undefined
  /** What every subscriber is sent first, in one frame; a SUB that has not subscribed to it drops it. Default: nothing. (`ZMQ_XPUB_WELCOME_MSG`) */
  readonly welcomeMessage?: string | Uint8Array | undefined
  /**
   * Send to each subscriber what does not match its subscriptions. Its subscribers need the same. Default: false.
   * (`ZMQ_INVERT_MATCHING`)
   */
  readonly invertMatching?: boolean | undefined
  /** Wait while a subscriber's queue is full, rather than drop for it: one slow subscriber then holds up all. Default: false. (`ZMQ_XPUB_NODROP`) */
  readonly noDrop?: boolean | undefined
}

const toEvent = (message: Message): Event => {
  const [first] = message
  const kind = message.length === 1 ? first[0] : undefined
  if (kind === 1) return Event.Subscribe({ topic: first.subarray(1) })
  return kind === 0 ? Event.Unsubscribe({ topic: first.subarray(1) }) : Event.Message({ message })
}

class XPubImpl extends internal.SocketImpl {
  private readonly taking = internal.taking((message) => (this.last = toEvent(message)))
  override readonly takeOne = this.taking.one
  override readonly takeBatch = this.taking.batch
  manual = false
  /** What was received last: what it is of can be confirmed. */
  last: Event | undefined = undefined
}

// `make` below is the only constructor, and makes one of this class.
const impl = (self: XPub): XPubImpl => self as unknown as XPubImpl

/**
 * Makes an XPUB socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<XPub, ZmqError, Transport | Scope.Scope> =>
  Effect.map(openSocket<XPub>("XPub", "XPUB", options, XPubImpl), (xpub) => {
    impl(xpub).manual = options.manual === true
    impl(xpub).tells = options.manual === true ? "manual" : (options.verbosity ?? "unique")
    return xpub
  })

/**
 * Lets a subscription that was received hold for its subscriber, or end: with `manual`, nothing else does. With `topic` it
 * is one to that, rather than to what was asked for. Does nothing where the subscriber has left.
 *
 * Before the next is received: fails with `InvalidState` where the subscription is not what was received last, or the socket
 * is not `manual`; with `Closed` when the socket is closed.
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const confirm: {
  (
    subscription: Subscription,
    options?: { readonly topic?: Prefix | undefined }
  ): (self: XPub) => Effect.Effect<void, ZmqError>
  (
    self: XPub,
    subscription: Subscription,
    options?: { readonly topic?: Prefix | undefined }
  ): Effect.Effect<void, ZmqError>
} = dual(
  (args) => Socket.isSocket(args[0]),
  (self: XPub, subscription: Subscription, options?: { readonly topic?: Prefix | undefined }) =>
    Effect.suspend(() => {
      const { handle, last, manual } = impl(self)
      if (!manual) return invalid(self, "subscriptions are confirmed on a socket with `manual` only")
      if (last !== subscription) {
        return invalid(self, "something else was received since: confirm a subscription before receiving the next")
      }
      const topic = toBytes(options?.topic ?? subscription.topic)
      // By its transport: they are no subscriptions of its own, to be counted.
      const { inner } = handle
      const confirmed = subscription._tag === "Subscribe" ? inner.subscribe(topic) : inner.unsubscribe(topic)
      return internal.mapReason(self, "confirm")(confirmed)
    })
)

const invalid = (self: XPub, problem: string) => internal.fail(self, "confirm", new InvalidState({ problem }))

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
  (message: Input): (self: XPub) => Effect.Effect<void, ZmqError>
  (self: XPub, message: Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.send)

/**
 * Sends several messages in this order: the fast form. Interrupted, it has sent the first so many of them, each whole;
 * where one is no message, it sends none.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll: {
  (messages: Iterable<Input>): (self: XPub) => Effect.Effect<void, ZmqError>
  (self: XPub, messages: Iterable<Input>): Effect.Effect<void, ZmqError>
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
  ): (self: XPub) => (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
  <A, RD, RE>(
    self: XPub,
    schema: Schema.Codec<A, Message, RD, RE>
  ): (value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
} = dual(2, internal.sendSchema)

/**
 * A sink that sends each of its elements as one message.
 *
 * @category sending
 * @since 0.1.0
 */
export const sink: (self: XPub) => Sink.Sink<void, Input, never, ZmqError> = internal.sink

/**
 * A sink that sends arrays of messages.
 *
 * @category sending
 * @since 0.1.0
 */
export const sinkBatches: (self: XPub) => Sink.Sink<void, ReadonlyArray<Input>, never, ZmqError> = internal.sinkBatches

/**
 * Receives the next message or subscription: waits for one, in line behind who asked before.
 *
 * It may be interrupted or timed out without loss: what it did not give is still in the socket. Fails with `Closed` when
 * the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const receive: (self: XPub) => Effect.Effect<Event, ZmqError> = internal.receive

/**
 * Receives the next message or subscription if it has arrived, and waits for none.
 *
 * @category receiving
 * @since 0.1.0
 */
export const poll: (self: XPub) => Effect.Effect<Option.Option<Event>, ZmqError> = internal.poll

/**
 * The messages and subscriptions, one at a time: nothing is taken from the socket before it is asked for, so that `Stream.take`,
 * `Stream.takeUntil`, `Stream.runHead` or an interruption lose nothing. Ends when the socket closes.
 *
 * `Stream.merge` takes ahead into a buffer of its own, which is lost when it is interrupted; `Poller.merge` does not.
 *
 * @category receiving
 * @since 0.1.0
 */
export const stream: (self: XPub) => Stream.Stream<Event> = internal.stream

/**
 * The messages and subscriptions in arrays, each what had arrived, 1 to 4,096: the fast form; with `manual`, one each. Whoever receives an array owns all that is
 * in it. Ends when the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const batches: (self: XPub) => Stream.Stream<NonEmptyReadonlyArray<Event>> = internal.batches

/**
 * Runs an effect for each message and subscription, one after the other, until the socket closes: as lossless as `stream`, and the fastest
 * way to handle one at a time.
 *
 * @category receiving
 * @since 0.1.0
 */
export const runForEach: {
  <A, E, R>(f: (event: Event) => Effect.Effect<A, E, R>): (self: XPub) => Effect.Effect<void, E, R>
  <A, E, R>(self: XPub, f: (event: Event) => Effect.Effect<A, E, R>): Effect.Effect<void, E, R>
} = dual(2, internal.runForEach)
