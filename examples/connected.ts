/**
 * Missing the other side: who waits for what it is to send or to take is told when it leaves. `Socket.changes` tells it,
 * without a sleep.
 */
import { Socket } from "@effect-zmq/core"
import { Data, Effect, Fiber, Stream } from "effect"

/** The other side left, and what was to come of it does not come any more. */
export class Left extends Data.TaggedError("Left")<{ readonly message: string }> {}

/** Begins to watch a socket, and gives what ends when it had a peer and has none any more. */
export const departure = (socket: Socket.Socket) =>
  Socket.changes(socket).pipe(
    Stream.dropWhile(({ peers }) => peers === 0),
    Stream.takeUntil(({ peers }) => peers === 0),
    Stream.runDrain,
    Effect.forkScoped({ startImmediately: true }),
    Effect.map((left) => Effect.asVoid(Fiber.await(left)))
  )

/** Waits for something to be done, unless the other side leaves before. */
export const unlessLeft = <A, E, R>(effect: Effect.Effect<A, E, R>, left: Effect.Effect<void>, message: () => string) =>
  Effect.raceFirst(
    effect,
    Effect.flatMap(left, () => Effect.fail(new Left({ message: message() })))
  )
