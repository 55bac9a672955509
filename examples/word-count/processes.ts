/**
 * Workers as processes: started with the word count, ended with it, and missed when they die.
 */
import * as path from "node:path"
import { Data, Deferred, Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { TransportName } from "../main.ts"
import type { Crew, Endpoints } from "./count.ts"

/** A worker ended before its work did. */
export class WorkerDied extends Data.TaggedError("WorkerDied")<{
  readonly index: number
  readonly pid: number
  readonly how: string
}> {
  override get message(): string {
    return `Worker ${this.index} (pid ${this.pid}) died: ${this.how}`
  }
}

/** A worker process. */
export interface Worker {
  readonly pid: number
  /** Waits until it is connected to the ventilator. */
  readonly connected: Effect.Effect<void>
  readonly ended: Effect.Effect<void, WorkerDied>
}

/** Starts so many worker processes; the first of them that dies fails `ended`. */
export const start = (workers: number) =>
  Effect.fnUntraced(function* (endpoints: Endpoints) {
    const all = yield* Effect.forEach(Array.from({ length: workers }), (_, i) => startOne(i + 1, endpoints))
    const crew: Crew<WorkerDied> = {
      names: all.map(({ pid }) => `${pid}`),
      ended: Effect.all(
        all.map(({ ended }) => ended),
        { concurrency: "unbounded", discard: true }
      )
    }
    return crew
  })

/**
 * Starts a worker process, which lives no longer than the scope. When this process is killed, its standard input ends,
 * and it ends by itself.
 */
export const startOne = Effect.fnUntraced(function* (index: number, { results, tasks }: Endpoints) {
  const file = path.join(import.meta.dirname, "worker.ts")
  const flags = ["--index", `${index}`, "--tasks", tasks, "--results", results, "--transport", yield* TransportName]
  const handle = yield* ChildProcess.make(process.execPath, [...process.execArgv, file, ...flags], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    forceKillAfter: "1 second"
  })
  const died = (how: string) => new WorkerDied({ index, pid: handle.pid, how })
  const ended = Effect.matchEffect(handle.exitCode, {
    onSuccess: (code) => (code === 0 ? Effect.void : died(`it ended with exit code ${code}`)),
    // All that there is of a signal is its name, in the message of the cause.
    onFailure: ({ cause }) => died(`it was killed by ${/SIG[A-Z0-9]+/.exec(String(cause))?.[0] ?? "a signal"}`)
  })
  const connected = yield* Deferred.make<void>()
  yield* handle.stdout.pipe(
    Stream.runForEach(() => Deferred.succeed(connected, undefined)),
    Effect.ignore,
    Effect.forkScoped
  )
  const worker: Worker = { pid: handle.pid, connected: Deferred.await(connected), ended }
  return worker
})
