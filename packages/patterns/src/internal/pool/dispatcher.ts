/**
 * The dispatcher of a pool as a state machine: something happens at some time, and there are records to send. It has no
 * sockets, clock or chance, and never looks into a call: it reads headers, and passes bodies on.
 *
 * Whoever drives it tells what has come, from whom, and when (`fromClient`, `fromWorker`, `workerLeft`, `submit`, `beat`, …),
 * as often as it likes; then, once a turn, has it `assign` what waits to who is free, and sends what `dirty` peers `take`.
 *
 * What holds at any time: a job is in `jobs` exactly until it has ended, and it ends once; a worker's outstanding calls are
 * the set that it has, so that credit cannot leak: what it may be given is what it announced without that.
 *
 * What a client asks for while it has no room, or the queue has none, waits in its line, and is taken in turn with those of
 * others; it can be interrupted there. Of a client that does not read, no more is kept than its answers in flight and a line
 * of limited length: beyond that it is given up.
 *
 * One file, although it is long: all of it is about the same few tables, and what holds of them is seen at one place.
 */

import { fullLine } from "../line.ts"
import { fullMessage, Kind, Packer, Record, read, readHello, version } from "../records.ts"
import { Calendar } from "./calendar.ts"
import {
  Client,
  type Counts,
  type DeadReason,
  type Departure,
  type End,
  type Happening,
  Job,
  keyOf,
  type Peer,
  type Profile,
  type Refusal,
  type Settings,
  Stranger,
  Worker
} from "./job.ts"
import { Queue } from "./queue.ts"
import { answering, anyCodec, deaths, problemOf, refusals } from "./refusals.ts"

const anonymous: Profile = { priority: 0, idempotent: true }

/** What is said about calls that were made before, and asks for nothing. */
const isAfterthought = (kind: Kind): boolean => kind === Kind.Ack || kind === Kind.Interrupt || kind === Kind.Bye

/** How many requests of a line are taken before it is another one's turn. */
const atATurn = 16

/** How many calls, that nobody who is free understands, are passed over in a turn. */
const mostAside = 64

const understands = ({ codec }: Worker, { client }: Job): boolean =>
  client?.codec === undefined || codec === anyCodec || codec === client.codec

export class Dispatcher {
  readonly settings: Settings
  readonly workers = new Map<string, Worker>()
  readonly clients = new Map<string, Client>()
  readonly jobs = new Map<number, Job>()
  readonly queue = new Queue<Job>()
  readonly counts: Counts = {
    submitted: 0,
    answered: 0,
    cancelled: 0,
    dead: 0,
    refused: 0,
    redone: 0,
    late: 0,
    malformed: 0,
    deaths: 0
  }
  /** Those that have something to take. */
  readonly dirty = new Set<Peer>()
  /** What has happened, and nobody has taken yet. */
  happenings: Array<Happening> = []
  /** Calls for which somebody is to ask the schedule, and then say `schedule`. */
  unscheduled: Array<Job> = []
  /** Calls that wait for their time. */
  private readonly calendar = new Calendar<Job>()
  /** Those whose requests wait: whose turn is next is first. */
  private readonly lines = new Set<Client>()
  /** Those that ask on though their line is full. */
  private readonly insatiable = new Set<Client>()
  private readonly packer = new Packer()
  private lastId = 0
  private lastSequence = 0
  private turn = 0
  private isDraining = false
  private isClosed = false

  constructor(settings: Settings) {
    this.settings = settings
  }

  /** As many calls wait for a worker as may. */
  get isFull(): boolean {
    return this.queue.size >= this.settings.queue
  }

  /** The line of a client that reads is full: nothing more of clients is to come in. Who does not read holds up nobody. */
  get isFlooded(): boolean {
    for (const client of this.insatiable) {
      if (client.isSending || client.line.bytes < fullLine) this.insatiable.delete(client)
      else return true
    }
    return false
  }

  /** How many requests wait in lines. */
  get held(): number {
    let count = 0
    for (const { line } of this.lines) count += line.size
    return count
  }

  /** Whether any of them could be taken in now. */
  get canAdmit(): boolean {
    if (this.lines.size === 0 || this.isFull) return false
    for (const client of this.lines) if (client.hasRoom(this.settings.maxInFlight)) return true
    return false
  }

  get isIdle(): boolean {
    return this.jobs.size === 0
  }

  /** When the first of those that wait for their time is ready. */
  get nextAt(): number {
    return this.calendar.nextAt
  }

  /** How many calls wait for their time. */
  get waiting(): number {
    return this.calendar.size
  }

  // ---------------------------------------------------------------------------
  // Submitters
  // ---------------------------------------------------------------------------

  /** A call of this process. It is answered, cancelled or given up like any other. */
  submit(tag: string, flags: number, body: Uint8Array, settle: (end: End) => void, now: number): Job | undefined {
    const { instance } = this.settings
    this.counts.submitted++
    const reason = this.refusalOf(tag)
    if (reason !== undefined) {
      this.counts.refused++
      settle({ _tag: "Refused", reason })
      return undefined
    }
    this.lastSequence = (this.lastSequence + 1) >>> 0
    this.packer.add({ kind: Kind.Request, flags, instance, sequence: this.lastSequence }, tag, body)
    const frame = this.packer.take() as Uint8Array // of the record that was added
    return this.enqueue(new Record(frame, 0, frame.length), tag, undefined, settle, now)
  }

  /** It is wanted no more: by whoever submitted it here. */
  cancel(job: Job): void {
    if (job.state === "ended") return
    this.counts.cancelled++
    this.end(job, true)
  }

  fromClient(from: Uint8Array, message: ReadonlyArray<Uint8Array>, now: number): void {
    const { malformed, records } = read(message)
    for (const { offset, problem } of malformed) this.misread("frontend", from, `${problem} at byte ${offset}`)
    for (const record of records) {
      // Of one that has gone, there may be words that were not read yet: they do not bring it back.
      const client = isAfterthought(record.kind) ? this.clients.get(keyOf(from)) : this.clientOf(from)
      if (client === undefined) continue
      client.missed = 0
      this.fromClientOne(client, record, now)
    }
  }

  private fromClientOne(client: Client, record: Record, now: number): void {
    const { epoch } = record
    if (client.epoch !== epoch) {
      // The same connection, and another one behind it, or one that has given us up: it waits for nothing from before.
      this.forget(client)
      client.begin(epoch)
    }
    switch (record.kind) {
      case Kind.Request:
        if (client.isGivenUp) break
        if (client.line.size > 0 || this.isFull || !client.hasRoom(this.settings.maxInFlight)) this.hold(client, record)
        else this.request(client, record, now)
        break
      case Kind.Interrupt: {
        const job = client.jobs.get(record.id)
        if (job !== undefined) this.cancel(job)
        else if (client.line.withdraw(record.id)) {
          this.withdrawn(1)
          if (client.line.size === 0) this.lines.delete(client)
        }
        break
      }
      case Kind.Ping:
        this.pong(client)
        break
      case Kind.Hello:
        this.clientHello(client, record)
        break
      case Kind.Bye:
        this.clientLeft(client.routingId)
        break
      case Kind.Ack:
        break
      default:
        this.misread("frontend", client.routingId, `a record of kind ${record.kind}, which clients do not send`)
    }
  }

  private clientHello(client: Client, record: Record): void {
    const hello = readHello(record)
    if (hello === undefined) this.misread("frontend", client.routingId, "a Hello without its body")
    else if (hello.version !== version) {
      // Once is enough to hear it.
      if (client.refusal !== undefined) return
      client.refusal = `this pool speaks version ${version} and not ${hello.version}`
      this.refuse(client, 0, client.refusal)
    } else {
      client.codec = hello.codec
      this.pong(client)
    }
  }

  /** It waits, as it came. */
  private hold(client: Client, record: Record): void {
    const { id } = record
    const { line } = client
    if (client.jobs.has(id) || line.has(id)) {
      this.twice(client, id)
      return
    }
    line.push(record)
    this.lines.add(client)
    if (line.bytes < fullLine) return
    // Who reads is held up; who does not, while it may be that it only reads slowly, is not.
    if (!client.isSending) this.insatiable.add(client)
    else if (line.bytes >= 2 * fullLine) this.giveUp(client)
  }

  /** Takes in what there is room for, of all lines in turn: so many at most. */
  admit(most: number, now: number): void {
    let left = Math.min(most, this.settings.queue - this.queue.size)
    let idle = 0
    for (const client of this.lines) {
      if (left <= 0 || idle >= this.lines.size) return
      idle++
      for (let n = 0; n < atATurn && left > 0 && client.hasRoom(this.settings.maxInFlight); n++) {
        const record = client.line.shift()
        if (record === undefined) break
        this.request(client, record, now)
        left--
        idle = 0
      }
      // Who has more comes again, when it is its turn.
      this.lines.delete(client)
      if (client.line.size > 0) this.lines.add(client)
    }
  }

  private request(client: Client, record: Record, now: number): void {
    const { flags, id, tag } = record
    const { isAnswered, isConfirmed } = answering(flags)
    const refusal = this.refusalOf(tag)
    const reason = client.refusal ?? (refusal && refusals[refusal](tag))
    if (client.jobs.has(id)) this.twice(client, id)
    else if (reason !== undefined) {
      this.counts.submitted++
      this.counts.refused++
      if (isAnswered || isConfirmed) this.refuse(client, id, reason)
    } else {
      this.counts.submitted++
      const job = this.enqueue(record, tag, isAnswered ? client : undefined, undefined, now)
      if (isAnswered) client.jobs.set(id, job)
      if (isConfirmed) this.say(client, Kind.Accepted, id)
    }
  }

  private enqueue(
    record: Record,
    tag: string,
    client: Client | undefined,
    settle: ((end: End) => void) | undefined,
    now: number
  ): Job {
    const profile = this.settings.profileOf(tag) ?? anonymous // looked at before
    const job = new Job(this.newId(), record, tag, profile, client, settle, now)
    this.jobs.set(job.id, job)
    this.queue.push(job)
    return job
  }

  private twice(client: Client, id: number): void {
    this.misread("frontend", client.routingId, `call ${id}, twice at a time`)
  }

  private refusalOf(tag: string): Refusal | undefined {
    if (this.isClosed) return "Closed"
    if (this.isDraining) return "Draining"
    return this.settings.profileOf(tag) === undefined ? "UnknownTag" : undefined
  }

  private newId(): number {
    do this.lastId = (this.lastId + 1) >>> 0
    while (this.lastId === 0 || this.jobs.has(this.lastId))
    return this.lastId
  }

  private clientOf(routingId: Uint8Array): Client {
    const key = keyOf(routingId)
    let client = this.clients.get(key)
    if (client === undefined) {
      client = new Client(key, routingId)
      this.clients.set(key, client)
    }
    return client
  }

  private pong(client: Client): void {
    client.pong = this.settings.epoch
    this.dirty.add(client)
  }

  private refuse(client: Client, id: number, reason: string): void {
    this.say(client, Kind.Refused, id, reason)
  }

  private say(client: Client, kind: Kind, id: number, body?: string): void {
    client.say(kind, id, body)
    this.dirty.add(client)
  }

  /** A client is connected no more: whatever it asked for is wanted no more. */
  clientLeft(routingId: Uint8Array): void {
    const client = this.clients.get(keyOf(routingId))
    if (client === undefined) return
    this.clients.delete(client.key)
    this.dirty.delete(client)
    this.forget(client)
  }

  /** What it has asked for is wanted no more. */
  private forget(client: Client): void {
    for (const job of client.jobs.values()) this.cancel(job)
    this.withdrawn(client.line.size)
    client.line.clear()
    this.lines.delete(client)
    this.insatiable.delete(client)
  }

  /** So many have ended in line. */
  private withdrawn(count: number): void {
    this.counts.submitted += count
    this.counts.cancelled += count
  }

  /** Should it read again, it learns that nobody knows of its calls any more. */
  private giveUp(client: Client): void {
    this.forget(client)
    client.giveUp()
    this.dirty.add(client)
  }

  // ---------------------------------------------------------------------------
  // Workers
  // ---------------------------------------------------------------------------

  fromWorker(from: Uint8Array, message: ReadonlyArray<Uint8Array>, now: number): void {
    const { malformed, records } = read(message)
    for (const { offset, problem } of malformed) this.misread("backend", from, `${problem} at byte ${offset}`)
    const key = keyOf(from)
    let isStale = false
    for (const record of records) {
      const worker = this.workers.get(key)
      if (worker !== undefined) worker.missed = 0
      switch (record.kind) {
        case Kind.Exit:
        case Kind.Defect:
          isStale = worker === undefined
          this.answered(worker, record)
          break
        case Kind.Hello:
          isStale = false
          this.hello(key, from, record, now)
          break
        case Kind.Refused:
          this.handedBack(worker, record)
          break
        case Kind.Credit:
          if (worker !== undefined) worker.credit = record.sequence
          break
        case Kind.Drain:
          if (worker !== undefined && !worker.isDraining) {
            worker.isDraining = true
            this.happenings.push({ _tag: "WorkerDraining", worker })
          }
          break
        case Kind.Bye:
          if (worker !== undefined) this.dismiss(worker, "Left")
          break
        case Kind.Ping:
          if (worker === undefined) isStale = true
          else this.tell(worker, Kind.Pong)
          break
        case Kind.Pong:
          if (worker === undefined) isStale = true
          break
        default:
          this.misread("backend", from, `a record of kind ${record.kind}, which workers do not send`)
      }
      if (isStale) this.stale(key, from, record)
    }
  }

  private hello(key: string, from: Uint8Array, record: Record, now: number): void {
    const hello = readHello(record)
    const { instance, sequence: session } = record
    const known = this.workers.get(key)
    if (hello === undefined) this.misread("backend", from, "a Hello without its body")
    else if (known?.instance === instance && known.session === session) this.tell(known, Kind.Pong)
    else {
      const { codec, credit } = hello
      this.join(new Worker(key, from, { instance, session, name: record.tag, codec, credit, now }), problemOf(hello))
    }
  }

  private join(worker: Worker, problem: string | undefined): void {
    // A process that is back, over this connection or another: what it had then it has dropped.
    for (const other of [...this.workers.values()]) {
      if (other.key === worker.key || other.instance === worker.instance) this.dismiss(other, "Replaced")
    }
    if (problem === undefined) {
      this.workers.set(worker.key, worker)
      this.tell(worker, Kind.Pong)
      this.happenings.push({ _tag: "WorkerJoined", worker })
    } else {
      worker.packer.add({ kind: Kind.Refused, id: worker.session, epoch: this.settings.epoch }, "", problem)
      this.dirty.add(worker)
    }
  }

  /** Whoever has the first result gives it, also one that was given up. */
  private answered(from: Worker | undefined, record: Record): void {
    const { epoch, id } = record
    if (epoch !== this.settings.epoch) {
      this.counts.late++
      return
    }
    if (from?.jobs.delete(id)) from.done++
    const job = this.jobs.get(id)
    if (job === undefined) {
      this.counts.late++
      return
    }
    const { client, settle } = job
    this.counts.answered++
    if (client !== undefined) {
      client.answer(record, job.record.id, record.attempt)
      this.dirty.add(client)
    }
    // Who else works at it can stop.
    this.end(job, job.worker !== from)
    settle?.({ _tag: "Answered", answer: record })
  }

  /** A worker that does not do what it was given, and knows it. */
  private handedBack(worker: Worker | undefined, { attempt, epoch, id }: Record): void {
    if (epoch !== this.settings.epoch || !worker?.jobs.delete(id)) return
    const job = this.jobs.get(id)
    if (job?.worker !== worker) return
    if (attempt > 0) this.redo(job)
    else this.notBegun(job)
  }

  /** What it was given for does not count. */
  private notBegun(job: Job): void {
    job.worker = undefined
    job.attempts--
    this.ready(job)
  }

  /** A message could not be sent, because nobody is there: what was in it, or was to follow, has not got to the worker. */
  undelivered(worker: Worker, message: Uint8Array): void {
    if (this.workers.get(worker.key) === worker) this.dismiss(worker, "Disconnected", message)
  }

  /** A worker is connected no more. */
  workerLeft(routingId: Uint8Array): void {
    const worker = this.workers.get(keyOf(routingId))
    if (worker !== undefined) this.dismiss(worker, "Disconnected")
  }

  private dismiss(worker: Worker, departure: Departure, unsent?: Uint8Array): void {
    this.workers.delete(worker.key)
    this.dirty.delete(worker)
    if (departure !== "Left") this.counts.deaths++
    const { dead, redone } = this.counts
    const undelivered = worker.undelivered(unsent)
    // The oldest last, because each goes before all others.
    for (const job of [...worker.jobs.values()].reverse()) {
      if (job.worker !== worker) continue
      if (undelivered.has(job.id)) this.notBegun(job)
      else this.redo(job)
    }
    worker.jobs.clear()
    this.happenings.push({
      _tag: "WorkerLeft",
      worker,
      departure,
      redone: this.counts.redone - redone,
      dead: this.counts.dead - dead
    })
  }

  private redo(job: Job): void {
    job.worker = undefined
    if (!job.profile.idempotent) this.die(job, "WorkerLost")
    else if (job.attempts >= this.settings.maxAttempts) this.die(job, "TooManyAttempts")
    else {
      this.counts.redone++
      if (this.settings.isScheduled) {
        job.state = "waiting"
        this.unscheduled.push(job)
        this.calendar.add(job, Number.POSITIVE_INFINITY)
      } else this.ready(job)
    }
  }

  /** What the schedule says to a call that lost its worker: `undefined` where it has ended. */
  schedule(job: Job, delay: number | undefined, now: number): void {
    if (job.state !== "waiting") return
    this.calendar.remove(job)
    if (delay === undefined) this.die(job, "ScheduleEnded")
    else if (delay <= 0) this.ready(job)
    else this.calendar.add(job, now + delay)
  }

  /** Time has passed: calls whose time has come are ready. */
  due(now: number): void {
    for (let job = this.calendar.next(now); job !== undefined; job = this.calendar.next(now)) this.ready(job)
  }

  private ready(job: Job): void {
    job.state = "queued"
    this.queue.pushFirst(job)
  }

  private die(job: Job, reason: DeadReason): void {
    const { client, record, settle } = job
    this.counts.dead++
    this.end(job, false)
    this.happenings.push({ _tag: "Dead", job, reason })
    if (client !== undefined) this.refuse(client, record.id, deaths[reason](job))
    settle?.({ _tag: "Dead", reason, attempts: job.attempts })
  }

  /** It has ended, for whatever reason. Its worker, if it is to be told, still has it until it says so. */
  private end(job: Job, isTold: boolean): void {
    const { client, state, worker } = job
    job.state = "ended"
    job.worker = undefined
    this.jobs.delete(job.id)
    client?.jobs.delete(job.record.id)
    if (state === "queued") this.queue.withdraw()
    else if (state === "waiting") this.calendar.remove(job)
    else if (worker !== undefined && isTold) {
      worker.packer.add({ kind: Kind.Interrupt, id: job.id, epoch: this.settings.epoch })
      this.dirty.add(worker)
    }
  }

  private tell(worker: Worker, kind: Kind): void {
    const { epoch } = this.settings
    // A sign of life is no use to one that takes nothing.
    if ((kind === Kind.Ping || kind === Kind.Pong) && worker.packer.size >= fullMessage) return
    worker.packer.add({ kind, id: worker.session, epoch, sequence: epoch })
    this.dirty.add(worker)
  }

  /** Who is no worker is told so, once for each message: it has to begin anew. */
  private stale(key: string, from: Uint8Array, { instance, kind, sequence }: Record): void {
    for (const peer of this.dirty) if (peer instanceof Stranger && peer.key === key) return
    const { epoch } = this.settings
    // An answer names its call, and no session: 0 stands for the one that this dispatcher knew.
    const session = kind === Kind.Exit || kind === Kind.Defect ? 0 : sequence
    this.dirty.add(new Stranger(key, from, epoch, instance, session))
  }

  // ---------------------------------------------------------------------------
  // Time
  // ---------------------------------------------------------------------------

  /**
   * A beat of the heart: workers are asked for a sign, and who has given none for too many beats is given up. Beats are
   * counted, and not time: when this process was held up, nobody else is to blame.
   */
  beat(): void {
    const { isFlooded } = this
    const { client, worker } = this.settings.silence
    for (const one of [...this.workers.values()]) {
      if (one.missed++ >= worker) this.dismiss(one, "Silent")
      else this.tell(one, Kind.Ping)
    }
    for (const one of [...this.clients.values()]) {
      // Nothing is taken in while it is flooded: nobody is silent then, and nobody is to think so of us.
      if (isFlooded) this.pong(one)
      // Those who wait for nothing need not say so.
      else if (!one.isWaiting) one.missed = 0
      else if (one.missed++ >= client) this.silent(one)
    }
  }

  /** It is known no more; but while something is still on its way to it, it is the same one that may come again. */
  private silent(client: Client): void {
    this.giveUp(client)
    if (!client.isSending) this.clients.delete(client.key)
  }

  /** Gives what waits to who is free: an equal share each, who has least first. */
  assign(): void {
    if (this.queue.size === 0) return
    const free = [...this.workers.values()].filter((worker) => worker.free > 0)
    if (free.length === 0) return
    free.sort((a, b) => a.jobs.size - b.jobs.size || a.turn - b.turn)
    const aside: Array<Job> = []
    this.share(free, aside)
    // The oldest last, because each goes before all others.
    for (const job of aside.reverse()) this.queue.pushFirst(job)
  }

  private share(free: ReadonlyArray<Worker>, aside: Array<Job>): void {
    const share = Math.max(this.settings.pack, Math.ceil(this.queue.size / free.length))
    for (let given = true; given && this.queue.size > 0; ) {
      given = false
      for (const worker of free) {
        for (let n = Math.min(share, worker.free); n > 0; ) {
          const job = this.queue.shift()
          if (job === undefined) return
          if (understands(worker, job)) {
            this.give(worker, job)
            given = true
            n--
          } else if (!this.giveOther(free, worker, job)) {
            aside.push(job)
            if (aside.length === mostAside) return
          }
        }
      }
    }
  }

  /** A call that this worker does not understand is another's; where there is none that does, it is refused. */
  private giveOther(free: ReadonlyArray<Worker>, worker: Worker, job: Job): boolean {
    const other = free.find((other) => other.free > 0 && understands(other, job))
    if (other !== undefined) this.give(other, job)
    else {
      for (const one of this.workers.values()) if (understands(one, job)) return false
      this.counts.refused++
      // It is in no queue any more.
      job.state = "running"
      this.end(job, false)
      const { client } = job
      if (client !== undefined) {
        this.refuse(client, job.record.id, refusals.Codec(`${client.codec}, not ${worker.codec}`))
      }
    }
    return true
  }

  private give(worker: Worker, job: Job): void {
    job.attempts++
    job.state = "running"
    job.worker = worker
    worker.jobs.set(job.id, job)
    worker.turn = ++this.turn
    worker.packer.copy(job.record, {
      id: job.id,
      epoch: this.settings.epoch,
      attempt: Math.min(job.attempts, 255)
    })
    this.dirty.add(worker)
  }

  // ---------------------------------------------------------------------------
  // The end
  // ---------------------------------------------------------------------------

  /** No more calls are taken; those that are here go on. */
  drain(): void {
    this.isDraining = true
  }

  /** A worker is to finish what it has, and to leave. */
  drainWorker(worker: Worker): void {
    if (this.workers.get(worker.key) === worker) this.tell(worker, Kind.Drain)
  }

  /** Nothing goes on: who has asked is told so, and workers stop. */
  close(): void {
    this.isClosed = true
    // Also those that nobody waits for: they were taken.
    for (const job of [...this.jobs.values()]) this.die(job, "Closed")
    for (const worker of this.workers.values()) this.tell(worker, Kind.Bye)
    this.workers.clear()
    for (const client of this.clients.values()) {
      client.line.clear()
      this.say(client, Kind.Bye, 0)
    }
    this.lines.clear()
    this.insatiable.clear()
    this.clients.clear()
  }

  private misread(side: "frontend" | "backend", from: Uint8Array, problem: string): void {
    this.counts.malformed++
    this.happenings.push({ _tag: "Malformed", side, from, problem })
  }
}
