/**
 * The service, one of its threads: answers one request after the other.
 */
import { type Endpoint, Message, Rep } from "@effect-zmq/core"
import { Console, type Duration, Effect } from "effect"
import { start, thread } from "../thread.ts"

/** Where the threads of the service get their requests. */
export const requests: Endpoint.Text = "inproc://requests"

export interface Options {
  readonly thread: number
  /** How long an answer takes. */
  readonly delay: Duration.Input
}

export const replier = Effect.fnUntraced(function* (options: Options) {
  const rep = yield* Rep.make({ connect: requests })
  yield* Console.log(`Thread ${options.thread} started`)
  yield* Rep.serve(rep, (request) =>
    Effect.gen(function* () {
      yield* Console.log(`Thread ${options.thread} got ${Message.inspect(request)}`)
      yield* Effect.sleep(options.delay)
      return "World"
    })
  )
}, Effect.scoped)

/** Starts one as a thread. */
export const startThread = (options: Options) => start(import.meta.filename, options)

thread(import.meta, replier)
