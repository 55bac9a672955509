/**
 * The events of one socket: a log that remembers, so that a listener who comes late misses nothing. For transport
 * authors.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as connectionState from "./internal/connectionState.ts"
import { SocketEvent } from "./SocketEvent.ts"
import type { SocketState } from "./SocketState.ts"

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
  /** How the connections are by all events up to now, also those that are forgotten. */
  readonly state: Effect.Effect<SocketState>
  readonly stateUnsafe: () => SocketState
  /** The state, then each that follows; ends after that of `Closed`. */
  readonly states: Stream.Stream<SocketState>
  /** Which attempt to connect to an endpoint comes next, after one that has failed. */
  readonly nextAttemptUnsafe: (endpoint: string) => number
  /** How many peers are connected to a bound endpoint. */
  readonly peersUnsafe: (endpoint: string) => number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<EventLog> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const events = yield* PubSub.unbounded<SocketEvent>({ replay: remembered })
  const all = yield* PubSub.unbounded<connectionState.Connections>({ replay: 1 })
  let connections = connectionState.none
  PubSub.publishUnsafe(all, connections)
  return {
    addUnsafe: (event) => {
      if (connections.closed !== undefined) return
      const before = connections
      // First, for who hears of the event may run now, and ask for the state.
      connections = connectionState.step(before, event, clock.currentTimeMillisUnsafe())
      PubSub.publishUnsafe(events, event)
      if (connections !== before) PubSub.publishUnsafe(all, connections)
    },
    stream: Stream.takeUntil(Stream.fromPubSub(events), SocketEvent.$is("Closed")),
    state: Effect.sync(() => connectionState.stateOf(connections)),
    stateUnsafe: () => connectionState.stateOf(connections),
    // Made of them only for who listens.
    states: Stream.fromPubSub(all).pipe(
      Stream.map(connectionState.stateOf),
      Stream.changes,
      Stream.takeUntil(({ status }) => status === "Closed")
    ),
    nextAttemptUnsafe: (endpoint) => connectionState.nextAttempt(connections, endpoint),
    peersUnsafe: (endpoint) => connectionState.peersAt(connections, endpoint)
  }
})
