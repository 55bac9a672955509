/** What the modules of the socket types share of an open socket: its endpoints, receiving, sending. */

import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Endpoint from "../Endpoint.ts"
import type { Ledger } from "../Loss.ts"
import * as Message from "../Message.ts"
import type { RoutingId } from "../RoutingId.ts"
import type { Security } from "../Security.ts"
import type { OnMalformed, Readable, Socket, Statistics } from "../Socket.ts"
import type { CloseReport, SocketEvent } from "../SocketEvent.ts"
import type { Resolved } from "../SocketOptions.ts"
import type { SocketState } from "../SocketState.ts"
import type { SocketType } from "../SocketType.ts"
import type * as Transport from "../Transport.ts"
import { Closed, InvalidMessage, InvalidState, isZmqError, type Reason, ZmqError } from "../ZmqError.ts"
import { type Parse, parseOne, supported } from "./endpointInput.ts"
import { type Metered, sizeOf } from "./metrics.ts"
import { ReceiveLine, type Take } from "./receiveLine.ts"
import { warnOfExposure } from "./security.ts"

export const TypeId = "~@effect-zmq/core/Socket"
export const ReadableTypeId = "~@effect-zmq/core/Socket/Readable"

/** A socket of any type; what each type can do is for the interfaces of the modules to say. */
export class SocketImpl extends Pipeable.Class {
  // Types that deal in something else than messages have their own of these three.
  readonly takeOne: Take<unknown> = takeMessage
  readonly takeBatch: Take<NonEmptyReadonlyArray<unknown>> = takeMessages

  /** What is sent for an input. */
  encode(input: unknown): Message.Message | InvalidMessage {
    return Message.fromInput(input as Message.Input) // which tells of anything else that it is no message
  }

  /** Which subscriptions an XPUB tells of: its option, or `manual`. */
  tells: "unique" | "subscriptions" | "all" | "manual" = "unique"

  readonly [TypeId]: typeof TypeId = TypeId
  readonly module: string
  readonly type: SocketType
  readonly transport: Transport.Transport["Service"]
  readonly handle: Metered
  readonly line: ReceiveLine
  /** What it is called in metrics, logs and spans. */
  readonly name: string
  readonly options: Resolved
  /** In milliseconds. */
  readonly openedAt: number
  /** What its functions have failed with, by the tags of reasons. */
  readonly failures = new Map<Reason["_tag"], { readonly count: number; readonly last: Reason }>()

  constructor(
    module: string,
    type: SocketType,
    transport: Transport.Transport["Service"],
    handle: Metered,
    options: Resolved,
    name: string,
    openedAt: number
  ) {
    super()
    this.name = name
    this.options = options
    this.openedAt = openedAt
    this.module = module
    this.type = type
    this.transport = transport
    this.handle = handle
    this.line = new ReceiveLine(handle)
  }

  toJSON(): unknown {
    return { _id: "Socket", type: this.type, transport: this.transport.name }
  }

  /** Without it loggers print what is behind the socket, which is everything. */
  override toString(): string {
    return `Socket(${this.type}, ${this.transport.name})`
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  get security(): Security | undefined {
    return this.options.security
  }

  note(reason: Reason): void {
    const { count = 0 } = this.failures.get(reason._tag) ?? {}
    this.failures.set(reason._tag, { count: count + 1, last: reason })
  }

  fail(method: string, reason: Reason): ZmqError {
    this.note(reason)
    return new ZmqError({ module: this.module, method, reason })
  }
}

// `openSocket` is the only constructor of sockets.
const impl = (self: Socket): SocketImpl => self as SocketImpl

/** A socket as a proxy sees it. */
export const implOf: (self: Socket) => SocketImpl = impl

/** What its transport has opened. */
export const openedOf = (self: Socket): Transport.Handle => impl(self).handle.inner

/** What is under a socket, for the modules of types that need more than is here. */
export const handleOf = (self: Socket): Transport.Handle => impl(self).handle

export const lossesOf = (self: Socket): Ledger => impl(self).handle.losses

export const lineOf = (self: Socket): ReceiveLine => impl(self).line

// The interface that the module gives its socket says what it takes.
export const takeOneOf = <A>(self: Readable<A>): Take<A> => impl(self).takeOne as Take<A>

const takeBatchOf = <A>(self: Readable<A>): Take<NonEmptyReadonlyArray<A>> =>
  impl(self).takeBatch as Take<NonEmptyReadonlyArray<A>> // as above

/** The error of one of a socket's functions. */
export const fail = (self: Socket, method: string, reason: Reason): Effect.Effect<never, ZmqError> =>
  Effect.fail(impl(self).fail(method, reason))

export const mapReason =
  (self: Socket, method: string) =>
  <A, R>(effect: Effect.Effect<A, Reason, R>): Effect.Effect<A, ZmqError, R> =>
    Effect.mapError(effect, (reason) => impl(self).fail(method, reason))

// -----------------------------------------------------------------------------
// Endpoints, events, close
// -----------------------------------------------------------------------------

export const endpoints = (self: Socket): Effect.Effect<ReadonlyArray<Endpoint.Text>> =>
  Effect.map(impl(self).handle.endpoints, (all) => all.map(Endpoint.format))

export const endpoint = (self: Socket): Effect.Effect<Endpoint.Text, ZmqError> =>
  Effect.flatMap(endpoints(self), ([first]) =>
    first === undefined
      ? fail(self, "endpoint", new InvalidState({ problem: "the socket is neither bound nor connected" }))
      : Effect.succeed(first)
  )

export const events = (self: Socket): Stream.Stream<SocketEvent> => impl(self).handle.events

export const options = (self: Socket): Resolved => impl(self).options

export const statistics = (self: Socket): Effect.Effect<Statistics> =>
  Effect.sync(() => {
    const { failures, handle, line, openedAt } = impl(self)
    const { peers, queued, reconnects, suspensions, waiting } = handle.gaugesUnsafe()
    const { received, sent } = handle
    return {
      openedAt: DateTime.makeUnsafe(openedAt),
      sent: { messages: sent.messages, bytes: sent.bytes },
      received: { messages: received.messages, bytes: received.bytes },
      losses: handle.losses.losses,
      queued,
      peers,
      reconnects,
      suspensions,
      waiting: { send: waiting, receive: line.isAwaited },
      subscriptions: handle.subscriptions,
      failures: new Map(failures)
    }
  })

export const state = (self: Socket): Effect.Effect<SocketState> => impl(self).handle.state

export const changes = (self: Socket): Stream.Stream<SocketState> => impl(self).handle.changes

export const awaitConnected = (self: Socket): Effect.Effect<void, ZmqError> =>
  awaitState(self, "awaitConnected", ({ status }) => status === "Connected")

export const awaitPeers = (self: Socket, count: number): Effect.Effect<void, ZmqError> =>
  awaitState(self, "awaitPeers", ({ peers }) => peers >= count)

const awaitState = (self: Socket, method: string, isSo: (state: SocketState) => boolean) =>
  changes(self).pipe(
    Stream.filter((state) => state.status === "Closed" || isSo(state)),
    Stream.runHead,
    Effect.flatMap((state) =>
      // The last state, which there always is, is that of a socket that is closed.
      Option.isSome(state) && isSo(state.value) ? Effect.void : fail(self, method, new Closed())
    )
  )

export const drain = (self: Socket, within: Duration.Input): Effect.Effect<CloseReport> =>
  Effect.suspend(() => impl(self).handle.drain(Duration.fromInputUnsafe(within)))

const withEndpoint =
  <A>(
    method: "bind" | "unbind" | "connect" | "connectAs" | "disconnect",
    parse: Parse,
    use: (handle: Transport.Handle, endpoint: Endpoint.Endpoint) => Effect.Effect<A, Reason>
  ) =>
  (self: Socket, input: Endpoint.Input): Effect.Effect<A, ZmqError> => {
    const { handle, transport } = impl(self)
    return parseOne(input, parse).pipe(
      Effect.tap((endpoint) => supported(transport, endpoint)),
      Effect.flatMap((endpoint) => use(handle, endpoint)),
      mapReason(self, method)
    )
  }

export const bind = (self: Socket, input: Endpoint.Input): Effect.Effect<Endpoint.Text, ZmqError> =>
  withEndpoint("bind", Endpoint.parseBind, (handle, endpoint) => handle.bind(endpoint))(self, input).pipe(
    Effect.tap((bound) => warnOfExposure(self.type, bound, impl(self).security)),
    Effect.map(Endpoint.format)
  )

export const unbind = withEndpoint("unbind", Endpoint.parseBind, (handle, endpoint) => handle.unbind(endpoint))

export const connect = withEndpoint("connect", Endpoint.parseConnect, (handle, endpoint) => handle.connect(endpoint))

export const connectAs = (self: Socket, input: Endpoint.Input, routingId: RoutingId): Effect.Effect<void, ZmqError> =>
  withEndpoint("connectAs", Endpoint.parseConnect, (handle, endpoint) => handle.connect(endpoint, routingId))(
    self,
    input
  )

export const disconnect = withEndpoint("disconnect", Endpoint.parseConnect, (handle, endpoint) =>
  handle.disconnect(endpoint)
)

// -----------------------------------------------------------------------------
// Receiving
// -----------------------------------------------------------------------------

const takeMessage: Take<Message.Message> = (handle) => handle.receiveOneUnsafe()

/** The most messages that an array of `batches` has. */
const batchSize = 4096

const takeMessages: Take<NonEmptyReadonlyArray<Message.Message>> = (handle) => {
  const batch = handle.receiveUnsafe(batchSize)
  // Its length was looked at.
  return batch.length === 0 ? undefined : (batch as NonEmptyReadonlyArray<Message.Message>)
}

/** How a type takes what it makes of messages. */
export const taking = <A>(decode: (message: Message.Message) => A) => ({
  one: (handle: Transport.Handle): A | undefined => {
    const message = handle.receiveOneUnsafe()
    return message && decode(message)
  },
  batch: (handle: Transport.Handle): NonEmptyReadonlyArray<A> | undefined => {
    const batch = takeMessages(handle)
    return batch && Arr.map(batch, decode)
  }
})

export const receive = <A>(self: Readable<A>): Effect.Effect<A, ZmqError> =>
  impl(self).line.take(takeOneOf(self), Effect.succeed, (reason) => fail(self, "receive", reason))

/** Receives a message, and hands it to `f` in the step that takes it. */
export const receiveWith = <A, E, R>(
  self: Socket,
  method: string,
  f: (message: Message.Message) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ZmqError, R> => impl(self).line.take(takeMessage, f, (reason) => fail(self, method, reason))

export const poll = <A>(self: Readable<A>): Effect.Effect<Option.Option<A>, ZmqError> => {
  const { handle, line } = impl(self)
  return handle.refresh.pipe(
    mapReason(self, "poll"),
    Effect.andThen(line.takeNow(takeOneOf(self))),
    Effect.map(Option.fromUndefinedOr)
  )
}

/** One message a pull: what a consumer has not asked for is still in the socket. */
export const stream = <A>(self: Readable<A>): Stream.Stream<A> =>
  fromTake(self, takeOneOf(self), (value) => Effect.succeed([value]))

export const batches = <A>(self: Readable<A>): Stream.Stream<NonEmptyReadonlyArray<A>> =>
  fromTake(self, takeBatchOf(self), (batch) => Effect.succeed([batch]))

const fromTake = <A, B, E>(
  self: Socket,
  take: Take<A>,
  f: (taken: A) => Effect.Effect<NonEmptyReadonlyArray<B>, E>
): Stream.Stream<B, E> => {
  const pull: Pull.Pull<NonEmptyReadonlyArray<B>, E> = impl(self).line.take(take, f, () => Cause.done())
  return Stream.fromPull(Effect.succeed(pull))
}

export const runForEach = <V, A, E, R>(
  self: Readable<V>,
  f: (value: V) => Effect.Effect<A, E, R>
): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    let open = true
    const step: Effect.Effect<unknown, E, R> = impl(self).line.take<V, unknown, E, R, never>(takeOneOf(self), f, () =>
      Effect.sync(() => {
        open = false
      })
    )
    return Effect.whileLoop({ while: () => open, body: () => step, step: constVoid })
  })

/** Ends in peace where an effect fails because the socket closed. */
export const untilClosed = <A, E, R>(effect: Effect.Effect<A, ZmqError | E, R>): Effect.Effect<void, ZmqError | E, R> =>
  Effect.catchIf(
    Effect.asVoid(effect),
    (error) => isZmqError(error) && error.reason._tag === "Closed",
    () => Effect.void
  )

export const streamSchema = <A, RD, RE, E, R>(
  self: Readable<Message.Message>,
  schema: Schema.Codec<A, Message.Message, RD, RE>,
  options?: { readonly onMalformed?: "drop" | "fail" | OnMalformed<E, R> | undefined }
): Stream.Stream<A, E | Schema.SchemaError, RD | R> =>
  decoding(
    self,
    schema,
    options?.onMalformed,
    (message) => message,
    (_, value) => value
  )

/** The stream of what is in the messages of values, and what is made of both. */
export const decoding = <V, A, B, RD, RE, E, R>(
  self: Readable<V>,
  schema: Schema.Codec<A, Message.Message, RD, RE>,
  onMalformed: "drop" | "fail" | ((value: V, error: Schema.SchemaError) => Effect.Effect<unknown, E, R>) = "drop",
  messageOf: (value: V) => Message.Message,
  make: (value: V, content: A) => B
): Stream.Stream<B, E | Schema.SchemaError, RD | R> => {
  const decode = Schema.decodeUnknownEffect(schema)
  const count = Effect.sync(() => impl(self).handle.losses.add("malformed", 1))
  const handle = (value: V, error: Schema.SchemaError): Effect.Effect<unknown, E | Schema.SchemaError, R> => {
    if (onMalformed === "fail") return Effect.fail(error)
    return onMalformed === "drop" ? count : Effect.andThen(count, onMalformed(value, error))
  }
  return Stream.flattenIterable(
    Stream.mapEffect(stream(self), (value) =>
      Effect.matchEffect(decode(messageOf(value)), {
        onSuccess: (content) => Effect.succeed([make(value, content)]),
        onFailure: (error) => Effect.as(handle(value, error), [])
      })
    )
  )
}

// -----------------------------------------------------------------------------
// Sending
// -----------------------------------------------------------------------------

/** What is sent is for the socket to say; each module has its own type of it. */
export const send = (
  self: Socket,
  input: unknown,
  method = "send",
  wrap?: (message: Message.Message) => Message.Message
): Effect.Effect<void, ZmqError> =>
  Effect.suspend(() => {
    const socket = impl(self)
    const encoded = socket.encode(input)
    if (encoded instanceof InvalidMessage) return fail(self, method, encoded)
    const message = wrap === undefined ? encoded : wrap(encoded)
    const { handle } = socket
    return handle.sendUnsafe(message) ? Effect.void : mapReason(self, method)(handle.send([message]))
  })

/** With `each`, one by one, by what that makes of the send of each. */
export const sendAll = (
  self: Socket,
  inputs: Iterable<unknown>,
  each?: (send: Effect.Effect<void, ZmqError>) => Effect.Effect<void, ZmqError>
): Effect.Effect<void, ZmqError> =>
  Effect.suspend(() => {
    const socket = impl(self)
    const messages: Array<Message.Message> = []
    let bytes = 0
    const isPlain = socket.encode === SocketImpl.prototype.encode
    for (const input of inputs) {
      // What is bytes already need not be looked at again: this is the loop that batches are made of.
      if (isPlain && input instanceof Uint8Array) {
        messages.push([input])
        bytes += input.length
        continue
      }
      const message = socket.encode(input)
      if (message instanceof InvalidMessage) return fail(self, "sendAll", message)
      messages.push(message)
      bytes += message.length === 1 ? message[0].length : sizeOf(message)
    }
    const send = (messages: NonEmptyReadonlyArray<Message.Message>, bytes?: number) =>
      mapReason(self, "sendAll")(socket.handle.send(messages, undefined, bytes))
    if (each !== undefined) return Effect.forEach(messages, (message) => each(send([message])), { discard: true })
    return Arr.isReadonlyArrayNonEmpty(messages) ? send(messages, bytes) : Effect.void
  })

export const sendSchema = <A, RD, RE>(
  self: Socket,
  schema: Schema.Codec<A, Message.Message, RD, RE>
): ((value: A) => Effect.Effect<void, ZmqError | Schema.SchemaError, RE>) => {
  const encode = Schema.encodeEffect(schema)
  return (value) => Effect.flatMap(encode(value), (message) => send(self, message))
}

/** Of what a socket sends, by its `sendAll`. */
export const sink = (self: Socket): Sink.Sink<void, unknown, never, ZmqError> =>
  Sink.forEachArray((inputs) => sendAll(self, inputs))

export const sinkBatches = (self: Socket): Sink.Sink<void, ReadonlyArray<unknown>, never, ZmqError> =>
  Sink.forEach((inputs) => sendAll(self, inputs))
