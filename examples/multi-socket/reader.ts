/**
 * Several sockets, without a poller: tasks first, and the weather when there is no task.
 *
 *     npx --yes pnpm@12 exec node examples/multi-socket/reader.ts
 *
 * It asks one socket after the other whether something is there, and sleeps for a millisecond when nothing is. That is how
 * it is done where there is no poller: poller.ts is both simpler and quicker, because it waits.
 *
 * It reads from the pipeline's ventilator (started with --bind tcp://127.0.0.1:5557) and from the weather publisher.
 */
import { type Endpoint, Message, Pull, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"

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

  const turn = Effect.gen(function* () {
    const task = yield* Pull.poll(tasks)
    if (Option.isSome(task)) return yield* Console.log(`task: ${Message.inspect(task.value)}`)
    const report = yield* Sub.poll(weather)
    if (Option.isSome(report)) return yield* Console.log(`weather: ${Message.inspect(report.value)}`)
    yield* Effect.sleep("1 millis")
  })
  yield* Effect.forever(turn)
}, Effect.scoped)

main(
  import.meta,
  Command.make("reader", { connect: connect("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556") }, reader).pipe(
    Command.withDescription("Reads from two sockets without a poller: tasks first, then the weather.")
  )
)
