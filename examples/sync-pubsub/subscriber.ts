/**
 * Synchronised publishing, a subscriber: says that it is ready, and counts what it gets.
 *
 *     npx --yes pnpm@12 exec node examples/sync-pubsub/subscriber.ts
 *
 * It is ready when the connection that its subscription takes is made, which `Socket.awaitConnected` waits for: no sleep is needed.
 */
import { type Endpoint, Message, Req, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { departure, unlessLeft } from "../connected.ts"
import { connect, main } from "../main.ts"

export const subscriber = Effect.fnUntraced(function* (options: {
  /** Of the publisher: its updates, and where to say that we are ready. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const [published, ready] = options.connect
  const sub = yield* Sub.make({ connect: published, subscribe: "" })
  const req = yield* Req.make({ connect: ready })
  yield* Console.log(`Subscribing to ${yield* Socket.endpoints(sub)}`)

  const left = yield* departure(sub)
  yield* Socket.awaitConnected(sub)

  let received = 0
  const updates = Effect.gen(function* () {
    yield* Req.request(req, "")
    yield* Console.log("Ready")
    // Arrays, the fast form: after the end there is nothing to lose.
    yield* Sub.batches(sub).pipe(
      Stream.takeUntil((batch) => batch.some(isEnd)),
      Stream.runForEach((batch) =>
        Effect.sync(() => {
          received += batch.some(isEnd) ? batch.findIndex(isEnd) : batch.length
        })
      )
    )
  })
  yield* unlessLeft(
    updates,
    // What it had sent before it left is still to be taken.
    Effect.andThen(left, Effect.sleep("1 second")),
    () => `The publisher left before its end: ${count(received)} updates had come`
  )
  yield* Console.log(`Received ${count(received)} updates`)
}, Effect.scoped)

const count = (n: number): string => n.toLocaleString("en-US")

const isEnd = (message: Message.Message): boolean => message[0].length === 3 && Message.text(message) === "END"

main(
  import.meta,
  Command.make("subscriber", { connect: connect("tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562") }, subscriber).pipe(
    Command.withDescription("Tells the publisher that it is ready, and counts what is published.")
  )
)
