/**
 * What is to be sent, packed: the records of one turn to one peer go as one message.
 *
 * While what has come in is handled, nothing is sent; then each peer gets its message at once. What is packed at other
 * times goes with all that the event loop packs in this turn. A peer that has no room holds up its own outbox, and
 * nobody else's.
 */
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { fullMessage, Packer } from "../records.ts"

/** Starts an effect now. It runs in this step until it has to wait. */
export type Start = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/** With so many bytes in an outbox, who has more to say waits. */
const fullOutbox = 1_048_576

/** The outboxes of one end that have something to send. */
export class Turn {
  private readonly waiting: Array<Outbox> = []
  private readonly dispatcher: SchedulerDispatcher
  private scheduled = false
  private held = false

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  /** From now on to `release`, what is packed waits. Both in one step. */
  hold(): void {
    this.held = true
  }

  /** Sends what was packed; or, where more is sure to come in at once, at the end of the turn. */
  release(isMoreToCome = false): void {
    this.held = false
    if (isMoreToCome) this.schedule()
    else this.flush()
  }

  add(outbox: Outbox): void {
    this.waiting.push(outbox)
    if (!this.held) this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.length === 0) return
    this.scheduled = true
    this.dispatcher.scheduleTask(this.end, 0)
  }

  private readonly end = (): void => {
    this.scheduled = false
    if (!this.held) this.flush()
  }

  private flush(): void {
    if (this.waiting.length === 0) return
    for (const outbox of this.waiting.splice(0)) outbox.flush()
  }
}

export class Outbox {
  readonly packer = new Packer()
  private readonly turn: Turn
  private readonly send: (message: Uint8Array) => Effect.Effect<void, ZmqError>
  private readonly start: Start
  /** The message could not be sent: the peer has gone, or the socket has. */
  private readonly onFailure: (error: ZmqError | undefined) => void
  /** Something was given to the socket. */
  private readonly onSent: (() => void) | undefined
  private isWaiting = false
  private isSending = false
  /** How many records are in the message that waits for room. */
  private sending = 0
  private isClosed = false
  private enough = Number.POSITIVE_INFINITY
  private readonly room: Array<() => void> = []

  constructor(
    turn: Turn,
    send: (message: Uint8Array) => Effect.Effect<void, ZmqError>,
    start: Start,
    onFailure: (error: ZmqError | undefined) => void,
    onSent?: () => void
  ) {
    this.turn = turn
    this.send = send
    this.start = start
    this.onFailure = onFailure
    this.onSent = onSent
  }

  /** From now on so many records go at once: who is to answer them can begin while others are packed. */
  set batch(records: number) {
    this.enough = records
  }

  /** Something was packed. */
  touch() {
    if (this.isClosed) return this.packer.clear()
    if (this.isSending) return
    // One that is full, or has enough, does not wait for the end of the turn.
    if (this.packer.size >= fullMessage || this.packer.count >= this.enough) return this.flush()
    if (this.isWaiting) return
    this.isWaiting = true
    this.turn.add(this)
  }

  /** There is no room for more. */
  get isFull(): boolean {
    return this.isSending && this.packer.size >= fullOutbox
  }

  /** How many records were packed, and not yet given to the socket. */
  get unsent(): number {
    return this.packer.count + this.sending
  }

  /** Waits while there is no room for more. */
  get awaitRoom(): Effect.Effect<void> {
    return this.isFull ? this.wait : Effect.void
  }

  private readonly wait: Effect.Effect<void> = Effect.callback((resume) => {
    // The fiber may have yielded before it came here.
    if (!this.isFull || this.isClosed) return resume(Effect.void)
    const done = () => resume(Effect.void)
    this.room.push(done)
    return Effect.sync(() => {
      const at = this.room.indexOf(done)
      if (at >= 0) this.room.splice(at, 1)
    })
  })

  flush(): void {
    this.isWaiting = false
    while (!this.isSending) {
      const { count } = this.packer
      const message = this.packer.take(fullMessage)
      if (message === undefined) break
      const fiber = this.start(this.send(message))
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) {
        if (this.failed(exit)) return
        continue
      }
      this.isSending = true
      this.sending = count - this.packer.count
      fiber.addObserver((exit) => {
        this.isSending = false
        this.sending = 0
        if (!this.failed(exit)) this.flush()
      })
    }
    if (!this.isSending) this.makeRoom()
    this.onSent?.()
  }

  /** Sends what waits, and then nothing any more. */
  finish(): void {
    this.flush()
    this.isClosed = true
    this.makeRoom()
  }

  /** Sends nothing any more. */
  close(): void {
    this.isClosed = true
    this.packer.clear()
    this.makeRoom()
  }

  private makeRoom(): void {
    if (this.room.length === 0) return
    for (const resume of this.room.splice(0)) resume()
  }

  private failed(exit: Exit.Exit<void, ZmqError>): boolean {
    if (Exit.isSuccess(exit)) return false
    if (!this.isClosed) {
      this.close()
      const error = Exit.findErrorOption(exit)
      this.onFailure(error._tag === "Some" ? error.value : undefined)
    }
    return true
  }
}
