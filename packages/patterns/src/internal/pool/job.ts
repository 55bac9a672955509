/** What a dispatcher keeps of a call, of a worker and of a client: its state, and no rules. */

import { Line } from "../line.ts"
import { fullMessage, headerSize, Kind, Packer, Record, read } from "../records.ts"

// -----------------------------------------------------------------------------
// Jobs
// -----------------------------------------------------------------------------

/** Why a call is given up. */
export type DeadReason =
  /** Its worker was lost with it, and it may not be done twice. */
  | "WorkerLost"
  /** It was given to as many workers as it may be, and each was lost. */
  | "TooManyAttempts"
  /** The schedule of redelivery has ended. */
  | "ScheduleEnded"
  /** The dispatcher has ended before it. */
  | "Closed"

/** Why a call is not taken. */
export type Refusal = "UnknownTag" | "Draining" | "Closed" | "Codec"

/** How a call ends for a submitter that is in the process of the dispatcher. */
export type End =
  /** The record is an Exit, or a Defect. */
  | { readonly _tag: "Answered"; readonly answer: Record }
  | { readonly _tag: "Dead"; readonly reason: DeadReason; readonly attempts: number }
  | { readonly _tag: "Refused"; readonly reason: Refusal }

/** What the dispatcher knows of a call from its annotations. */
export interface Profile {
  readonly priority: number
  readonly idempotent: boolean
}

/**
 * - `queued`: it waits for a worker
 * - `running`: a worker has it
 * - `waiting`: its worker was lost, and it is not yet to be given to another one
 * - `ended`
 */
export type JobState = "queued" | "running" | "waiting" | "ended"

/** A call. */
export class Job {
  readonly id: number
  readonly record: Record
  readonly tag: string
  readonly profile: Profile
  /** Who is told how it ends: a client, a submitter of this process, or nobody. */
  readonly client: Client | undefined
  readonly settle: ((end: End) => void) | undefined
  readonly since: number
  /** How often it was given to a worker. */
  attempts = 0
  state: JobState = "queued"
  /** Who has it, of those that are not given up. */
  worker: Worker | undefined = undefined
  /** When it is to be given again: `Infinity` until that is known. */
  at = 0

  constructor(
    id: number,
    record: Record,
    tag: string,
    profile: Profile,
    client: Client | undefined,
    settle: ((end: End) => void) | undefined,
    now: number
  ) {
    this.id = id
    this.record = record
    this.tag = tag
    this.profile = profile
    this.client = client
    this.settle = settle
    this.since = now
  }

  get isQueued(): boolean {
    return this.state === "queued"
  }

  get priority(): number {
    return this.profile.priority
  }
}

// -----------------------------------------------------------------------------
// Peers
// -----------------------------------------------------------------------------

/** Whom the dispatcher sends to, and what. */
export abstract class Peer {
  readonly key: string
  readonly routingId: Uint8Array
  /** A message is on its way to it, or waits for room. */
  isSending = false
  /** For how many beats nothing was heard of it. */
  missed = 0

  constructor(key: string, routingId: Uint8Array) {
    this.key = key
    // It is kept for as long as the peer is: not with the chunk that it came in.
    this.routingId = routingId.slice()
  }

  /** What is to be sent now, as a message. */
  abstract take(): Uint8Array | undefined
  /** Whether that was not all. */
  abstract get hasMore(): boolean
}

/** A worker: one connection, from one Hello on. */
export class Worker extends Peer {
  /** Its process, and which of its sessions this is. */
  readonly instance: number
  readonly session: number
  readonly name: string
  readonly codec: string
  readonly joinedAt: number
  readonly packer = new Packer()
  /** What it has, also what is wanted no more: its credit returns with the Exit. */
  readonly jobs = new Map<number, Job>()
  credit: number
  isDraining = false
  /** How many answers it gave. */
  done = 0
  /** When it was last given something, as a number that grows: of those with the same load, who waits longest is first. */
  turn = 0

  constructor(
    key: string,
    routingId: Uint8Array,
    options: {
      readonly instance: number
      readonly session: number
      readonly name: string
      readonly codec: string
      readonly credit: number
      readonly now: number
    }
  ) {
    super(key, routingId)
    this.instance = options.instance
    this.session = options.session
    this.name = options.name
    this.codec = options.codec
    this.credit = options.credit
    this.joinedAt = options.now
  }

  get free(): number {
    return this.isDraining ? 0 : this.credit - this.jobs.size
  }

  take(): Uint8Array | undefined {
    return this.packer.take(fullMessage)
  }

  get hasMore(): boolean {
    return this.packer.count > 0
  }

  /** The calls that it was never given: of the message that could not be sent, and of what was not taken. */
  undelivered(message: Uint8Array | undefined): ReadonlySet<number> {
    const ids = new Set<number>()
    for (const unsent of [message, this.packer.take()]) {
      if (unsent === undefined) continue
      for (const { id, kind } of read([unsent]).records) if (kind === Kind.Request) ids.add(id)
    }
    return ids
  }
}

/** What a client is told: a record that is passed on, or one of the dispatcher's own. */
interface Word {
  readonly record: Record | undefined
  readonly kind: Kind
  readonly id: number
  readonly attempt: number
  readonly body: string
}

/**
 * All clients' messages are packed here, each in one step: a slab for each of a thousand clients would be memory for
 * nothing.
 */
const packer = new Packer()

const sizeOf = ({ body, record }: Word): number =>
  record === undefined ? headerSize + body.length : record.end - record.start

/** With so many bytes that wait for room in its socket, a client gets no more to wait for. */
const mostUnsent = 1_048_576

/** A client: one connection. */
export class Client extends Peer {
  /** By the number that it gave. */
  readonly jobs = new Map<number, Job>()
  /** The client's own: with another one it has begun anew. */
  epoch: number | undefined = undefined
  codec: string | undefined = undefined
  /** Why nothing is taken of it in this epoch, as its Hello was answered. */
  refusal: string | undefined = undefined
  /** The epoch of the dispatcher, that it is to be told. */
  pong: number | undefined = undefined
  /** It was told that nobody knows of its calls: nothing is taken of it in this epoch any more. */
  isGivenUp = false
  /** The requests that wait until there is room for them. */
  readonly line = new Line()
  private words: Array<Word> = []
  /** How many bytes they have; and how many were in the message that was taken last. */
  private bytes = 0
  private taken = 0

  /** How many words are not the socket's to deliver yet. */
  get unsent(): number {
    return this.words.length + (this.isSending ? this.taken : 0)
  }

  /** Whether it may have one more call under way: each counts until its answer is the socket's. */
  hasRoom(maxInFlight: number): boolean {
    return this.jobs.size + this.unsent < maxInFlight && !(this.isSending && this.bytes >= mostUnsent)
  }

  /** Whether it waits for anything. */
  get isWaiting(): boolean {
    return this.jobs.size > 0 || this.line.size > 0 || this.unsent > 0
  }

  say(kind: Kind, id: number, body = ""): void {
    this.add({ record: undefined, kind, id, attempt: 0, body })
  }

  /** Passes an answer on, under the number that the client gave. */
  answer(record: Record, id: number, attempt: number): void {
    // Where it has to wait, it does so without the message that it came in.
    this.add({ record: this.isSending ? copyOf(record) : record, kind: record.kind, id, attempt, body: "" })
  }

  private add(word: Word): void {
    this.words.push(word)
    this.bytes += sizeOf(word)
  }

  /** It has begun anew: of what it was asked before it wants to hear nothing. */
  begin(epoch: number): void {
    this.epoch = epoch
    this.refusal = undefined
    this.isGivenUp = false
    this.forget()
  }

  /** It is to begin anew: that is all that it is still told. */
  giveUp(): void {
    this.isGivenUp = true
    this.forget()
    this.say(Kind.Stale, 0)
  }

  private forget(): void {
    this.words = []
    this.bytes = 0
    this.line.clear()
  }

  take(): Uint8Array | undefined {
    const { epoch = 0, words } = this
    if (this.pong !== undefined) {
      packer.add({ kind: Kind.Pong, epoch, sequence: this.pong })
      this.pong = undefined
    }
    let said = 0
    for (const word of words) {
      const size = sizeOf(word)
      if (packer.count > 0 && packer.size + size > fullMessage) break
      const { attempt, body, id, kind, record } = word
      if (record === undefined) packer.add({ kind, id, epoch }, "", body)
      else packer.copy(record, { id, epoch, attempt })
      this.bytes -= size
      said++
    }
    this.taken = said
    if (said > 0) this.words = said === words.length ? [] : words.slice(said)
    return packer.take()
  }

  get hasMore(): boolean {
    return this.words.length > 0
  }
}

const copyOf = ({ end, frame, start }: Record): Record => new Record(frame.slice(start, end), 0, end - start)

/** Somebody at the backend who is no worker. */
export class Stranger extends Worker {
  constructor(key: string, routingId: Uint8Array, epoch: number, instance: number, session: number) {
    super(key, routingId, { instance, session, name: "", codec: "", credit: 0, now: 0 })
    this.packer.add({ kind: Kind.Stale, id: session, epoch, instance, sequence: epoch })
  }
}

/** A routing id as a key. */
export const keyOf = (routingId: Uint8Array): string => {
  let key = ""
  for (let i = 0; i < routingId.length; i++) key += String.fromCharCode(routingId[i] as number) // below the length
  return key
}

// -----------------------------------------------------------------------------
// A dispatcher
// -----------------------------------------------------------------------------

export interface Settings {
  /** Made up anew for each dispatcher. */
  readonly epoch: number
  /** What names the calls that are submitted here. */
  readonly instance: number
  /** After how many beats without a sign a worker, and a client, are given up. */
  readonly silence: { readonly worker: number; readonly client: number }
  /** To how many workers a call is given at most. */
  readonly maxAttempts: number
  /** How many calls may wait for a worker. */
  readonly queue: number
  /** How many calls of a client are under way, each until its answer is the socket's. */
  readonly maxInFlight: number
  /** The fewest that a worker is given at a time, if so many are ready. */
  readonly pack: number
  /** Whether a call that lost its worker waits until `schedule` tells for how long, or is ready at once. */
  readonly isScheduled: boolean
  /** What is known of a call by its tag; `undefined`: nothing, it is none of the pool's. */
  readonly profileOf: (tag: string) => Profile | undefined
}

/** Why a worker is one no more. */
export type Departure = "Disconnected" | "Silent" | "Left" | "Replaced"

/** What happens, for those who listen. */
export type Happening =
  | { readonly _tag: "WorkerJoined"; readonly worker: Worker }
  | {
      readonly _tag: "WorkerLeft"
      readonly worker: Worker
      readonly departure: Departure
      readonly redone: number
      readonly dead: number
    }
  | { readonly _tag: "WorkerDraining"; readonly worker: Worker }
  | { readonly _tag: "Dead"; readonly job: Job; readonly reason: DeadReason }
  | {
      readonly _tag: "Malformed"
      readonly side: "frontend" | "backend"
      readonly from: Uint8Array
      readonly problem: string
    }

/** At any time, `submitted` = `answered` + `cancelled` + `dead` + `refused` + those in `jobs`. */
export interface Counts {
  submitted: number
  answered: number
  cancelled: number
  dead: number
  /** Not taken, or of a serialization that no worker understands. */
  refused: number
  /** How often a call that lost its worker was ready for another one. */
  redone: number
  /** Answers that came when their call had ended, and were dropped. */
  late: number
  malformed: number
  /** How many workers were lost: gone, or silent. */
  deaths: number
}
