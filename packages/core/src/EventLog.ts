/**
 * The events of one socket: a log that remembers, so that a listener who comes late misses nothing. For transport
 * authors.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { SocketEvent } from "./SocketEvent.ts"

/**
 * How many events a log remembers for listeners to come; from then on it forgets the oldest.
 *
 * @category constants
 * @since 0.1.0
 */
export const remembered = 1024

/**
 * @category models
 * @since 0.1.0
 */
export interface EventLog {
  /** Logs an event; after `Closed` nothing is logged any more. */
  readonly addUnsafe: (event: SocketEvent) => void
  /** What is remembered, then what is to come; ends after `Closed`. */
  readonly stream: Stream.Stream<SocketEvent>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<EventLog> = Effect.map(
  PubSub.unbounded<SocketEvent>({ replay: remembered }),
  (events) => {
    let closed = false
    return {
      addUnsafe: (event) => {
        if (closed) return
        closed = event._tag === "Closed"
        PubSub.publishUnsafe(events, event)
      },
      stream: Stream.takeUntil(Stream.fromPubSub(events), SocketEvent.$is("Closed"))
    }
  }
)
