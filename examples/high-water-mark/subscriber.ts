/**
 * High-water marks, the slow subscriber: takes what is sent at its own pace, and tells what is missing.
 *
 *     npx --yes pnpm@12 exec node examples/high-water-mark/subscriber.ts
 */
import { type Endpoint, Message, Pull, Socket, Sub, type ZmqError } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { departure, unlessLeft } from "../connected.ts"
import { connect, main, number } from "../main.ts"
import { table } from "./table.ts"

export const subscriber = Effect.fnUntraced(function* (options: {
  /** Of the publisher's PUSH, and of its PUB. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
  /** Messages a second. */
  readonly rate: number
  readonly highWaterMark: number
}) {
  const [pushed, published] = options.connect
  const highWaterMark = { receive: options.highWaterMark }
  const sub = yield* Sub.make({ connect: published, subscribe: "", highWaterMark })
  yield* Console.log(`Waiting for the publisher on ${yield* Socket.endpoints(sub)}`)

  // The publisher begins when the PULL is there: the subscription comes first.
  const left = yield* departure(sub)
  yield* Socket.awaitConnected(sub)
  const pull = yield* Pull.make({ connect: pushed, highWaterMark })
  yield* Console.log(`Taking ${options.rate} messages a second, with room for ${options.highWaterMark}\n`)

  // It stays until the SUB has had its end.
  const [fromPush, fromPub] = yield* unlessLeft(
    Effect.all([takeAll(Pull.receive(pull), options.rate), takeAll(Sub.receive(sub), options.rate)]),
    left,
    () => "The publisher left before it had said that all was sent"
  )
  const row = (type: string, { received, sent }: typeof fromPush, missing: string) => [
    type,
    received.toLocaleString("en-US"),
    (sent - received).toLocaleString("en-US"),
    sent === received ? "" : missing
  ]
  yield* table(
    ["", "received", "missing", ""],
    [row("PULL", fromPush, "lost"), row("SUB", fromPub, "which the PUB dropped")]
  )
}, Effect.scoped)

/** Takes messages no faster than the rate, until the end, which says how many were sent. */
const takeAll = Effect.fnUntraced(function* (receive: Effect.Effect<Message.Message, ZmqError.ZmqError>, rate: number) {
  const burst = Math.max(1, Math.round(rate / 100))
  for (let received = 0; ; received++) {
    const message = yield* receive
    if (message.length === 2) return { received, sent: Number(Message.text(message)) }
    if (received % burst === burst - 1) yield* Effect.sleep((burst / rate) * 1000)
  }
})

main(
  import.meta,
  Command.make(
    "subscriber",
    {
      connect: connect("tcp://127.0.0.1:5565", "tcp://127.0.0.1:5566"),
      rate: number("rate", "how many messages to take a second", 5000),
      highWaterMark: number("high-water-mark", "how many messages may be queued", 100)
    },
    subscriber
  ).pipe(Command.withDescription("Takes messages slowly, and tells how many are missing."))
)
