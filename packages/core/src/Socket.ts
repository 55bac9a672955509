/**
 * What all sockets share.
 *
 * A socket is made by the module of its type (`Push.make`, `Sub.make`, …) and belongs to the scope it is made in:
 * scopes are the only lifecycle, and there is no `close`. When the scope closes, the socket takes no more messages in,
 * delivers what it still has queued for at most its `linger`, and is gone; what waits on it then fails with `Closed`, and
 * its streams end.
 *
 * Any number of fibers may send and receive at once. Connections are made, lost and made again by themselves; `events`
 * tells of it, `state` how they are now, and `awaitConnected` waits for them. What was sent and could not be delivered when the socket closed is logged as a warning.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Endpoint from "./Endpoint.ts"
import * as internal from "./internal/socket.ts"
import type * as Loss from "./Loss.ts"
import type { Message } from "./Message.ts"
import type { CloseReport, SocketEvent } from "./SocketEvent.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { SocketState } from "./SocketState.ts"
import type { SocketType } from "./SocketType.ts"
import type * as Transport from "./Transport.ts"
import type { Reason, ZmqError } from "./ZmqError.ts"

/**
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * A socket of any type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Socket extends Pipeable {
  readonly [TypeId]: typeof TypeId
  /** The socket's type, by its name on the wire. */
  readonly type: SocketType
  /** What it is called in metrics, logs and spans. */
  readonly name: string
  /** What carries it. */
  readonly transport: Transport.Transport["Service"]
}

/**
 * A socket that gives what it receives as an `A`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Readable<out A> extends Socket {
  readonly [internal.ReadableTypeId]: (_: never) => A
}

/**
 * @since 0.1.0
 */
export declare namespace Readable {
  /**
   * What a socket gives.
   *
   * @category models
   * @since 0.1.0
   */
  export type Value<S> = S extends Readable<infer A> ? A : never
}

/**
 * What is run for a message that does not fit the schema of who receives it.
 *
 * @category models
 * @since 0.1.0
 */
export type OnMalformed<E, R> = (message: Message, error: Schema.SchemaError) => Effect.Effect<unknown, E, R>

/**
 * The stream of what is in the messages of a socket, by a schema of their frames, data first and data last.
 *
 * A message that does not fit is counted by `zmq_messages_dropped` (`malformed`). It is dropped (the default), or given to
 * a function; with `"fail"` the stream fails instead.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamSchema<Self> {
  <A, RD, RE>(
    schema: Schema.Codec<A, Message, RD, RE>,
    options?: { readonly onMalformed?: "drop" | undefined }
  ): (self: Self) => Stream.Stream<A, never, RD>
  <A, RD, RE>(
    schema: Schema.Codec<A, Message, RD, RE>,
    options: { readonly onMalformed: "fail" }
  ): (self: Self) => Stream.Stream<A, Schema.SchemaError, RD>
  <A, RD, RE, E, R>(
    schema: Schema.Codec<A, Message, RD, RE>,
    options: { readonly onMalformed: OnMalformed<E, R> }
  ): (self: Self) => Stream.Stream<A, E, RD | R>
  <A, RD, RE>(
    self: Self,
    schema: Schema.Codec<A, Message, RD, RE>,
    options?: { readonly onMalformed?: "drop" | undefined }
  ): Stream.Stream<A, never, RD>
  <A, RD, RE>(
    self: Self,
    schema: Schema.Codec<A, Message, RD, RE>,
    options: { readonly onMalformed: "fail" }
  ): Stream.Stream<A, Schema.SchemaError, RD>
  <A, RD, RE, E, R>(
    self: Self,
    schema: Schema.Codec<A, Message, RD, RE>,
    options: { readonly onMalformed: OnMalformed<E, R> }
  ): Stream.Stream<A, E, RD | R>
}

/**
 * Tells whether a value is a socket.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSocket = (u: unknown): u is Socket => Predicate.hasProperty(u, TypeId)

export type {
  /**
   * Options of every socket.
   *
   * @category models
   * @since 0.1.0
   */
  Options
} from "./SocketOptions.ts"

/**
 * What the socket is bound and connected to, with ports and paths that were left open filled in.
 *
 * @category getters
 * @since 0.1.0
 */
export const endpoints = (self: Socket): Effect.Effect<ReadonlyArray<Endpoint.Text>> => internal.endpoints(self)

/**
 * The first of `endpoints`: what a socket with one endpoint is bound or connected to.
 *
 * Fails with `InvalidState` where the socket has none.
 *
 * @category getters
 * @since 0.1.0
 */
export const endpoint = (self: Socket): Effect.Effect<Endpoint.Text, ZmqError> => internal.endpoint(self)

/**
 * The events of the socket: all from before its first bind or connect on (where there were more than 1,024, the newest of
 * them), then those to come. Ends after `Closed`.
 *
 * @category getters
 * @since 0.1.0
 */
export const events = (self: Socket): Stream.Stream<SocketEvent> => internal.events(self)

/**
 * The options that the socket was made with, and the defaults of the others.
 *
 * @category getters
 * @since 0.1.0
 */
export const options = (self: Socket): SocketOptions.Resolved => internal.options(self)

/**
 * What a socket has done since it was opened, and what it is doing now: `undefined` where its transport cannot tell.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics extends Pick<Transport.Gauges, "queued" | "peers" | "reconnects" | "suspensions"> {
  readonly openedAt: DateTime.Utc
  /** What was handed over to be sent. */
  readonly sent: { readonly messages: number; readonly bytes: number }
  /** What was taken from it. */
  readonly received: { readonly messages: number; readonly bytes: number }
  /** How many messages it has lost, by cause. */
  readonly losses: Loss.Losses
  /** How many sends wait now, for room or for a peer; and whether anybody waits to receive. */
  readonly waiting: { readonly send: number | undefined; readonly receive: boolean }
  /** What it is subscribed to (SUB and XSUB), each once. */
  readonly subscriptions: ReadonlyArray<Uint8Array>
  /** What its functions have failed with, by the tags of the reasons: how often, and the last one. */
  readonly failures: ReadonlyMap<Reason["_tag"], { readonly count: number; readonly last: Reason }>
}

/**
 * What the socket has done since it was opened, and what it is doing now.
 *
 * @category getters
 * @since 0.1.0
 */
export const statistics = (self: Socket): Effect.Effect<Statistics> => internal.statistics(self)

/**
 * How the socket's connections are: of each endpoint, and all together.
 *
 * @category getters
 * @since 0.1.0
 */
export const state = (self: Socket): Effect.Effect<SocketState> => internal.state(self)

/**
 * The state, then each that follows. Ends after that of `Closed`.
 *
 * @category getters
 * @since 0.1.0
 */
export const changes = (self: Socket): Stream.Stream<SocketState> => internal.changes(self)

/**
 * Waits until every endpoint that the socket connects to has a peer; a socket that is only bound, until it has one.
 * Connections that fail are made again meanwhile, so bound the wait by `Effect.timeout`.
 *
 * Fails with `Closed` when the socket closes.
 *
 * @category getters
 * @since 0.1.0
 */
export const awaitConnected = (self: Socket): Effect.Effect<void, ZmqError> => internal.awaitConnected(self)

/**
 * Waits until so many peers are connected at once, of all endpoints.
 *
 * Fails with `Closed` when the socket closes.
 *
 * @category getters
 * @since 0.1.0
 */
export const awaitPeers: {
  (count: number): (self: Socket) => Effect.Effect<void, ZmqError>
  (self: Socket, count: number): Effect.Effect<void, ZmqError>
} = dual(2, internal.awaitPeers)

/**
 * Binds the socket to a further endpoint, and answers with the resolved one.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `Unsupported` or `Closed`.
 *
 * @category endpoints
 * @since 0.1.0
 */
export const bind: {
  (endpoint: Endpoint.Input): (self: Socket) => Effect.Effect<Endpoint.Text, ZmqError>
  (self: Socket, endpoint: Endpoint.Input): Effect.Effect<Endpoint.Text, ZmqError>
} = dual(2, internal.bind)

/**
 * Ends the accepting of peers at an endpoint, as `endpoints` has it. The address is free when this returns. Peers that are
 * connected stay, but on libzmq over tcp and ipc, which ends their connections.
 *
 * @category endpoints
 * @since 0.1.0
 */
export const unbind: {
  (endpoint: Endpoint.Input): (self: Socket) => Effect.Effect<void, ZmqError>
  (self: Socket, endpoint: Endpoint.Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.unbind)

/**
 * Connects the socket to a further endpoint; succeeds before the peer exists.
 *
 * Fails with `InvalidEndpoint`, `Unsupported` or `Closed`.
 *
 * @category endpoints
 * @since 0.1.0
 */
export const connect: {
  (endpoint: Endpoint.Input): (self: Socket) => Effect.Effect<void, ZmqError>
  (self: Socket, endpoint: Endpoint.Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.connect)

/**
 * Ends the connection to an endpoint, as `endpoints` has it.
 *
 * @category endpoints
 * @since 0.1.0
 */
export const disconnect: {
  (endpoint: Endpoint.Input): (self: Socket) => Effect.Effect<void, ZmqError>
  (self: Socket, endpoint: Endpoint.Input): Effect.Effect<void, ZmqError>
} = dual(2, internal.disconnect)

/**
 * Closes the socket before its scope does, and tells how it closed: takes no more messages in, and delivers what is
 * queued for at most `within`. Whatever is done with the socket afterwards fails with `Closed`.
 *
 * @category lifecycle
 * @since 0.1.0
 */
export const drain: {
  (within: Duration.Input): (self: Socket) => Effect.Effect<CloseReport>
  (self: Socket, within: Duration.Input): Effect.Effect<CloseReport>
} = dual(2, internal.drain)
