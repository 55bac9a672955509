/**
 * The pipeline, a worker: takes tasks, does them, tells the sink.
 *
 *     npx --yes pnpm@12 exec node examples/pipeline/worker.ts
 *     npx --yes pnpm@12 exec node examples/pipeline/worker.ts --kill-signal
 *
 * Start as many as you like. A task is to sleep for some milliseconds, and each prints a dot. With `--kill-signal` a worker
 * ends when the sink, started with the same flag, says so.
 */
import { type Endpoint, type Message, Poller, Pull, Push, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Option, Schema, Stream, Terminal } from "effect"
import { Command } from "effect/cli"
import { connect, main, toggle } from "../main.ts"
import { skip } from "../messages.ts"
import { Kill, Task } from "./messages.ts"

export const worker = Effect.fnUntraced(function* (options: {
  /** Of the ventilator, of the sink, and of the sink's kill signal. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input, Endpoint.Input]
  readonly killSignal?: boolean
}) {
  const [ventilator, sink, signals] = options.connect
  const terminal = yield* Terminal.Terminal
  const control = options.killSignal === true ? yield* listenTo(signals) : undefined
  const tasks = yield* Pull.make({ connect: ventilator })
  const results = yield* Push.make({ connect: sink })
  yield* Console.log(`Waiting for tasks from ${yield* Socket.endpoints(tasks)}`)

  const work = Effect.fnUntraced(function* (millis: number) {
    yield* Effect.sleep(millis)
    yield* Push.send(results, "")
    yield* terminal.display(".")
  })
  const onMalformed = skip("a task: a number of milliseconds, 1 to 100")
  if (control === undefined) {
    return yield* Stream.runForEach(Pull.streamSchema(tasks, Task, { onMalformed }), work)
  }

  const readTask = Schema.decodeOption(Task)
  const notKill = skip("the kill signal, KILL")
  // Whatever is left to do: the kill signal comes first.
  yield* Poller.prioritize([
    ["control", control],
    ["task", tasks]
  ]).pipe(
    Stream.takeWhile(({ _tag, value }) => _tag === "task" || !isKill(value)),
    Stream.runForEach(({ _tag, value }) =>
      _tag === "control"
        ? notKill(value)
        : Option.match(readTask(value), { onNone: () => onMalformed(value), onSome: work })
    )
  )
  yield* Console.log("\nTold to stop")
}, Effect.scoped)

const isKill = (message: Message.Message) => Option.isSome(readKill(message))
const readKill = Schema.decodeOption(Kill)

/**
 * Subscribes to the kill signal, and waits until there is somebody who can give it: who takes tasks without being heard of
 * could miss it.
 */
const listenTo = Effect.fnUntraced(function* (endpoint: Endpoint.Input) {
  const control = yield* Sub.make({ connect: endpoint, subscribe: "" })
  yield* Socket.awaitConnected(control)
  return control
})

main(
  import.meta,
  Command.make(
    "worker",
    {
      connect: connect("tcp://127.0.0.1:10102", "tcp://127.0.0.1:10103", "tcp://127.0.0.1:10104"),
      killSignal: toggle("kill-signal", "end when the sink says so")
    },
    worker
  ).pipe(Command.withDescription("Does the tasks of the pipeline's ventilator, and tells its sink."))
)
