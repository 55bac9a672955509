/**
 * What makes a thread of a module: a thread that is started in a scope, and ends before the scope does.
 *
 * It is terminated, wherever it is: its sockets are the main thread's, which delivers what the thread has sent and closes
 * them.
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
    ({ worker }) => Effect.promise(() => worker.terminate())
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
  program(given.input).pipe(
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
