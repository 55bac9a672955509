/**
 * Topics: typed publish-subscribe. A topic is a name, a schema, and a key by which subscribers choose.
 *
 * **On the wire** a message has two frames, both UTF-8: the name, `/`, the key, `/`; and the value as JSON, as its schema
 * encodes it. A report of the weather in 10001 is
 *
 * ```text
 * weather/10001/
 * {"zip":"10001","temperature":71}
 * ```
 *
 * Names and keys are not empty and have no `/`, and a name begins with no NUL. So a key ends where its `/` is: who subscribes to `1000` does not get
 * `10001`, as with bare ZeroMQ prefixes. For all keys that begin with `1000` there is `Topic.prefix("1000")`, for all keys
 * `Topic.all`. Any SUB in any language reads a topic, by a subscription to `weather/10001/`.
 *
 * **Who listens.** A publisher counts its subscribers, and can wait for them: `awaitSubscribers`. What it sends then reaches
 * them all, from the first message on. What counts:
 *
 * - a subscriber of this module: once, however many keys it has, from when its subscriptions hold until it leaves or is
 *   lost. Also behind a forwarder (XSUB and XPUB)
 * - other SUBs: as many as hold the prefix that most of them hold, from when its first subscription holds. Those that
 *   subscribe to one and the same prefix are counted exactly; of those with different ones the publisher cannot know whether
 *   they are one peer or several, and counts one
 *
 * To be counted, a subscriber makes further subscriptions, to which nothing is ever sent. `ID` is 32 characters of its own,
 * such as those of a random UUID without dashes: first, for each of its prefixes, the byte 00, the name, `/`, `ID`, `/`, and
 * the prefix; then those to the prefixes; then the byte FF, the name, `/`, `ID`, `/`. A SUB in another language that
 * makes the same subscriptions, in this order and before it connects, is counted in the same way.
 *
 * **Example** (The weather)
 *
 * ```ts
 * const Weather = Topic.make("weather", {
 *   schema: Schema.Struct({ zip: Schema.String, temperature: Schema.Int }),
 *   key: (report) => report.zip
 * })
 *
 * const station = Effect.gen(function*() {
 *   const publisher = yield* Topic.publisher(Weather, { bind: "tcp://127.0.0.1:5556" })
 *   yield* Topic.awaitSubscribers(publisher, 1)
 *   yield* Topic.publish(publisher, { zip: "10001", temperature: 71 })
 * })
 *
 * const reports = Topic.subscribe(Weather, { connect: "tcp://127.0.0.1:5556", keys: "10001" })
 * ```
 *
 * @see RFC 29
 * @since 0.1.0
 */
import * as Message from "@effect-zmq/core/Message"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import type { Transport } from "@effect-zmq/core/Transport"
import * as XPub from "@effect-zmq/core/XPub"
import { Closed, ZmqError } from "@effect-zmq/core/ZmqError"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Pipeable from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { Audience, claimOf, presenceOf } from "./internal/audience.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId = "~@effect-zmq/patterns/Topic"

/**
 * The schema of a topic's values.
 *
 * @category models
 * @since 0.1.0
 */
// biome-ignore lint/suspicious/noExplicitAny: the variance of a codec's type allows no narrower bound
export type AnySchema = Schema.Codec<any, any, any, any>

/**
 * Where the key of a message comes from: from its value, or from who publishes it (`publishAs`).
 *
 * @category models
 * @since 0.1.0
 */
export type Keying = "value" | "given"

/**
 * What a topic is: a name, a schema of its values, and a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<S extends AnySchema, K extends Keying = Keying> {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  readonly schema: S
  /** The key of a value; `undefined` where it is given when a value is published. */
  readonly keyOf: K extends "value" ? (value: S["Type"]) => string : undefined
}

/**
 * A topic, and the services that publish and that receive it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Topic<Name extends string, S extends AnySchema, K extends Keying = Keying> extends Definition<S, K> {
  readonly name: Name
  /** A publisher of the topic, as a service. */
  readonly Publisher: Context.Service<Publishes<Name>, Publisher<S, K>>
  /** A subscriber to the topic, as a service. */
  readonly Subscriber: Context.Service<Subscribes<Name>, Subscriber<S>>
  /** Provides `Publisher`. */
  readonly layerPublisher: (options: PublisherOptions) => Layer.Layer<Publishes<Name>, ZmqError, Transport>
  /** Provides `Subscriber`. */
  readonly layerSubscriber: (
    options: SubscriberOptions
  ) => Layer.Layer<Subscribes<Name>, ZmqError | InvalidKey, Transport>
}

/**
 * Stands for the service that publishes the topic of a name.
 *
 * @category services
 * @since 0.1.0
 */
export interface Publishes<out Name extends string> {
  readonly _: "Publishes"
  readonly name: Name
}

/**
 * Stands for the service that subscribes to the topic of a name.
 *
 * @category services
 * @since 0.1.0
 */
export interface Subscribes<out Name extends string> {
  readonly _: "Subscribes"
  readonly name: Name
}

/**
 * Publishes a topic, as long as its scope is open.
 *
 * @category models
 * @since 0.1.0
 */
export interface Publisher<S extends AnySchema, K extends Keying = Keying> extends Pipeable.Pipeable {
  readonly [TypeId]: "Publisher"
  readonly topic: Definition<S, K>
  /** What it sends through: for its endpoints and events. The publisher receives from it. */
  readonly socket: XPub.XPub
}

/**
 * Subscribes to a topic, as long as its scope is open.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subscriber<S extends AnySchema> extends Pipeable.Pipeable {
  readonly [TypeId]: "Subscriber"
  readonly topic: Definition<S>
  /** What it receives through: for its endpoints and events. */
  readonly socket: Sub.Sub
}

/**
 * A value of a topic, with its key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry<out A> {
  readonly key: string
  readonly value: A
}

/**
 * All keys that begin with a text: `Topic.prefix`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Prefix {
  readonly _tag: "Prefix"
  readonly text: string
}

/**
 * What to subscribe to: keys, whole, and prefixes of keys.
 *
 * @category models
 * @since 0.1.0
 */
export type Keys = string | Prefix | NonEmptyReadonlyArray<string | Prefix>

/**
 * Options of a publisher: those of its socket.
 *
 * Who has no room is dropped for, as with a PUB; with `noDrop` it is waited for, and then holds up all.
 *
 * @category models
 * @since 0.1.0
 */
export interface PublisherOptions
  extends Omit<XPub.Options, "verbosity" | "manual" | "welcomeMessage" | "invertMatching"> {}

/**
 * Options of a subscriber: those of its socket, and what to subscribe to.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubscriberOptions extends Omit<Sub.Options, "subscribe" | "conflate" | "invertMatching"> {
  /** Which keys: some, whole, or `Topic.prefix`, or `Topic.all`. Fixed for the life of the subscriber. */
  readonly keys: Keys
}

// -----------------------------------------------------------------------------
// Errors
// -----------------------------------------------------------------------------

/**
 * Text that cannot be a key, or a prefix of keys, of a topic.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidKey extends Data.TaggedError("InvalidKey")<{
  readonly topic: string
  readonly key: string
  readonly problem: string
}> {
  override get message(): string {
    return `${JSON.stringify(this.key)} cannot be a key of the topic ${JSON.stringify(this.topic)}: ${this.problem}`
  }
}

/**
 * Text that cannot be the name of a topic.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidName extends Data.TaggedError("InvalidName")<{ readonly name: string; readonly problem: string }> {
  override get message(): string {
    return `${JSON.stringify(this.name)} cannot be the name of a topic: ${this.problem}`
  }
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Makes a topic of a name, a schema, and a key: of the value, or, without one, given by `publishAs`.
 *
 * Throws `InvalidName` where the name is empty, has a `/`, begins with a NUL, or is no Unicode text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <const Name extends string, S extends AnySchema>(
    name: Name,
    options: { readonly schema: S; readonly key: (value: S["Type"]) => string }
  ): Topic<Name, S, "value">
  <const Name extends string, S extends AnySchema>(
    name: Name,
    options: { readonly schema: S; readonly key?: undefined }
  ): Topic<Name, S, "given">
} = <Name extends string, S extends AnySchema>(
  name: Name,
  options: { readonly schema: S; readonly key?: ((value: S["Type"]) => string) | undefined }
) => {
  const problem = name.startsWith("\0") ? "it begins with a NUL character; take it away" : problemOf(name)
  if (problem !== undefined) throw new InvalidName({ name, problem })
  const Publisher = Context.Service<Publishes<Name>, Publisher<S>>(`@effect-zmq/patterns/Topic/${name}/Publisher`)
  const Subscriber = Context.Service<Subscribes<Name>, Subscriber<S>>(`@effect-zmq/patterns/Topic/${name}/Subscriber`)
  const topic: Topic<Name, S> = {
    [TypeId]: TypeId,
    name,
    schema: options.schema,
    // As the overload that was called has it.
    keyOf: options.key as never,
    Publisher,
    Subscriber,
    layerPublisher: (options) => Layer.effect(Publisher, publisher(topic, options)),
    layerSubscriber: (options) => Layer.effect(Subscriber, subscriber(topic, options))
  }
  return topic as never // as above
}

/**
 * All keys that begin with a text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const prefix = (text: string): Prefix => ({ _tag: "Prefix", text })

/**
 * All keys.
 *
 * @category constructors
 * @since 0.1.0
 */
export const all: Prefix = prefix("")

/**
 * Tells whether a value is a topic.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTopic = (u: unknown): u is Definition<AnySchema> =>
  Predicate.hasProperty(u, TypeId) && u[TypeId] === TypeId

/**
 * The messages of a topic as a schema: a message of two frames, and its key and value.
 *
 * @category schemas
 * @since 0.1.0
 */
export const codec = <S extends AnySchema>(
  topic: Definition<S>
): Schema.Codec<
  readonly [key: string, value: S["Type"]],
  Message.Message,
  S["DecodingServices"],
  S["EncodingServices"]
> => Message.frames([keyFrame(topic.name), Message.json(topic.schema)])

const keyFrame = (name: string): Schema.Codec<string, Message.Frame> =>
  Message.Utf8.pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transformEffect((text, options) => {
        const key = text.slice(name.length + 1, -1)
        return text === frameOf(name, key) && problemOf(key) === undefined
          ? Effect.succeed(key)
          : Effect.fail(new SchemaIssue.InvalidValue({ expected: `${name}/, a key, and /` }, text, options))
      }),
      encode: SchemaGetter.transform((key) => frameOf(name, key))
    })
  )

const frameOf = (name: string, key: string): string => `${name}/${key}/`

/** Why text cannot be a name or a key. */
const problemOf = (text: string): string | undefined => {
  if (text === "") return "it is empty"
  return partProblemOf(text)
}

/** Why text cannot be in a name or a key. */
const partProblemOf = (text: string): string | undefined => {
  if (text.includes("/")) {
    return `it has a "/" (at character ${text.indexOf("/")}), by which keys end; take it away, or encode it (encodeURIComponent)`
  }
  // Encoded as UTF-8, all halves of characters become the same.
  return encoder.encode(text).length !== text.length && /\p{Surrogate}/u.test(text)
    ? "it has half a character (a lone surrogate), which UTF-8 cannot encode"
    : undefined
}

const encoder = new TextEncoder()

// -----------------------------------------------------------------------------
// Publishing
// -----------------------------------------------------------------------------

class PublisherImpl<S extends AnySchema, K extends Keying> extends Pipeable.Class implements Publisher<S, K> {
  readonly [TypeId] = "Publisher"
  readonly topic: Definition<S, K>
  readonly socket: XPub.XPub
  readonly encode: (value: S["Type"]) => Effect.Effect<Message.Frame, Schema.SchemaError, S["EncodingServices"]>
  readonly count: SubscriptionRef.SubscriptionRef<number>
  /** Counts, until the socket closes. */
  readonly counting: Fiber.Fiber<void>

  constructor(
    topic: Definition<S, K>,
    socket: XPub.XPub,
    count: SubscriptionRef.SubscriptionRef<number>,
    counting: Fiber.Fiber<void>
  ) {
    super()
    this.topic = topic
    this.socket = socket
    this.encode = Schema.encodeEffect(Message.json(topic.schema))
    this.count = count
    this.counting = counting
  }
}

// `publisher` below is the only constructor.
const impl = <S extends AnySchema, K extends Keying>(self: Publisher<S, K>) => self as PublisherImpl<S, K>

/**
 * Makes a publisher of a topic, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category publishing
 * @since 0.1.0
 */
export const publisher: <S extends AnySchema, K extends Keying>(
  topic: Definition<S, K>,
  options: PublisherOptions
) => Effect.Effect<Publisher<S, K>, ZmqError, Transport | Scope.Scope> = Effect.fnUntraced(function* <
  S extends AnySchema,
  K extends Keying
>(topic: Definition<S, K>, options: PublisherOptions) {
  const socket = yield* XPub.make({ ...options, verbosity: "all" })
  const audience = new Audience(topic.name)
  const count = yield* SubscriptionRef.make(0)
  const counting = yield* Effect.forkScoped(
    XPub.runForEach(socket, (event) => {
      if (event._tag === "Message") return Effect.void
      audience.told(event._tag === "Subscribe", event.topic)
      return audience.size === SubscriptionRef.getUnsafe(count)
        ? Effect.void
        : SubscriptionRef.set(count, audience.size)
    }).pipe(Effect.ensuring(SubscriptionRef.set(count, 0))),
    { startImmediately: true }
  )
  return new PublisherImpl<S, K>(topic, socket, count, counting)
})

/**
 * Publishes a value, by the key that the topic takes from it.
 *
 * Waits for nobody (but see `noDrop`): without a subscriber to its key, it is sent nowhere. Interrupted, it has sent the
 * whole message or nothing of it. Fails with `InvalidKey` where the value's key is none, with a `SchemaError` where the
 * schema cannot encode it, and with `Closed` when the publisher is closed.
 *
 * @category publishing
 * @since 0.1.0
 */
export const publish: {
  <S extends AnySchema>(
    value: S["Type"]
  ): (
    self: Publisher<S, "value">
  ) => Effect.Effect<void, ZmqError | InvalidKey | Schema.SchemaError, S["EncodingServices"]>
  <S extends AnySchema>(
    self: Publisher<S, "value">,
    value: S["Type"]
  ): Effect.Effect<void, ZmqError | InvalidKey | Schema.SchemaError, S["EncodingServices"]>
} = dual(2, <S extends AnySchema>(self: Publisher<S, "value">, value: S["Type"]) =>
  Effect.suspend(() => publishAs(self, self.topic.keyOf(value), value))
)

/**
 * Publishes a value by a key: as `publish` does, for a topic of any kind.
 *
 * @category publishing
 * @since 0.1.0
 */
export const publishAs: {
  <S extends AnySchema>(
    key: string,
    value: S["Type"]
  ): (self: Publisher<S>) => Effect.Effect<void, ZmqError | InvalidKey | Schema.SchemaError, S["EncodingServices"]>
  <S extends AnySchema>(
    self: Publisher<S>,
    key: string,
    value: S["Type"]
  ): Effect.Effect<void, ZmqError | InvalidKey | Schema.SchemaError, S["EncodingServices"]>
} = dual(3, <S extends AnySchema>(self: Publisher<S>, key: string, value: S["Type"]) =>
  Effect.flatMap(messageOf(self, key, value), (message) => XPub.send(self.socket, message))
)

/**
 * Publishes several values in this order: the fast form. Interrupted, it has sent the first so many of them; where one has
 * no key or cannot be encoded, it sends none.
 *
 * @category publishing
 * @since 0.1.0
 */
export const publishAll: {
  <S extends AnySchema>(
    values: Iterable<S["Type"]>
  ): (
    self: Publisher<S, "value">
  ) => Effect.Effect<void, ZmqError | InvalidKey | Schema.SchemaError, S["EncodingServices"]>
  <S extends AnySchema>(
    self: Publisher<S, "value">,
    values: Iterable<S["Type"]>
  ): Effect.Effect<void, ZmqError | InvalidKey | Schema.SchemaError, S["EncodingServices"]>
} = dual(2, <S extends AnySchema>(self: Publisher<S, "value">, values: Iterable<S["Type"]>) =>
  Effect.flatMap(
    Effect.forEach(Array.from(values), (value) => messageOf(self, self.topic.keyOf(value), value)),
    (messages) => XPub.sendAll(self.socket, messages)
  )
)

const messageOf = <S extends AnySchema>(
  self: Publisher<S>,
  key: string,
  value: S["Type"]
): Effect.Effect<Message.Input, InvalidKey | Schema.SchemaError, S["EncodingServices"]> => {
  const problem = problemOf(key)
  return problem === undefined
    ? Effect.map(impl(self).encode(value), (body) => [frameOf(self.topic.name, key), body] as const)
    : Effect.fail(new InvalidKey({ topic: self.topic.name, key, problem }))
}

/**
 * How many subscribers there are now; what counts is said above.
 *
 * @category publishing
 * @since 0.1.0
 */
export const subscribers = <S extends AnySchema, K extends Keying>(self: Publisher<S, K>): Effect.Effect<number> =>
  SubscriptionRef.get(impl(self).count)

/**
 * How many subscribers there are: now, and whenever it changes. Of changes that follow at once, all may be seen or the last.
 *
 * @category publishing
 * @since 0.1.0
 */
export const subscriberChanges = <S extends AnySchema, K extends Keying>(
  self: Publisher<S, K>
): Stream.Stream<number> => SubscriptionRef.changes(impl(self).count)

/**
 * Waits until there are so many subscribers, or more: what is published then reaches each of them, from the first message on.
 *
 * There is no limit of time: give one by `Effect.timeout`. Fails with `Closed` when the publisher is closed.
 *
 * @category publishing
 * @since 0.1.0
 */
export const awaitSubscribers: {
  (count: number): <S extends AnySchema, K extends Keying>(self: Publisher<S, K>) => Effect.Effect<void, ZmqError>
  <S extends AnySchema, K extends Keying>(self: Publisher<S, K>, count: number): Effect.Effect<void, ZmqError>
} = dual(2, <S extends AnySchema, K extends Keying>(self: Publisher<S, K>, count: number) =>
  Effect.flatMap(Socket.state(self.socket), ({ status }) => {
    const closed = Effect.flatMap(Fiber.await(impl(self).counting), () =>
      Effect.fail(new ZmqError({ module: "Topic", method: "awaitSubscribers", reason: new Closed() }))
    )
    return status === "Closed"
      ? closed
      : Effect.raceFirst(Stream.runDrain(Stream.takeUntil(subscriberChanges(self), (now) => now >= count)), closed)
  })
)

// -----------------------------------------------------------------------------
// Subscribing
// -----------------------------------------------------------------------------

class SubscriberImpl<S extends AnySchema> extends Pipeable.Class implements Subscriber<S> {
  readonly [TypeId] = "Subscriber"
  readonly topic: Definition<S>
  readonly socket: Sub.Sub

  constructor(topic: Definition<S>, socket: Sub.Sub) {
    super()
    this.topic = topic
    this.socket = socket
  }
}

/**
 * Makes a subscriber to a topic, which lives as long as the scope. It may connect to several publishers, and hears each in
 * its turn.
 *
 * Fails with `InvalidKey` where a key is none, with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`,
 * `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category subscribing
 * @since 0.1.0
 */
export const subscriber: <S extends AnySchema, K extends Keying>(
  topic: Definition<S, K>,
  options: SubscriberOptions
) => Effect.Effect<Subscriber<S>, ZmqError | InvalidKey, Transport | Scope.Scope> = Effect.fnUntraced(function* <
  S extends AnySchema,
  K extends Keying
>(topic: Definition<S, K>, { keys, ...options }: SubscriberOptions) {
  const prefixes = yield* Effect.forEach(toArray(keys), (key) => prefixOf(topic.name, key))
  const id = yield* makeId
  // In this order, in which they are told whether a transport keeps it or sorts by bytes: who is counted has subscribed.
  const claims = prefixes.map((prefix) => claimOf(topic.name, id, prefix))
  const subscribe = [...claims, ...prefixes, presenceOf(topic.name, id)]
  const socket = yield* Sub.make({ ...options, subscribe })
  return new SubscriberImpl<S>(topic as Definition<S>, socket) // of either kind of key
})

const toArray = (keys: Keys): ReadonlyArray<string | Prefix> =>
  // `Array.isArray` does not narrow a readonly array.
  Array.isArray(keys) ? (keys as ReadonlyArray<string | Prefix>) : [keys as string | Prefix]

const prefixOf = (name: string, key: string | Prefix): Effect.Effect<Uint8Array, InvalidKey> => {
  const text = typeof key === "string" ? key : key.text
  const problem = typeof key === "string" ? problemOf(text) : partProblemOf(text)
  if (problem !== undefined) return Effect.fail(new InvalidKey({ topic: name, key: text, problem }))
  return Effect.succeed(encoder.encode(typeof key === "string" ? frameOf(name, text) : `${name}/${text}`))
}

/** 16 random bytes, in hexadecimal. */
const makeId: Effect.Effect<string> = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 2 ** 32), 4),
  (words) => words.map((word) => word.toString(16).padStart(8, "0")).join("")
)

/**
 * What becomes of a message that is none of the topic's: it has another number of frames, another key, or a value that the
 * schema does not read. It is dropped, and counted by `zmq_messages_dropped` (`malformed`); `onMalformed` may be a function,
 * which is run for it, or `"fail"`, which fails the stream with a `SchemaError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Read<B extends "value" | "entry"> {
  (options?: {
    readonly onMalformed?: "drop" | undefined
  }): <S extends AnySchema>(self: Subscriber<S>) => Stream.Stream<Given<B, S>, never, S["DecodingServices"]>
  (options: {
    readonly onMalformed: "fail"
  }): <S extends AnySchema>(
    self: Subscriber<S>
  ) => Stream.Stream<Given<B, S>, Schema.SchemaError, S["DecodingServices"]>
  <E, R>(options: {
    readonly onMalformed: Socket.OnMalformed<E, R>
  }): <S extends AnySchema>(self: Subscriber<S>) => Stream.Stream<Given<B, S>, E, S["DecodingServices"] | R>
  <S extends AnySchema>(
    self: Subscriber<S>,
    options?: { readonly onMalformed?: "drop" | undefined }
  ): Stream.Stream<Given<B, S>, never, S["DecodingServices"]>
  <S extends AnySchema>(
    self: Subscriber<S>,
    options: { readonly onMalformed: "fail" }
  ): Stream.Stream<Given<B, S>, Schema.SchemaError, S["DecodingServices"]>
  <S extends AnySchema, E, R>(
    self: Subscriber<S>,
    options: { readonly onMalformed: Socket.OnMalformed<E, R> }
  ): Stream.Stream<Given<B, S>, E, S["DecodingServices"] | R>
}

/**
 * What a subscriber gives: values, or values with their keys.
 *
 * @category models
 * @since 0.1.0
 */
export type Given<B extends "value" | "entry", S extends AnySchema> = B extends "value" ? S["Type"] : Entry<S["Type"]>

const isSubscriber = (u: unknown): boolean => Predicate.hasProperty(u, TypeId) && u[TypeId] === "Subscriber"

interface ReadOptions {
  readonly onMalformed?: "drop" | "fail" | Socket.OnMalformed<unknown, unknown> | undefined
}

const read = <S extends AnySchema>(self: Subscriber<S>, options: ReadOptions | undefined) =>
  // The types of the two functions below say what comes of which option.
  Sub.streamSchema(self.socket, codec(self.topic), options as { readonly onMalformed: "fail" })

/**
 * The values that come, one at a time and lossless, as `Sub.stream` is: what the consumer has not asked for is still in the
 * socket. Ends when the subscriber is closed.
 *
 * @category subscribing
 * @since 0.1.0
 */
export const stream: Read<"value"> = dual(
  (args) => isSubscriber(args[0]),
  <S extends AnySchema>(self: Subscriber<S>, options?: ReadOptions) =>
    Stream.map(read(self, options), ([, value]) => value)
)

/**
 * The values that come, with their keys: as `stream` otherwise.
 *
 * @category subscribing
 * @since 0.1.0
 */
export const entries: Read<"entry"> = dual(
  (args) => isSubscriber(args[0]),
  <S extends AnySchema>(self: Subscriber<S>, options?: ReadOptions) =>
    Stream.map(read(self, options), ([key, value]): Entry<S["Type"]> => ({ key, value }))
)

/**
 * The values of a topic: makes a subscriber for as long as the stream runs, and gives what comes.
 *
 * @category subscribing
 * @since 0.1.0
 */
export const subscribe = <S extends AnySchema, K extends Keying>(
  topic: Definition<S, K>,
  options: SubscriberOptions
): Stream.Stream<S["Type"], ZmqError | InvalidKey, Transport | S["DecodingServices"]> =>
  Stream.unwrap(Effect.map(subscriber(topic, options), (subscriber) => stream(subscriber)))
