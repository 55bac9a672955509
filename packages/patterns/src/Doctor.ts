/**
 * Why is a message missing? Sockets that are set up wrongly mostly fail in silence. The doctor looks at their events,
 * options, counts and state, and says which branch of the chart applies (`docs/missing-messages.md`): what was seen, since
 * when, why messages are lost, and the line of code that mends it.
 *
 * **Example** (A program, watched)
 *
 * ```ts
 * program.pipe(Effect.provide(Doctor.layer.pipe(Layer.provideMerge(ZmqTransport.layer))), NodeRuntime.runMain)
 * ```
 *
 * Every socket that is made over this transport is watched from then on, and what is found is a line of the log, once, and
 * an element of `Doctor.findings`. `Doctor.diagnose` asks of one socket now.
 *
 * **What it knows.** Each socket by itself; and of those in the same program that are watched, also who is connected with
 * whom: that a subscription does not match, that one of several PULLs has everything, or of which type an incompatible peer
 * is, it takes both sides to know. libzmq tells nothing of its queues, nor of what a PUB drops.
 *
 * **When it speaks.** A message that was lost is a fact, and told at once. What may pass by itself, as a connection to
 * somebody who is not there yet, has to last for `grace`: a system may start in any order, and end in any, without a word.
 * What passed, and comes again, is told again. Who was not let in, and does not come again for ten seconds, has given up.
 *
 * It looks at the counts of sockets four times in the grace period, and hears their events: a message costs nothing.
 *
 * @see the ZeroMQ Guide, "Missing Message Problem Solver"
 * @since 0.1.0
 */
import * as Socket from "@effect-zmq/core/Socket"
import { Transport } from "@effect-zmq/core/Transport"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as internal from "./internal/finding.ts"
import { Practice } from "./internal/practice.ts"
import * as prescription from "./internal/prescription.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * What is wrong with a socket:
 *
 * - `NoMatchingSubscription`: a SUB is connected, and has subscribed to nothing of what is published
 * - `SentTooEarly`: a PUB has sent before anybody was there
 * - `IncompatiblePeer`: a peer whose type does not fit
 * - `HandshakeFailed`: two sides with other security mechanisms or keys, or what is no ZeroMQ socket
 * - `Denied`: a client that is not let in
 * - `NobodyBound`: an endpoint that is connected to, and not bound by anybody
 * - `AddressTaken`: two sockets that want to bind one address
 * - `HighWaterMark`: a full queue, for which messages are dropped, or sends wait and do not get on
 * - `Unroutable`: a message of a ROUTER, or a reply of a REP, to who is not there
 * - `DuplicateRoutingId`: two peers of a ROUTER that announce one routing id
 * - `DeadPeer`: a REQ that waits for the reply of a peer that is gone
 * - `UnevenShare`: a PULL that was connected first, and has everything
 * - `ClosedUnsent`: a socket that was closed with messages queued
 * - `ShortLivedBinder`: the side that binds comes and goes
 *
 * Each has the socket, `since` when it is so, and what was seen: endpoints and counts.
 *
 * @category models
 * @since 0.1.0
 */
export type Finding = internal.Finding

/**
 * Constructors, `$is` and `$match` of findings.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Finding: typeof internal.Finding = internal.Finding

/**
 * A finding in words, each in one line.
 *
 * @category models
 * @since 0.1.0
 */
export interface Prescription {
  readonly title: string
  /** What was seen: counts and endpoints. */
  readonly seen: string
  /** Why messages are lost, or do not come. */
  readonly why: string
  /** A line of code. */
  readonly fix: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * For how long something has to be so before it is found, where it may pass by itself. `Duration.zero` tells of it as soon
   * as it is seen. Default: 2 seconds.
   */
  readonly grace?: Duration.Input | undefined
  /** What is bound for a shorter time than this, three times in a row, is short-lived. Default: 5 seconds. */
  readonly brief?: Duration.Input | undefined
}

/**
 * Watches the sockets of a transport.
 *
 * @category services
 * @since 0.1.0
 */
export class Doctor extends Context.Service<
  Doctor,
  {
    /** What was found (the newest 1,000), then what will be; ends with the layer. */
    readonly findings: Stream.Stream<Finding>
  }
>()("@effect-zmq/patterns/Doctor") {}

// -----------------------------------------------------------------------------
// Layers
// -----------------------------------------------------------------------------

/** How many findings are remembered for who listens later. */
const remembered = 1000

/** Who watches a socket. */
const practices = new WeakMap<Socket.Socket, Practice>()

const timesOf = ({ brief = "5 seconds", grace = "2 seconds" }: Options) => ({
  grace: Duration.toMillis(grace),
  brief: Duration.toMillis(brief)
})

/** Four times in the grace period, which need not be exact. */
const rounds = (practice: Practice, grace: number): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(practice.round, Effect.sleep(Math.max(shortest, grace / 4))))

/** In milliseconds. */
const shortest = 10

/**
 * Watches every socket that is made over the transport it is given, and gives that transport on. Each finding is told once:
 * as a warning in the log, annotated with `zmq.finding`, `zmq.type` and `zmq.name`, and in `findings`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<Doctor | Transport, never, Transport> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const transport = yield* Transport
      const found = yield* PubSub.unbounded<Finding | undefined>({ replay: remembered })
      yield* Effect.addFinalizer(() => PubSub.publish(found, undefined))
      const times = timesOf(options)
      const practice = new Practice(times, (finding) => Effect.andThen(PubSub.publish(found, finding), log(finding)))
      yield* Effect.forkScoped(rounds(practice, times.grace))
      const watch = (socket: Socket.Socket) => {
        practices.set(socket, practice)
        return Effect.andThen(transport.watch?.(socket) ?? Effect.void, practice.admit(socket))
      }
      const findings = Stream.fromPubSub(found).pipe(
        Stream.takeWhile((finding): finding is Finding => finding !== undefined)
      )
      return Context.make(Doctor, Doctor.of({ findings })).pipe(
        Context.add(Transport, Transport.of({ ...transport, watch }))
      )
    })
  )

/**
 * `layerWith`, with its defaults.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Doctor | Transport, never, Transport> = layerWith({})

const log = (finding: Finding): Effect.Effect<void> => {
  const { fix, seen, title, why } = prescribe(finding)
  const { name, type } = finding.socket
  return Effect.logWarning(`${name}: ${title}: ${seen}; ${why}. Fix: ${fix}`).pipe(
    Effect.annotateLogs({ "zmq.finding": finding._tag, "zmq.type": type, "zmq.name": name })
  )
}

// -----------------------------------------------------------------------------
// Findings
// -----------------------------------------------------------------------------

/**
 * What was found of all sockets (the newest 1,000), then what will be.
 *
 * @category findings
 * @since 0.1.0
 */
export const findings: Stream.Stream<Finding, never, Doctor> = Stream.unwrap(
  Effect.map(Doctor, (doctor) => doctor.findings)
)

/**
 * What is wrong with a socket now. Several together are seen as connected with each other.
 *
 * Of sockets that a `Doctor` watches it answers at once, by its `grace`; others it watches for as long as `grace`, and then
 * tells what has lasted for half of it. No findings: nothing that can be seen is wrong.
 *
 * @category findings
 * @since 0.1.0
 */
export const diagnose = (
  sockets: Socket.Socket | ReadonlyArray<Socket.Socket>,
  options: Options = {}
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.suspend(() => {
    const all = Socket.isSocket(sockets) ? [sockets] : sockets
    const [first] = all
    const known = first && practices.get(first)
    return known !== undefined && all.every((socket) => known.knows(socket))
      ? findingsOf(known, all)
      : observe(all, options)
  })

const findingsOf = (practice: Practice, sockets: ReadonlyArray<Socket.Socket>) =>
  Effect.map(Effect.forEach(sockets, practice.findings), (findings) => findings.flat())

const observe = (sockets: ReadonlyArray<Socket.Socket>, options: Options) =>
  Effect.gen(function* () {
    const times = timesOf(options)
    // What begins a little later than the watch, as a first handshake does, lasts for less than all of it.
    const practice = new Practice({ ...times, grace: times.grace / 2 }, () => Effect.void)
    yield* Effect.forEach(sockets, practice.admit, { discard: true })
    yield* practice.round
    yield* Effect.forkScoped(rounds(practice, times.grace))
    // Timers may be early by as much.
    yield* Effect.sleep(times.grace + 1)
    return yield* findingsOf(practice, sockets)
  }).pipe(Effect.scoped)

/**
 * A finding in words.
 *
 * @category rendering
 * @since 0.1.0
 */
export const prescribe = (finding: Finding): Prescription => prescription.prescribe(finding)

/**
 * A finding as a person reads it, in six lines:
 *
 * ```text
 * ✗ A request waits for a peer that is gone
 *   socket  REQ tcp://127.0.0.1:5555 (zmq)
 *   since   2026-03-01 10:14:03 UTC
 *   seen    the connection to tcp://127.0.0.1:5555 ended after the request
 *   why     the request, or its reply, went with the connection, and a REQ sends nothing again by itself
 *   fix     yield* Req.request(req, message).pipe(Effect.timeout("2 seconds"), Effect.retry({ times: 3 }))
 * ```
 *
 * @category rendering
 * @since 0.1.0
 */
export const render = (finding: Finding): string => {
  const { fix, seen, title, why } = prescribe(finding)
  const { name, transport, type } = finding.socket
  const socket = name.startsWith(type) ? name : `${name}, ${type}`
  const since = DateTime.formatIso(finding.since)
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC")
  const rows = { socket: `${socket} (${transport})`, since, seen, why, fix }
  return [`✗ ${title}`, ...Object.entries(rows).map(([label, text]) => `  ${label.padEnd(6)}  ${text}`)].join("\n")
}
