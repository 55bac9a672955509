/**
 * High-water marks, the fast publisher: what happens when messages are made faster than they are taken.
 *
 *     npx --yes pnpm@12 exec node examples/high-water-mark/publisher.ts
 *
 * A queue holds as many messages as its high-water mark says; then a PUSH waits, and a PUB drops. It sends the same to both,
 * one after the other, and tells how long that took. The slow subscriber (subscriber.ts) tells what arrived.
 */
import { type Endpoint, Pub, Push, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Schedule, Stream } from "effect"
import { Command } from "effect/cli"
import { departure, unlessLeft } from "../connected.ts"
import { bind, main, number } from "../main.ts"
import { table } from "./table.ts"

export const publisher = Effect.fnUntraced(function* (options: {
  /** Of the PUSH, and of the PUB. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
  readonly messages: number
  readonly size: number
  readonly highWaterMark: number
}) {
  const [pushed, published] = options.bind
  const highWaterMark = { send: options.highWaterMark }
  const push = yield* Push.make({ bind: pushed, highWaterMark, immediate: true })
  const pub = yield* Pub.make({ bind: published, highWaterMark })
  const left = yield* departure(pub)
  yield* Console.log(`PUSH on ${yield* Socket.endpoints(push)}, PUB on ${yield* Socket.endpoints(pub)}`)
  yield* Console.log(`with room for ${options.highWaterMark} messages each, of ${options.size} bytes\n`)

  const body = new Uint8Array(options.size)
  const messages = Stream.range(1, options.messages).pipe(Stream.map(() => body))
  const row = (type: string, full: string, elapsed: Duration.Duration) => [
    type,
    options.messages.toLocaleString("en-US"),
    `${Math.round(Duration.toMillis(elapsed)).toLocaleString("en-US")} ms`,
    full
  ]

  const end = ["END", `${options.messages}`] as const
  const sending = Effect.gen(function* () {
    // The first message waits for the subscriber, the others for room.
    yield* Push.send(push, body)
    const [pushing] = yield* Effect.timed(Stream.run(Stream.drop(messages, 1), Push.sink(push)))
    const [publishing] = yield* Effect.timed(Stream.run(messages, Pub.sink(pub)))
    yield* Push.send(push, end)
    return { pushing, publishing }
  })
  const { publishing, pushing } = yield* unlessLeft(sending, left, () => "The subscriber left before it had taken all")
  yield* table(
    ["", "sent", "in", "when there is no room"],
    [row("PUSH", "it waits", pushing), row("PUB", "it drops", publishing)]
  )

  // The end is a message too. A PUSH delivers it; a PUB may have to drop it, and so says it until the subscriber leaves.
  yield* Effect.raceFirst(
    left,
    Effect.andThen(Effect.repeat(Pub.send(pub, end), Schedule.spaced("20 millis")), Effect.never)
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "publisher",
    {
      bind: bind("tcp://127.0.0.1:5565", "tcp://127.0.0.1:5566"),
      messages: number("messages", "how many messages to send by each socket", 20_000),
      size: number("size", "how large a message is, in bytes", 1000, 100_000),
      highWaterMark: number("high-water-mark", "how many messages may be queued", 100)
    },
    publisher
  ).pipe(Command.withDescription("Sends faster than anyone can take, by a PUSH and by a PUB."))
)
