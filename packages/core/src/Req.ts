/**
 * REQ: asks, and gets the answer.
 *
 * A request goes to one of the connected peers, REP or ROUTER, in turn, and its reply comes back from there. A REQ
 * socket has one request under way at a time: requests of several fibers wait in line. For many at once, use several
 * sockets, or DEALER.
 *
 * @see RFC 28
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Tracer from "effect/Tracer"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import { attributesOf, inject } from "./internal/trace.ts"
import type { Input, Message } from "./Message.ts"
import type * as RoutingId from "./RoutingId.ts"
import type * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import type { ZmqError } from "./ZmqError.ts"

/**
 * A REQ socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Req extends Socket.Socket {
  readonly type: "REQ"
}

/**
 * Options of a REQ socket: one that binds must `correlate`.
 *
 * @category models
 * @since 0.1.0
 */
export type Options = SocketOptions.DuplexOptions & {
  /** What ROUTERs are to call this socket: 1 to 255 bytes, or text. Default: each makes an id up. (`ZMQ_ROUTING_ID`) */
  readonly routingId?: RoutingId.Input | undefined
  /**
   * Make a span of each request, and send its context to the server, in a frame before those of the request:
   * `traceparent: 00-<trace id>-<span id>-<flags>` (W3C Trace Context). Only for servers that look for it: a `Rep` with
   * `trace`, which takes the frame off. Any other gets it as the first frame of the request. Default: false.
   */
  readonly trace?: boolean | undefined
} & (
    | {
        /**
         * Number the requests, in a frame of 4 bytes before the empty one, and refuse replies of another number. Only for
         * peers that are known to keep the whole envelope: every REP does, brokers in the wild may not. Default: false.
         * (`ZMQ_REQ_CORRELATE`)
         */
        readonly correlate: true
      }
    | { readonly correlate?: false | undefined; readonly bind?: undefined }
  )

class ReqImpl extends internal.SocketImpl {
  /** Held by the request that is under way. */
  readonly turn = Semaphore.makeUnsafe(1)
  traces = false
}

// `make` below is the only constructor, and makes one of this class.
const impl = (self: Req): ReqImpl => self as unknown as ReqImpl

/**
 * Makes a REQ socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Req, ZmqError, Transport | Scope.Scope> =>
  Effect.map(openSocket<Req>("Req", "REQ", options, ReqImpl), (req) => {
    impl(req).traces = options.trace === true
    return req
  })

/**
 * Sends a request and waits for its reply, after the requests that were made before it.
 *
 * There is no limit of time: give one by `Effect.timeout`. A request that is timed out or interrupted is withdrawn: the
 * connection it went to is opened anew, so that its late reply is never taken for another's, and the next request goes
 * to another peer where there is one (the Guide's Lazy Pirate). It may have been carried out all the same. Fails with
 * `Closed` when the socket closes, and with `InvalidMessage` for what is no message. With the option `trace`, it is a span
 * of the kind `client`, `zmq.request`, which includes the time in line.
 *
 * @category requests
 * @since 0.1.0
 */
export const request: {
  (message: Input): (self: Req) => Effect.Effect<Message, ZmqError>
  (self: Req, message: Input): Effect.Effect<Message, ZmqError>
} = dual(2, (self: Req, message: Input) => {
  const { traces } = impl(self)
  if (!traces) return exchange(self, message, undefined)
  return Effect.useSpan("zmq.request", { kind: "client", attributes: attributesOf(impl(self)) }, (span) =>
    Effect.withParentSpan(exchange(self, message, span), span)
  )
})

const exchange = (self: Req, message: Input, span: Tracer.Span | undefined): Effect.Effect<Message, ZmqError> => {
  const { handle, turn } = impl(self)
  return internal
    .send(self, message, "request", (encoded) => (span === undefined ? encoded : inject(encoded, span)))
    .pipe(
      Effect.andThen(internal.receiveWith(self, "request", Effect.succeed)),
      Effect.onInterrupt(() => handle.withdraw),
      turn.withPermit
    )
}
