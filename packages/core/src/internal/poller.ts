/** The two ways of receiving from several sockets: one consumer, and a watcher for each socket. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Message } from "../Message.ts"
import type * as Socket from "../Socket.ts"
import type { Handle } from "../Transport.ts"
import { isNearYield, type ReceiveLine } from "./receiveLine.ts"
import { handleOf, lineOf } from "./socket.ts"

/** A socket of a poller. */
interface Source {
  readonly tag: string
  readonly handle: Handle
  readonly line: ReceiveLine
}

type Entries = ReadonlyArray<readonly [string, Socket.Readable<unknown>]>
type Polled<A> = { readonly _tag: string; readonly value: A }

export const poll = <A>(entries: Entries, order: "fair" | "priority"): Stream.Stream<A> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const poller = new Poller(
        entries.map(([tag, socket]) => ({ tag, handle: handleOf(socket), line: lineOf(socket) })),
        order
      )
      for (const source of poller.sources) yield* Effect.forkScoped(poller.watch(source))
      // The public functions name the values after their sockets.
      return Stream.fromPull(Effect.succeed(poller.pull)) as Stream.Stream<never>
    })
  )

/**
 * The consumer takes from the sockets in their order; where none has anything it parks, and every watcher waits in its
 * socket's line for a turn. The first to get one takes for the consumer, and resumes it in the same step. A watcher that
 * gets its turn while the consumer is busy takes nothing, and leaves the line until the consumer parks again.
 */
class Poller {
  readonly sources: ReadonlyArray<Source>
  private readonly order: "fair" | "priority"
  private open: number
  /** Where the next fair round begins. */
  private next = 0
  private parked: ((result: Pulled) => void) | undefined = undefined
  private readonly idle = new Set<() => void>()

  constructor(sources: ReadonlyArray<Source>, order: "fair" | "priority") {
    this.sources = sources
    this.order = order
    this.open = sources.length
  }

  readonly pull: Pulled = Effect.withFiber((fiber) => {
    const step = this.order === "fair" ? this.takeOrPark : this.takeInOrder(0)
    return isNearYield(fiber) ? Effect.andThen(Effect.yieldNow, step) : step
  })

  private readonly takeOrPark: Pulled = Effect.callback((resume) => {
    const taken = this.take()
    if (taken !== undefined) return resume(Effect.succeed([taken]))
    if (this.open === 0) return resume(Cause.done())
    this.parked = resume
    for (const wake of this.idle) wake()
    return Effect.sync(() => {
      this.parked = undefined
    })
  })

  /** Looks for what has arrived just now, from one socket after the other. */
  private takeInOrder(index: number): Pulled {
    const source = this.sources[index]
    if (source === undefined) return this.takeOrPark
    return Effect.flatMap(Effect.ignore(source.handle.refresh), () => {
      const value = source.line.takeUnsafe(takeOne)
      return value === undefined ? this.takeInOrder(index + 1) : Effect.succeed([{ _tag: source.tag, value }])
    })
  }

  private take(): Polled<Message> | undefined {
    const first = this.order === "fair" ? this.next : 0
    for (let i = 0; i < this.sources.length; i++) {
      const index = (first + i) % this.sources.length
      const source = this.sources[index] as Source // within the length
      const value = source.line.takeUnsafe(takeOne)
      if (value === undefined) continue
      this.next = index + 1
      return { _tag: source.tag, value }
    }
    return undefined
  }

  readonly watch = (source: Source): Effect.Effect<void> => {
    let open = true
    const turn = source.line.take(
      (handle) => (this.parked === undefined ? busy : handle.receiveOneUnsafe()),
      (value) => (value === busy ? this.wanted : Effect.sync(() => this.deliver(source, value))),
      () =>
        Effect.sync(() => {
          open = false
          this.open -= 1
          if (this.open === 0) this.parked?.(Cause.done())
        })
    )
    return Effect.whileLoop({ while: () => open, body: () => turn, step: () => {} })
  }

  private deliver(source: Source, value: Message): void {
    const resume = this.parked
    this.parked = undefined
    this.next = this.sources.indexOf(source) + 1
    resume?.(Effect.succeed([{ _tag: source.tag, value }]))
  }

  /** Until the consumer parks. */
  private readonly wanted: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.parked !== undefined) return resume(Effect.void)
    const wake = () => {
      this.idle.delete(wake)
      resume(Effect.void)
    }
    this.idle.add(wake)
    return Effect.sync(() => this.idle.delete(wake))
  })
}

type Pulled = Pull.Pull<NonEmptyReadonlyArray<Polled<Message>>>

const takeOne = (handle: Handle) => handle.receiveOneUnsafe()

/** What a watcher takes when the consumer has not asked. */
const busy = Symbol("busy")
