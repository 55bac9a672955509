/** Watches sockets, and tells what it finds, each finding once. */
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Finding, keyOf } from "./finding.ts"
import { Patient, type Times } from "./patient.ts"
import { type Life, type Surroundings, symptomsOf } from "./symptoms.ts"

/** In milliseconds: rounds that are only a little late are no standstill, however short the grace period is. */
const leastStandstill = 100

/** How many lives of what is bound to an endpoint are counted. */
const mostLives = 99

/** What is suspected of a socket. */
interface Chart {
  readonly patient: Patient
  /** When each was seen first, of those that were seen ever since; in milliseconds, by the key of the finding. */
  readonly suspected: Map<string, number>
  readonly told: Set<string>
  /** Reads the socket's events. */
  reader: Fiber.Fiber<void> | undefined
}

export class Practice {
  private readonly charts = new Map<Socket.Socket, Chart>()
  private readonly lives = new Map<string, Array<Life>>()
  private readonly times: Times
  /** When the last round was. */
  private rounded: number | undefined = undefined
  private readonly tell: (finding: Finding) => Effect.Effect<void>

  constructor(times: Times, tell: (finding: Finding) => Effect.Effect<void>) {
    this.times = times
    this.tell = tell
  }

  knows(socket: Socket.Socket): boolean {
    return this.charts.has(socket)
  }

  /** Watches a socket until the scope closes, and looks at it then for the last time. */
  readonly admit: (socket: Socket.Socket) => Effect.Effect<void, never, Scope.Scope> = Effect.fnUntraced(
    {
      self: this
    },
    function* (this: Practice, socket: Socket.Socket) {
      const [state, statistics] = yield* Effect.all([Socket.state(socket), Socket.statistics(socket)])
      const patient = new Patient(socket, state, statistics, this.times)
      const chart: Chart = { patient, suspected: new Map(), told: new Set(), reader: undefined }
      this.charts.set(socket, chart)
      yield* Effect.addFinalizer(() => this.discharge(chart))
      // It ends with the last event, which comes when the scope is being closed.
      chart.reader = yield* Socket.events(socket).pipe(
        Stream.runForEach((event) => this.hear(chart, event)),
        Effect.forkDetach({ startImmediately: true })
      )
    }
  )

  /** What is found of a socket now. */
  readonly findings = (socket: Socket.Socket): Effect.Effect<ReadonlyArray<Finding>> =>
    Effect.gen({ self: this }, function* () {
      const chart = this.charts.get(socket)
      if (chart === undefined) return []
      const now = yield* this.look
      return this.ripe(chart, now)
    })

  /** Looks at all sockets, and tells what is new. */
  readonly round: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const now = yield* this.look
    const { rounded = now } = this
    this.rounded = now
    // The program itself stood still: what has happened meanwhile it has not heard yet.
    if (now - rounded > Math.max(this.times.grace, leastStandstill)) return
    for (const chart of [...this.charts.values()]) yield* this.report(chart, now)
  })

  private readonly look: Effect.Effect<number> = Effect.gen({ self: this }, function* () {
    const now = yield* Clock.currentTimeMillis
    for (const { patient } of this.charts.values()) yield* patient.look(now)
    return now
  })

  private hear({ patient }: Chart, event: SocketEvent): Effect.Effect<void> {
    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      yield* patient.look(now)
      patient.note(event, now)
    })
  }

  /** Where its scope closes, the socket is closed by now, and its last event is told; or it is watched no longer. */
  private discharge(chart: Chart): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { patient, reader } = chart
      const now = yield* this.look
      if (reader !== undefined) yield* patient.isClosed ? Fiber.await(reader) : Fiber.interrupt(reader)
      this.remember(patient, now)
      yield* this.report(chart, now)
      this.charts.delete(patient.socket)
    })
  }

  /** What was bound, and is no more: brief lives in a row, one after the other. */
  private remember({ openedAt, places }: Patient, now: number): void {
    const { brief } = this.times
    for (const [endpoint, lives] of this.lives) {
      if (lives.every(({ to }) => now - to > 2 * brief)) this.lives.delete(endpoint)
    }
    for (const { endpoint, isBound } of places.values()) {
      if (!isBound) continue
      const before = this.lives.get(endpoint) ?? []
      const isBrief = now - openedAt < brief
      const isNext = before.every(({ to }) => openedAt - to < brief)
      if (isBrief) this.lives.set(endpoint, [...(isNext ? before.slice(-mostLives) : []), { from: openedAt, to: now }])
      else this.lives.delete(endpoint)
    }
  }

  private readonly report = (chart: Chart, now: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const findings = this.ripe(chart, now).filter((finding) => !chart.told.has(keyOf(finding)))
      for (const finding of findings) chart.told.add(keyOf(finding))
      return Effect.forEach(findings, this.tell, { discard: true })
    })

  /** What is a fact, or has lasted. */
  private ripe({ patient, suspected, told }: Chart, now: number): ReadonlyArray<Finding> {
    const symptoms = symptomsOf(patient, this.surroundings(now))
    const keys = new Set(symptoms.map(({ finding }) => keyOf(finding)))
    // What has passed, and comes again, is new.
    for (const key of suspected.keys()) if (!keys.has(key) && suspected.delete(key)) told.delete(key)
    return symptoms.flatMap(({ by, finding }) => {
      const key = keyOf(finding)
      const seen = suspected.get(key) ?? now
      suspected.set(key, seen)
      const since = by === "seen" ? seen : DateTime.toEpochMillis(finding.since)
      return by === "fact" || now - since >= this.times.grace ? [finding] : []
    })
  }

  private surroundings(now: number): Surroundings {
    const patients = Array.from(this.charts.values(), ({ patient }) => patient).filter(({ isClosed }) => !isClosed)
    return { patients, livesAt: (endpoint) => this.lives.get(endpoint) ?? [], now }
  }
}
