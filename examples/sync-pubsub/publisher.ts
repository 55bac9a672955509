/**
 * Synchronised publishing, the publisher: begins when all subscribers are there, and loses nothing.
 *
 *     npx --yes pnpm@12 exec node examples/sync-pubsub/publisher.ts --subscribers 3 --messages 1000000
 *
 * A publisher that just begins loses what it says before the first subscription has arrived, and what a subscriber has no
 * room for. So this one waits until every subscriber has told it by a request that it is ready, and its subscription has
 * arrived too, which an XPUB sees; and with `noDrop` it waits for room. It is as slow as its slowest subscriber then.
 */
import { type Endpoint, Message, Rep, Socket, XPub } from "@effect-zmq/core"
import { Console, Duration, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { bind, main, number } from "../main.ts"

export const publisher = Effect.fnUntraced(function* (options: {
  /** For updates, and for subscribers to say that they are ready. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
  readonly subscribers: number
  readonly messages: number
}) {
  const [updates, ready] = options.bind
  const pub = yield* XPub.make({ bind: updates, verbosity: "subscriptions", noDrop: true })
  const rep = yield* Rep.make({ bind: ready })
  yield* Console.log(
    `Waiting for ${options.subscribers} subscribers on ${yield* Socket.endpoints(pub)}, ready on ${yield* Socket.endpoints(rep)}`
  )

  const subscriptions = XPub.stream(pub).pipe(
    Stream.filter(({ _tag }) => _tag === "Subscribe"),
    Stream.take(options.subscribers),
    Stream.runDrain
  )
  const requests = Effect.replicateEffect(Effect.andThen(Rep.receive(rep), Rep.reply(rep, "")), options.subscribers)
  yield* Effect.all([subscriptions, requests], { concurrency: "unbounded" })
  yield* Console.log("All are there: publishing")

  // Made once: what is sent is the same bytes each time.
  const update = Message.make("Rhubarb")
  const publish = Effect.gen(function* () {
    yield* Stream.range(1, options.messages).pipe(
      Stream.map(() => update),
      Stream.rechunk(1000),
      Stream.run(XPub.sink(pub))
    )
    yield* XPub.send(pub, "END")
    return yield* Socket.drain(pub, "1 minute")
  })
  const [elapsed, { flushed }] = yield* Effect.timed(publish)
  yield* Console.log(
    flushed
      ? `Published ${count(options.messages)} updates to ${options.subscribers} subscribers in ${Math.round(Duration.toMillis(elapsed))} ms`
      : "Not all was taken within a minute: a subscriber is too slow, or stuck"
  )
}, Effect.scoped)

const count = (n: number): string => n.toLocaleString("en-US")

main(
  import.meta,
  Command.make(
    "publisher",
    {
      bind: bind("tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562"),
      subscribers: number("subscribers", "how many subscribers to wait for", 10, 1000),
      messages: number("messages", "how many updates to publish", 1_000_000, 1_000_000_000)
    },
    publisher
  ).pipe(Command.withDescription("Publishes to so many subscribers, from the first message on, and loses nothing."))
)
