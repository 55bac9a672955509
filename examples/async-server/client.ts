/**
 * A client of the asynchronous server: makes a request, looks for answers for a while, and makes the next.
 *
 *     npx --yes pnpm@12 exec node examples/async-server/client.ts --id ada
 *
 * It does not wait for its answer: with the server gone it goes on, and gets its answers when the server is back. Each
 * client needs an id of its own, by which the server's ROUTER knows it.
 */
import { Dealer, type Endpoint, Message, Socket } from "@effect-zmq/core"
import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"
import { id } from "./id.ts"

export const client = Effect.fnUntraced(function* (options: { readonly connect: Endpoint.Input; readonly id: string }) {
  const dealer = yield* Dealer.make({ connect: options.connect, routingId: options.id })
  yield* Console.log(`Client ${options.id} makes requests to ${yield* Socket.endpoint(dealer)}`)

  for (let n = 1; ; n++) {
    yield* Dealer.send(dealer, `request #${n}`)
    yield* Console.log(`Sent request #${n}`)
    for (let look = 1; look <= 5; look++) {
      // A `receive` that times out has taken nothing: what comes later is for the next one.
      const answer = yield* Effect.timeoutOption(Dealer.receive(dealer), "1 second")
      if (Option.isSome(answer)) yield* Console.log(`${options.id} received ${Message.inspect(answer.value)}`)
    }
  }
}, Effect.scoped)

main(
  import.meta,
  Command.make("client", { connect: connect("tcp://127.0.0.1:5570"), id }, client).pipe(
    Command.withDescription("Makes a request every few seconds, and prints the answers.")
  )
)
