/**
 * The branches of the chart: what is wrong with a socket, by what is known of it and of the others that are watched.
 *
 * A fact is told at once. Anything else may be over soon, as when a program starts: it has to last for the grace period.
 */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import { toHex } from "@effect-zmq/core/RoutingId"
import { EndpointState } from "@effect-zmq/core/SocketState"
import { isCompatible } from "@effect-zmq/core/SocketType"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { Finding } from "./finding.ts"
import type { Patient, Place } from "./patient.ts"

export interface Symptom {
  readonly finding: Finding
  /**
   * What makes a finding of it: nothing more (`fact`), that it has been so `since` what it says for long enough, or that it
   * was `seen` each time for so long, where it says since when it could be.
   */
  readonly by: "fact" | "since" | "seen"
}

/** A life of a socket that was bound, which was brief. In milliseconds. */
export interface Life {
  readonly from: number
  readonly to: number
}

/** What is known beside the socket. */
export interface Surroundings {
  /** All sockets that are watched, and open. */
  readonly patients: ReadonlyArray<Patient>
  /** The brief lives of what was bound to an endpoint, one after the other. */
  readonly livesAt: (endpoint: string) => ReadonlyArray<Life>
  readonly now: number
}

/** How many brief lives in a row are a habit. */
export const habit = 3

export const symptomsOf = (patient: Patient, around: Surroundings): ReadonlyArray<Symptom> => [
  ...closed(patient),
  ...addressTaken(patient, around),
  ...unroutable(patient),
  ...dropped(patient),
  ...shortLived(patient, around),
  ...(patient.isClosed
    ? []
    : [
        ...endpoints(patient, around),
        ...refused(patient, around),
        ...stalled(patient),
        ...deadPeer(patient),
        ...sentTooEarly(patient),
        ...noMatch(patient, around),
        ...duplicate(patient, around),
        ...unevenShare(patient, around)
      ])
]

const utc = DateTime.makeUnsafe

const fact = (finding: Finding): Symptom => ({ finding, by: "fact" })

const lasting = (finding: Finding): Symptom => ({ finding, by: "since" })

const seen = (finding: Finding): Symptom => ({ finding, by: "seen" })

const boundTo = (patient: Patient): ReadonlyArray<string> =>
  patient.state.endpoints.filter(EndpointState.$is("Listening")).map(({ endpoint }) => endpoint)

const endpointsOf = (patient: Patient): ReadonlyArray<string> => patient.state.endpoints.map(({ endpoint }) => endpoint)

// -----------------------------------------------------------------------------
// Facts
// -----------------------------------------------------------------------------

const closed = ({ closedAt, openedAt, options, places, state, subject: socket }: Patient): ReadonlyArray<Symptom> => {
  const report = state.closed
  // libzmq does not tell whether there was anything that a linger of 0 has dropped.
  if (report === undefined || report.flushed || (report.dropped === undefined && Duration.isZero(options.linger))) {
    return []
  }
  return [
    fact(
      Finding.ClosedUnsent({
        socket,
        since: utc(closedAt ?? openedAt),
        endpoints: [...places.keys()],
        dropped: report.dropped,
        linger: options.linger
      })
    )
  ]
}

const addressTaken = (patient: Patient, { now, patients }: Surroundings): ReadonlyArray<Symptom> => {
  const reason = patient.statistics.failures.get("AddressInUse")?.last
  if (reason?._tag !== "AddressInUse") return []
  const holder = patients.find((other) => other !== patient && boundTo(other).some((at) => meets(at, reason.endpoint)))
  const since = utc(patient.takenAt ?? now)
  return [
    fact(
      Finding.AddressTaken({ socket: patient.subject, since, endpoint: reason.endpoint, holder: holder?.subject.name })
    )
  ]
}

const unroutable = (patient: Patient): ReadonlyArray<Symptom> => {
  const { failures, losses } = patient.statistics
  const failed = failures.get("Unroutable")
  const count = (failed?.count ?? 0) + Math.max(0, (losses.unroutable ?? 0) - patient.forgiven)
  if (count === 0) return []
  const routingId = failed?.last._tag === "Unroutable" ? failed.last.routingId : undefined
  const since = utc(patient.unroutableAt ?? patient.openedAt)
  return [fact(Finding.Unroutable({ socket: patient.subject, since, routingId, count }))]
}

const dropped = (patient: Patient): ReadonlyArray<Symptom> => {
  const { failures, losses } = patient.statistics
  const full = failures.get("PeerFull")
  const { peer, since = patient.openedAt } = patient.drops.get("queueFull") ?? {}
  const count = losses.queueFull ?? 0
  if (count === 0 && full === undefined) return []
  return [
    fact(
      Finding.HighWaterMark({
        socket: patient.subject,
        since: utc(since),
        peer: peer ?? (full?.last._tag === "PeerFull" ? full.last.routingId : undefined),
        mark: patient.options.highWaterMark.send,
        dropped: count,
        refused: full?.count ?? 0,
        waiting: patient.statistics.waiting.send ?? 0
      })
    )
  ]
}

const shortLived = (patient: Patient, { livesAt }: Surroundings): ReadonlyArray<Symptom> => {
  const found = (endpoint: string, since: number, times: number, longest: number) =>
    fact(
      Finding.ShortLivedBinder({
        socket: patient.subject,
        since: utc(since),
        endpoint,
        times,
        longest: Duration.millis(longest)
      })
    )
  const bound = [...patient.places.values()].flatMap(({ endpoint, isBound }) => {
    if (!isBound) return []
    const lives = livesAt(endpoint)
    const [first] = lives
    return first === undefined || lives.length < habit
      ? []
      : [found(endpoint, first.from, lives.length, Math.max(...lives.map(({ from, to }) => to - from)))]
  })
  // A REQ that withdraws a request ends the connection itself.
  if (patient.socket.type === "REQ") return bound
  const met = [...patient.places.values()].filter(({ brief, isBound }) => !isBound && brief.length >= habit)
  return [
    ...bound,
    ...met.map(({ brief, endpoint, firstBrief }) => found(endpoint, firstBrief, brief.length, Math.max(...brief)))
  ]
}

// -----------------------------------------------------------------------------
// Connections
// -----------------------------------------------------------------------------

const endpoints = (patient: Patient, around: Surroundings): ReadonlyArray<Symptom> =>
  patient.state.endpoints.flatMap((state): ReadonlyArray<Symptom> => {
    if (state._tag === "HandshakeFailed") return [handshake(patient, state, around)]
    if (state._tag !== "Connecting" && state._tag !== "Reconnecting") return []
    const { attempt, endpoint, since } = state
    // Somebody is there, and takes time; or a REQ waits for who was.
    if (patient.places.get(endpoint)?.isGreeting || lostOf(patient)?.endpoint === endpoint) return []
    const { queued, waiting } = patient.statistics
    return [
      lasting(
        Finding.NobodyBound({
          socket: patient.subject,
          since,
          endpoint,
          wasConnected: state._tag === "Reconnecting",
          attempt,
          waiting: waiting.send,
          queued: queued.send
        })
      )
    ]
  })

const handshake = (
  patient: Patient,
  state: Extract<EndpointState, { readonly _tag: "HandshakeFailed" }>,
  { patients }: Surroundings
): Symptom => {
  const { detail, endpoint, problem, since } = state
  const common = { socket: patient.subject, since, endpoint, detail }
  if (problem === "authentication") return lasting(Finding.Denied({ ...common, side: "connected" }))
  const there = patients.find((other) => other !== patient && boundTo(other).some((at) => meets(at, endpoint)))
  const isOfTypes =
    there !== undefined
      ? !isCompatible(patient.socket.type, there.socket.type)
      : problem === "protocol" && (patient.places.get(endpoint)?.failures === undefined || isPlain(patient))
  return lasting(
    isOfTypes
      ? Finding.IncompatiblePeer({ ...common, peer: there?.socket.type })
      : Finding.HandshakeFailed({ ...common, problem })
  )
}

/** Without a mechanism of its own it mostly meets the wrong type; libzmq does not say that as a failure. */
const isPlain = ({ options, subject }: Patient): boolean =>
  subject.transport !== "zmq" && (options.security === undefined || options.security._tag === "Null")

/** Of a socket that is bound: of those who are not let in it alone knows why. Who comes no more has given up. */
const refused = (patient: Patient, { now }: Surroundings): ReadonlyArray<Symptom> =>
  [...patient.places.values()].flatMap(({ endpoint, failures, isBound }: Place) => {
    if (!isBound || failures === undefined || failures.problem === "other" || patient.isOver(failures, now)) return []
    const { detail, problem } = failures
    const common = { socket: patient.subject, since: utc(failures.since), endpoint, detail }
    if (problem === "authentication") return [lasting(Finding.Denied({ ...common, side: "bound" }))]
    // Who connects tells of it, and of a type that does not fit knows more.
    return patient.options.security === undefined ? [] : [lasting(Finding.HandshakeFailed({ ...common, problem }))]
  })

/** The request that went with its connection, while it is still waited for. */
const lostOf = ({ isWaiting, lost, statistics: { received, sent } }: Patient): Patient["lost"] =>
  isWaiting && lost?.sent === sent.messages && lost.received === received.messages ? lost : undefined

const deadPeer = (patient: Patient): ReadonlyArray<Symptom> => {
  const lost = lostOf(patient)
  if (lost === undefined) return []
  const isBack = patient.state.endpoints.some((one) => one._tag === "Connected" && one.endpoint === lost.endpoint)
  return [lasting(Finding.DeadPeer({ socket: patient.subject, since: utc(lost.at), endpoint: lost.endpoint, isBack }))]
}

// -----------------------------------------------------------------------------
// Queues
// -----------------------------------------------------------------------------

const stalled = (patient: Patient): ReadonlyArray<Symptom> => {
  const { options, state, statistics, subject: socket } = patient
  if (patient.stalled === undefined || state.peers === 0) return []
  const up = [...patient.places.values()].filter(({ upAt }) => upAt !== undefined).map(({ endpoint }) => endpoint)
  return [
    lasting(
      Finding.HighWaterMark({
        socket,
        since: utc(patient.stalled.since),
        peer: up.length === 0 ? undefined : up.join(", "),
        mark: options.highWaterMark.send,
        dropped: 0,
        refused: 0,
        waiting: statistics.waiting.send ?? 0
      })
    )
  ]
}

const unevenShare = (patient: Patient, { patients }: Surroundings): ReadonlyArray<Symptom> => {
  if (patient.socket.type !== "PUSH" || patient.left > 0) return []
  const pulls = patients.filter((other) => other.socket.type === "PULL" && areConnected(patient, other))
  // Only where all of them are seen, and have no other source, is it known how much is on its way.
  if (pulls.length < 2 || pulls.length !== patient.state.peers || pulls.some(({ state }) => state.peers !== 1))
    return []
  const sent = patient.statistics.sent.messages
  const taken = pulls.reduce((sum, { statistics }) => sum + statistics.received.messages, 0)
  const idle = pulls.find(({ statistics }) => statistics.received.messages === 0 && statistics.waiting.receive)
  if (idle === undefined || sent <= taken) return []
  const [first] = pulls.filter((pull) => pull !== idle).sort((a, b) => a.joinedAt - b.joinedAt)
  if (first === undefined || first.joinedAt > idle.joinedAt) return []
  return [
    seen(
      Finding.UnevenShare({
        socket: patient.subject,
        since: utc(idle.joinedAt),
        endpoint: endpointsOf(patient).join(", "),
        sent,
        ahead: sent - taken,
        first: first.subject.name,
        idle: idle.subject.name
      })
    )
  ]
}

// -----------------------------------------------------------------------------
// Publishers and subscribers
// -----------------------------------------------------------------------------

const publishes = ({ socket: { type } }: Patient): boolean => type === "PUB" || type === "XPUB"

const sentTooEarly = (patient: Patient): ReadonlyArray<Symptom> => {
  const { aloneSince, state, statistics, subject: socket } = patient
  if (!publishes(patient) || aloneSince === undefined) return []
  return [
    lasting(
      Finding.SentTooEarly({
        socket,
        since: utc(aloneSince),
        endpoints: state.endpoints.map(({ endpoint }) => endpoint),
        lost: statistics.sent.messages
      })
    )
  ]
}

const noMatch = (patient: Patient, around: Surroundings): ReadonlyArray<Symptom> => {
  if (patient.socket.type === "SUB") return unmatched(patient, around)
  if (!publishes(patient) || patient.state.peers === 0) return []
  const { losses, sent } = patient.statistics
  const published = sent.messages - patient.sentAtJoin
  // Of a publisher's own losses: all of what it has sent, and there is somebody.
  const isAll = published > 0 && (losses.noSubscriber ?? 0) >= sent.messages
  if (!isAll || around.patients.some((other) => other.socket.type === "SUB" && areConnected(patient, other))) return []
  return [
    seen(
      Finding.NoMatchingSubscription({
        socket: patient.subject,
        since: utc(patient.joinedAt),
        endpoint: endpointsOf(patient).join(", "),
        published,
        publisher: patient.subject.name,
        subscriptions: undefined
      })
    )
  ]
}

/** Of a SUB that somebody receives from: all that has come in is taken, and that is nothing. */
const unmatched = (patient: Patient, { patients }: Surroundings): ReadonlyArray<Symptom> => {
  const { received, subscriptions, waiting } = patient.statistics
  if (patient.state.peers === 0 || received.messages > 0 || !waiting.receive) return []
  const publisher = patients.find((other) => {
    if (!publishes(other) || !areConnected(patient, other)) return false
    // It is not told who joined when; what was sent before the last one came may have been before this one.
    return other.statistics.sent.messages > other.sentAtJoin
  })
  if (publisher === undefined && subscriptions.length > 0) return []
  return [
    seen(
      Finding.NoMatchingSubscription({
        socket: patient.subject,
        since: utc(patient.joinedAt),
        endpoint: endpointsOf(patient).join(", "),
        published: publisher === undefined ? 0 : publisher.statistics.sent.messages - publisher.sentAtJoin,
        publisher: publisher?.subject.name,
        subscriptions: subscriptions.map(textOf)
      })
    )
  ]
}

const decoder = new TextDecoder()

const textOf = (prefix: Uint8Array): string => decoder.decode(prefix)

// -----------------------------------------------------------------------------
// Routing ids
// -----------------------------------------------------------------------------

const duplicate = (patient: Patient, { patients }: Surroundings): ReadonlyArray<Symptom> => {
  const { options, socket, state, statistics, subject } = patient
  if (socket.type !== "ROUTER") return []
  const clients = patients.filter((other) => other.options.routingId !== undefined && areConnected(patient, other))
  const ids = clients.map(({ options: { routingId } }) => (routingId === undefined ? "" : toHex(routingId)))
  const twice = ids.find((id, i) => ids.indexOf(id) < i)
  // Who is connected and has no id: known where all come in by connections, and the news of them are read.
  const isTold = !options.handover && state.endpoints.every(isTelling) && statistics.waiting.receive
  const unheard = isTold ? state.peers - patient.members : 0
  if (unheard <= 0 && twice === undefined) return []
  return [
    seen(
      Finding.DuplicateRoutingId({
        socket: subject,
        since: utc(patient.joinedAt),
        routingId: twice,
        endpoint: endpointsOf(patient).join(", "),
        unheard: Math.max(1, unheard)
      })
    )
  ]
}

const isTelling = ({ _tag, endpoint }: EndpointState): boolean =>
  _tag === "Listening" && !endpoint.startsWith("inproc://")

// -----------------------------------------------------------------------------
// Who is connected with whom
// -----------------------------------------------------------------------------

const areConnected = (one: Patient, other: Patient): boolean => isConnectedTo(one, other) || isConnectedTo(other, one)

const isConnectedTo = (one: Patient, other: Patient): boolean =>
  one.state.endpoints.some(
    (state) => state._tag === "Connected" && boundTo(other).some((bound) => meets(bound, state.endpoint))
  )

/** Whether what is bound here is what is connected to there: sockets of one program are on one machine. */
const meets = (bound: string, connected: string): boolean => {
  if (bound === connected) return true
  const [here, there] = [Endpoint.parse(bound), Endpoint.parse(connected)]
  if (Result.isFailure(here) || Result.isFailure(there)) return false
  const [a, b] = [here.success, there.success]
  if (a._tag !== "Tcp" || b._tag !== "Tcp" || a.port !== b.port) return false
  return a.host === b.host || (isHere(a.host) && isHere(b.host))
}

const isHere = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|localhost|0\.0\.0\.0|\*|::1?|\[::1?\])$/.test(host)
