/**
 * Hello, the subscriber: prints all that the publisher says.
 *
 *     npx --yes pnpm@12 exec node examples/hello/subscriber.ts
 *
 * It subscribes to "", with which every message begins. What was said before it was there, it does not hear.
 */
import { type Endpoint, Message, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connect, main, number } from "../main.ts"

export const subscriber = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly count: number
}) {
  const sub = yield* Sub.make({ connect: options.connect, subscribe: "" })
  yield* Console.log(`Listening to ${yield* Socket.endpoints(sub)}`)

  yield* Sub.stream(sub).pipe(
    Stream.take(options.count),
    Stream.zipWithIndex,
    Stream.runForEach(([message, i]) =>
      Console.log(`${i + 1}: ${message.length === 1 ? Message.text(message) : Message.inspect(message)}`)
    )
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "subscriber",
    {
      connect: connect("tcp://127.0.0.1:10100"),
      count: number("count", "how many messages to hear", 10)
    },
    subscriber
  ).pipe(Command.withDescription("Prints all that a publisher says."))
)
