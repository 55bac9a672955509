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
import { Console, Duration, Effect, Stream, SubscriptionRef } from "effect"
import { Command } from "effect/cli"
import { unlessLeft } from "../connected.ts"
import { bind, main, number } from "../main.ts"

export const publisher = Effect.fnUntraced(function* (options: {
  /** For updates, and for subscribers to say that they are ready. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
  readonly subscribers: number
  readonly messages: number
}) {
  const [updates, ready] = options.bind
  const pub = yield* XPub.make({ bind: updates, verbosity: "all", noDrop: true })
  const rep = yield* Rep.make({ bind: ready })
  yield* Console.log(
    `Waiting for ${options.subscribers} subscribers on ${yield* Socket.endpoints(pub)}, ready on ${yield* Socket.endpoints(rep)}`
  )

  /** How many have said that they are ready. */
  const requests = yield* SubscriptionRef.make(0)
  /** How many are there: whose subscription ends, however it ends, has left. */
  const there = yield* SubscriptionRef.make(0)
  let isOver = false
  const presence = XPub.runForEach(pub, ({ _tag }) => {
    if (_tag === "Message" || isOver) return Effect.void
    if (_tag === "Subscribe") return SubscriptionRef.update(there, (n) => n + 1)
    return Effect.flatMap(
      SubscriptionRef.updateAndGet(there, (n) => n - 1),
      (n) => Console.log(`A subscriber has left: ${n === 1 ? "1 is" : `${n || "none"} are`} still there`)
    )
  })
  // Counted when it is answered: with the last one all begins, and may be over before this goes on.
  const readiness = Rep.receive(rep).pipe(
    Effect.andThen(Rep.reply(rep, "")),
    Effect.andThen(SubscriptionRef.update(requests, (n) => n + 1)),
    Effect.forever
  )

  const publishing = Effect.gen(function* () {
    yield* until(requests, (n) => n >= options.subscribers)
    yield* until(there, (n) => n >= options.subscribers)
    yield* Console.log("All are there: publishing")

    // Made once: what is sent is the same bytes each time.
    const update = Message.make("Rhubarb")
    const publish = Effect.gen(function* () {
      yield* Stream.range(1, options.messages).pipe(
        Stream.map(() => update),
        Stream.rechunk(1000),
        Stream.run(XPub.sink(pub))
      )
      // From here on they may leave.
      isOver = true
      yield* XPub.send(pub, "END")
      return yield* Socket.drain(pub, "1 minute")
    })
    const nobody = until(there, (n) => n === 0)
    const published = unlessLeft(publish, nobody, () => "All subscribers left before the end")
    const [elapsed, { flushed }] = yield* Effect.timed(published)
    const subscribers = yield* SubscriptionRef.get(there)
    yield* Console.log(
      flushed
        ? `Published ${count(options.messages)} updates to ${subscribers === 1 ? "1 subscriber" : `${subscribers} subscribers`} in ${Math.round(Duration.toMillis(elapsed))} ms`
        : "Not all was taken within a minute: a subscriber is too slow, or stuck"
    )
  })
  // The sockets are read until all is published, and what goes wrong with them ends it.
  const reading = Effect.all([presence, readiness], { concurrency: "unbounded" })
  yield* Effect.raceFirst(publishing, Effect.andThen(reading, Effect.never))
}, Effect.scoped)

const until = (count: SubscriptionRef.SubscriptionRef<number>, isSo: (count: number) => boolean) =>
  Stream.runDrain(Stream.takeUntil(SubscriptionRef.changes(count), isSo))

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
