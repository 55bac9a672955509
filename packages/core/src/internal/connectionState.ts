/**
 * The state of a socket's connections, as a fold of its events.
 *
 * Events name endpoints, not connections. Of an endpoint with several, it is told by counting: each connection is
 * `Accepted` or `Connected`, then its handshake succeeds or fails, and it ends by one `Disconnected`.
 */
import * as DateTime from "effect/DateTime"
import type { CloseReport, HandshakeProblem, SocketEvent } from "../SocketEvent.ts"
import { EndpointState, type SocketState } from "../SocketState.ts"

/** Everything that is known of the connections of a socket. */
export interface Connections {
  readonly places: ReadonlyArray<Place>
  readonly closed: CloseReport | undefined
}

/** What a socket is bound or connected to. */
interface Place {
  readonly role: "bound" | "connected"
  readonly endpoint: string
  /** How many connections there are. */
  readonly up: number
  /** How many are in the handshake. */
  readonly greeting: number
  /** How many have failed in it, and are about to end. */
  readonly failing: number
  /** How many ends were taken for ends in the handshake, and may have been of others. */
  readonly guessed: number
  /** Bound no longer, with peers that have stayed. */
  readonly isOver: boolean
  /** In milliseconds, when it came to be up or down. */
  readonly since: number
  readonly wasUp: boolean
  readonly attempt: number
  /** Whether the connection was lost, and the first attempt to make it again is still to come. */
  readonly isLost: boolean
  readonly failure: Failure | undefined
  /** Whether the failure is of the latest attempt. */
  readonly isRecent: boolean
}

interface Failure {
  readonly since: number
  readonly problem: HandshakeProblem
  readonly detail: string
}

export const none: Connections = { places: [], closed: undefined }

/** What an event makes of it, at a time in milliseconds. The same value where it makes no difference. */
export const step = (self: Connections, event: SocketEvent, now: number): Connections => {
  if (self.closed !== undefined) return self
  switch (event._tag) {
    case "Listening":
      return find(self, "bound", event.endpoint, (place) => !place.isOver) === undefined
        ? add(self, begin("bound", event.endpoint, now))
        : self
    case "Unbound":
      return change(
        self,
        find(self, "bound", event.endpoint, (place) => !place.isOver),
        (place) => ({ ...place, isOver: true })
      )
    case "Connecting":
      return find(self, "connected", event.endpoint) === undefined
        ? add(self, begin("connected", event.endpoint, now))
        : self
    case "Abandoned":
      return remove(self, find(self, "connected", event.endpoint))
    case "Accepted":
      return change(
        self,
        find(self, "bound", event.endpoint, (place) => !place.isOver),
        greet
      )
    case "Connected":
      return change(self, find(self, "connected", event.endpoint), greet)
    case "HandshakeSucceeded":
      return change(self, first(self, event.endpoint, isGreeting, any), (place) => succeed(place, now))
    case "HandshakeFailed":
      return change(self, first(self, event.endpoint, isGreeting, any), (place) => fail(place, event, now))
    case "Disconnected":
      return change(self, first(self, event.endpoint, isFailing, isGreeting, isUp), (place) => end(place, now))
    case "Reconnecting":
      return change(self, find(self, "connected", event.endpoint), retry)
    case "Closed": {
      const { _tag, ...closed } = event
      return { places: [], closed }
    }
    default:
      return self
  }
}

/** As programs see it. */
export const stateOf = ({ closed, places }: Connections): SocketState => {
  const endpoints = places.filter(({ isOver }) => !isOver).map(endpointState)
  let peers = 0
  for (const { up } of places) peers += up
  return { status: statusOf(endpoints, peers, closed), peers, endpoints, closed }
}

/** Which attempt to connect to an endpoint comes next. */
export const nextAttempt = (self: Connections, endpoint: string): number => {
  const place = find(self, "connected", endpoint)
  return place === undefined ? 1 : retry(place).attempt
}

/** How many peers are connected to a bound endpoint, as far as it is known. */
export const peersAt = (self: Connections, endpoint: string): number => find(self, "bound", endpoint)?.up ?? 0

// -----------------------------------------------------------------------------
// Places
// -----------------------------------------------------------------------------

const begin = (role: Place["role"], endpoint: string, now: number): Place => ({
  role,
  endpoint,
  up: 0,
  greeting: 0,
  failing: 0,
  guessed: 0,
  isOver: false,
  since: now,
  wasUp: false,
  attempt: 1,
  isLost: false,
  failure: undefined,
  isRecent: false
})

const greet = (place: Place): Place => ({ ...place, greeting: place.greeting + 1 })

const succeed = (place: Place, now: number): Place => {
  // One that was believed to have ended in the handshake: another had ended.
  if (place.greeting === 0 && place.guessed > 0) return { ...place, guessed: place.guessed - 1 }
  const isFirst = place.up === 0
  return {
    ...place,
    up: place.up + 1,
    greeting: Math.max(0, place.greeting - 1),
    wasUp: true,
    attempt: 1,
    isLost: false,
    failure: undefined,
    since: isFirst ? now : place.since
  }
}

const fail = (place: Place, { detail, problem }: Omit<Failure, "since">, now: number): Place => {
  const { greeting, guessed } = place
  const isGuessed = greeting === 0 && guessed > 0
  return {
    ...place,
    up: isGuessed ? Math.max(0, place.up - 1) : place.up,
    greeting: Math.max(0, greeting - 1),
    guessed: isGuessed ? guessed - 1 : guessed,
    failing: place.failing + 1,
    failure: { since: place.failure?.since ?? now, problem, detail },
    isRecent: true
  }
}

/** A connection has ended: which, is told by what else is known of them. */
const end = (place: Place, now: number): Place => {
  if (place.failing > 0) return { ...place, failing: place.failing - 1 }
  if (place.greeting > 0) {
    const ended = fail(place, unexplained, now)
    // Where there is no other that it could have been, it is no guess.
    return { ...ended, failing: place.failing, guessed: place.up > 0 ? place.guessed + 1 : place.guessed }
  }
  const up = Math.max(0, place.up - 1)
  return up > 0 || place.up === 0 ? { ...place, up } : { ...place, up, since: now, attempt: 1, isLost: true }
}

/** What libzmq says of peers of another type: nothing. */
const unexplained = {
  problem: "protocol",
  detail: "the connection ended in the handshake without a word: the types of the two sockets may not fit"
} as const

const retry = (place: Place): Place => ({
  ...place,
  attempt: place.isLost ? place.attempt : place.attempt + 1,
  isLost: false,
  failure: place.isRecent ? place.failure : undefined,
  isRecent: false
})

const any = (): boolean => true
const isFailing = ({ failing }: Place): boolean => failing > 0
const isGreeting = ({ greeting }: Place): boolean => greeting > 0
const isUp = ({ up }: Place): boolean => up > 0

const find = (
  { places }: Connections,
  role: Place["role"],
  endpoint: string,
  is: (place: Place) => boolean = any
): Place | undefined => places.find((place) => place.role === role && place.endpoint === endpoint && is(place))

/** The place at an endpoint that fits best: a socket may be connected to itself. */
const first = (
  { places }: Connections,
  endpoint: string,
  ...order: ReadonlyArray<(place: Place) => boolean>
): Place | undefined => {
  const here = places.filter((place) => place.endpoint === endpoint)
  for (const is of order) {
    const place = here.find(is)
    if (place !== undefined) return place
  }
  return undefined
}

const add = (self: Connections, place: Place): Connections => ({ ...self, places: [...self.places, place] })

const remove = (self: Connections, place: Place | undefined): Connections =>
  place === undefined ? self : { ...self, places: self.places.filter((other) => other !== place) }

const change = (self: Connections, place: Place | undefined, f: (place: Place) => Place): Connections => {
  if (place === undefined) return self
  const next = f(place)
  const isGone = next.isOver && next.up + next.greeting + next.failing === 0
  return isGone
    ? remove(self, place)
    : { ...self, places: self.places.map((other) => (other === place ? next : other)) }
}

// -----------------------------------------------------------------------------
// States
// -----------------------------------------------------------------------------

const endpointState = ({ attempt, endpoint, failure, role, since: from, up, wasUp }: Place): EndpointState => {
  if (role === "bound") return EndpointState.Listening({ endpoint, peers: up })
  const since = DateTime.makeUnsafe(from)
  if (up > 0) return EndpointState.Connected({ endpoint, since, peers: up })
  if (failure !== undefined) {
    return EndpointState.HandshakeFailed({ ...failure, endpoint, attempt, since: DateTime.makeUnsafe(failure.since) })
  }
  return wasUp
    ? EndpointState.Reconnecting({ endpoint, since, attempt })
    : EndpointState.Connecting({ endpoint, since, attempt })
}

const worst = ["HandshakeFailed", "Reconnecting", "Connecting", "Connected"] as const

const statusOf = (
  endpoints: ReadonlyArray<EndpointState>,
  peers: number,
  closed: CloseReport | undefined
): SocketState["status"] => {
  if (closed !== undefined) return "Closed"
  const status = worst.find((tag) => endpoints.some(({ _tag }) => _tag === tag))
  return status ?? (peers > 0 ? "Connected" : endpoints.length > 0 ? "Listening" : "Idle")
}
