import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Message } from "../../Message.ts"
import * as RoutingId from "../../RoutingId.ts"
import type { Progress } from "../../Transport.ts"
import { Closed, InvalidMessage, InvalidState, PeerFull, type Reason, Unroutable } from "../../ZmqError.ts"
import { DROPPED, FULL, type Pattern, PEER_FULL, SENT, type Sent, UNROUTABLE } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"

interface Waiting {
  readonly messages: NonEmptyReadonlyArray<Message>
  /** `sent` is the index of the next message to be sent. */
  readonly progress: Progress
  readonly resume: (effect: Effect.Effect<void, Reason>) => void
  readonly dispatcher: SchedulerDispatcher
}

/** For whom messages wait: a peer, or `undefined` for any. */
type Key = Pipe | undefined

/**
 * First come, first served: the fibers that wait to send, in one line for each peer that they wait for.
 *
 * They are served by a task on the dispatcher of one of them, scheduled once however often room appears.
 */
export class SendLines {
  /** Told when a message was sent by a fiber that had waited, or one gave up. */
  onProgress: () => void = () => {}
  /** How many messages were taken that go to nobody; and who is told of each. */
  unheard = 0
  onUnheard: () => void = () => {}
  /** How many sends have had to wait. */
  suspended = 0
  private readonly pattern: Pattern
  private readonly singleFrame: boolean
  private readonly lines = new Map<Key, Set<Waiting>>()
  private scheduled = false
  private closed = false

  constructor(pattern: Pattern, singleFrame: boolean) {
    this.pattern = pattern
    this.singleFrame = singleFrame
  }

  /** How many of them wait now. */
  get waiting(): number {
    let sum = 0
    for (const line of this.lines.values()) sum += line.size
    return sum
  }

  get isEmpty(): boolean {
    return this.lines.size === 0
  }

  /** `false` where the message was not taken, for whatever reason. */
  sendUnsafe(message: Message): boolean {
    if (this.closed || (this.singleFrame && message.length > 1)) return false
    if (this.lines.size > 0 && this.lines.has(this.pattern.destination(message))) return false
    const sent = this.pattern.send(message)
    if (sent === DROPPED) this.miss()
    return sent <= DROPPED
  }

  send(messages: NonEmptyReadonlyArray<Message>, progress: Progress = { sent: 0 }): Effect.Effect<void, Reason> {
    return Effect.withFiber((fiber) => {
      progress.sent = 0
      const problem = this.problem(messages)
      if (problem !== undefined) return Effect.fail(problem)
      while (progress.sent < messages.length && this.sendUnsafe(messages[progress.sent] as Message)) progress.sent++ // below the length
      if (progress.sent === messages.length) return Effect.void
      return Effect.callback((resume) => {
        // The fiber may have yielded before it came here.
        if (this.closed) return resume(Effect.fail(new Closed()))
        const waiting: Waiting = { messages, progress, resume, dispatcher: fiber.currentDispatcher }
        const sent = this.advance(waiting, undefined, true)
        if (sent !== FULL) return resume(this.outcome(waiting, sent))
        this.suspended++
        this.join(waiting)
        return Effect.sync(() => this.leave(waiting))
      })
    })
  }

  /** There may be room: those who wait are served soon. */
  wake(): void {
    if (this.scheduled) return
    for (const line of this.lines.values()) {
      for (const { dispatcher } of line) {
        this.scheduled = true
        dispatcher.scheduleTask(this.serve, 0)
        return
      }
    }
  }

  /** Takes no more messages; those who wait may still be served. */
  stop(): void {
    this.closed = true
  }

  /** Everyone who waits fails with `Closed`. */
  end(): void {
    const waiting = [...this.lines.values()].flatMap((line) => [...line])
    this.lines.clear()
    for (const { resume } of waiting) resume(Effect.fail(new Closed()))
  }

  private miss(): void {
    this.unheard++
    this.onUnheard()
  }

  private problem(messages: NonEmptyReadonlyArray<Message>): Reason | undefined {
    if (this.closed) return new Closed()
    const wrong = this.singleFrame ? messages.find((message) => message.length > 1) : undefined
    return (
      wrong && new InvalidMessage({ problem: `${wrong.length} frames, on a socket with conflate, which sends one` })
    )
  }

  private readonly serve = (): void => {
    this.scheduled = false
    const done: Array<readonly [Waiting, Sent]> = []
    for (const [key, line] of this.lines) {
      for (const waiting of line) {
        const sent = this.advance(waiting, key, false)
        if (sent === FULL && this.keyOf(waiting) === key) break
        line.delete(waiting)
        if (sent === FULL) this.join(waiting)
        else done.push([waiting, sent])
      }
      if (line.size === 0) this.lines.delete(key)
    }
    // Last, for they may send again: by then all is in order.
    for (const [waiting, sent] of done) waiting.resume(this.outcome(waiting, sent))
    this.onProgress()
  }

  /** Sends on, up to the end or the first message that is not taken. Who is at the head of a line need not join it. */
  private advance(waiting: Waiting, head: Key, isNew: boolean): Sent {
    const { messages, progress } = waiting
    while (progress.sent < messages.length) {
      const message = messages[progress.sent] as Message // below the length
      if (this.lines.size > 0) {
        const key = this.pattern.destination(message)
        if ((isNew || key !== head) && this.lines.has(key)) return FULL
      }
      const sent = this.pattern.send(message)
      if (sent > DROPPED) return sent
      if (sent === DROPPED) this.miss()
      progress.sent++
    }
    return SENT
  }

  private outcome({ messages, progress }: Waiting, sent: Sent): Effect.Effect<void, Reason> {
    if (sent <= DROPPED) return Effect.void
    if (sent === UNROUTABLE || sent === PEER_FULL) {
      const routingId = RoutingId.toHex(messages[progress.sent]?.[0] ?? new Uint8Array(0))
      return Effect.fail(sent === UNROUTABLE ? new Unroutable({ routingId }) : new PeerFull({ routingId }))
    }
    return Effect.fail(new InvalidState({ problem: this.pattern.sendProblem }))
  }

  private keyOf({ messages, progress }: Waiting): Key {
    return this.pattern.destination(messages[progress.sent] as Message) // one that waits has a next message
  }

  private join(waiting: Waiting): void {
    const key = this.keyOf(waiting)
    const line = this.lines.get(key)
    if (line === undefined) this.lines.set(key, new Set([waiting]))
    else line.add(waiting)
  }

  private leave(waiting: Waiting): void {
    for (const [key, line] of this.lines) {
      if (!line.delete(waiting)) continue
      if (line.size === 0) this.lines.delete(key)
    }
    this.onProgress()
  }
}
