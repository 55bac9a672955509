/** The pump of a proxy to a ROUTER, whose peers are full and stall each by itself. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Scope from "effect/Scope"
import type { Message } from "../Message.ts"
import type { Progress } from "../Transport.ts"
import type { Reason } from "../ZmqError.ts"
import type { Capture } from "./capture.ts"
import { isOfMessage, keyOf, untilStill } from "./forwarding.ts"
import { Pump } from "./pump.ts"
import type { SocketImpl } from "./socket.ts"

export interface Settings {
  readonly parked: number
  readonly onStalled: "drop" | "wait"
}

/** To a ROUTER: what is for a peer whose queue is full waits aside, and nobody else for it. */
export class RouterPump extends Pump {
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
