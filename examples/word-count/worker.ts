/**
 * A worker of the word count: takes parts of files, counts their words, hands in what it counted.
 *
 * `main.ts` starts it as a process of its own. It ends with the last task, or when its standard input ends: then
 * whoever started it is gone.
 */
import { type Endpoint, Pull, Push, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { endpoint, main } from "../main.ts"
import { Result, Task } from "./messages.ts"
import { countWords } from "./words.ts"

export const worker = Effect.fnUntraced(function* (options: {
  readonly index: number
  readonly tasks: Endpoint.Input
  readonly results: Endpoint.Input
  readonly onConnected?: Effect.Effect<void>
}) {
  // A short queue: what waits here, no other worker can take.
  const tasks = yield* Pull.make({ connect: options.tasks, highWaterMark: { receive: 2 } })
  const results = yield* Push.make({ connect: options.results, linger: 0 })
  const handIn = Push.sendSchema(results, Result)
  const decoder = new TextDecoder()
  if (options.onConnected !== undefined) {
    yield* Socket.awaitConnected(tasks)
    yield* options.onConnected
  }

  yield* Pull.streamSchema(tasks, Task, { onMalformed: "fail" }).pipe(
    Stream.mapEffect(
      Effect.fnUntraced(function* ([task, text]) {
        if (task._tag === "End") return true
        const [duration, counts] = yield* Effect.timed(Effect.sync(() => countWords(decoder.decode(text))))
        const { file, of, part } = task
        const millis = Duration.toMillis(duration)
        yield* handIn([{ file, part, of, worker: options.index, bytes: text.length, millis }, counts])
        return false
      })
    ),
    Stream.takeUntil((isEnd) => isEnd),
    Stream.runDrain
  )
}, Effect.scoped)

/** Waits for the end of standard input, and lets go of it when interrupted, so that the process can end. */
const inputEnds = Effect.callback<void>((resume) => {
  const onEnd = () => resume(Effect.void)
  process.stdin.once("end", onEnd).resume()
  return Effect.sync(() => process.stdin.off("end", onEnd).pause())
})

main(
  import.meta,
  Command.make(
    "worker",
    {
      index: Flag.Int("index").pipe(Flag.withDescription("its number")),
      tasks: endpoint("tasks", "where to get tasks from"),
      results: endpoint("results", "where to send results to")
    },
    (options) =>
      Effect.raceFirst(
        worker({ ...options, onConnected: Console.log("connected") }), // for whoever started it
        Effect.andThen(inputEnds, Effect.interrupt)
      )
  ).pipe(Command.withDescription("Counts words for word-count/main.ts, which starts it."))
)
