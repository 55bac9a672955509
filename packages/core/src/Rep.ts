/**
 * REP: receives requests, and answers each.
 *
 * Requests are taken from the connected peers, REQ or DEALER, in fair turn, one at a time: the next one is received
 * after the last was answered. `serve` does this by itself. A reply to a client that has left is dropped.
 *
 * @see RFC 28
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { openSocket } from "./internal/opening.ts"
import * as internal from "./internal/socket.ts"
import { attributesOf, extract } from "./internal/trace.ts"
import type { Input, Message } from "./Message.ts"
import type { User } from "./Security.ts"
import * as Socket from "./Socket.ts"
import type * as SocketOptions from "./SocketOptions.ts"
import type { Transport } from "./Transport.ts"
import { InvalidMessage, InvalidState, type ZmqError } from "./ZmqError.ts"

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
export interface Options extends SocketOptions.DuplexOptions {
  /**
   * Make a span of what the handler of `serve` does with each request: the child of the client's, where that sends its
   * context (a `Req` with `trace`). The frame that has it is taken off, by `receive` too; requests without one are served
   * as ever. Default: false.
   */
  readonly trace?: boolean | undefined
}

/**
 * What is known of a request beside its message.
 *
 * @category models
 * @since 0.1.0
 */
export interface Info {
  /** Who sent it: where the socket's `security` authenticates, and the transport can tell. libzmq cannot. */
  readonly user: User | undefined
}

class RepImpl extends internal.SocketImpl {
  traces = false
  /** Held by who deals with a request, until it is answered. */
  readonly turn = Semaphore.makeUnsafe(1)
  /** The request that was taken and is not answered: whoever has the turn next gets it again. */
  request: Message | undefined = undefined
  /** Who sent it. */
  user: User | undefined = undefined
  /** What holds the turn for a request that `receive` gave, until `reply`. */
  given: Scope.Closeable | undefined = undefined
}

// `make` below is the only constructor, and makes one of this class.
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
  Effect.map(openSocket<Rep>("Rep", "REP", options, RepImpl), (rep) => {
    impl(rep).traces = options.trace === true
    return rep
  })

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
  return Effect.uninterruptibleMask((restore) => {
    if (rep.given !== undefined) {
      const problem = "the last request is not answered yet: answer it by Rep.reply first"
      return internal.fail(self, "receive", new InvalidState({ problem }))
    }
    const turn = Scope.makeUnsafe()
    return rep.turn.takeScoped(1).pipe(
      Effect.andThen(next(rep, "receive")),
      Effect.map((request) => (rep.traces ? extract(request).message : request)),
      Scope.provide(turn),
      restore,
      Effect.onExit((exit) =>
        Exit.isSuccess(exit) ? Effect.sync(() => void (rep.given = turn)) : Scope.close(turn, exit)
      )
    )
  })
}

/**
 * Who sent the request that was received last, if that is known: see `Info`.
 *
 * @category requests
 * @since 0.1.0
 */
export const user = (self: Rep): Effect.Effect<Option.Option<User>> =>
  Effect.sync(() => Option.fromUndefinedOr(impl(self).user))

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
  return Effect.uninterruptible(
    Effect.suspend(() => {
      const turn = rep.given
      if (turn === undefined) {
        const problem = "there is no request to answer: Rep.receive gives one"
        return internal.fail(self, "reply", new InvalidState({ problem }))
      }
      rep.given = undefined
      return Effect.onExit(answer(rep, message, "reply"), (exit) =>
        Exit.isSuccess(exit) ? Scope.close(turn, exit) : Effect.sync(() => void (rep.given = turn))
      )
    })
  )
})

/**
 * Answers requests, one after the other, until the socket closes.
 *
 * Every request is answered: the handler cannot fail, unless `onError` makes a reply of its failure (of defects too).
 * A handler that is interrupted, or that dies, leaves its request in the socket: the next `serve` or `receive` gets it
 * again. It is given who sent the request, too, where the socket authenticates its clients. With the option `trace`, it
 * runs in a span of the kind `server`, `zmq.serve`.
 *
 * The reply is sent when the handler has ended. What the handler wakes may run before that: where it ends the program, use
 * `receive` and `reply`, and wake it after.
 *
 * @category requests
 * @since 0.1.0
 */
export const serve: {
  <R>(
    handler: (request: Message, info: Info) => Effect.Effect<Input, never, R>
  ): (self: Rep) => Effect.Effect<void, ZmqError, R>
  <E, R, R2 = never>(
    handler: (request: Message, info: Info) => Effect.Effect<Input, E, R>,
    options: { readonly onError: (cause: Cause.Cause<E>) => Effect.Effect<Input, never, R2> }
  ): (self: Rep) => Effect.Effect<void, ZmqError, R | R2>
  <R>(
    self: Rep,
    handler: (request: Message, info: Info) => Effect.Effect<Input, never, R>
  ): Effect.Effect<void, ZmqError, R>
  <E, R, R2 = never>(
    self: Rep,
    handler: (request: Message, info: Info) => Effect.Effect<Input, E, R>,
    options: { readonly onError: (cause: Cause.Cause<E>) => Effect.Effect<Input, never, R2> }
  ): Effect.Effect<void, ZmqError, R | R2>
} = dual(
  (args) => Socket.isSocket(args[0]),
  <R>(
    self: Rep,
    handler: (request: Message, info: Info) => Effect.Effect<Input, never, R>,
    options?: { readonly onError: (cause: Cause.Cause<never>) => Effect.Effect<Input, never, R> }
  ) => {
    const rep = impl(self)
    const handle = (request: Message): Effect.Effect<Input, never, R> => {
      const handled = rep.traces
        ? traced(rep, request, (message) => handler(message, { user: rep.user }))
        : Effect.suspend(() => handler(request, { user: rep.user }))
      return options === undefined ? handled : Effect.catchCause(handled, options.onError)
    }
    const one = next(rep, "serve").pipe(
      Effect.flatMap(handle),
      Effect.flatMap((message) => answerNow(rep, message) ?? answer(rep, message, "serve")),
      rep.turn.withPermit
    )
    return internal.untilClosed(Effect.forever(one, { disableYield: true }))
  }
)

/** The request that was left unanswered, or the next one. */
const next = (rep: RepImpl, method: string): Effect.Effect<Message, ZmqError> => {
  return rep.line.take(
    // Kept in the step that takes it, so that it is not lost, whatever becomes of this fiber.
    (handle) => {
      if (rep.request === undefined) {
        rep.request = handle.receiveOneUnsafe()
        rep.user = rep.request && handle.userOf?.(rep.request)
      }
      return rep.request
    },
    Effect.succeed,
    (reason) => Effect.fail(rep.fail(method, reason))
  )
}

/** In a span, the child of the client's. */
const traced = <A, E, R>(rep: RepImpl, request: Message, handle: (message: Message) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const { message, parent } = extract(request)
    const options = {
      kind: "server",
      attributes: attributesOf(rep),
      ...(parent ? { parent } : { root: true })
    } as const
    return Effect.useSpan("zmq.serve", options, (span) =>
      Effect.withParentSpan(
        Effect.suspend(() => handle(message)),
        span
      )
    )
  })

/** Answers in the step that runs now, where the reply is taken at once. */
const answerNow = (rep: RepImpl, message: Input): Effect.Effect<void> | undefined => {
  const encoded = rep.encode(message)
  if (encoded instanceof InvalidMessage || !rep.handle.sendUnsafe(encoded)) return undefined
  rep.request = undefined
  return Effect.void
}

/** A reply never waits for long; whether it was sent must not be in doubt. */
const answer = (rep: RepImpl, message: Input, method: string): Effect.Effect<void, ZmqError> =>
  Effect.uninterruptible(
    Effect.map(internal.send(rep, message, method), () => {
      rep.request = undefined
    })
  )
