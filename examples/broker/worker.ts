/**
 * The request-reply broker, a worker: answers the requests that the broker gives it.
 *
 *     npx --yes pnpm@12 exec node examples/broker/worker.ts
 *
 * Start as many as you like, whenever you like: they connect to the broker, and it gives them requests in turn.
 */
import { type Endpoint, Message, Rep, Socket } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"

export const worker = Effect.fnUntraced(function* (options: { readonly connect: Endpoint.Input }) {
  const rep = yield* Rep.make({ connect: options.connect })
  yield* Console.log(`Working for ${yield* Socket.endpoint(rep)}`)

  yield* Rep.serve(rep, (request) => Effect.as(Console.log(`Got ${Message.inspect(request)}`), "World"))
}, Effect.scoped)

main(
  import.meta,
  Command.make("worker", { connect: connect("tcp://127.0.0.1:5560") }, worker).pipe(
    Command.withDescription("Answers the requests that the broker gives it.")
  )
)
