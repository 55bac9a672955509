/**
 * The weather, the subscriber: collects twenty reports of one place, and averages them.
 *
 *     npx --yes pnpm@12 exec node examples/weather/subscriber.ts --zip 10001
 *
 * Only what it has subscribed to is sent to it. A subscription is a prefix: the space after the zip code keeps "1000"
 * from matching "10001".
 */
import { type Endpoint, Socket, Sub } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { connect, main, number } from "../main.ts"
import { skip } from "../messages.ts"
import { average } from "./average.ts"
import { Report } from "./Report.ts"

export const subscriber = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly zip: number
  readonly count: number
}) {
  const sub = yield* Sub.make({ connect: options.connect, subscribe: `${options.zip} ` })
  yield* Console.log(`Collecting the weather in ${options.zip} from ${yield* Socket.endpoints(sub)}`)

  const onMalformed = skip("a report: a zip code, a temperature and a humidity")
  yield* average(Sub.streamSchema(sub, Report, { onMalformed }), options)
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "subscriber",
    {
      connect: connect("tcp://127.0.0.1:5556"),
      zip: number("zip", "the zip code of the place", 10_001, 99_999),
      count: number("count", "how many reports to average", 20)
    },
    subscriber
  ).pipe(Command.withDescription("Averages the temperature of one place."))
)
