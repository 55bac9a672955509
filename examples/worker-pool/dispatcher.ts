/**
 * The worker pool, the dispatcher: takes calls of clients, gives each to a worker, and to another one where that is lost.
 *
 *     npx --yes pnpm@12 exec node examples/worker-pool/dispatcher.ts
 *
 * Shows how it is, as it changes. Ctrl-C drains: no more calls are taken, and those that are here are finished.
 */
import { type Endpoint, Socket } from "@effect-zmq/core"
import { WorkerPool } from "@effect-zmq/patterns"
import { Console, Duration, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { bind, duration, main, number } from "../main.ts"
import { Jobs } from "./jobs.ts"
import * as View from "./view.ts"

export const dispatcher = Effect.fnUntraced(function* (options: {
  /** For clients, and for workers. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
  readonly attempts: number
  readonly drain: Duration.Input
}) {
  const pool = yield* WorkerPool.make(Jobs, {
    frontend: options.bind[0],
    backend: options.bind[1],
    maxAttempts: options.attempts,
    silence: "3 seconds",
    // Drained below, where one can see it.
    drain: "1 milli"
  })
  yield* Console.log(
    `Clients connect to ${yield* Socket.endpoint(pool.frontend)}, and workers to ${yield* Socket.endpoint(pool.backend)}`
  )
  const view = yield* View.make(pool)

  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      const before = View.unfinished(yield* pool.status)
      yield* view.note(
        `Taking no more calls${before === 0 ? "" : `, and finishing ${before}: Ctrl-C again gives them up`}`
      )
      const drain = Effect.raceFirst(Effect.timeoutOption(pool.drain, options.drain), Effect.as(again, Option.none()))
      const drained = yield* Effect.raceFirst(drain, view.run)
      yield* view.end
      const status = yield* pool.status
      const { answered, dead, redone } = status
      const figures = `${answered} calls answered, ${redone} done again, ${dead} given up`
      const left = `Not drained, ${View.unfinished(status)} are given up now`
      yield* Console.log(Option.isSome(drained) ? `Drained: ${figures}` : `${left}: ${figures} before`)
    })
  )
  return yield* view.run
}, Effect.scoped)

/** Ctrl-C once more: what comes sooner is the first one again, passed on by what this was started with, such as npm. */
const again = Effect.andThen(
  Effect.sleep("200 millis"),
  Effect.callback<void>((resume) => {
    const listener = () => resume(Effect.void)
    process.once("SIGINT", listener)
    return Effect.sync(() => process.off("SIGINT", listener))
  })
)

main(
  import.meta,
  Command.make(
    "dispatcher",
    {
      bind: bind("tcp://127.0.0.1:5576", "tcp://127.0.0.1:5577"),
      attempts: number("attempts", "to how many workers a call is given before it is given up", 5),
      drain: duration("drain", "how long Ctrl-C waits for the calls that are here", Duration.seconds(10))
    },
    dispatcher
  ).pipe(Command.withDescription("Spreads calls over workers that may die, and shows how it is."))
)
