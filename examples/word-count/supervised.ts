/**
 * Workers that are killed on purpose, and a supervisor that starts them again.
 */
import { Supervisor } from "@effect-zmq/patterns"
import { Cause, Clock, Deferred, Duration, Effect, Logger, Option, Random, Stream } from "effect"
import type { Crew, Endpoints } from "./count.ts"
import { startOne, WorkerDied } from "./processes.ts"

/** A worker died. */
export interface Death {
  readonly worker: number
  readonly pid: number
  /** As the system tells of the end of a process: "it was killed by SIGKILL". */
  readonly how: string
  /** Milliseconds from the kill to the supervisor's event; `undefined` where somebody else has killed it. */
  readonly noticedAfter: number | undefined
}

/** A worker that had died is at work again, as a new process. */
export interface Return {
  readonly worker: number
  readonly pid: number
  /** Milliseconds from its death to when the new process was connected to the ventilator. */
  readonly after: number
}

/** A process of a worker, at work since. */
interface Life {
  readonly pid: number
  readonly since: number
}

/**
 * Starts so many workers under a supervisor, which starts each again that dies. Meanwhile one is killed with SIGKILL, time after
 * time, at random of those that have been at work for as long as `every`.
 */
export const supervised = (options: {
  readonly workers: number
  readonly every: Duration.Duration
  readonly onDeath: (death: Death) => Effect.Effect<void>
  readonly onReturn: (back: Return) => Effect.Effect<void>
}) =>
  Effect.fnUntraced(function* (endpoints: Endpoints) {
    const pids = new Map<number, number>()
    const started = yield* Deferred.make<void>()
    const lives = new Map<number, Life>()
    const kills = new Map<number, number>()
    const deaths = new Map<number, number>()

    const worker = (index: number) =>
      Effect.gen(function* () {
        const { connected, ended, pid } = yield* startOne(index, endpoints)
        if (pids.set(index, pid).size === options.workers) yield* Deferred.succeed(started, undefined)
        const begin = Effect.gen(function* () {
          yield* connected
          const since = yield* Clock.currentTimeMillis
          lives.set(index, { pid, since })
          const diedAt = deaths.get(index)
          if (diedAt === undefined) return
          deaths.delete(index)
          yield* options.onReturn({ worker: index, pid, after: since - diedAt })
        })
        // Who ends well was there, however short.
        yield* Effect.raceFirst(Effect.andThen(ended, begin), Effect.andThen(begin, Effect.never))
      })

    const supervisor = yield* Supervisor.make(
      Array.from({ length: options.workers }, (_, i) =>
        // Not again when it has come to the end of its tasks.
        Supervisor.child(`${i + 1}`, worker(i + 1), { restart: "transient" })
      ),
      // More than are killed: workers that die by themselves, over and over, are not to go on for ever.
      { name: "the supervisor", intensity: { restarts: 100, within: "20 seconds" } }
      // What is to be said of each is printed.
    ).pipe(Effect.provide(Logger.layer([])))

    const noticed = Effect.fnUntraced(function* (index: number, cause: Cause.Cause<unknown>) {
      const now = yield* Clock.currentTimeMillis
      const life = lives.get(index)
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      if (life === undefined || !(error instanceof WorkerDied)) return
      const killedAt = kills.get(life.pid)
      lives.delete(index)
      deaths.set(index, killedAt ?? now)
      const noticedAfter = killedAt === undefined ? undefined : now - killedAt
      yield* options.onDeath({ worker: index, pid: life.pid, how: error.how, noticedAfter })
    })
    yield* supervisor.events.pipe(
      Stream.filter(Supervisor.Event.$is("Failed")),
      Stream.runForEach(({ cause, child }) => noticed(Number(child), cause)),
      Effect.forkScoped
    )

    yield* Effect.raceFirst(Deferred.await(started), supervisor.ended)

    const kill = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const atWork = [...lives.values()].filter(
        ({ pid, since }) => now - since >= Duration.toMillis(options.every) && !kills.has(pid)
      )
      const victim = atWork[yield* Random.nextIntBetween(0, Math.max(0, atWork.length - 1))]
      // The last one is let live, where there are others.
      if (victim === undefined || (options.workers > 1 && lives.size === 1)) return
      kills.set(victim.pid, now)
      // Where it is gone by itself, there is nothing to be killed.
      yield* Effect.ignore(Effect.try(() => process.kill(victim.pid, "SIGKILL")))
    })
    const crew: Crew<Supervisor.TooManyRestarts> = {
      names: [...pids].sort(([a], [b]) => a - b).map(([, pid]) => `${pid}`),
      ended: supervisor.ended,
      meanwhile: Effect.forever(Effect.andThen(Effect.sleep(options.every), kill))
    }
    return crew
  })
