/**
 * Hello, the publisher: says "Hello" every three seconds, to whoever listens.
 *
 *     npx --yes pnpm@12 exec node examples/hello/publisher.ts
 *
 * It knows nothing of its subscribers; where nobody listens, what it says is dropped.
 */
import { type Endpoint, Pub, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Schedule } from "effect"
import { Command } from "effect/cli"
import { bind, duration, main } from "../main.ts"

export const publisher = Effect.fnUntraced(function* (options: {
  readonly bind: Endpoint.Input
  readonly interval: Duration.Input
}) {
  const pub = yield* Pub.make({ bind: options.bind })
  yield* Console.log(
    `Publishing Hello on ${yield* Socket.endpoints(pub)}, every ${Duration.format(Duration.fromInputUnsafe(options.interval))}`
  )

  const say = Effect.andThen(Pub.send(pub, "Hello"), Console.log("Hello"))
  yield* Effect.repeat(say, Schedule.fixed(options.interval))
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "publisher",
    {
      bind: bind("tcp://127.0.0.1:10100"),
      interval: duration("interval", "from one Hello to the next", Duration.seconds(3))
    },
    publisher
  ).pipe(Command.withDescription(`Says "Hello" again and again, to whoever listens.`))
)
