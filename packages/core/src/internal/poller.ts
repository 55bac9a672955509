/** The two ways of receiving from several sockets: one consumer, and a watcher for each socket. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { constVoid, identity } from "effect/Function"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type * as Socket from "../Socket.ts"
import type { Handle } from "../Transport.ts"
import { type ReceiveLine, type Take, whenSafe } from "./receiveLine.ts"
import { handleOf, lineOf, takeOneOf } from "./socket.ts"

/** A socket of a poller. */
class Source {
  readonly tag: string
  readonly handle: Handle
  readonly take: Take<unknown>
  private readonly line: ReceiveLine

  constructor(tag: string, socket: Socket.Readable<unknown>) {
    this.tag = tag
    this.take = takeOneOf(socket)
    this.handle = handleOf(socket)
    this.line = lineOf(socket)
  }

  /** What the consumer may take: also while its own watcher is the one who waits for the socket. */
  takeUnsafe(): unknown {
    return this.line.takeUnsafe(this.take, this)
  }

  /** Waits for a turn in the socket's line, as long as the socket is open. */
  watch(take: Take<Effect.Effect<void>>, onEnd: Effect.Effect<void>): Effect.Effect<void> {
    let open = true
    const turn = this.line.take(
      take,
      identity,
      () =>
        Effect.andThen(
          Effect.sync(() => (open = false)),
          onEnd
        ),
      this
    )
    return Effect.whileLoop({ while: () => open, body: () => turn, step: constVoid })
  }
}

type Entries = ReadonlyArray<readonly [string, Socket.Readable<unknown>]>
type Polled<A> = { readonly _tag: string; readonly value: A }

export const poll = <A>(entries: Entries, order: "fair" | "priority"): Stream.Stream<A> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const poller = new Poller(
        entries.map(([tag, socket]) => new Source(tag, socket)),
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

  readonly pull: Pulled = Effect.suspend(() => (this.order === "fair" ? this.takeOrPark : this.takeInOrder(0)))

  /** Looks for what has arrived just now, from one socket after the other. */
  private takeInOrder(index: number): Pulled {
    const source = this.sources[index]
    if (source === undefined) return this.takeOrPark
    return Effect.flatMap(Effect.ignore(source.handle.refresh), () =>
      whenSafe(() => {
        const value = source.takeUnsafe()
        return value === undefined ? this.takeInOrder(index + 1) : Effect.succeed([{ _tag: source.tag, value }])
      })
    )
  }

  private readonly takeOrPark: Pulled = whenSafe(() => {
    const taken = this.take(this.sources.length)
    return taken === undefined ? this.park : Effect.succeed([taken])
  })

  private readonly park: Pulled = Effect.callback((resume) => {
    if (this.open === 0) return resume(Cause.done())
    this.parked = resume
    // A watcher that is woken can be idle again at once.
    for (const wake of Array.from(this.idle)) wake()
    return Effect.sync(() => {
      if (this.parked === resume) this.parked = undefined
    })
  })

  /** The next message of the first so many sockets, in a fair turn or in order of priority. */
  private take(sources: number): Polled<unknown> | undefined {
    const first = this.order === "fair" ? this.next : 0
    for (let i = 0; i < sources; i++) {
      const index = (first + i) % this.sources.length
      const source = this.sources[index] as Source // within the length
      const value = source.takeUnsafe()
      if (value === undefined) continue
      this.next = index + 1
      return { _tag: source.tag, value }
    }
    return undefined
  }

  watch(source: Source): Effect.Effect<void> {
    const index = this.sources.indexOf(source)
    return source.watch(
      (handle) => {
        const resume = this.parked
        if (resume === undefined) return this.wanted
        const taken = this.takeAt(index, handle)
        if (taken === undefined) return undefined
        this.parked = undefined
        return Effect.sync(() => resume(Effect.succeed([taken])))
      },
      Effect.sync(() => {
        this.open -= 1
        if (this.open === 0) this.parked?.(Cause.done())
      })
    )
  }

  /** A watcher's turn: in order of priority, what has come meanwhile to the sockets before its own goes first. */
  private takeAt(index: number, handle: Handle): Polled<unknown> | undefined {
    const before = this.order === "priority" ? this.take(index) : undefined
    if (before !== undefined) return before
    const source = this.sources[index] as Source // within the length
    const value = source.take(handle)
    if (value === undefined) return undefined
    this.next = index + 1
    return { _tag: source.tag, value }
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

type Pulled = Pull.Pull<NonEmptyReadonlyArray<Polled<unknown>>>
