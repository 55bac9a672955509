/** A peer that is no socket: bytes on a connection. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { concat, encodeCommand, encodeProperties } from "../src/internal/protocol/command.ts"
import { COMMAND, encodeFrame } from "../src/internal/protocol/frame.ts"
import { encodeGreeting } from "../src/internal/protocol/greeting.ts"

export const greeting = encodeGreeting("NULL", false, 0)

export const ready = (type: string): Uint8Array =>
  encodeFrame(COMMAND, encodeCommand("READY", encodeProperties([["Socket-Type", new TextEncoder().encode(type)]])))

export interface Peer {
  readonly write: (...parts: ReadonlyArray<Uint8Array>) => Effect.Effect<void>
  /** The other side has ended the connection. */
  readonly ended: Effect.Effect<void>
  readonly isEnded: () => boolean
  /** It reads no more. */
  readonly pause: Effect.Effect<void>
  /** Ends the connection at once, with what is on its way. */
  readonly reset: Effect.Effect<void>
  /** Waits until this has come in. */
  readonly hears: (text: string) => Effect.Effect<void>
  /** What has come in, as text of a character for each byte. */
  readonly received: () => string
}

/** Whether it is of tcp, which alone can be reset. */
const isTcp = (socket: Net.Socket): boolean => socket.remotePort !== undefined

/** Connects to an endpoint: tcp or ipc. */
export const dial = (endpoint: string): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const port = /^tcp:.*:(\d+)$/.exec(endpoint)?.[1]
        const address =
          port === undefined ? { path: endpoint.slice("ipc://".length) } : { port: Number(port), host: "127.0.0.1" }
        const socket = Net.connect(address, () => resume(Effect.succeed(socket)))
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => {
      let isEnded = false
      const closed = new Promise<void>((resolve) =>
        socket.once("close", () => {
          isEnded = true
          resolve()
        })
      )
      let received = ""
      socket.on("data", (chunk) => {
        received += chunk.toString("latin1")
      })
      return {
        // Through when the system has taken it, or will not any more.
        write: (...parts) => Effect.callback((resume) => void socket.write(concat(parts), () => resume(Effect.void))),
        ended: Effect.promise(() => closed),
        isEnded: () => isEnded,
        pause: Effect.sync(() => void socket.pause()),
        reset: Effect.sync(() => void (isTcp(socket) ? socket.resetAndDestroy() : socket.destroy())),
        hears: (text) =>
          Effect.callback((resume) => {
            const look = () => {
              if (!received.includes(text)) return
              socket.off("data", look)
              resume(Effect.void)
            }
            socket.on("data", look)
            look()
          }),
        received: () => received
      }
    }
  )
