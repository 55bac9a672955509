/** What the pumps of a proxy and its capture have in common. */
import * as Effect from "effect/Effect"
import type { Reason } from "../ZmqError.ts"

/** After how many turns of the event loop without any progress who is sent to counts as stalled. */
const stillAfter = 3

export interface Count {
  messages: number
  bytes: number
}

export const add = (count: Count, bytes: number): void => {
  count.messages++
  count.bytes += bytes
}

/** The message is why, and not the socket: nobody has the routing id, or its queue is full, or it is none for this socket. */
export const isOfMessage = ({ _tag }: Reason): boolean =>
  _tag === "Unroutable" || _tag === "PeerFull" || _tag === "InvalidMessage"

/** Waits until it is so, as long as that comes nearer with the turns of the event loop. */
export const untilStill = (isDone: () => boolean, progress: () => number): Effect.Effect<void> =>
  Effect.suspend(() => {
    let last = progress()
    let still = 0
    return Effect.whileLoop({
      while: () => !isDone() && still < stillAfter,
      body: () => Effect.yieldNow,
      step: () => {
        const now = progress()
        still = now === last ? still + 1 : 0
        last = now
      }
    })
  })

const latin1 = new TextDecoder("latin1")

/** A character for each byte. */
export const keyOf = (bytes: Uint8Array): string => latin1.decode(bytes)
