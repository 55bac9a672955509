/**
 * The serving end: clients by their routing ids, their calls, and the windows of their streams.
 *
 * `RpcServer` knows a client by a number, which is a new one for each epoch: so a client that begins anew is another one,
 * and what it had asked for before is interrupted. Within an epoch the ids of calls only grow, because `RpcServer` ends with
 * an id that it is given twice.
 *
 * A client has so many calls under way: each counts until its answer is the socket's. What it asks for beyond waits in order,
 * in a line that has an end: then it is refused, and a client that does not take even that is given up.
 */
import * as Router from "@effect-zmq/core/Router"
import type * as RoutingId from "@effect-zmq/core/RoutingId"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as RpcMessage from "effect/rpc/RpcMessage"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { fullLine, Line } from "../line.ts"
import { Flag, Kind, type Record, read, readHello, version } from "../records.ts"
import { packBody, readRequest } from "./bodies.ts"
import type { Drops } from "./drops.ts"
import { Outbox, type Start, Turn } from "./outbox.ts"

/** A stream that a call is answered by. */
interface Answers {
  /** Chunks that the client has not taken. */
  unacknowledged: number
  /** Goes on with the next chunk, where it waits for room in the window. */
  resume: (() => void) | undefined
}

interface Peer {
  readonly key: string
  readonly outbox: Outbox
  /** What `RpcServer` calls it in this epoch. */
  clientId: number
  epoch: number
  instance: number
  lastId: number
  /** Why nothing is taken of it in this epoch, as its Hello was answered. */
  refusal: string | undefined
  /** The calls that have not ended; those that have answered with a chunk, with their stream. */
  readonly calls: Map<number, Answers | undefined>
  /** How many have ended, at most, whose Exit is not the socket's yet: the client does not take it. */
  unsent: number
  /** What it has asked for beyond what it may, in order. */
  readonly line: Line
  isAdmitting: boolean
  /** It was told that nobody knows of its calls: nothing is taken of it in this epoch any more. */
  isGivenUp: boolean
  isGone: boolean
  /** Whether anything has come since the last look, and for how many looks nothing has. */
  heard: boolean
  silent: number
}

export interface ServerOptions {
  readonly window: number
  /** How many calls of a client are begun, and not yet answered to its socket. */
  readonly maxInFlight: number
  /** After how many looks without a word a client has gone. */
  readonly looks: number
  readonly codec: string
  /** Whether the codec makes bytes. */
  readonly bytes: boolean
}

export class Server {
  readonly disconnects: Queue.Queue<number>
  private readonly router: Router.Router
  private readonly write: (clientId: number, message: RpcMessage.FromClientEncoded) => Effect.Effect<void>
  private readonly start: Start
  private readonly turn: Turn
  private readonly drops: Drops
  private readonly options: ServerOptions
  private readonly epoch: number
  private readonly peers = new Map<string, Peer>()
  private readonly byClient = new Map<number, Peer>()
  private nextClient = 0
  /** Nothing is answered any more: `RpcServer` ends, and interrupts what was not ended by its caller. */
  private isLeaving = false
  /** Who waits for the first call. */
  private called: (() => void) | undefined = undefined

  constructor(args: {
    readonly disconnects: Queue.Queue<number>
    readonly router: Router.Router
    readonly write: (clientId: number, message: RpcMessage.FromClientEncoded) => Effect.Effect<void>
    readonly start: Start
    readonly dispatcher: SchedulerDispatcher
    readonly drops: Drops
    readonly options: ServerOptions
    readonly epoch: number
  }) {
    this.disconnects = args.disconnects
    this.router = args.router
    this.write = args.write
    this.start = args.start
    this.turn = new Turn(args.dispatcher)
    this.drops = args.drops
    this.options = args.options
    this.epoch = args.epoch
  }

  get clientIds(): ReadonlySet<number> {
    return new Set(this.byClient.keys())
  }

  /** How many calls have not ended: those under way, those to be answered, and those that wait. */
  get calls(): number {
    let count = this.waiting
    for (const peer of this.peers.values()) count += inFlight(peer)
    return count
  }

  /** How many requests wait, because their clients have as many calls as they may. */
  get waiting(): number {
    let count = 0
    for (const { line } of this.peers.values()) count += line.size
    return count
  }

  // ---------------------------------------------------------------------------
  // What comes in
  // ---------------------------------------------------------------------------

  /** Messages that have come in, handled in this step: nothing in here waits. */
  receive(batch: ReadonlyArray<Router.Received>): void {
    this.turn.hold()
    for (const { from, message } of batch) this.receiveOne(from, message)
    this.turn.release()
  }

  private receiveOne(from: RoutingId.RoutingId, message: ReadonlyArray<Uint8Array>): void {
    const { malformed, records } = read(message)
    for (const { problem } of malformed) this.drops.add(problem)
    if (records.length === 0) return
    const key = keyOf(from)
    let peer = this.peers.get(key)
    for (const record of records) {
      if (peer === undefined) {
        // Of one that has gone, there may be words that were not read yet: they do not bring it back.
        if (isAfterthought(record.kind)) continue
        peer = this.peerOf(key, from)
      }
      peer.heard = true
      this.handle(peer, record)
      // It has said so, or could not be sent to: what follows is of one that has gone, too.
      if (peer.isGone) return
    }
  }

  private peerOf(key: string, routingId: RoutingId.RoutingId): Peer {
    const peer: Peer = {
      key,
      // It is kept for as long as the peer is: not with the chunk that it came in. A copy of one is one.
      outbox: this.outboxTo(key, new Uint8Array(routingId) as RoutingId.RoutingId, () => this.sent(peer)),
      clientId: this.nextClient++,
      epoch: 0,
      instance: 0,
      lastId: 0,
      refusal: undefined,
      calls: new Map(),
      unsent: 0,
      line: new Line(),
      isAdmitting: false,
      isGivenUp: false,
      isGone: false,
      heard: true,
      silent: 0
    }
    this.peers.set(key, peer)
    this.byClient.set(peer.clientId, peer)
    return peer
  }

  private outboxTo(key: string, to: RoutingId.RoutingId, onSent: () => void): Outbox {
    const send = (message: Uint8Array): Effect.Effect<void, ZmqError> => Router.send(this.router, { to, message })
    return new Outbox(this.turn, send, this.start, () => this.left(key), onSent)
  }

  private handle(peer: Peer, record: Record) {
    if (record.epoch !== peer.epoch) this.begin(peer, record)
    switch (record.kind) {
      case Kind.Request:
        return this.request(peer, record)
      case Kind.Ack: {
        const answers = peer.calls.get(record.id)
        if (answers === undefined) return
        if (answers.unacknowledged > 0) answers.unacknowledged--
        const { resume } = answers
        if (resume === undefined) return
        answers.resume = undefined
        return resume()
      }
      case Kind.Interrupt:
        if (peer.calls.has(record.id)) this.give(peer, { _tag: "Interrupt", requestId: record.id })
        else peer.line.withdraw(record.id)
        return
      case Kind.Hello:
        return this.hello(peer, record)
      case Kind.Ping:
        return this.pong(peer)
      case Kind.Bye:
        return this.left(peer.key)
      default:
        return this.drops.add("unexpected")
    }
  }

  /** The first word of a client, or of one that has begun anew: it waits for nothing from before. */
  private begin(peer: Peer, record: Record): void {
    if (peer.epoch !== 0) this.renew(peer)
    peer.epoch = record.epoch
    peer.instance = record.instance
    peer.lastId = 0
    peer.refusal = undefined
    peer.isGivenUp = false
  }

  /** Nothing is left of what it has asked for. */
  private renew(peer: Peer): void {
    this.disconnect(peer)
    peer.clientId = this.nextClient++
    this.byClient.set(peer.clientId, peer)
  }

  private hello(peer: Peer, record: Record) {
    const hello = readHello(record)
    if (hello === undefined) return this.drops.add("body")
    const { codec } = this.options
    if (hello.version !== version) {
      peer.refusal = `this server speaks version ${version} and not ${hello.version}`
    } else if (hello.codec !== codec) {
      peer.refusal = `this server's serialization is ${codec} and not ${hello.codec.slice(0, 100)}`
    } else return this.pong(peer)
    return this.turnAway(peer, 0, peer.refusal)
  }

  private pong(peer: Peer): void {
    // Who hears it would think that there is somebody to take calls.
    if (this.isLeaving) return
    // Nor is it of use to one that does not read.
    if (peer.outbox.isFull) return
    peer.outbox.packer.add({ kind: Kind.Pong, epoch: peer.epoch, sequence: this.epoch })
    peer.outbox.touch()
  }

  private request(peer: Peer, record: Record) {
    if (peer.isGivenUp) return
    const { id } = record
    // After 2^32 - 1 comes 0.
    if (((id - peer.lastId) | 0) <= 0 || peer.calls.has(id)) return this.drops.add("repeated")
    peer.lastId = id
    if (this.isLeaving) return this.turnAway(peer, id, problems.leaving)
    if (peer.refusal !== undefined) return this.turnAway(peer, id, peer.refusal)
    if (peer.line.size === 0 && this.hasRoom(peer)) return this.admit(peer, record)
    if (peer.line.bytes < 2 * fullLine) return peer.line.push(record)
    return this.turnAway(peer, id, problems.tooMany)
  }

  /** Before it is a call. Who asks on and does not take that would be told for ever. */
  private turnAway(peer: Peer, id: number, reason: string): void {
    if (peer.outbox.isFull) this.giveUp(peer)
    else this.refuse(peer, id, reason)
  }

  /** Should it read again, it learns that nobody knows of its calls any more. Until then nothing else is kept of it. */
  private giveUp(peer: Peer): void {
    peer.isGivenUp = true
    peer.outbox.packer.clear()
    peer.outbox.packer.add({ kind: Kind.Stale, epoch: peer.epoch })
    peer.outbox.touch()
    this.renew(peer)
  }

  private hasRoom(peer: Peer): boolean {
    return inFlight(peer) < this.options.maxInFlight && !peer.outbox.isFull
  }

  /** The socket has taken something, or a call has ended without an answer: there may be room for those that wait. */
  private sent(peer: Peer): void {
    peer.unsent = Math.min(peer.unsent, peer.outbox.unsent)
    // What is begun may be answered, and sent, in the same step.
    if (peer.isAdmitting) return
    peer.isAdmitting = true
    while (peer.line.size > 0 && this.hasRoom(peer)) {
      this.admit(peer, peer.line.shift() as Record) // there is one
    }
    peer.isAdmitting = false
  }

  private admit(peer: Peer, record: Record) {
    const { id } = record
    const request = readRequest(record, id, this.options.bytes)
    if (typeof request === "string") {
      this.drops.add(request)
      return this.refuse(peer, id, problems[request])
    }
    if ((record.flags & Flag.Notification) === 0) {
      peer.calls.set(id, undefined)
      const { called } = this
      this.called = undefined
      called?.()
    }
    this.give(peer, request)
  }

  private refuse(peer: Peer, id: number, reason: string): void {
    peer.outbox.packer.add({ kind: Kind.Refused, id, epoch: peer.epoch }, "", reason)
    peer.outbox.touch()
  }

  /**
   * In a fiber of its own: what it does with it, or dies of, is nothing to the others. It dies of what a codec throws at, and
   * then has not answered.
   */
  private give(peer: Peer, message: RpcMessage.FromClientEncoded): void {
    const { clientId } = peer
    const fiber = this.start(Effect.suspend(() => this.write(clientId, message)))
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.addObserver((exit) => this.given(peer, clientId, message, exit))
    else if (exit._tag === "Failure") this.given(peer, clientId, message, exit)
  }

  private given(peer: Peer, clientId: number, message: RpcMessage.FromClientEncoded, exit: Exit.Exit<void>): void {
    if (exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)) return
    this.drops.add("undecodable")
    if (message._tag !== "Request" || typeof message.id !== "number" || peer.clientId !== clientId) return
    if (!peer.calls.delete(message.id)) return
    this.refuse(peer, message.id, problems.undecodable)
    this.sent(peer)
  }

  // ---------------------------------------------------------------------------
  // What goes out
  // ---------------------------------------------------------------------------

  send(clientId: number, response: RpcMessage.FromServerEncoded): Effect.Effect<void> {
    const peer = this.byClient.get(clientId)
    if (peer === undefined || this.isLeaving) return Effect.void
    switch (response._tag) {
      case "Exit":
        return this.exit(peer, response)
      case "Chunk":
        return this.chunk(peer, response)
      case "Defect": {
        const packed = this.pack(peer, Kind.Defect, 0, response.defect)
        // By this all of its calls end there.
        this.renew(peer)
        return packed
      }
      case "Pong":
        this.pong(peer)
        return Effect.void
      default:
        return Effect.void
    }
  }

  private exit(peer: Peer, { exit, requestId }: RpcMessage.ResponseExitEncoded): Effect.Effect<void> {
    // Of a call that nobody waits for any more there is nothing to be said.
    if (typeof requestId !== "number" || !peer.calls.has(requestId)) return Effect.void
    const unsent = packBody(peer.outbox.packer, { kind: Kind.Exit, id: requestId, epoch: peer.epoch }, exit)
    // `RpcServer` then answers with the defect.
    if (unsent !== undefined) return Effect.die(unsent.cause)
    peer.calls.delete(requestId)
    peer.unsent++
    peer.outbox.touch()
    return peer.outbox.awaitRoom
  }

  private chunk(peer: Peer, { requestId, values }: RpcMessage.ResponseChunkEncoded): Effect.Effect<void> {
    if (typeof requestId !== "number" || !peer.calls.has(requestId)) return Effect.void
    const unsent = packBody(peer.outbox.packer, { kind: Kind.Chunk, id: requestId, epoch: peer.epoch }, values)
    if (unsent !== undefined) return Effect.die(unsent.cause)
    let answers = peer.calls.get(requestId)
    if (answers === undefined) {
      answers = { unacknowledged: 0, resume: undefined }
      peer.calls.set(requestId, answers)
    }
    answers.unacknowledged++
    peer.outbox.touch()
    return answers.unacknowledged < this.options.window ? peer.outbox.awaitRoom : awaitAck(answers, this.options.window)
  }

  private pack(peer: Peer, kind: Kind, id: number, value: unknown): Effect.Effect<void> {
    const unsent = packBody(peer.outbox.packer, { kind, id, epoch: peer.epoch }, value)
    if (unsent !== undefined) return Effect.die(unsent.cause)
    peer.outbox.touch()
    return peer.outbox.awaitRoom
  }

  // ---------------------------------------------------------------------------
  // Who leaves
  // ---------------------------------------------------------------------------

  leftBy(routingId: RoutingId.RoutingId): void {
    this.left(keyOf(routingId))
  }

  private left(key: string): void {
    const peer = this.peers.get(key)
    if (peer === undefined) return
    peer.outbox.close()
    this.forget(peer)
  }

  private forget(peer: Peer): void {
    peer.isGone = true
    this.peers.delete(peer.key)
    this.disconnect(peer)
  }

  /** Its handlers are interrupted. */
  private disconnect(peer: Peer): void {
    this.byClient.delete(peer.clientId)
    dropCalls(peer)
    Queue.offerUnsafe(this.disconnects, peer.clientId)
  }

  /** Looks for those who have calls and say nothing, as long as there are calls. */
  watch(every: number): Effect.Effect<never> {
    const look = Effect.andThen(
      Effect.sleep(every),
      Effect.sync(() => this.look())
    )
    const round = Effect.whileLoop({ while: () => this.calls > 0, body: () => look, step: () => {} })
    return Effect.forever(
      Effect.andThen(
        Effect.callback<void>((resume) => {
          // With nobody to look for there is no clock to be turned.
          if (this.calls > 0) return resume(Effect.void)
          this.called = () => resume(Effect.void)
        }),
        round
      )
    )
  }

  private look(): void {
    for (const peer of [...this.peers.values()]) {
      peer.silent = peer.heard || inFlight(peer) === 0 ? 0 : peer.silent + 1
      peer.heard = false
      if (peer.silent < this.options.looks) continue
      // Should it be there after all, it learns that nobody knows of its calls any more; nor has it use for their answers.
      peer.outbox.packer.clear()
      peer.outbox.packer.add({ kind: Kind.Stale, epoch: peer.epoch })
      peer.outbox.finish()
      this.forget(peer)
    }
  }

  /** `RpcServer` has begun, or ends: then its clients are told, and wait no more. */
  set leaving(isLeaving: boolean) {
    if (isLeaving && !this.isLeaving) {
      for (const peer of this.peers.values()) {
        peer.outbox.packer.add({ kind: Kind.Bye, epoch: peer.epoch, sequence: this.epoch })
        dropCalls(peer)
        peer.outbox.flush()
      }
    }
    this.isLeaving = isLeaving
  }
}

/** Nobody waits for them any more. A stream that cannot be interrupted is not to wait for a reader that is gone. */
const dropCalls = (peer: Peer): void => {
  const { calls } = peer
  const streams = [...calls.values()]
  calls.clear()
  peer.line.clear()
  for (const answers of streams) {
    if (answers === undefined) continue
    answers.unacknowledged = 0
    answers.resume?.()
  }
}

/** How many calls of it were begun, and are not yet answered to the socket. */
const inFlight = ({ calls, unsent }: Peer): number => calls.size + unsent

/** What is said about calls that were made before, and asks for nothing. */
const isAfterthought = (kind: Kind): boolean => kind === Kind.Ack || kind === Kind.Interrupt || kind === Kind.Bye

const awaitAck = (answers: Answers, window: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // The fiber may have yielded before it came here.
    if (answers.unacknowledged < window) return resume(Effect.void)
    answers.resume = () => resume(Effect.void)
    return Effect.sync(() => {
      answers.resume = undefined
    })
  })

const problems = {
  leaving: "this server has ended",
  tooMany: "too many of its calls wait at this server: give the client a maxInFlight",
  codec: "its payload is of another serialization than this server's: give both ends the same layer",
  prefix: "its headers cannot be read",
  json: "its payload is no JSON",
  undecodable: "its payload cannot be decoded"
} as const

/** A character a byte. */
const keyOf = (id: Uint8Array): string => {
  let key = ""
  for (let i = 0; i < id.length; i++) key += String.fromCharCode(id[i] as number) // below the length
  return key
}
