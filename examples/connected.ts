/**
 * Waiting for a connection, or for its end: what `Socket.events` tells, without a sleep.
 */
import { Socket } from "@effect-zmq/core"
import { type Effect, Stream } from "effect"

/** Waits until the socket has been connected to a peer. */
export const connected = (socket: Socket.Socket): Effect.Effect<void> => first(socket, "HandshakeSucceeded")

/** Waits until a connection of the socket was lost. */
export const disconnected = (socket: Socket.Socket): Effect.Effect<void> => first(socket, "Disconnected")

const first = (socket: Socket.Socket, tag: "HandshakeSucceeded" | "Disconnected") =>
  Socket.events(socket).pipe(
    Stream.filter(({ _tag }) => _tag === tag),
    Stream.take(1),
    Stream.runDrain
  )
