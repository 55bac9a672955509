/** A socket that is watched, and what the doctor remembers of it: its state is the present, this is how it came to it. */
import type { Cause } from "@effect-zmq/core/Loss"
import * as Socket from "@effect-zmq/core/Socket"
import type { HandshakeProblem, SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketState } from "@effect-zmq/core/SocketState"
import * as Effect from "effect/Effect"
import type { Subject } from "./finding.ts"

/** In milliseconds. */
export interface Times {
  readonly grace: number
  readonly brief: number
}

/** Failed handshakes at an endpoint, since the last one that succeeded where this socket connects. Times in milliseconds. */
export interface Failures {
  readonly problem: HandshakeProblem
  readonly detail: string
  readonly since: number
  readonly last: number
}

/** Who is not let in by a socket that is bound, and did not come again for so long, has given up: he tries every 5 seconds. */
const patience = 10_000

/** How many brief connections in a row are counted. */
const mostBrief = 99

/** What has happened at an endpoint. */
export interface Place {
  readonly endpoint: string
  isBound: boolean
  /** Whether it is bound still: its connections may outlive that. */
  isListening: boolean
  /** Since when it has a connection. */
  upAt: number | undefined
  /** Whether there is a connection in the handshake. */
  isGreeting: boolean
  /** How long the last connections lasted, each of them briefly. */
  brief: Array<number>
  firstBrief: number
  failures: Failures | undefined
}

/** The last connection that was lost, and what had been sent and received by then: a request may have gone with it. */
interface Lost {
  readonly endpoint: string
  readonly at: number
  readonly sent: number
  readonly received: number
}

export class Patient {
  readonly socket: Socket.Socket
  readonly subject: Subject
  readonly options: Resolved
  readonly openedAt: number
  state: SocketState
  statistics: Socket.Statistics
  readonly places = new Map<string, Place>()
  /** How many connections there have been; and how many of them have ended. */
  joined = 0
  left = 0
  /** How many peers of a ROUTER have an id. */
  members = 0
  /** Whose the last loss of each cause was, and since when there is one. */
  readonly drops = new Map<Cause, { readonly peer: string | undefined; readonly since: number }>()
  /** How many messages it had sent when its last peer joined. */
  sentAtJoin = 0
  joinedAt = 0
  /** Since when it has sent without anybody there, ever. */
  aloneSince: number | undefined
  /** Since when sends wait, and none gets on; and how many messages it had sent by then. */
  stalled: { readonly since: number; readonly sent: number } | undefined
  lost: Lost | undefined
  /** When it was first seen that it is closed, that it could not bind, and that it could not route. */
  closedAt: number | undefined
  takenAt: number | undefined
  unroutableAt: number | undefined
  /** How many replies of a REP found nobody in its first time: to clients that had waited for it to start, and gave up. */
  forgiven = 0
  private readonly times: Times

  constructor(socket: Socket.Socket, state: SocketState, statistics: Socket.Statistics, times: Times) {
    this.socket = socket
    this.subject = { type: socket.type, name: socket.name, transport: socket.transport.name }
    this.options = Socket.options(socket)
    this.openedAt = statistics.openedAt.epochMilliseconds
    this.state = state
    this.statistics = statistics
    this.times = times
  }

  get isClosed(): boolean {
    return this.state.status === "Closed"
  }

  /** How it is now. */
  look(now: number): Effect.Effect<void> {
    return Effect.map(
      Effect.all([Socket.state(this.socket), Socket.statistics(this.socket)]),
      ([state, statistics]) => {
        this.state = state
        this.statistics = statistics
        const sent = statistics.sent.messages
        if (this.joined === 0 && state.peers === 0 && sent > 0) this.aloneSince ??= now
        else this.aloneSince = undefined
        if (state.status === "Closed") this.closedAt ??= now
        if (statistics.failures.has("AddressInUse")) this.takenAt ??= now
        const { unroutable = 0 } = statistics.losses
        if (this.socket.type === "REP" && now - this.openedAt < this.times.grace) this.forgiven = unroutable
        if (statistics.failures.has("Unroutable") || unroutable > this.forgiven) this.unroutableAt ??= now
        if ((statistics.waiting.send ?? 0) === 0) this.stalled = undefined
        else if (this.stalled === undefined || this.stalled.sent !== sent) this.stalled = { since: now, sent }
      }
    )
  }

  /** What an event makes of it, once it was looked at. */
  note(event: SocketEvent, now: number): void {
    switch (event._tag) {
      case "Listening": {
        const place = this.placeOf(event.endpoint)
        place.isBound = true
        place.isListening = true
        return
      }
      case "Unbound": {
        const place = this.placeOf(event.endpoint)
        place.failures = undefined
        place.isListening = false
        return
      }
      case "Connecting":
        this.placeOf(event.endpoint)
        return
      case "Connected":
      case "Accepted":
        this.placeOf(event.endpoint).isGreeting = true
        return
      case "HandshakeSucceeded":
        this.join(this.placeOf(event.endpoint), now)
        return
      case "HandshakeFailed":
        this.fail(this.placeOf(event.endpoint), event, now)
        return
      case "Disconnected":
        this.leave(this.placeOf(event.endpoint), now)
        return
      case "Abandoned":
        // By this socket itself: what comes after is another story.
        if (this.places.get(event.endpoint)?.isBound === false) this.places.delete(event.endpoint)
        return
      case "PeerJoined":
        this.members++
        return
      case "PeerLeft":
        this.members--
        return
      case "Dropped": {
        const since = this.drops.get(event.cause)?.since ?? now
        this.drops.set(event.cause, { peer: event.peer, since })
      }
    }
  }

  placeOf(endpoint: string): Place {
    const known = this.places.get(endpoint)
    if (known !== undefined) return known
    const place: Place = {
      endpoint,
      isBound: false,
      isListening: false,
      upAt: undefined,
      isGreeting: false,
      brief: [],
      firstBrief: 0,
      failures: undefined
    }
    this.places.set(endpoint, place)
    return place
  }

  private join(place: Place, now: number): void {
    this.joined++
    this.sentAtJoin = this.statistics.sent.messages
    this.joinedAt = now
    place.upAt ??= now
    place.isGreeting = false
    if (!place.isBound) place.failures = undefined
  }

  private fail(place: Place, { detail, problem }: Omit<Failures, "since" | "last">, now: number): void {
    const { failures, isBound } = place
    place.isGreeting = false
    if (isBound && !place.isListening) return
    const goesOn = failures !== undefined && !(isBound && this.isOver(failures, now))
    place.failures = { problem, detail, since: goesOn ? failures.since : now, last: now }
  }

  /** Whether failed handshakes at an endpoint that is bound are a matter of the past. */
  isOver({ last }: Failures, now: number): boolean {
    return now - last > Math.max(patience, 2 * this.times.grace)
  }

  private leave(place: Place, now: number): void {
    place.isGreeting = false
    if (place.upAt === undefined) return
    this.left++
    const lasted = now - place.upAt
    place.upAt = undefined
    const { received, sent } = this.statistics
    this.lost = { endpoint: place.endpoint, at: now, sent: sent.messages, received: received.messages }
    if (place.isBound || lasted >= this.times.brief) place.brief = []
    else {
      if (place.brief.length === 0) place.firstBrief = now - lasted
      place.brief = [...place.brief.slice(-mostBrief), lasted]
    }
  }

  /** A REQ that has sent its request, and waits for the reply. */
  get isWaiting(): boolean {
    return this.socket.type === "REQ" && this.statistics.waiting.receive
  }
}
