/**
 * One direction of a proxy.
 *
 * A pump takes what has arrived, at most a batch, into its hand, and sends it on. Hand and place in it are fields, written
 * in the step that takes and in the step that sends: whenever the pump is interrupted, what it has not sent is known, and
 * is put back into the socket that it is from. Until it is out of the hand, that socket counts it as queued, and not as
 * received: what was put back and is never taken again is lost there, and nothing is counted twice.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import { type Message, size } from "../Message.ts"
import type { Handle, Progress } from "../Transport.ts"
import type { Reason } from "../ZmqError.ts"
import type { Capture } from "./capture.ts"
import { add, type Count, isOfMessage } from "./forwarding.ts"
import type { ReceiveLine, Take } from "./receiveLine.ts"
import type { SocketImpl } from "./socket.ts"

/** How many messages a pump takes at once: what it may have in its hand while its receiver is full. */
const batchSize = 256

const nothing: ReadonlyArray<Message> = []

export class Pump {
  readonly received: Count = { messages: 0, bytes: 0 }
  readonly sent: Count = { messages: 0, bytes: 0 }
  dropped = 0
  /** How many messages were put back when it ended the last time. */
  returned = 0
  /** Nothing more is taken, and all that was is out of the way. */
  isThrough = false
  /** Called after each message that is out of the way, and when it is through. */
  onMove: () => void = constVoid
  protected hand: ReadonlyArray<Message> = nothing
  /** The index in `hand` of the next message to be sent. */
  protected next = 0
  protected readonly from: SocketImpl
  protected readonly to: Handle
  private readonly line: ReceiveLine
  private readonly capture: Capture | undefined
  protected readonly progress: Progress = { sent: 0 }
  private readonly closing = Deferred.makeUnsafe<void>()
  /** Where one of several was refused, and it is not known which: they are sent one by one. */
  private atOnce = batchSize

  constructor(from: SocketImpl, to: SocketImpl, capture: Capture | undefined) {
    this.from = from
    this.to = to.handle
    this.line = from.line
    this.capture = capture
  }

  /** How many messages wait for peers that are stalled. */
  get parked(): number {
    return 0
  }

  /** Whether what it forwards are requests: replies find the way back by what a ROUTER has put before them. */
  get isAnswered(): boolean {
    return this.from.type === "ROUTER"
  }

  /**
   * Forwards until it is interrupted, or one of its sockets fails, or it is through. What it has taken is then sent, or
   * back.
   */
  readonly run: Effect.Effect<void, Reason> = Effect.suspend(() =>
    Effect.ensuring(
      this.whileRunning(Effect.andThen(this.untilClosing, this.finish)),
      Effect.sync(() => this.putBack(this.hand.slice(this.next)))
    )
  )

  /** It takes no more, and ends when all that it has taken is out of the way. */
  close(): void {
    Deferred.doneUnsafe(this.closing, Exit.void)
  }

  private readonly untilClosing: Effect.Effect<void, Reason> = Effect.suspend(() =>
    Deferred.isDoneUnsafe(this.closing)
      ? Effect.void
      : Effect.raceFirst(
          Effect.whileLoop({ while: () => true, body: () => this.step, step: constVoid }),
          Deferred.await(this.closing)
        )
  )

  /** Interrupted in whatever it did, it knows what is in its hand. */
  private readonly finish: Effect.Effect<void, Reason> = Effect.suspend(() =>
    Effect.andThen(
      Effect.andThen(this.forward, this.allSent),
      Effect.sync(() => {
        this.isThrough = true
        this.onMove()
      })
    )
  )

  /** Waits for what is neither in the hand nor sent. */
  protected get allSent(): Effect.Effect<void, Reason> {
    return Effect.void
  }

  protected whileRunning(loop: Effect.Effect<void, Reason>): Effect.Effect<void, Reason> {
    return loop
  }

  protected putBack(messages: ReadonlyArray<Message>): void {
    this.hand = nothing
    this.next = 0
    this.returned = messages.length
    if (messages.length > 0) this.from.handle.putBackUnsafe(messages)
  }

  private readonly take: Take<true> = () => {
    const batch = this.from.handle.borrowUnsafe(batchSize)
    if (batch.length === 0) return undefined
    this.hand = batch
    this.next = 0
    return true
  }

  private readonly step: Effect.Effect<void, Reason> = Effect.suspend(() =>
    this.line.take(this.take, () => this.forward, Effect.fail)
  )

  /** Sends on what is in the hand. */
  private readonly forward: Effect.Effect<void, Reason> = Effect.suspend(() => {
    const { hand } = this
    while (this.next < hand.length) {
      if (!this.offer(hand[this.next] as Message)) return Effect.flatMap(this.send, () => this.forward) // below the length
      this.next++
    }
    this.hand = nothing
    this.next = 0
    return this.capture === undefined || !this.capture.isBehind ? Effect.void : this.capture.catchUp
  })

  /** Whether a message is out of the way by now. */
  protected offer(message: Message): boolean {
    if (!this.to.sendUnsafe(message)) return false
    this.wasSent(message)
    return true
  }

  /** Waits until messages from `next` on are out of the way: one at least. */
  protected get send(): Effect.Effect<void, Reason> {
    return this.sendUpTo(this.hand.length)
  }

  protected sendUpTo(end: number): Effect.Effect<void, Reason> {
    const { hand, progress } = this
    const first = this.next
    const last = Math.min(end, first + this.atOnce)
    // Whoever calls has looked that there is one.
    const messages = (
      first === 0 && last === hand.length ? hand : hand.slice(first, last)
    ) as NonEmptyReadonlyArray<Message>
    progress.sent = 0 // interrupted before it has begun, the send does not say so
    return this.to.send(messages, progress).pipe(
      Effect.onExit(() => {
        for (let i = 0; i < progress.sent; i++) this.wasSent(messages[i] as Message) // so many there are
        this.next = first + progress.sent
        return Effect.void
      }),
      Effect.catch((reason) => this.refused(reason))
    )
  }

  /** The next message was refused, or another one of those that were sent with it. */
  private refused(reason: Reason): Effect.Effect<void, Reason> {
    if (!isOfMessage(reason)) return Effect.fail(reason)
    if (reason._tag === "InvalidMessage" && this.atOnce > 1) this.atOnce = 1
    else this.wasDropped(this.hand[this.next++] as Message) // what was sent has at least one that was not
    return Effect.void
  }

  protected wasSent(message: Message): void {
    const bytes = size(message)
    add(this.received, bytes)
    add(this.sent, bytes)
    this.from.handle.keep(bytes)
    this.capture?.offer(message, bytes)
    this.onMove()
  }

  protected wasDropped(message: Message): void {
    const bytes = size(message)
    add(this.received, bytes)
    this.dropped++
    this.from.handle.keep(bytes)
    this.capture?.offer(message, bytes)
    this.onMove()
  }
}
