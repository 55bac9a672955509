/**
 * DEALER in place of REQ: makes ten requests at once, and prints the answers as they come.
 *
 *     npx --yes pnpm@12 exec node examples/dealer-router/client.ts
 *
 * On the wire it is a REQ: the server may be dealer-router/server.ts, which takes a second for all ten, or the REP of
 * hello/server.ts, which takes a second for each.
 */
import { Dealer, type Endpoint, Message, Socket } from "@effect-zmq/core"
import { Envelope } from "@effect-zmq/patterns"
import { Console, Duration, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"
import { skip } from "../messages.ts"

const requests = 10

/** An empty frame, and text: what a REQ would give as text. */
const Answer = Envelope.delimited(Message.frame(Message.Utf8))

export const client = Effect.fnUntraced(function* (options: { readonly connect: Endpoint.Input }) {
  const dealer = yield* Dealer.make({ connect: options.connect })
  yield* Console.log(`Making ten requests at once to ${yield* Socket.endpoint(dealer)}`)

  // A REQ sends one request and waits. A DEALER does not, and adds no empty frame either.
  yield* Dealer.sendAll(
    dealer,
    Array.from({ length: requests }, () => Envelope.delimit("Hello"))
  )

  const answers = Dealer.streamSchema(dealer, Answer, { onMalformed: skip("an empty frame, and an answer") })
  const [elapsed] = yield* answers.pipe(
    Stream.take(requests),
    Stream.zipWithIndex,
    Stream.runForEach(([answer, i]) => Console.log(`${i + 1}: ${answer}`)),
    Effect.timed
  )
  yield* Console.log(`${requests} answers in ${Math.round(Duration.toMillis(elapsed))} ms`)
}, Effect.scoped)

main(
  import.meta,
  Command.make("client", { connect: connect("tcp://127.0.0.1:5555") }, client).pipe(
    Command.withDescription("Makes ten requests at once, by a DEALER.")
  )
)
