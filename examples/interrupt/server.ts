/**
 * Interrupted: a server that ends cleanly by Ctrl-C, in the middle of its work.
 *
 *     npx --yes pnpm@12 exec node examples/interrupt/server.ts
 *     npx --yes pnpm@12 exec node examples/hello/client.ts
 *
 * Ctrl-C interrupts the program's Effect: here while it waits for a request, and never between a request and its answer. The
 * request in hand is answered, the answer is delivered, the address is free, and the exit code says how it ended: 130.
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
  yield* Console.log(`Listening on ${yield* Socket.endpoints(rep)}: press Ctrl-C while it works`)

  let answered = 0
  const serve = Effect.uninterruptibleMask((interruptible) =>
    Effect.gen(function* () {
      const request = yield* interruptible(Rep.receive(rep))
      yield* Console.log(`Working on ${Message.inspect(request)}`)
      yield* Effect.sleep(options.delay)
      yield* Rep.reply(rep, "World")
      answered++
      yield* Console.log("Answered")
    })
  )
  yield* Effect.forever(serve).pipe(
    Effect.onInterrupt(() =>
      Effect.gen(function* () {
        const { flushed } = yield* Socket.drain(rep, "5 seconds")
        const requests = answered === 1 ? "1 request" : `${answered} requests`
        yield* Console.log(
          `Interrupted: answered ${requests}, ${flushed ? "and delivered all answers" : "but not all answers were taken"}`
        )
      })
    )
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
  ).pipe(Command.withDescription("Answers requests; Ctrl-C ends it after the one in hand."))
)
