/**
 * Hello, the server: answers each "Hello" with "World", after a second of work.
 *
 *     npx --yes pnpm@12 exec node examples/hello/server.ts
 *
 * It serves any number of clients, one request after the other, in fair turn, and goes on until Ctrl-C. A "hello" in small
 * letters gets a "world" in small letters.
 */
import { type Endpoint, Message, Rep, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect } from "effect"
import { Command } from "effect/cli"
import { bind, duration, main } from "../main.ts"

export const server = Effect.fnUntraced(function* (options: {
  readonly bind: Endpoint.Input
  readonly delay: Duration.Input
}) {
  const rep = yield* Rep.make({ bind: options.bind })
  yield* Console.log(`Listening on ${yield* Socket.endpoints(rep)}`)

  yield* Rep.serve(rep, (request) =>
    Effect.gen(function* () {
      const text = request.length === 1 ? Message.text(request) : undefined
      const expected = text === "Hello" || text === "hello"
      yield* Console.log(expected ? text : `${Message.inspect(request)}, not quite Hello`)
      yield* Effect.sleep(options.delay)
      return text === "hello" ? "world" : "World"
    })
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "server",
    {
      bind: bind("tcp://127.0.0.1:5555"),
      delay: duration("delay", "how long an answer takes", Duration.seconds(1))
    },
    server
  ).pipe(Command.withDescription(`Answers each "Hello" with "World".`))
)
