/**
 * The request-reply broker, a client: makes ten requests, one after the other.
 *
 *     npx --yes pnpm@12 exec node examples/broker/client.ts
 *
 * It knows the broker, and no worker: these come and go.
 */
import { type Endpoint, Message, Req, Socket } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"

export const client = Effect.fnUntraced(function* (options: { readonly connect: Endpoint.Input }) {
  const req = yield* Req.make({ connect: options.connect })
  yield* Console.log(`Making ten requests to ${yield* Socket.endpoint(req)}`)

  for (let i = 1; i <= 10; i++) {
    yield* Console.log(`${i}: ${Message.text(yield* Req.request(req, "Hello"))}`)
  }
}, Effect.scoped)

main(
  import.meta,
  Command.make("client", { connect: connect("tcp://127.0.0.1:5559") }, client).pipe(
    Command.withDescription("Makes ten requests to the broker, and prints the answers.")
  )
)
