/**
 * Several sockets, in fair turn: neither tasks nor the weather can keep the other waiting.
 *
 *     npx --yes pnpm@12 exec node examples/multi-socket/poller.ts
 *
 * It reads from the pipeline's ventilator (started with --bind tcp://127.0.0.1:5557) and from the weather publisher.
 */
import { type Endpoint, Message, Poller, Pull, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connectTwice, main } from "../main.ts"

export const poller = Effect.fnUntraced(function* (options: {
  /** Of the ventilator, and of the weather publisher. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const [ventilator, publisher] = options.connect
  const tasks = yield* Pull.make({ connect: ventilator })
  const weather = yield* Sub.make({ connect: publisher, subscribe: "10001" })
  yield* Console.log(
    `Reading tasks from ${yield* Socket.endpoints(tasks)}, and the weather from ${yield* Socket.endpoints(weather)}`
  )

  yield* Poller.merge({ task: tasks, weather }).pipe(
    Stream.runForEach(({ _tag, value }) => Console.log(`${_tag}: ${Message.inspect(value)}`))
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make("poller", { connect: connectTwice("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556") }, poller).pipe(
    Command.withDescription("Reads from two sockets, in fair turn.")
  )
)
