/**
 * The weather in envelopes, the subscriber: the same average, by the topic frame.
 *
 *     npx --yes pnpm@12 exec node examples/weather/envelope-subscriber.ts --zip 10001
 */
import { type Endpoint, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { connect, main, number } from "../main.ts"
import { skip } from "../messages.ts"
import { average } from "./average.ts"
import { Enveloped, topic } from "./Report.ts"

export const envelopeSubscriber = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly zip: number
  readonly count: number
}) {
  const sub = yield* Sub.make({ connect: options.connect, subscribe: topic(options.zip) })
  yield* Console.log(`Collecting the weather in ${options.zip}, in envelopes, from ${yield* Socket.endpoints(sub)}`)

  const onMalformed = skip("a report in an envelope: a zip code and /, then a temperature and a humidity")
  yield* average(Sub.streamSchema(sub, Enveloped, { onMalformed }), options)
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "envelope-subscriber",
    {
      connect: connect("tcp://127.0.0.1:5563"),
      zip: number("zip", "the zip code of the place", 10_001, 99_999),
      count: number("count", "how many reports to average", 20)
    },
    envelopeSubscriber
  ).pipe(Command.withDescription("Averages the temperature of one place, from reports with a topic frame."))
)
