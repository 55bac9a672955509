/**
 * A client of the asynchronous server that sends and receives apart: two fibers on one socket.
 *
 *     npx --yes pnpm@12 exec node examples/async-server/threaded-client.ts --id bob
 *
 * A socket may be used by any number of fibers at once: one makes a request a second, the other prints what comes.
 */
import { Dealer, type Endpoint, Message, Socket } from "@effect-zmq/core"
import { Console, Effect, Schedule, Stream } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"
import { id } from "./id.ts"

export const client = Effect.fnUntraced(function* (options: { readonly connect: Endpoint.Input; readonly id: string }) {
  const dealer = yield* Dealer.make({ connect: options.connect, routingId: options.id })
  yield* Console.log(`Client ${options.id} makes requests to ${yield* Socket.endpoint(dealer)}`)

  const send = Stream.iterate(1, (n) => n + 1).pipe(
    Stream.schedule(Schedule.spaced("1 second")),
    Stream.runForEach((n) => Effect.andThen(Dealer.send(dealer, `request #${n}`), Console.log(`Sent request #${n}`)))
  )
  const receive = Dealer.runForEach(dealer, (answer) =>
    Console.log(`${options.id} received ${Message.inspect(answer)}`)
  )
  yield* Effect.all([send, receive], { concurrency: "unbounded", discard: true })
}, Effect.scoped)

main(
  import.meta,
  Command.make("threaded-client", { connect: connect("tcp://127.0.0.1:5570"), id }, client).pipe(
    Command.withDescription("Makes a request a second in one fiber, and prints the answers in another.")
  )
)
