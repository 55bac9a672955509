/**
 * The pipeline, the sink: collects the results of a batch, and tells how long it took.
 *
 *     npx --yes pnpm@12 exec node examples/pipeline/sink.ts
 *     npx --yes pnpm@12 exec node examples/pipeline/sink.ts --kill-signal
 *
 * A hundred tasks of 50 ms on average take one worker five seconds, two workers half of it, and so on. With
 * `--kill-signal` it then stops the workers, by a PUB socket that they all listen to.
 */
import { type Endpoint, Pub, Pull, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Stream, Terminal } from "effect"
import { Command } from "effect/cli"
import { bind, main, number, toggle } from "../main.ts"
import { skip } from "../messages.ts"
import { Kill, Result, Start } from "./messages.ts"

export const sink = Effect.fnUntraced(function* (options: {
  /** For results, and for the kill signal. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
  readonly tasks: number
  readonly killSignal?: boolean
}) {
  const terminal = yield* Terminal.Terminal
  const [results, signals] = options.bind
  const pull = yield* Pull.make({ bind: results })
  const control = options.killSignal === true ? yield* Pub.make({ bind: signals }) : undefined
  yield* Console.log(`Collecting results on ${yield* Socket.endpoints(pull)}`)
  if (control !== undefined) yield* Console.log(`Stopping workers on ${yield* Socket.endpoints(control)}`)

  // What a stream has not taken is still in the socket, for the next one.
  const starts = Pull.streamSchema(pull, Start, { onMalformed: skip("the start of a batch, 0") })
  yield* Stream.runDrain(Stream.take(starts, 1))

  let done = 0
  /** Says once that nothing comes any more; the sink goes on, for a worker may only be slow, or be started yet. */
  const watch = Effect.gen(function* () {
    let [before, told] = [-1, -1]
    for (;;) {
      yield* Effect.sleep(patience)
      if (done === before && done !== told) {
        const { peers } = yield* Socket.state(pull)
        yield* Console.log(
          `\nNothing has come for ${patience}: ${options.tasks - done} of ${options.tasks} results are missing, ` +
            `${peers === 0 ? "and nobody is connected" : `with ${peers} connected`}. What a killed worker had taken does not come.`
        )
        told = done
      }
      before = done
    }
  })
  const collected = Pull.streamSchema(pull, Result, { onMalformed: skip("a result, which is empty") })
  const collect = collected.pipe(
    Stream.take(options.tasks),
    Stream.runForEach(() => terminal.display(++done % 10 === 0 ? ":" : "."))
  )
  const [elapsed] = yield* Effect.timed(Effect.raceFirst(collect, watch))
  yield* Console.log(`\nTotal elapsed time: ${Math.round(Duration.toMillis(elapsed))} ms`)

  if (control === undefined) return
  yield* Pub.sendSchema(control, Kill)("KILL")
  yield* Console.log("Told the workers to stop")
}, Effect.scoped)

/** Longer than any task takes. */
const patience = "3 seconds"

main(
  import.meta,
  Command.make(
    "sink",
    {
      bind: bind("tcp://127.0.0.1:10103", "tcp://127.0.0.1:10104"),
      tasks: number("tasks", "how many results to collect", 100),
      killSignal: toggle("kill-signal", "stop the workers when all is done")
    },
    sink
  ).pipe(Command.withDescription("Collects the results of the pipeline, and tells how long they took."))
)
