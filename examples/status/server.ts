/**
 * Status, the server: collects what its clients report, and publishes every report to all of them, unchanged.
 *
 *     npx --yes pnpm@12 exec node examples/status/server.ts
 *
 * Reports come in by a PULL socket, and go out by a PUB socket: those who report and those who listen need not be the
 * same, nor know of each other.
 */
import { type Endpoint, Message, Pub, Pull, Socket } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"

export const server = Effect.fnUntraced(function* (options: {
  /** Where to publish, and where to collect. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const [updates, reports] = options.bind
  const publisher = yield* Pub.make({ bind: updates })
  const collector = yield* Pull.make({ bind: reports })
  yield* Console.log(
    `Publishing on ${yield* Socket.endpoints(publisher)} what is reported to ${yield* Socket.endpoints(collector)}`
  )

  yield* Pull.runForEach(collector, (report) =>
    Effect.andThen(
      Console.log(`Publishing ${report.length === 1 ? Message.text(report) : Message.inspect(report)}`),
      Pub.send(publisher, report)
    )
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make("server", { bind: bind("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558") }, server).pipe(
    Command.withDescription("Publishes to all its clients what any of them reports.")
  )
)
