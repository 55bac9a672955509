/**
 * Synchronised publishing, a subscriber: says that it is ready, and counts what it gets.
 *
 *     npx --yes pnpm@12 exec node examples/sync-pubsub/subscriber.ts
 *
 * It is ready when the connection that its subscription takes is made, which `Socket.events` tells: no sleep is needed.
 */
import { type Endpoint, Message, Req, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connected } from "../connected.ts"
import { connect, main } from "../main.ts"

export const subscriber = Effect.fnUntraced(function* (options: {
  /** Of the publisher: its updates, and where to say that we are ready. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const [updates, ready] = options.connect
  const sub = yield* Sub.make({ connect: updates, subscribe: "" })
  const req = yield* Req.make({ connect: ready })
  yield* Console.log(`Subscribing to ${yield* Socket.endpoints(sub)}`)

  yield* connected(sub)
  yield* Req.request(req, "")
  yield* Console.log("Ready")

  // Arrays, the fast form: after the end there is nothing to lose.
  const received = yield* Sub.batches(sub).pipe(
    Stream.takeUntil((batch) => batch.some(isEnd)),
    Stream.runFold(
      () => 0,
      (sum, batch) => sum + (batch.some(isEnd) ? batch.findIndex(isEnd) : batch.length)
    )
  )
  yield* Console.log(`Received ${received.toLocaleString("en-US")} updates`)
}, Effect.scoped)

const isEnd = (message: Message.Message): boolean => message[0].length === 3 && Message.text(message) === "END"

main(
  import.meta,
  Command.make("subscriber", { connect: connect("tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562") }, subscriber).pipe(
    Command.withDescription("Tells the publisher that it is ready, and counts what is published.")
  )
)
