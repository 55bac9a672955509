/** The capture of a proxy. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { type Message, size } from "../Message.ts"
import type { Handle, Progress } from "../Transport.ts"
import { add, type Count, isOfMessage, untilStill } from "./forwarding.ts"
import type { SocketImpl } from "./socket.ts"

/** How many messages may wait for a capture socket that is slower than the proxy. */
const captureSize = 4096

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
