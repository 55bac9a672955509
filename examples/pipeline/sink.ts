/**
 * The pipeline, the sink: collects the results of a batch, and tells how long it took.
 *
 *     npx --yes pnpm@12 exec node examples/pipeline/sink.ts
 *
 * A hundred tasks of 50 ms on average take one worker five seconds, two workers half of it, and so on.
 */
import { type Endpoint, Pull, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Stream, Terminal } from "effect"
import { Command } from "effect/cli"
import { bind, main, number } from "../main.ts"
import { skip } from "../messages.ts"
import { Result, Start } from "./messages.ts"

export const sink = Effect.fnUntraced(function* (options: { readonly bind: Endpoint.Input; readonly tasks: number }) {
  const terminal = yield* Terminal.Terminal
  const pull = yield* Pull.make({ bind: options.bind })
  yield* Console.log(`Collecting results on ${yield* Socket.endpoints(pull)}`)

  // What a stream has not taken is still in the socket, for the next one.
  const starts = Pull.streamSchema(pull, Start, { onMalformed: skip("the start of a batch, 0") })
  yield* Stream.runDrain(Stream.take(starts, 1))

  const results = Pull.streamSchema(pull, Result, { onMalformed: skip("a result, which is empty") })
  const [elapsed] = yield* results.pipe(
    Stream.take(options.tasks),
    Stream.zipWithIndex,
    Stream.runForEach(([, i]) => terminal.display(i % 10 === 9 ? ":" : ".")),
    Effect.timed
  )
  yield* Console.log(`\nTotal elapsed time: ${Math.round(Duration.toMillis(elapsed))} ms`)
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "sink",
    {
      bind: bind("tcp://127.0.0.1:10103"),
      tasks: number("tasks", "how many results to collect", 100)
    },
    sink
  ).pipe(Command.withDescription("Collects the results of the pipeline, and tells how long they took."))
)
