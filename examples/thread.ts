/**
 * What makes a thread of a module: a thread that is started in a scope, and ends before the scope does.
 *
 * A thread that is terminated while libzmq is at work for it takes the whole process with it (`effect/workers` terminates
 * one that does not end in time). So this one is asked to end, by a message: its program is interrupted, its scope closes
 * its sockets, and it has nothing left to do.
 *
 * libzmq ends an inproc connection when both sides have: the socket that a thread connects to must be there, and be read,
 * until the thread has ended. So bind it and read from it first, and start the thread then: it is ended first.
 */
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { type Transport, ZmqError } from "@effect-zmq/core"
import { Cause, Data, Effect } from "effect"
import { TransportName, transport } from "./main.ts"

/** A thread failed: what went wrong, in which. */
export class ThreadFailed extends Data.TaggedError("ThreadFailed")<{ readonly file: string; readonly how: string }> {
  override get message(): string {
    return `A thread of ${path.basename(this.file)} failed: ${this.how}`
  }
}

/**
 * Starts the module of a file as a thread, with its input (what can be cloned), on the transport that this program runs
 * on. Gives the end of the thread, which fails where its program does.
 */
export const start = Effect.fnUntraced(function* <Input>(file: string, input: Input) {
  const given: Given<Input> = { file, input, transport: yield* TransportName }
  const { ended } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const worker = new Worker(pathToFileURL(file), { workerData: given })
      let how: string | undefined
      worker.on("message", (message) => {
        how = message
      })
      worker.on("error", (error) => {
        how = error.message
      })
      const exited = new Promise<Effect.Effect<void, ThreadFailed>>((resolve) =>
        worker.once("exit", () => resolve(how === undefined ? Effect.void : new ThreadFailed({ file, how })))
      )
      return { worker, ended: Effect.flatten(Effect.promise(() => exited)) }
    }),
    ({ ended, worker }) => {
      worker.postMessage("end")
      return Effect.ignore(ended)
    }
  )
  return ended
})

/** Runs a program as the thread that its module was started as; where it was not, does nothing. */
export const thread = <Input, E extends Error>(
  module: ImportMeta,
  program: (input: Input) => Effect.Effect<void, E, Transport.Transport>
): void => {
  // By `start`, if anybody gave it.
  const given = workerData as Given<Input> | null
  const port = parentPort
  if (isMainThread || port === null || given?.file !== module.filename) return
  const asked = Effect.callback<void>((resume) => {
    const end = () => resume(Effect.void)
    port.once("message", end)
    // Nobody listens any more: the port does not keep the thread alive.
    return Effect.sync(() => port.off("message", end))
  })
  Effect.raceFirst(program(given.input), asked).pipe(
    Effect.provide(transport(given.transport)),
    Effect.catchCause((cause) => Effect.sync(() => port.postMessage(say(Cause.squash(cause))))),
    Effect.runFork
  )
}

const say = (error: unknown): string => {
  if (ZmqError.isZmqError(error)) return error.reason.message
  return error instanceof Error ? error.message : String(error)
}

interface Given<Input> {
  readonly file: string
  readonly input: Input
  readonly transport: TransportName
}
