import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Endpoint from "../../Endpoint.ts"
import type { RoutingId } from "../../RoutingId.ts"
import { SocketEvent } from "../../SocketEvent.ts"
import type { Link, LinkDown, Port } from "../Link.ts"
import type { Pipe } from "../Pipe.ts"

/** What a socket is connected to: a connection that is made, lost, and made again. */
export class Session<P extends Pipe> {
  readonly endpoint: Endpoint.Endpoint
  readonly text: string
  pipe: P
  /** What a ROUTER was told to call the peer. */
  readonly routingId: RoutingId | undefined
  /** Whether the last attempt has led to a connection, and whether any has. */
  isUp = false
  wasUp = false
  /** Whether the pipe was replaced, and the new one is to be connected at once. */
  reopened = false
  /** Whether it is given up: its pipe may still have something to deliver. */
  ended = false
  fiber: Fiber.Fiber<void> | undefined = undefined

  constructor(endpoint: Endpoint.Endpoint, pipe: P, routingId: RoutingId | undefined) {
    this.endpoint = endpoint
    this.routingId = routingId
    this.text = Endpoint.format(endpoint)
    this.pipe = pipe
  }

  up(): void {
    this.isUp = true
    this.wasUp = true
  }
}

/** Connects, and again, for as long as the session is wanted; `forsake` where it is not to be tried again. */
export const run = Effect.fnUntraced(function* <P extends Pipe>(
  session: Session<P>,
  link: Link<P>,
  port: Port,
  forsake: () => void
) {
  const { endpoint, text } = session
  const { reconnect } = port.options
  let attempt = 0
  /** Which attempt this is since the beginning, or since the connection was lost. */
  let number = 1
  while (!session.ended) {
    session.isUp = false
    session.reopened = false
    port.log(SocketEvent.Connecting({ endpoint: text }))
    const down = yield* Effect.flip(link.dial(endpoint, session.pipe, port))
    if (session.ended) return
    if (session.reopened) continue
    if (reconnect === undefined) return forsake()
    if (down.again) continue
    if (session.isUp) {
      attempt = 0
      number = 0
    }
    const after = yield* backoff(reconnect, attempt++)
    port.log(SocketEvent.Reconnecting({ endpoint: text, after, attempt: ++number }))
    yield* pause(down, after, session.wasUp)
  }
})

/** `initial`, doubling up to `maximum`; up to a quarter less by chance, so that many do not come back at once. */
const backoff = (
  { initial, maximum }: { readonly initial: Duration.Duration; readonly maximum: Duration.Duration },
  attempt: number
): Effect.Effect<Duration.Duration> => {
  const most = Math.min(Duration.toMillis(initial) * 2 ** attempt, Duration.toMillis(maximum))
  return Effect.map(Random.next, (random) => Duration.millis(Math.ceil(most * (1 - random / 4))))
}

/** A peer that has not been there yet is connected as soon as it appears, where the link can tell. */
const pause = (down: LinkDown, after: Duration.Duration, wasUp: boolean): Effect.Effect<void> =>
  down.appeared === undefined || wasUp ? Effect.sleep(after) : Effect.asVoid(Effect.timeoutOption(down.appeared, after))
