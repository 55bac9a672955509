/**
 * REP: receives requests, and answers each.
 *
 * Requests are taken from the connected peers, REQ or DEALER, in fair turn, one at a time: the next one is received
 * after the last was answered. `serve` does this by itself. A reply to a client that has left is dropped.
 *
 * @see RFC 28
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual, identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as internal from "./internal/socket.ts"
import type { Input, Message } from "./Message.ts"
import * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import { InvalidState, type ZmqError } from "./ZmqError.ts"

/**
 * A REP socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rep extends Socket.Socket {
  readonly type: "REP"
}

/**
 * Options of a REP socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SocketOptions.DuplexOptions {}

class RepImpl extends internal.SocketImpl {
  /** Held by who received a request, until it is answered. */
  readonly turn = Semaphore.makeUnsafe(1)
  /** Whether `receive` gave a request that `reply` has not answered. */
  unanswered = false
  /** A request whose handler ended without an answer: it is received again. */
  abandoned: Message | undefined = undefined
}

// `make` below is the only constructor.
const impl = (self: Rep): RepImpl => self as unknown as RepImpl

/**
 * Makes a REP socket, which lives as long as the scope.
 *
 * Fails with `AddressInUse`, `AddressUnavailable`, `InvalidEndpoint`, `InvalidOption`, `LimitReached` or `Unsupported`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Rep, ZmqError, Transport | Scope.Scope> =>
  internal.make<Rep>("Rep", "REP", options, RepImpl)

/**
 * Receives the next request, which `reply` then answers. While another fiber has a request to answer, it waits.
 *
 * Fails with `InvalidState` where the last request that `receive` gave is not answered yet, and with `Closed` when the
 * socket closes.
 *
 * @category requests
 * @since 0.1.0
 */
export const receive = (self: Rep): Effect.Effect<Message, ZmqError> => {
  const rep = impl(self)
  return Effect.suspend(() =>
    rep.unanswered
      ? internal.fail(
          self,
          "receive",
          new InvalidState({ problem: "the last request is not answered yet: answer it by Rep.reply first" })
        )
      : Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(restore(rep.turn.take(1)), () =>
            restore(
              next(rep, (request) => {
                rep.unanswered = true
                return Effect.succeed(request)
              })
            ).pipe(Effect.onError(() => (rep.unanswered ? Effect.void : rep.turn.release(1))))
          )
        )
  )
}

/**
 * Answers the request that `receive` gave. Where its client has left, the reply is dropped.
 *
 * Fails with `InvalidState` where there is no request to answer, and with `InvalidMessage` for what is no message.
 *
 * @category requests
 * @since 0.1.0
 */
export const reply: {
  (message: Input): (self: Rep) => Effect.Effect<void, ZmqError>
  (self: Rep, message: Input): Effect.Effect<void, ZmqError>
} = dual(2, (self: Rep, message: Input) => {
  const rep = impl(self)
  return Effect.suspend(() =>
    rep.unanswered
      ? Effect.flatMap(internal.send(self, message, "reply"), () => {
          rep.unanswered = false
          return Effect.asVoid(rep.turn.release(1))
        })
      : internal.fail(
          self,
          "reply",
          new InvalidState({ problem: "there is no request to answer: Rep.receive gives one" })
        )
  )
})

/**
 * Answers requests, one after the other, until the socket closes.
 *
 * Every request is answered: the handler cannot fail, unless `onError` makes a reply of its failure (of defects too).
 * A handler that is interrupted, or that dies, leaves its request in the socket: the next `serve` or `receive` gets it
 * again.
 *
 * @category requests
 * @since 0.1.0
 */
export const serve: {
  <R>(handler: (request: Message) => Effect.Effect<Input, never, R>): (self: Rep) => Effect.Effect<void, ZmqError, R>
  <E, R, R2 = never>(
    handler: (request: Message) => Effect.Effect<Input, E, R>,
    options: { readonly onError: (cause: Cause.Cause<E>) => Effect.Effect<Input, never, R2> }
  ): (self: Rep) => Effect.Effect<void, ZmqError, R | R2>
  <R>(self: Rep, handler: (request: Message) => Effect.Effect<Input, never, R>): Effect.Effect<void, ZmqError, R>
  <E, R, R2 = never>(
    self: Rep,
    handler: (request: Message) => Effect.Effect<Input, E, R>,
    options: { readonly onError: (cause: Cause.Cause<E>) => Effect.Effect<Input, never, R2> }
  ): Effect.Effect<void, ZmqError, R | R2>
} = dual(
  (args) => Socket.isSocket(args[0]),
  <R>(
    self: Rep,
    handler: (request: Message) => Effect.Effect<Input, never, R>,
    options?: { readonly onError: (cause: Cause.Cause<never>) => Effect.Effect<Input, never, R> }
  ) => {
    const rep = impl(self)
    const answer = (request: Message): Effect.Effect<void, ZmqError, R> =>
      Effect.suspend(() => handler(request)).pipe(
        options === undefined
          ? identity
          : Effect.catchCause((cause) =>
              Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : options.onError(cause)
            ),
        Effect.flatMap((message) => internal.send(self, message, "serve")),
        Effect.onError(() =>
          Effect.sync(() => {
            rep.abandoned = request
          })
        )
      )
    return internal.untilClosed(Effect.forever(rep.turn.withPermit(next(rep, answer)), { disableYield: true }))
  }
)

/** The request that was left unanswered, or the next one. */
const next = <A, E, R>(rep: RepImpl, f: (request: Message) => Effect.Effect<A, E, R>) =>
  Effect.suspend((): Effect.Effect<A, E | ZmqError, R> => {
    const abandoned = rep.abandoned
    if (abandoned === undefined) return internal.receiveWith(rep, "receive", f)
    rep.abandoned = undefined
    return f(abandoned)
  })
