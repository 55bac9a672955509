/** A worker of a broker over one connection, and the words that it has for it. */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Socket from "@effect-zmq/core/Socket"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { WorkerOptions } from "../Broker.ts"
import * as Envelope from "../Envelope.ts"

/** Of the backend, and of who connects to it. */
export const heartbeat = { interval: "1 second", timeout: "5 seconds" } as const

/** The wire format's words. */
const READY = "READY"
const READY_BYTE = "\x01"
export const BYE = "BYE"

/** What a worker says by it, where a message behind its empty frame is READY. */
export const readyOf = (message: Message.Message): { readonly instance: Message.Frame | undefined } | undefined => {
  const [delimiter, said, instance, ...more] = message
  if (delimiter.length > 0 || said === undefined || more.length > 0 || instance?.length === 0) return undefined
  const word = Message.text([said])
  return word === READY || word === READY_BYTE ? { instance } : undefined
}

/** Works over one connection, until it is lost. */
export const work = Effect.fnUntraced(function* <R>(
  handle: (request: Message.Message) => Effect.Effect<Message.Input, never, R>,
  { concurrency = 1, drain = "5 seconds", ...options }: WorkerOptions
) {
  const dealer = yield* Dealer.make({ heartbeat, ...options })
  const handlers = yield* FiberSet.make<void, ZmqError>()
  const released = yield* Deferred.make<void>()
  const answer = ({ addresses, body }: Envelope.Envelope) =>
    Effect.flatMap(handle(body), (reply) => Dealer.send(dealer, Envelope.delimit(Envelope.join(addresses, reply))))

  yield* Effect.forkScoped(
    Dealer.runForEach(dealer, (message) => {
      const content = Result.getOrElse(Envelope.undelimit(message), () => message)
      if (content.length === 1 && Message.text(content) === BYE) return Deferred.succeed(released, undefined)
      const envelope = Envelope.split(content)
      return Result.isSuccess(envelope)
        ? FiberSet.run(handlers, answer(envelope.success))
        : Effect.logWarning(`what came is no request of a broker: ${envelope.failure.message}`)
    }),
    { startImmediately: true }
  )

  const connection = yield* follow(dealer)
  // Where there is a broker that can hand out no more: over inproc, libzmq tells of no connections.
  const leave = Dealer.send(dealer, Envelope.delimit(BYE)).pipe(
    Effect.andThen(Deferred.await(released)),
    Effect.andThen(FiberSet.awaitEmpty(handlers)),
    Effect.raceFirst(connection.lost),
    Effect.ignore,
    Effect.timeoutOption(drain)
  )
  const isThere = isInproc(options.connect)
  const instance = Uint8Array.from(yield* Effect.replicateEffect(Random.nextIntBetween(0, 255), 8))
  yield* Effect.addFinalizer(() => Effect.suspend(() => (isThere || connection.isUp() ? leave : Effect.void)))
  const announce = Dealer.sendAll(
    dealer,
    Array.from({ length: concurrency }, () => Envelope.delimit([READY, instance]))
  )
  // Not before it is connected: who leaves before that has told nobody that it is ready, and never will.
  const working = Effect.andThen(isThere ? Effect.void : connection.made, Effect.andThen(announce, Effect.never))
  yield* Effect.raceAllFirst([working, FiberSet.join(handlers), connection.lost])
})

/** The first connection of a socket: whether there is one, and its end, or that of the socket. */
const follow = Effect.fnUntraced(function* (socket: Socket.Socket) {
  const made = yield* Deferred.make<void>()
  const lost = yield* Deferred.make<void>()
  const isMade = () => Deferred.isDoneUnsafe(made)
  yield* Socket.events(socket).pipe(
    Stream.takeUntil((event) => {
      if (event._tag === "HandshakeSucceeded") Deferred.doneUnsafe(made, Exit.void)
      return event._tag === "Closed" || (isMade() && event._tag === "Disconnected")
    }),
    Stream.runDrain,
    Effect.andThen(Deferred.succeed(lost, undefined)),
    Effect.forkScoped({ startImmediately: true })
  )
  const isUp = () => isMade() && !Deferred.isDoneUnsafe(lost)
  return { isUp, made: Deferred.await(made), lost: Deferred.await(lost) }
})

const isInproc = (endpoint: Endpoint.Input): boolean =>
  typeof endpoint === "string" ? endpoint.startsWith("inproc:") : endpoint._tag === "Inproc"
