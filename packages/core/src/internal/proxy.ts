/**
 * What a proxy is made of: a pump for each direction, and what its capture socket is to get.
 *
 * A pump takes what has arrived, at most a batch, into its hand, and sends it on. Hand and place in it are fields, written
 * in the step that takes and in the step that sends: whenever the pump is interrupted, what it has not sent is known, and
 * is put back into the socket that it is from.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import type * as Scope from "effect/Scope"
import { type Message, size } from "../Message.ts"
import type { Handle, Progress } from "../Transport.ts"
import type { Reason } from "../ZmqError.ts"
import type { ReceiveLine, Take } from "./receiveLine.ts"
import type { SocketImpl } from "./socket.ts"

/** How many messages a pump takes at once: what it may have in its hand while its receiver is full. */
const batchSize = 256

/** How many messages may wait for a capture socket that is slower than the proxy. */
const captureSize = 4096

/** After how many turns of the event loop without any progress who is sent to counts as stalled. */
const stillAfter = 3

const nothing: ReadonlyArray<Message> = []

export interface Count {
  messages: number
  bytes: number
}

const add = (count: Count, bytes: number): void => {
  count.messages++
  count.bytes += bytes
}

export interface Settings {
  readonly parked: number
  readonly onStalled: "drop" | "wait"
}

/** One direction of a proxy. */
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

  private readonly take: Take<true> = (handle) => {
    const batch = handle.receiveUnsafe(batchSize)
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
    this.capture?.offer(message, bytes)
    this.onMove()
  }

  protected wasDropped(message: Message): void {
    const bytes = size(message)
    add(this.received, bytes)
    this.dropped++
    this.capture?.offer(message, bytes)
    this.onMove()
  }
}

/** The message is why, and not the socket: nobody has the routing id, or its queue is full, or it is none for this socket. */
const isOfMessage = ({ _tag }: Reason): boolean =>
  _tag === "Unroutable" || _tag === "PeerFull" || _tag === "InvalidMessage"

/** Waits until it is so, as long as that comes nearer with the turns of the event loop. */
const untilStill = (isDone: () => boolean, progress: () => number): Effect.Effect<void> =>
  Effect.suspend(() => {
    let last = progress()
    let still = 0
    return Effect.whileLoop({
      while: () => !isDone() && still < stillAfter,
      body: () => Effect.yieldNow,
      step: () => {
        const now = progress()
        still = now === last ? still + 1 : 0
        last = now
      }
    })
  })

const latin1 = new TextDecoder("latin1")

/** A character for each byte. */
const keyOf = (bytes: Uint8Array): string => latin1.decode(bytes)

// -----------------------------------------------------------------------------
// To a ROUTER
// -----------------------------------------------------------------------------

/** To a ROUTER: what is for a peer whose queue is full waits aside, and nobody else for it. */
class RouterPump extends Pump {
  /** What waits, by the routing id of its peer. */
  private readonly lanes = new Map<string, Lane>()
  private scope: Scope.Scope | undefined = undefined
  /** Why the ROUTER takes no more. */
  private failed: Reason | undefined = undefined
  private readonly settings: Settings

  constructor(from: SocketImpl, to: SocketImpl, capture: Capture | undefined, settings: Settings) {
    super(from, to, capture)
    this.settings = settings
  }

  override get parked(): number {
    let sum = 0
    for (const { messages } of this.lanes.values()) sum += messages.length
    return sum
  }

  protected override whileRunning(loop: Effect.Effect<void, Reason>): Effect.Effect<void, Reason> {
    return Effect.scoped(
      Effect.flatMap(Effect.scope, (scope) => {
        this.scope = scope
        return loop
      })
    )
  }

  protected override get allSent(): Effect.Effect<void, Reason> {
    const { lanes } = this
    return Effect.andThen(
      Effect.whileLoop({
        while: () => lanes.size > 0 && this.failed === undefined,
        // One is left: `while` has looked.
        body: () => (lanes.values().next().value as Lane).room,
        step: constVoid
      }),
      Effect.suspend(() => (this.failed === undefined ? Effect.void : Effect.fail(this.failed)))
    )
  }

  /** What was parked is older than what is in the hand. */
  protected override putBack(messages: ReadonlyArray<Message>): void {
    const all = [...Array.from(this.lanes.values()).flatMap((lane) => lane.messages), ...messages]
    this.lanes.clear()
    super.putBack(all)
  }

  protected override offer(message: Message): boolean {
    if (message.length < 2) {
      this.wasDropped(message) // a routing id, and nothing for who has it
      return true
    }
    const lane = this.laneOf(message)
    if (lane === undefined) return super.offer(message)
    if (lane.messages.length < this.settings.parked) lane.messages.push(message)
    else if (this.settings.onStalled === "wait") return false
    else this.wasDropped(message)
    return true
  }

  /** Sends up to the next message that waits for a stalled peer; where the send itself stalls, its message is parked. */
  protected override get send(): Effect.Effect<void, Reason> {
    const { hand } = this
    if (this.failed !== undefined) return Effect.fail(this.failed)
    const full = this.laneOf(hand[this.next] as Message) // below the length
    if (full !== undefined) return full.room
    let end = this.next + 1
    while (end < hand.length && this.laneOf(hand[end] as Message) === undefined) end++ // below the length
    const sending = Effect.as(this.sendUpTo(end), true)
    const still = Effect.as(
      untilStill(
        () => false,
        () => this.progress.sent
      ),
      false
    )
    // Interrupted, the sending has told how far it came.
    return Effect.flatMap(Effect.raceFirst(sending, still), (ended) =>
      ended || this.next >= end ? Effect.void : this.park
    )
  }

  private laneOf(message: Message): Lane | undefined {
    return this.lanes.size === 0 ? undefined : this.lanes.get(keyOf(message[0]))
  }

  /** The next message waits aside, and those to the same peer behind it. */
  private readonly park: Effect.Effect<void> = Effect.suspend(() => {
    const message = this.hand[this.next++] as Message // who calls has looked
    const key = keyOf(message[0])
    const lane = new Lane(message)
    this.lanes.set(key, lane)
    // Within `whileRunning`, which is where all of this happens.
    return Effect.asVoid(Effect.forkIn(this.serve(key, lane), this.scope as Scope.Scope))
  })

  /** Where the socket itself fails, the pump does, and what waits is put back. */
  private serve(key: string, lane: Lane): Effect.Effect<void> {
    const { messages } = lane
    const progress: Progress = { sent: 0 }
    const done = (f: (message: Message) => void) => {
      f(messages.shift() as Message) // who calls has looked
      if (messages.length === 0) this.lanes.delete(key)
    }
    // A lane has at least one message.
    const send = Effect.suspend(() =>
      this.to.send(messages.slice() as unknown as NonEmptyReadonlyArray<Message>, progress)
    ).pipe(
      Effect.onExit(() => {
        for (; progress.sent > 0; progress.sent--) done((message) => this.wasSent(message))
        lane.moved()
        return Effect.void
      }),
      Effect.catchIf(isOfMessage, () => {
        done((message) => this.wasDropped(message))
        lane.moved()
        return Effect.void
      })
    )
    return Effect.catch(
      Effect.whileLoop({ while: () => messages.length > 0, body: () => send, step: constVoid }),
      (reason) =>
        Effect.sync(() => {
          this.failed = reason
          lane.moved()
        })
    )
  }
}

/** The messages that wait for one peer: one at least. */
class Lane {
  readonly messages: Array<Message>
  /** How often it was looked at what is left of them. */
  private moves = 0
  /** Who waits for one of them to go. */
  private wake: () => void = constVoid

  constructor(first: Message) {
    this.messages = [first]
  }

  /** Messages have gone, or none goes any more. */
  moved(): void {
    this.moves++
    this.wake()
  }

  /** Waits for the next move from now on, when this is asked for: the fiber may yield before it comes to waiting. */
  get room(): Effect.Effect<void> {
    const { moves } = this
    return Effect.callback((resume) => {
      if (this.moves !== moves) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
      return Effect.sync(() => {
        this.wake = constVoid
      })
    })
  }
}

// -----------------------------------------------------------------------------
// To an XSUB
// -----------------------------------------------------------------------------

/** To an XSUB: what tells of a subscription becomes one of the XSUB, which tells its publishers, also those to come. */
class XSubPump extends Pump {
  /** How often a prefix was subscribed to, where only the last end is told. */
  private readonly open = new Map<string, number>()

  protected override offer(message: Message): boolean {
    return !isSubscription(message) && super.offer(message)
  }

  protected override get send(): Effect.Effect<void, Reason> {
    const { hand } = this
    const first = hand[this.next] as Message // below the length
    if (isSubscription(first)) return this.pass(first)
    let end = this.next + 1
    while (end < hand.length && !isSubscription(hand[end] as Message)) end++ // likewise
    return this.sendUpTo(end)
  }

  private pass(message: Message): Effect.Effect<void, Reason> {
    const { from, to } = this
    return Effect.uninterruptible(
      Effect.gen({ self: this }, function* () {
        const topic = message[0].subarray(1)
        const isNew = message[0][0] === 1
        // An XPUB with `manual` gives them one at a time, each to be confirmed before the next is taken: as `XPub.confirm` does.
        const { inner } = from.handle
        if (from.tells === "manual") yield* isNew ? inner.subscribe(topic) : inner.unsubscribe(topic)
        for (let n = this.count(topic, isNew); n > 0; n--) yield* isNew ? to.subscribe(topic) : to.unsubscribe(topic)
        this.next++
        this.wasSent(message)
      })
    )
  }

  /** How many subscriptions of the XSUB a change is: each is told, and of the ends perhaps the last one only. */
  private count(topic: Uint8Array, isNew: boolean): number {
    if (this.from.tells !== "subscriptions") return 1
    const key = keyOf(topic)
    const count = this.open.get(key) ?? 0
    if (isNew) this.open.set(key, count + 1)
    else this.open.delete(key)
    return isNew ? 1 : count
  }
}

const isSubscription = (message: Message): boolean =>
  message.length === 1 && (message[0][0] === 1 || message[0][0] === 0)

// -----------------------------------------------------------------------------
// Capture
// -----------------------------------------------------------------------------

/** What the capture socket is to get: it waits here, and nobody waits for it unless it keeps up. */
export class Capture {
  readonly sent: Count = { messages: 0, bytes: 0 }
  dropped = 0
  private readonly handle: Handle
  private readonly backlog: Array<Message> = []
  private readonly progress: Progress = { sent: 0 }
  private wake: () => void = constVoid
  private ended = false

  constructor(socket: SocketImpl) {
    this.handle = socket.handle
  }

  offer(message: Message, bytes: number): void {
    if (!this.ended && this.backlog.length === 0 && this.handle.sendUnsafe(message)) add(this.sent, bytes)
    else if (this.ended || this.backlog.length === captureSize) this.dropped++
    else if (this.backlog.push(message) === 1) this.wake()
  }

  get isBehind(): boolean {
    return this.backlog.length > captureSize / 2
  }

  /** Waits until it is not behind, for as long as it makes progress: who stalls does not hold up the proxy. */
  readonly catchUp: Effect.Effect<void> = untilStill(
    () => !this.isBehind,
    () => this.sent.messages + this.progress.sent
  )

  /** Sends what waits, as long as the proxy lives. */
  readonly run: Effect.Effect<void> = Effect.suspend(() =>
    Effect.whileLoop({ while: () => !this.ended, body: () => Effect.andThen(this.some, this.send), step: constVoid })
  )

  /** What it can take at the end, it gets. */
  readonly finish: Effect.Effect<void> = Effect.suspend(() =>
    Effect.raceFirst(
      Effect.whileLoop({ while: () => !this.ended && this.backlog.length > 0, body: () => this.send, step: constVoid }),
      untilStill(
        () => false,
        () => this.sent.messages + this.progress.sent
      )
    )
  ).pipe(Effect.ensuring(Effect.sync(() => this.end())))

  private end(): void {
    this.ended = true
    this.dropped += this.backlog.length
    this.backlog.length = 0
  }

  private readonly some: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.backlog.length > 0) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
  })

  private readonly send: Effect.Effect<void> = Effect.suspend(() =>
    // Not empty: who calls has looked.
    this.handle.send(this.backlog.slice() as unknown as NonEmptyReadonlyArray<Message>, this.progress).pipe(
      Effect.onExit(() => {
        for (const message of this.backlog.splice(0, this.progress.sent)) add(this.sent, size(message))
        this.progress.sent = 0
        return Effect.void
      }),
      Effect.catch((reason) => {
        if (!isOfMessage(reason)) this.end()
        else if (this.backlog.shift() !== undefined) this.dropped++
        return Effect.void
      })
    )
  )
}

// -----------------------------------------------------------------------------

/** The pump from one socket to another, by what the other one is. */
export const pump = (from: SocketImpl, to: SocketImpl, capture: Capture | undefined, settings: Settings): Pump => {
  if (to.type === "ROUTER") return new RouterPump(from, to, capture, settings)
  return to.type === "XSUB" ? new XSubPump(from, to, capture) : new Pump(from, to, capture)
}
