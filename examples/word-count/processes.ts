/**
 * Workers as processes: started with the word count, started again when they die, and ended with it.
 */
import * as path from "node:path"
import { WorkerPool } from "@effect-zmq/patterns"
import { Clock, Context, Data, Deferred, Duration, Effect, Exit, Layer, Random, Schedule, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { TransportName } from "../main.ts"
import { Attendance, type Death, type Return } from "./attendance.ts"
import type { Crew } from "./count.ts"

/** A worker ended by itself, and so would the one that is started in its place. */
export class WorkerEnded extends Data.TaggedError("WorkerEnded")<{ readonly worker: number; readonly how: string }> {
  override get message(): string {
    return `Worker ${this.worker} ended by itself: ${this.how}`
  }
}

const file = path.join(import.meta.dirname, "worker.ts")

/** Whoever was killed, or told to end, is started again at once; whoever could not go on is not. */
const restart = Schedule.forever.pipe(
  Schedule.while(({ input }) => Exit.isExit(input) && (Exit.isFailure(input) || input.value === interrupted))
)

/** The exit code of a program that was told to end. */
const interrupted = 130

/**
 * Starts so many worker processes, each again that dies, and tells who died and who is back. With `killEvery`, one of them is
 * killed meanwhile, time after time.
 */
export const start = (options: {
  readonly workers: number
  readonly killEvery: Duration.Duration | undefined
  readonly onDeath: (death: Death) => Effect.Effect<void>
  readonly onReturn: (back: Return) => Effect.Effect<void>
}) =>
  Effect.fnUntraced(function* (pool: WorkerPool.WorkerPool["Service"], backend: string) {
    const attendance = new Attendance()
    const started = yield* Deferred.make<void>()
    const failed = yield* Deferred.make<never, WorkerEnded>()

    const tell = Effect.gen(function* () {
      for (const news of attendance.take()) {
        yield* news._tag === "Death" ? options.onDeath(news) : options.onReturn(news)
      }
    })
    yield* pool.events.pipe(
      Stream.runForEach((event) =>
        Effect.andThen(
          Effect.map(Clock.currentTimeMillis, (now) => {
            if (event._tag === "WorkerJoined") attendance.joined(Number(event.name), now)
            if (event._tag === "WorkerLeft") attendance.left(Number(event.name), event, now)
          }),
          tell
        )
      ),
      Effect.forkScoped({ startImmediately: true })
    )

    const transport = yield* TransportName
    const flags = (index: number) => ["--index", `${index + 1}`, "--connect", backend, "--transport", transport]
    const processes = Context.get(
      yield* Layer.build(
        WorkerPool.layerProcesses({
          size: options.workers,
          command: (index) => ChildProcess.make(process.execPath, [...process.execArgv, file, ...flags(index)]),
          restart,
          grace: "1 second"
        })
      ),
      WorkerPool.Processes
    )
    yield* processes.events.pipe(
      Stream.runForEach((event) =>
        Effect.andThen(
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const worker = event.index + 1
            if (event._tag === "Started") {
              if (attendance.started(worker, event.pid) === options.workers) return Deferred.succeed(started, undefined)
            } else if (event._tag === "Ended") attendance.ended(worker, event.how, now)
            else return Deferred.fail(failed, new WorkerEnded({ worker, how: attendance.howEnded(worker) }))
            return Effect.void
          }),
          tell
        )
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Effect.raceFirst(Deferred.await(started), Deferred.await(failed))

    const { killEvery } = options
    const kill = (every: Duration.Duration) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const atWork = attendance.atWork(now - Duration.toMillis(every))
        const victim = atWork[yield* Random.nextIntBetween(0, Math.max(0, atWork.length - 1))]
        // The last one is let live, where there are others.
        if (victim === undefined || (options.workers > 1 && attendance.atWork(now).length === 1)) return
        attendance.killed(victim, now)
        yield* processes.kill(victim - 1, "SIGKILL")
      })

    const crew: Crew<WorkerEnded> = {
      names: attendance.pids.map(String),
      failed: Deferred.await(failed),
      ...(killEvery === undefined
        ? {}
        : { meanwhile: Effect.forever(Effect.andThen(Effect.sleep(killEvery), kill(killEvery))) })
    }
    return crew
  })
