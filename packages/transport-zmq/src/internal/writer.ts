/** The line of those who send. */
import type { Message } from "@effect-zmq/core/Message"
import type { Progress } from "@effect-zmq/core/Transport"
import { codeOf, Failure, type Native, ZMQ_SNDTIMEO } from "./addon.ts"
import { burst, sleep, turn } from "./eventLoop.ts"

export interface WriterBehaviour {
  /** A send that finds no room drops: it never waits, and succeeds always. */
  readonly drops: boolean
  /** libzmq does not tell when there is room again (a PUB that must not drop): ask, time and again. */
  readonly polls: boolean
  /** It sends and receives: one direction may not be able to kick the other. */
  readonly duplex: boolean
  /** Called before each attempt to send, after what was on its way to the inbox has got there. */
  readonly beforeSend: (() => void) | undefined
  /** Called when the addon has refused a message, for want of room or otherwise. */
  readonly refused: (() => void) | undefined
}

/** Messages to be sent one after the other, and how many of them have been. */
export interface Job {
  readonly messages: ReadonlyArray<Message>
  readonly done: (failure: Failure | undefined) => void
  readonly progress: Progress | undefined
  next: number
  /** Called when the addon has answered, where a message is with it whose fate is not known yet. */
  landed: (() => void) | undefined
}

export class Writer {
  /** Whether an empty send waits in the addon for room. */
  parked = false
  /** How many messages the addon has taken. */
  sent = 0
  /** How many sends have had to wait for room. */
  suspended = 0
  private suspendedJob: Job | undefined
  private untilLook = lookEvery
  private current: Job | undefined
  /** Whose message is with the addon. */
  private flying: Job | undefined
  private readonly line = new Set<Job>()
  private running = false
  private stopped = false
  private operations = 0
  private idle: (() => void) | undefined
  private readonly native: Native
  private readonly behaviour: WriterBehaviour

  constructor(native: Native, behaviour: WriterBehaviour) {
    this.native = native
    this.behaviour = behaviour
  }

  /** Sends a message now: only where nothing is ever refused. */
  now(message: Message): boolean {
    if (!this.behaviour.drops || this.current !== undefined || this.stopped) return false
    this.giveAway(message)
    this.sent++
    return true
  }

  private giveAway(message: Message): void {
    if (--this.untilLook <= 0) {
      this.untilLook = lookEvery
      void this.native.readable
    }
    // Last, for it also wakes a receive that the look may have left asleep.
    this.native.send(message.length === 1 ? message[0] : message).catch(ignore)
  }

  add(messages: ReadonlyArray<Message>, done: Job["done"], progress?: Progress): Job {
    const job: Job = { messages, done, progress, next: 0, landed: undefined }
    if (this.current === undefined) this.current = job
    else this.line.add(job)
    if (!this.running) this.begin()
    return job
  }

  /** Takes a job out of the line: what it has not sent yet is never sent. Calls back when it is known how much that is. */
  withdraw(job: Job, withdrawn: () => void): void {
    job.next = job.messages.length
    if (this.current === job) this.advance()
    else this.line.delete(job)
    if (this.flying === job) job.landed = withdrawn
    else withdrawn()
  }

  /** Resolves when nobody is in line. */
  finished(): Promise<void> {
    return new Promise((resolve) => {
      this.idle = resolve
      if (this.current === undefined) resolve()
    })
  }

  /** Fails those who are still in line. */
  stop(): void {
    this.stopped = true
    const jobs = this.current === undefined ? [] : [this.current, ...this.line]
    this.current = undefined
    this.line.clear()
    for (const job of jobs) {
      job.next = job.messages.length
      job.done(closed)
    }
  }

  /** A message that is alone goes the short way, which is one promise the less; where it is refused, `run` goes on. */
  private begin(): void {
    const job = this.current
    if (job === undefined || this.stopped) return
    const message = job.messages[job.next]
    const { beforeSend, drops } = this.behaviour
    const isShort = job.messages.length === 1 && !drops && beforeSend === undefined && this.operations < burst
    if (message === undefined || !isShort) {
      void this.run()
      return
    }
    this.running = true
    this.give(job, message).then(
      () => {
        this.landed(job)
        this.finish(job, undefined)
        this.running = false
        this.begin()
      },
      (error) => void this.refused(job, error).then(() => this.run())
    )
  }

  private async run(): Promise<void> {
    this.running = true
    for (let job = this.current; job !== undefined && !this.stopped; job = this.current) {
      try {
        for (let message = job.messages[job.next]; message !== undefined; message = job.messages[job.next]) {
          if (this.operations >= burst) await this.rest()
          else if (this.behaviour.beforeSend !== undefined && !(await this.prepare(job))) break
          else {
            // Each send is awaited: of several on their way, one could overtake another that found no room.
            if (this.behaviour.drops) this.giveAway(message)
            else await this.give(job, message)
            this.landed(job)
          }
        }
        this.finish(job, undefined)
      } catch (error) {
        await this.refused(job, error)
      }
    }
    this.running = false
  }

  /** How many sends wait now: the one that found no room, and those behind it. */
  get waits(): number {
    return this.suspendedJob !== undefined && this.suspendedJob === this.current ? 1 + this.line.size : 0
  }

  /** Hands a message to the addon. A single frame is faster without its array. */
  private give(job: Job, message: Message): Promise<void> {
    this.flying = job
    try {
      return this.native.send(message.length === 1 ? message[0] : message)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The addon has taken the job's next message. */
  private landed(job: Job): void {
    this.flying = undefined
    job.next++
    if (job.progress !== undefined) job.progress.sent++
    if (job.landed !== undefined) job.landed()
    this.sent++
    this.operations++
  }

  /** The addon has not taken it: waits for room, or gives the job up. */
  private async refused(job: Job, error: unknown): Promise<void> {
    this.flying = undefined
    job.landed?.()
    if (this.stopped) return
    this.behaviour.refused?.()
    if (codeOf(error) === "EAGAIN") {
      // One that is refused again is still the same.
      if (this.suspendedJob !== job) this.suspended++
      this.suspendedJob = job
      await this.room()
    } else this.finish(job, new Failure(error))
  }

  /** Lets the event loop have its turn. */
  private async rest(): Promise<void> {
    this.operations = 0
    await turn()
  }

  /** Lets what is on its way to the inbox get there. Whether the job is still to be done. */
  private async prepare(job: Job): Promise<boolean> {
    await undefined
    await undefined
    if (job.next >= job.messages.length) return false
    this.behaviour.beforeSend?.()
    return true
  }

  private finish(job: Job, failure: Failure | undefined): void {
    if (this.current !== job) return
    this.advance()
    job.done(failure)
  }

  private advance(): void {
    const next = this.line.values().next()
    this.current = next.value
    if (next.value !== undefined) this.line.delete(next.value)
    else this.idle?.()
  }

  /** Waits until there may be room. */
  private async room(): Promise<void> {
    if (this.behaviour.polls) return sleep(pollMillis)
    try {
      this.parked = true
      this.native.setInt32Option(ZMQ_SNDTIMEO, this.behaviour.duplex ? parkMillis : -1)
      const waiting = this.native.send([])
      this.native.setInt32Option(ZMQ_SNDTIMEO, 0)
      await waiting
    } catch {
      // The time is up, or the socket is closed: who called looks again.
    }
    this.parked = false
  }
}

export const closed = new Failure({ code: "EBADF" })

/**
 * After how many messages a socket that drops lets libzmq look which queues have room again. By itself it looks once a
 * millisecond, and drops meanwhile, for a subscriber that keeps up.
 */
const lookEvery = 32

/** How often to ask where libzmq does not tell of room. */
export const pollMillis = 2

/** How long to wait at most for a wake-up that the other direction may have used up. */
const parkMillis = 50

const ignore = (): void => undefined
