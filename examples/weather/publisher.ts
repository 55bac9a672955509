/**
 * The weather, the publisher: reports of made-up weather, all over the country, as fast as they are made.
 *
 *     npx --yes pnpm@12 exec node examples/weather/publisher.ts
 *
 * It knows nothing of its subscribers; without any, what it publishes is dropped at once.
 */
import { type Endpoint, Pub, Socket } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"
import { madeUp } from "./Report.ts"

export const publisher = Effect.fnUntraced(function* (options: { readonly bind: Endpoint.Input }) {
  const pub = yield* Pub.make({ bind: options.bind })
  yield* Console.log(`Publishing the weather on ${yield* Socket.endpoints(pub)}`)

  // A hundred reports at a time: the fast form of sending.
  yield* Stream.fromEffectRepeat(madeUp).pipe(
    Stream.map(({ humidity, temperature, zip }) => `${zip} ${temperature} ${humidity}`),
    Stream.rechunk(100),
    Stream.run(Pub.sink(pub))
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make("publisher", { bind: bind("tcp://127.0.0.1:5556") }, publisher).pipe(
    Command.withDescription("Publishes made-up weather for every zip code.")
  )
)
