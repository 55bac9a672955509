/**
 * Hello, the client: says "Hello" ten times, and prints the answers.
 *
 *     npx --yes pnpm@12 exec node examples/hello/client.ts
 *
 * It may be started before the server: the first request waits for it.
 */
import { type Endpoint, Message, Req, Socket } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { connect, main, number } from "../main.ts"

export const client = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly count: number
}) {
  const req = yield* Req.make({ connect: options.connect })
  yield* Console.log(`Saying Hello to ${yield* Socket.endpoint(req)}, once it is there`)

  for (let i = 1; i <= options.count; i++) {
    const reply = yield* Req.request(req, "Hello")
    yield* Console.log(
      `${i}: ${Message.text(reply) === "World" ? "World" : `${Message.inspect(reply)}, not quite World`}`
    )
  }
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5555"),
      count: number("count", "how many requests to make", 10)
    },
    client
  ).pipe(Command.withDescription(`Says "Hello", and prints the answers.`))
)
