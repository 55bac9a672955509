/**
 * Several sockets, in order of priority: tasks first, and the weather when there is no task.
 *
 *     npx --yes pnpm@12 exec node examples/multi-socket/reader.ts
 *
 * It reads from the pipeline's ventilator (started with --bind tcp://127.0.0.1:5557) and from the weather publisher.
 */
import { type Endpoint, Message, Poller, Pull, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connectTwice, main } from "../main.ts"

export const reader = Effect.fnUntraced(function* (options: {
  /** Of the ventilator, and of the weather publisher. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const [ventilator, publisher] = options.connect
  const tasks = yield* Pull.make({ connect: ventilator })
  const weather = yield* Sub.make({ connect: publisher, subscribe: "10001" })
  yield* Console.log(
    `Reading tasks from ${yield* Socket.endpoints(tasks)}, and then the weather from ${yield* Socket.endpoints(weather)}`
  )

  yield* Poller.prioritize([
    ["task", tasks],
    ["weather", weather]
  ]).pipe(Stream.runForEach(({ _tag, value }) => Console.log(`${_tag}: ${Message.inspect(value)}`)))
}, Effect.scoped)

main(
  import.meta,
  Command.make("reader", { connect: connectTwice("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556") }, reader).pipe(
    Command.withDescription("Reads from two sockets: tasks first, then the weather.")
  )
)
