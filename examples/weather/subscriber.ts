/**
 * The weather, the subscriber: collects twenty reports of one place, and averages them.
 *
 *     npx --yes pnpm@12 exec node examples/weather/subscriber.ts --zip 10001
 *
 * Only what it has subscribed to is sent to it. A subscription is a prefix: the space after the zip code keeps "1000"
 * from matching "10001".
 */
import { type Endpoint, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { connect, main, number } from "../main.ts"
import { skip } from "../messages.ts"
import { Report } from "./Report.ts"

export const subscriber = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly zip: number
  readonly count: number
}) {
  const sub = yield* Sub.make({ connect: options.connect, subscribe: `${options.zip} ` })
  yield* Console.log(`Collecting the weather in ${options.zip} from ${yield* Socket.endpoints(sub)}`)

  const onMalformed = skip("a report: a zip code, a temperature and a humidity")
  const sum = yield* Sub.streamSchema(sub, Report, { onMalformed }).pipe(
    Stream.take(options.count),
    Stream.tap(({ humidity, temperature }) => Console.log(`${temperature} °F, humidity ${humidity} %`)),
    Stream.runFold(
      () => 0,
      (sum, { temperature }) => sum + temperature
    )
  )

  const average = Math.round(sum / options.count)
  yield* Console.log(`The average temperature in ${options.zip} was ${average} °F, over ${options.count} reports`)
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "subscriber",
    {
      connect: connect("tcp://127.0.0.1:5556"),
      zip: number("zip", "the zip code of the place", 10_001),
      count: number("count", "how many reports to average", 20)
    },
    subscriber
  ).pipe(Command.withDescription("Averages the temperature of one place."))
)
