/**
 * The pipeline, a worker: takes tasks, does them, tells the sink.
 *
 *     npx --yes pnpm@12 exec node examples/pipeline/worker.ts
 *
 * Start as many as you like. A task is to sleep for some milliseconds, and each prints a dot.
 */
import { type Endpoint, Pull, Push, Socket } from "@effect-zmq/core"
import { Console, Effect, Stream, Terminal } from "effect"
import { Command } from "effect/cli"
import { connectTwice, main } from "../main.ts"
import { skip } from "../messages.ts"
import { Task } from "./messages.ts"

export const worker = Effect.fnUntraced(function* (options: {
  /** Of the ventilator, and of the sink. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const terminal = yield* Terminal.Terminal
  const [ventilator, sink] = options.connect
  const tasks = yield* Pull.make({ connect: ventilator })
  const results = yield* Push.make({ connect: sink })
  yield* Console.log(`Waiting for tasks from ${yield* Socket.endpoints(tasks)}`)

  yield* Pull.streamSchema(tasks, Task, { onMalformed: skip("a task: a number of milliseconds, 1 to 100") }).pipe(
    Stream.tap((millis) => Effect.sleep(millis)),
    Stream.tap(() => Push.send(results, "")),
    Stream.runForEach(() => terminal.display("."))
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make("worker", { connect: connectTwice("tcp://127.0.0.1:10102", "tcp://127.0.0.1:10103") }, worker).pipe(
    Command.withDescription("Does the tasks of the pipeline's ventilator, and tells its sink.")
  )
)
