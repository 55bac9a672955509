/**
 * Several sockets, by a poller: in fair turn, so that neither tasks nor the weather can keep the other waiting, or tasks
 * first.
 *
 *     npx --yes pnpm@12 exec node examples/multi-socket/poller.ts
 *     npx --yes pnpm@12 exec node examples/multi-socket/poller.ts --tasks-first
 *
 * It reads from the pipeline's ventilator (started with --bind tcp://127.0.0.1:5557) and from the weather publisher.
 */
import { type Endpoint, Message, Poller, Pull, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connect, main, toggle } from "../main.ts"

export const poller = Effect.fnUntraced(function* (options: {
  /** Of the ventilator, and of the weather publisher. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
  readonly tasksFirst?: boolean
}) {
  const [ventilator, publisher] = options.connect
  const tasks = yield* Pull.make({ connect: ventilator })
  const weather = yield* Sub.make({ connect: publisher, subscribe: "10001" })
  yield* Console.log(
    `Reading tasks from ${yield* Socket.endpoints(tasks)}, and the weather from ${yield* Socket.endpoints(weather)}`
  )

  const polled = options.tasksFirst
    ? Poller.prioritize([
        ["task", tasks],
        ["weather", weather]
      ])
    : Poller.merge({ task: tasks, weather })
  yield* Stream.runForEach(polled, ({ _tag, value }) => Console.log(`${_tag}: ${Message.inspect(value)}`))
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "poller",
    {
      connect: connect("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556"),
      tasksFirst: toggle("tasks-first", "the weather only when there is no task")
    },
    poller
  ).pipe(Command.withDescription("Reads from two sockets by a poller: in fair turn, or tasks first."))
)
