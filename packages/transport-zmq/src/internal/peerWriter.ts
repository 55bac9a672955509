/** The lines of those who send from a ROUTER: one for all, and one for each peer that is full. */
import type { Message } from "@effect-zmq/core/Message"
import type { Progress } from "@effect-zmq/core/Transport"
import { Failure, type Native } from "./addon.ts"
import { burst, sleep, turn } from "./eventLoop.ts"
import { keyOf } from "./peers.ts"
import { closed, type Job, pollMillis } from "./writer.ts"

/**
 * Sends each message to the peer that its first frame names. Where that peer's queue is full, the job waits in a line of
 * this peer, and those after it who send to the same peer join it there; everyone else goes on.
 *
 * libzmq does not tell when one of its queues has room again: the head of each line tries again, time and again.
 */
export class PeerWriter {
  /** Nothing is ever parked in the addon. */
  readonly parked = false
  /** How many messages the addon has taken. */
  sent = 0
  /** Those that are neither done nor withdrawn. */
  private readonly jobs = new Set<Job>()
  /** Those that are to be served, in this order. */
  private readonly ready = new Set<Job>()
  /** Those that wait for room at a peer, by its key; and which that is, by job. */
  private readonly lines = new Map<string, Set<Job>>()
  private readonly waiting = new Map<Job, string>()
  /** How many sends have had to wait for room. */
  suspended = 0
  private flying: Job | undefined
  private running = false
  private polling = false
  private stopped = false
  private operations = 0
  private idle: (() => void) | undefined
  private readonly native: Native
  private readonly suspends: boolean

  private readonly addressed: (message: Message) => Message

  /**
   * `suspends`: a message to a full peer waits, rather than fails with `EAGAIN`. `addressed` gives a message the routing id
   * by which libzmq knows its peer.
   */
  constructor(native: Native, suspends: boolean, addressed: (message: Message) => Message) {
    this.native = native
    this.addressed = addressed
    this.suspends = suspends
  }

  /** How many sends wait now. */
  get waits(): number {
    return this.waiting.size
  }

  now(_message: Message): boolean {
    return false
  }

  add(messages: ReadonlyArray<Message>, done: Job["done"], progress?: Progress): Job {
    const job: Job = { messages, done, progress, next: 0, landed: undefined }
    this.jobs.add(job)
    this.ready.add(job)
    if (!this.running) void this.run()
    return job
  }

  /** Takes a job out of its line: what it has not sent yet is never sent. Calls back when it is known how much that is. */
  withdraw(job: Job, withdrawn: () => void): void {
    job.next = job.messages.length
    this.end(job)
    if (this.flying === job) job.landed = withdrawn
    else withdrawn()
  }

  /** Resolves when nobody is in line. */
  finished(): Promise<void> {
    return new Promise((resolve) => {
      this.idle = resolve
      if (this.jobs.size === 0) resolve()
    })
  }

  /** Fails those who are still in line. */
  stop(): void {
    this.stopped = true
    const jobs = [...this.jobs]
    for (const set of [this.jobs, this.ready, this.lines, this.waiting]) set.clear()
    for (const job of jobs) {
      job.next = job.messages.length
      job.done(closed)
    }
  }

  private async run(): Promise<void> {
    this.running = true
    for (const job of this.ready) {
      this.ready.delete(job)
      await this.serve(job)
      if (this.stopped) break
    }
    this.running = false
  }

  /** Sends the messages of a job, up to the first one that finds its peer full. */
  private async serve(job: Job): Promise<void> {
    for (let message = job.messages[job.next]; message !== undefined; message = job.messages[job.next]) {
      if (this.operations >= burst) {
        this.operations = 0
        await turn()
        continue
      }
      const key = this.lines.size === 0 ? undefined : keyOf(message[0])
      if (this.waiting.size > 0 && this.waiting.get(job) !== key) this.leave(job)
      if (key !== undefined && this.isBehind(job, key)) return this.join(job, key)
      const failure = await this.give(job, message)
      if (this.stopped || !this.jobs.has(job)) return
      if (failure === undefined) continue
      if (failure.code !== "EAGAIN" || !this.suspends) return this.finish(job, failure)
      if (!this.waiting.has(job)) this.suspended++
      return this.join(job, keyOf(message[0]))
    }
    this.finish(job, undefined)
  }

  /** With its timeout of 0 the addon sends at once, and tells a little later. */
  private async give(job: Job, message: Message): Promise<Failure | undefined> {
    try {
      this.flying = job
      await this.native.send(this.addressed(message))
      job.next++
      if (job.progress !== undefined) job.progress.sent++
      this.sent++
      this.operations++
      return undefined
    } catch (error) {
      return new Failure(error)
    } finally {
      this.flying = undefined
      job.landed?.()
    }
  }

  private finish(job: Job, failure: Failure | undefined): void {
    if (this.end(job)) job.done(failure)
  }

  private end(job: Job): boolean {
    this.leave(job)
    const ended = this.jobs.delete(job)
    if (this.jobs.size === 0) this.idle?.()
    return ended
  }

  // ---------------------------------------------------------------------------
  // Lines
  // ---------------------------------------------------------------------------

  private isBehind(job: Job, key: string): boolean {
    const line = this.lines.get(key)
    return line !== undefined && first(line) !== job
  }

  private join(job: Job, key: string): void {
    this.waiting.set(job, key)
    const line = this.lines.get(key)
    if (line === undefined) this.lines.set(key, new Set([job]))
    else line.add(job)
    if (!this.polling) void this.poll()
  }

  /** Takes a job out of the line that it is in, if any; who was next may try. */
  private leave(job: Job): void {
    const key = this.waiting.get(job)
    const line = key === undefined ? undefined : this.lines.get(key)
    if (key === undefined || line === undefined) return
    this.waiting.delete(job)
    line.delete(job)
    const next = first(line)
    if (next === undefined) this.lines.delete(key)
    else this.ready.add(next)
    if (next !== undefined && !this.running) void this.run()
  }

  private async poll(): Promise<void> {
    this.polling = true
    while (this.lines.size > 0 && !this.stopped) {
      await sleep(pollMillis)
      for (const line of this.lines.values()) {
        const job = first(line)
        if (job !== undefined) this.ready.add(job)
      }
      if (!this.running) void this.run()
    }
    this.polling = false
  }
}

const first = (line: ReadonlySet<Job>): Job | undefined => line.values().next().value
