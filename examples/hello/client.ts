/**
 * Hello, the client: says "Hello" ten times, and prints the answers.
 *
 *     npx --yes pnpm@12 exec node examples/hello/client.ts
 *     npx --yes pnpm@12 exec node examples/hello/client.ts --say hello --interval "3 seconds" --connect tcp://127.0.0.1:10101
 *
 * It may be started before the server: the first request waits for it. Start as many as you like.
 */
import { type Endpoint, Message, Req, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Schedule } from "effect"
import { Command, Flag } from "effect/cli"
import { connect, duration, main, number } from "../main.ts"

export const client = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly count: number
  /** From one request to the next, unless the answer takes longer. */
  readonly interval?: Duration.Input
  readonly say?: "Hello" | "hello"
}) {
  const { say = "Hello" } = options
  const expected = say === "Hello" ? "World" : "world"
  const req = yield* Req.make({ connect: options.connect })
  yield* Console.log(`Saying ${say} to ${yield* Socket.endpoint(req)}, once it is there`)

  let i = 0
  const ask = Effect.gen(function* () {
    const reply = yield* Req.request(req, say)
    const answer = reply.length === 1 && Message.text(reply) === expected
    yield* Console.log(`${++i}: ${answer ? expected : `${Message.inspect(reply)}, not quite ${expected}`}`)
  })
  yield* Effect.repeat(ask, {
    schedule: Schedule.fixed(options.interval ?? 0),
    times: options.count - 1
  })
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5555"),
      count: number("count", "how many requests to make", 10),
      interval: duration("interval", "from one request to the next", Duration.zero),
      say: Flag.Literals("say", ["Hello", "hello"]).pipe(
        Flag.withDefault<"Hello" | "hello">("Hello"),
        Flag.withDescription("what to say (default: Hello)")
      )
    },
    client
  ).pipe(Command.withDescription(`Says "Hello", and prints the answers.`))
)
