/**
 * The weather in envelopes, the publisher: each report is a message of two frames, its topic and its body.
 *
 *     npx --yes pnpm@12 exec node examples/weather/envelope-publisher.ts
 *
 * Subscriptions are compared with the first frame alone, so the body can be anything.
 */
import { type Endpoint, Pub, Socket } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"
import { madeUp, topic } from "./Report.ts"

export const envelopePublisher = Effect.fnUntraced(function* (options: { readonly bind: Endpoint.Input }) {
  const pub = yield* Pub.make({ bind: options.bind })
  yield* Console.log(`Publishing the weather, in envelopes, on ${yield* Socket.endpoints(pub)}`)

  yield* Stream.fromEffectRepeat(madeUp).pipe(
    Stream.map(({ humidity, temperature, zip }) => [topic(zip), `${temperature} ${humidity}`] as const),
    Stream.rechunk(100),
    Stream.run(Pub.sink(pub))
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make("envelope-publisher", { bind: bind("tcp://127.0.0.1:5563") }, envelopePublisher).pipe(
    Command.withDescription("Publishes made-up weather, each report with a topic frame.")
  )
)
