/**
 * A worker at its socket: calls are given to handlers, and what becomes of them to the dispatcher; the records of a turn go
 * as one message.
 */
import * as Dealer from "@effect-zmq/core/Dealer"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Stream from "effect/Stream"
import type { Record } from "../records.ts"
import { Outbox, type Start, Turn } from "../rpc/outbox.ts"
import { type Call, Session, type SessionOptions } from "./session.ts"

/** Who does what is asked for. All of it is synchronous: whatever takes time is done in fibers of its own. */
export interface Hands {
  readonly begin: (session: number, key: string, record: Record, call: Call) => void
  readonly interrupt: (session: number, key: string) => void
  /** All calls of this session are wanted no more. */
  readonly abandon: (session: number) => void
}

/** Why a worker ends by itself. */
export type Ending =
  /** The dispatcher told it to leave, and it has finished. */
  | "dismissed"
  /** For too long it heard of no dispatcher. */
  | "orphaned"

export interface Environment {
  readonly dealer: Dealer.Dealer
  readonly start: Start
  readonly scheduler: SchedulerDispatcher
  readonly hands: Hands
  readonly log: (level: "warning" | "error", message: string) => Effect.Effect<void>
}

export class Laborer {
  readonly session: Session
  readonly ending = Deferred.makeUnsafe<Ending, ZmqError>()
  private readonly environment: Environment
  private readonly turn: Turn
  private readonly outbox: Outbox
  private readonly waiters = new Set<() => void>()
  private refusal: string | undefined = undefined
  /** How many messages are on their way into the socket. */
  private sending = 0

  constructor(options: SessionOptions, environment: Environment) {
    const { dealer, scheduler, start } = environment
    this.environment = environment
    this.turn = new Turn(scheduler)
    this.outbox = new Outbox(
      this.turn,
      (message) =>
        Effect.suspend(() => {
          this.sending++
          return Effect.ensuring(Dealer.send(dealer, message), this.sent)
        }),
      start,
      (error) => void (error && Deferred.doneUnsafe(this.ending, Exit.fail(error)))
    )
    this.session = new Session(options, this.outbox.packer)
  }

  begin(): void {
    this.session.begin()
    this.outbox.touch()
  }

  get receive(): Effect.Effect<void> {
    return Stream.runForEach(Dealer.batches(this.environment.dealer), (batch) =>
      Effect.sync(() => {
        for (const message of batch) this.session.received(message)
        this.work()
      })
    )
  }

  private work(): void {
    const { hands, log, start } = this.environment
    const { session } = this
    for (const task of session.tasks.splice(0)) {
      switch (task._tag) {
        case "Begin": {
          const call = session.callOf(task.session, task.key)
          if (call !== undefined) hands.begin(task.session, task.key, task.record, call)
          break
        }
        case "Interrupt":
          hands.interrupt(task.session, task.key)
          break
        case "Abandon":
          hands.abandon(task.session)
          break
        case "Drain":
          start(this.finish())
          break
        case "Refused":
          // Said each time that it says Hello: once is enough to hear it.
          if (this.refusal !== task.problem) start(log("error", `the dispatcher refuses this worker: ${task.problem}`))
          this.refusal = task.problem
          break
        case "Malformed":
          start(log("warning", `what came from the dispatcher cannot be read: ${task.problem}`))
          break
      }
    }
    this.look()
    this.outbox.touch()
  }

  /** Answers a call, if it is still to be answered: `pack` writes it, or says that it cannot. */
  answer<P>(
    session: number,
    key: string,
    pack: (packer: Session["packer"], call: Call, epoch: number) => P
  ): P | undefined {
    const call = this.session.callOf(session, key)
    if (call === undefined) return undefined
    const problem = pack(this.session.packer, call, this.session.epoch ?? 0) // a call has come with one
    if (problem !== undefined) return problem
    this.session.ended(session, key)
    this.look()
    this.outbox.touch()
    return undefined
  }

  /** A call that was lost here, and that another worker may do. */
  returned(session: number, key: string): void {
    this.session.returned(session, key)
    this.look()
    this.outbox.touch()
  }

  /** Waits, for as long as there is room for nothing more. */
  get awaitRoom(): Effect.Effect<void> {
    return this.outbox.awaitRoom
  }

  /** Everything that it is at is wanted no more, and it is somebody new. */
  restart(): void {
    this.session.begin()
    this.work()
  }

  /** Gives signs of life, and looks for those of the dispatcher. */
  beat(every: number, orphaned: number): Effect.Effect<never> {
    const beat = Effect.sync(() => {
      const missed = this.session.beat()
      this.outbox.touch()
      if (missed * every >= orphaned) Deferred.doneUnsafe(this.ending, Exit.succeed("orphaned"))
    })
    return Effect.forever(Effect.andThen(Effect.sleep(every), beat))
  }

  private look(): void {
    for (const look of this.waiters) look()
  }

  /** Takes no more, and waits until what it has is done. */
  get drain(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.session.drain()
      this.outbox.touch()
      return this.until(() => this.session.calls.size === 0)
    })
  }

  private readonly sent = Effect.sync(() => {
    this.sending--
    this.look()
  })

  /** Waits until all that is packed is the socket's to deliver. */
  get awaitSent(): Effect.Effect<void> {
    return this.until(() => this.sending === 0 && this.session.packer.count === 0)
  }

  private until(predicate: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = () => {
        if (!predicate()) return
        this.waiters.delete(look)
        resume(Effect.void)
      }
      this.waiters.add(look)
      look()
      return Effect.sync(() => this.waiters.delete(look))
    })
  }

  private finish(): Effect.Effect<void> {
    return Effect.andThen(
      this.drain,
      Effect.sync(() => void Deferred.doneUnsafe(this.ending, Exit.succeed("dismissed")))
    )
  }

  /** Says that it is gone: what it still has is another one's. */
  leave(): void {
    this.session.leave()
    this.outbox.finish()
  }
}
