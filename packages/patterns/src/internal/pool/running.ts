/**
 * A dispatcher at its sockets: what comes in is told to the machine, and once a turn what the machine has to say is sent, a
 * message for each peer. While a message to a peer waits for room, the next is packed; nobody else waits for it.
 */
import * as Router from "@effect-zmq/core/Router"
import type { RoutingId } from "@effect-zmq/core/RoutingId"
import * as Socket from "@effect-zmq/core/Socket"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Stream from "effect/Stream"
import type { Start } from "../rpc/outbox.ts"
import type { Dispatcher } from "./dispatcher.ts"
import { Client, type End, type Happening, type Job, type Peer, Worker } from "./job.ts"

export interface Environment {
  readonly frontend: Router.Router
  readonly backend: Router.Router
  readonly clock: Clock.Clock
  readonly start: Start
  readonly scheduler: SchedulerDispatcher
  /** How long a call waits for its next worker; `undefined` where it is to be given up. */
  readonly delayOf: ((job: Job) => Effect.Effect<number | undefined>) | undefined
  readonly onHappening: (happening: Happening) => void
}

export class Running {
  readonly machine: Dispatcher
  private readonly environment: Environment
  private isTouched = false
  /** When a flush will come by itself. */
  private alarm = Number.POSITIVE_INFINITY
  /** How many messages are on their way into the sockets. */
  private sending = 0
  /** How many calls of this process wait for room. */
  private submitters = 0
  /** Who waits for the machine to be such. */
  private readonly waiters = new Set<() => void>()

  constructor(machine: Dispatcher, environment: Environment) {
    this.machine = machine
    this.environment = environment
  }

  /** Milliseconds, from some moment on. */
  get now(): number {
    return Number(this.environment.clock.monotonicTimeNanosUnsafe() / 1_000n) / 1_000
  }

  // ---------------------------------------------------------------------------
  // What comes in
  // ---------------------------------------------------------------------------

  /** Calls, as long as there is room for more in lines: then they wait in the queues of sockets, and behind these at clients. */
  get serveClients(): Effect.Effect<void> {
    return Stream.runForEach(Router.batches(this.environment.frontend), (batch) => {
      const { now } = this
      for (const { from, message } of batch) this.machine.fromClient(from, message, now)
      this.touch()
      return this.machine.isFlooded ? this.until(() => !this.machine.isFlooded) : Effect.void
    })
  }

  get serveWorkers(): Effect.Effect<void> {
    return Stream.runForEach(Router.batches(this.environment.backend), (batch) =>
      Effect.sync(() => {
        const { now } = this
        for (const { from, message } of batch) this.machine.fromWorker(from, message, now)
        this.touch()
      })
    )
  }

  get watchClients(): Effect.Effect<void> {
    return this.watch(this.environment.frontend, (id) => this.machine.clientLeft(id))
  }

  get watchWorkers(): Effect.Effect<void> {
    return this.watch(this.environment.backend, (id) => this.machine.workerLeft(id))
  }

  private watch(router: Router.Router, left: (id: RoutingId) => void): Effect.Effect<void> {
    return Stream.runForEach(Socket.events(router), (event) => {
      if (event._tag !== "PeerLeft") return Effect.void
      const gone = Effect.sync(() => {
        left(event.routingId)
        this.touch()
      })
      // What it said last has come, and is read first.
      return Effect.andThen(Effect.yieldNow, gone)
    })
  }

  /** Asks for signs of life. */
  beat(every: number, onBeat: () => void): Effect.Effect<never> {
    const beat = Effect.sync(() => {
      onBeat()
      this.machine.beat()
      this.touch()
    })
    return Effect.forever(Effect.andThen(Effect.sleep(every), beat))
  }

  /** A call of this process: interrupted, it is wanted no more. */
  submit(tag: string, flags: number, body: Uint8Array): Effect.Effect<End> {
    const submitted = Effect.callback<End>((resume) => {
      const job = this.machine.submit(tag, flags, body, (end) => resume(Effect.succeed(end)), this.now)
      this.touch()
      return Effect.sync(() => {
        if (job === undefined) return
        this.machine.cancel(job)
        this.touch()
      })
    })
    return Effect.suspend(() =>
      this.machine.isFull ? Effect.andThen(this.awaitRoom, this.submit(tag, flags, body)) : submitted
    )
  }

  // ---------------------------------------------------------------------------
  // Waiting
  // ---------------------------------------------------------------------------

  /** Waits for room in the queue. */
  private readonly awaitRoom: Effect.Effect<void> = Effect.suspend(() => {
    this.submitters++
    return Effect.ensuring(
      this.until(() => !this.machine.isFull),
      Effect.sync(() => this.submitters--)
    )
  })

  /** Waits until the machine is such. */
  until(predicate: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = () => {
        // It may be anybody's: what it throws is theirs, and not the dispatcher's.
        const holds = Result.try(predicate)
        if (Result.isSuccess(holds) && !holds.success) return
        this.waiters.delete(look)
        resume(Result.isSuccess(holds) ? Effect.void : Effect.die(holds.failure))
      }
      this.waiters.add(look)
      look()
      return Effect.sync(() => this.waiters.delete(look))
    })
  }

  /** Waits until all that is to be said is the sockets' to deliver. */
  get awaitSent(): Effect.Effect<void> {
    return this.until(() => this.sending === 0 && this.machine.dirty.size === 0)
  }

  // ---------------------------------------------------------------------------
  // What goes out
  // ---------------------------------------------------------------------------

  /** Something has happened: it is looked after when this turn is through. */
  touch(): void {
    if (this.isTouched) return
    this.isTouched = true
    this.environment.scheduler.scheduleTask(this.flush, 0)
  }

  readonly flush = (): void => {
    const { machine } = this
    this.isTouched = false
    const { now } = this
    machine.due(now)
    machine.assign()
    if (machine.canAdmit) {
      // Half of the room is for those who submit here, if there are any.
      const room = machine.settings.queue - machine.queue.size
      machine.admit(this.submitters > 0 ? Math.ceil(room / 2) : room, now)
      machine.assign()
    }
    for (const peer of machine.dirty) {
      if (peer.isSending) continue
      machine.dirty.delete(peer)
      this.send(peer)
    }
    if (machine.unscheduled.length > 0) this.schedule()
    if (machine.happenings.length > 0) {
      for (const happening of machine.happenings.splice(0)) this.environment.onHappening(happening)
    }
    for (const look of this.waiters) look()
    // What was sent has made room, and so has what was given to workers.
    if (machine.canAdmit) this.touch()
    this.setAlarm()
  }

  private send(peer: Peer): void {
    for (let message = peer.take(); message !== undefined; message = peer.take()) {
      const exit = this.sendOne(peer, message)
      if (exit === undefined) {
        // The rest goes when this has.
        if (peer.hasMore) this.machine.dirty.add(peer)
        return
      }
      if (Exit.isFailure(exit)) return
    }
  }

  /** `undefined` where it waits for room. */
  private sendOne(peer: Peer, message: Uint8Array): Exit.Exit<void, ZmqError> | undefined {
    const { backend, frontend, start } = this.environment
    const router = peer instanceof Client ? frontend : backend
    // It is one: it came with a message.
    const to = peer.routingId as RoutingId
    const fiber = start(Router.send(router, { to, message }))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) this.sent(peer, message, exit)
    else {
      peer.isSending = true
      this.sending++
      fiber.addObserver((exit) => {
        peer.isSending = false
        this.sending--
        this.sent(peer, message, exit)
        if (this.machine.dirty.has(peer) || this.sending === 0 || this.machine.canAdmit) this.touch()
      })
    }
    return exit
  }

  private sent(peer: Peer, message: Uint8Array, exit: Exit.Exit<void, ZmqError>): void {
    if (Exit.isSuccess(exit)) return
    // Nobody is there, or the socket is closed.
    if (peer instanceof Client) this.machine.clientLeft(peer.routingId)
    else if (peer instanceof Worker) this.machine.undelivered(peer, message)
    this.touch()
  }

  private schedule(): void {
    const { delayOf, start } = this.environment
    if (delayOf === undefined) return
    for (const job of this.machine.unscheduled.splice(0)) {
      start(
        // A schedule that dies has ended: the call does not wait for ever.
        Effect.map(Effect.catchCause(delayOf(job), told), (delay) => {
          this.machine.schedule(job, delay, this.now)
          this.touch()
        })
      )
    }
  }

  private setAlarm(): void {
    const { nextAt } = this.machine
    if (nextAt >= this.alarm) return
    this.alarm = nextAt
    this.environment.start(
      Effect.andThen(
        Effect.sleep(Math.max(0, nextAt - this.now)),
        Effect.sync(() => {
          if (this.alarm === nextAt) this.alarm = Number.POSITIVE_INFINITY
          this.touch()
        })
      )
    )
  }
}

const told = (cause: Cause.Cause<never>): Effect.Effect<undefined> =>
  Effect.as(Effect.logError("the schedule of redelivery died, and with it the call", cause), undefined)
