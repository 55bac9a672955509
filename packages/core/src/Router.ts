/**
 * ROUTER: receives messages with who sent them, and sends each message to the peer that it names.
 *
 * Its peers are DEALER, REQ and ROUTER sockets. Each is known by its `routingId`, the one that it announces, or one that is
 * made up for as long as it is there. A message to nobody who is there fails with `Unroutable`, at once. Where a peer's
 * queue is full, the sender waits (`onFull`): it alone, never those who send to others. A REQ's messages begin with an empty
 * frame, as those to it must.
 *
 * **Example** (Answering whoever asks)
 *
 * ```ts
 * Router.runForEach(router, ({ from, message }) => Router.send(router, { to: from, message: work(message) }))
 * ```
 *
 * @see RFC 28
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type * as Endpoint from "./Endpoint.ts"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import * as Message from "./Message.ts"
import * as RoutingId from "./RoutingId.ts"
import type { User } from "./Security.ts"
import * as Socket from "./Socket.ts"
import * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import { InvalidMessage, isZmqError, type Reason, type ZmqError } from "./ZmqError.ts"

/**
 * A ROUTER socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Router extends Socket.Readable<Received> {
  readonly type: "ROUTER"
}

/**
 * What a ROUTER receives: a message, or what a schema made of it, and whom it is from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Received<out A = Message.Message> {
  readonly from: RoutingId.RoutingId
  readonly message: A
  /**
   * Who sent it: where the socket's `security` authenticates, and the transport can tell. libzmq can of clients of CURVE,
   * which it then calls by ids of its own, unless `handover` is set.
   */
  readonly user?: User | undefined
}

/**
 * What a ROUTER sends: a message, or what a schema makes one of, and whom it is to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input<out A = Message.Input> {
  readonly to: RoutingId.Input
  readonly message: A
}

/**
 * Options of a ROUTER socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.DuplexOptions {
  /**
   * What becomes of a message to a peer whose queue is full:
   *
   * - `"suspend"`: its sender waits; so do those after it who send to the same peer, and nobody else (the default)
   * - `"drop"`: it is dropped, and counted by the metric `zmq_messages_dropped`
   * - `"fail"`: the send fails with `PeerFull`
   *
   * (`ZMQ_ROUTER_MANDATORY`, which is always set: what cannot be routed is never dropped.)
   */
  readonly onFull?: "suspend" | "drop" | "fail" | undefined
  /**
   * Let a peer that announces the routing id of another one take it over: the other is not heard any more. Otherwise it
   * is the new one that is not heard, for as long as the other is connected. Default: false. (`ZMQ_ROUTER_HANDOVER`)
   */
  readonly handover?: boolean | undefined
  /** What other ROUTERs are to call this socket: 1 to 255 bytes, or text. Default: each makes an id up. (`ZMQ_ROUTING_ID`) */
  readonly routingId?: RoutingId.Input | undefined
  /**
   * Begin every connection with a message of one empty frame, so that a ROUTER learns of this socket before it is sent
   * anything. For peers that are ROUTERs only. Default: false. (`ZMQ_PROBE_ROUTER`)
   */
  readonly probeRouter?: boolean | undefined
}

// The first frame is the peer's id, which no type tells; a message follows.
const received = ([from, ...message]: Message.Message): Received => ({ from, message }) as unknown as Received

const taking = internal.taking(received)

/** With who sent it, asked in the step that takes it: by now its routing id may be another one's. */
const takingFrom = (userOf: (message: Message.Message) => User | undefined) =>
  internal.taking((message): Received => ({ ...received(message), user: userOf(message) }))

class RouterImpl extends internal.SocketImpl {
  private readonly taking =
    this.security?.role === "server" && this.handle.userOf !== undefined ? takingFrom(this.handle.userOf) : taking
  override readonly takeOne = this.taking.one
  override readonly takeBatch = this.taking.batch
  drops = false

  /** What is dropped for want of room is a loss, and no call has failed. */
  override note(reason: Reason): void {
    if (!this.drops || reason._tag !== "PeerFull") super.note(reason)
  }

  override encode(input: unknown): Message.Message | InvalidMessage {
    const { message, to } = (typeof input === "object" && input !== null ? input : {}) as Partial<Input> // each is looked at
    const id = typeof to === "string" || to instanceof Uint8Array ? RoutingId.make(to) : undefined
    if (id === undefined) return new InvalidMessage({ problem: "nobody that it is to: `to` has 1 to 255 bytes" })
    const encoded = Message.fromInput(message as Message.Input) // which tells of anything else that it is no message
    return encoded instanceof InvalidMessage ? encoded : [id, ...encoded]
  }
}

// `make` below is the only constructor, and makes one of this class.
const impl = (self: Router): RouterImpl => self as unknown as RouterImpl

/**
 * Makes a ROUTER socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Router, ZmqError, Transport | Scope.Scope> =>
  Effect.map(openSocket<Router>("Router", "ROUTER", options, RouterImpl), (router) => {
    impl(router).drops = options.onFull === "drop"
    return router
  })

// -----------------------------------------------------------------------------
// Peers
// -----------------------------------------------------------------------------

/**
 * The routing ids of the peers that are connected now. `Socket.events` tells of those who come and go, by `PeerJoined` and
 * `PeerLeft`.
 *
 * @category peers
 * @since 0.1.0
 */
export const peers = (self: Router): Effect.Effect<ReadonlyArray<RoutingId.RoutingId>> => internal.handleOf(self).peers

/**
 * Connects to a further endpoint, as `Socket.connect` does, and calls the peer there by this routing id, whatever it
 * announces: it can be sent to from now on, before it is there. (`ZMQ_CONNECT_ROUTING_ID`)
 *
 * Fails with `InvalidOption` where the id is none, or another peer has it; with `InvalidEndpoint`, `Unsupported` or `Closed`.
 *
 * @category peers
 * @since 0.1.0
 */
export const connectAs: {
  (endpoint: Endpoint.Input, routingId: RoutingId.Input): (self: Router) => Effect.Effect<void, ZmqError>
  (self: Router, endpoint: Endpoint.Input, routingId: RoutingId.Input): Effect.Effect<void, ZmqError>
} = dual(3, (self: Router, endpoint: Endpoint.Input, routingId: RoutingId.Input) =>
  Effect.fromResult(SocketOptions.routingId(routingId)).pipe(
    internal.mapReason(self, "connectAs"),
    Effect.flatMap((id) => internal.connectAs(self, endpoint, id))
  )
)

// -----------------------------------------------------------------------------
// Sending
// -----------------------------------------------------------------------------

/**
 * Sends one message, of one frame or of several, whole, to the peer that `to` names.
 *
 * Where the peer's queue is full, `onFull` says what becomes of it. Interrupted, it has sent the whole message or nothing
 * of it. Fails with `Unroutable` where no such peer is there, also when it leaves while its messages wait, with `PeerFull`
 * by `onFull`, with `Closed` when the socket is closed, and with `InvalidMessage` for what is no message.
 *
 * @category sending
 * @since 0.1.0
 */
export const send: {
  (input: Input): (self: Router) => Effect.Effect<void, ZmqError>
  (self: Router, input: Input): Effect.Effect<void, ZmqError>
} = dual(2, (self: Router, input: Input) => orDrop(self, internal.send(self, input)))

/**
 * Sends several messages in this order: the fast form. Interrupted, or failed, it has sent the first so many of them, each
 * whole; where one is no message, it sends none.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll: {
  (inputs: Iterable<Input>): (self: Router) => Effect.Effect<void, ZmqError>
  (self: Router, inputs: Iterable<Input>): Effect.Effect<void, ZmqError>
} = dual(2, (self: Router, inputs: Iterable<Input>) =>
  internal.sendAll(self, inputs, impl(self).drops ? (send) => orDrop(self, send) : undefined)
)

/**
 * Sends values as messages by a schema of their frames (`Message.frames`, `Message.frame`).
 *
 * @category sending
 * @since 0.1.0
 */
export const sendSchema: {
  <A, RD, RE>(
    schema: Schema.Codec<A, Message.Message, RD, RE>
  ): (self: Router) => (input: Input<A>) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
  <A, RD, RE>(
    self: Router,
    schema: Schema.Codec<A, Message.Message, RD, RE>
  ): (input: Input<A>) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>
} = dual(2, <A, RD, RE>(self: Router, schema: Schema.Codec<A, Message.Message, RD, RE>) => {
  const encode = Schema.encodeEffect(schema)
  return ({ message, to }: Input<A>) => Effect.flatMap(encode(message), (message) => send(self, { to, message }))
})

/**
 * A sink that sends each of its elements as one message.
 *
 * @category sending
 * @since 0.1.0
 */
export const sink = (self: Router): Sink.Sink<void, Input, never, ZmqError> =>
  Sink.forEachArray((inputs) => sendAll(self, inputs))

/**
 * A sink that sends arrays of messages.
 *
 * @category sending
 * @since 0.1.0
 */
export const sinkBatches = (self: Router): Sink.Sink<void, ReadonlyArray<Input>, never, ZmqError> =>
  Sink.forEach((inputs) => sendAll(self, inputs))

const orDrop = (self: Router, send: Effect.Effect<void, ZmqError>): Effect.Effect<void, ZmqError> =>
  impl(self).drops
    ? Effect.catchIf(
        send,
        (error) => isZmqError(error) && error.reason._tag === "PeerFull",
        (error) =>
          Effect.sync(() => {
            const peer = error.reason._tag === "PeerFull" ? error.reason.routingId : undefined
            internal.lossesOf(self).add("queueFull", 1, { label: peer })
          })
      )
    : send

// -----------------------------------------------------------------------------
// Receiving
// -----------------------------------------------------------------------------

/**
 * Receives the next message: waits for one, in line behind who asked before.
 *
 * It may be interrupted or timed out without loss: what it did not give is still in the socket. Fails with `Closed` when
 * the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const receive: (self: Router) => Effect.Effect<Received, ZmqError> = internal.receive

/**
 * Receives the next message if it has arrived, and waits for none.
 *
 * @category receiving
 * @since 0.1.0
 */
export const poll: (self: Router) => Effect.Effect<Option.Option<Received>, ZmqError> = internal.poll

/**
 * The messages, one at a time: nothing is taken from the socket before it is asked for, so that `Stream.take`,
 * `Stream.takeUntil`, `Stream.runHead` or an interruption lose nothing. Ends when the socket closes.
 *
 * `Stream.merge` takes ahead into a buffer of its own, which is lost when it is interrupted; `Poller.merge` does not.
 *
 * @category receiving
 * @since 0.1.0
 */
export const stream: (self: Router) => Stream.Stream<Received> = internal.stream

/**
 * The messages in arrays, each what had arrived, 1 to 4,096: the fast form. Whoever receives an array owns all that is
 * in it. Ends when the socket closes.
 *
 * @category receiving
 * @since 0.1.0
 */
export const batches: (self: Router) => Stream.Stream<NonEmptyReadonlyArray<Received>> = internal.batches

/**
 * Runs an effect for each message, one after the other, until the socket closes: as lossless as `stream`, and the fastest
 * way to handle one message at a time.
 *
 * @category receiving
 * @since 0.1.0
 */
export const runForEach: {
  <A, E, R>(f: (received: Received) => Effect.Effect<A, E, R>): (self: Router) => Effect.Effect<void, E, R>
  <A, E, R>(self: Router, f: (received: Received) => Effect.Effect<A, E, R>): Effect.Effect<void, E, R>
} = dual(2, internal.runForEach)

/**
 * The messages, decoded by a schema of their frames (`Message.frames`, `Message.frame`), with whom they are from.
 *
 * A message that does not fit is dropped and counted by `zmq_messages_dropped` (`malformed`); `onMalformed` may be a
 * function, which is run for it, or `"fail"`, which fails the stream with a `SchemaError`.
 *
 * @category receiving
 * @since 0.1.0
 */
export const streamSchema: {
  <A, RD, RE>(
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options?: { readonly onMalformed?: "drop" | undefined }
  ): (self: Router) => Stream.Stream<Received<A>, never, RD>
  <A, RD, RE>(
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options: { readonly onMalformed: "fail" }
  ): (self: Router) => Stream.Stream<Received<A>, Schema.SchemaError, RD>
  <A, RD, RE, E, R>(
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options: { readonly onMalformed: OnMalformed<E, R> }
  ): (self: Router) => Stream.Stream<Received<A>, E, RD | R>
  <A, RD, RE>(
    self: Router,
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options?: { readonly onMalformed?: "drop" | undefined }
  ): Stream.Stream<Received<A>, never, RD>
  <A, RD, RE>(
    self: Router,
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options: { readonly onMalformed: "fail" }
  ): Stream.Stream<Received<A>, Schema.SchemaError, RD>
  <A, RD, RE, E, R>(
    self: Router,
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options: { readonly onMalformed: OnMalformed<E, R> }
  ): Stream.Stream<Received<A>, E, RD | R>
} = dual(
  (args) => Socket.isSocket(args[0]),
  <A, RD, RE, E, R>(
    self: Router,
    schema: Schema.Codec<A, Message.Message, RD, RE>,
    options?: { readonly onMalformed?: "drop" | "fail" | OnMalformed<E, R> | undefined }
  ) =>
    internal.decoding(
      self,
      schema,
      options?.onMalformed,
      ({ message }) => message,
      (received, message): Received<A> => ({ ...received, message })
    )
)

/**
 * What is run for a message that does not fit the schema of who receives it.
 *
 * @category models
 * @since 0.1.0
 */
export type OnMalformed<E, R> = (received: Received, error: Schema.SchemaError) => Effect.Effect<unknown, E, R>
