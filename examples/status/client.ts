/**
 * Status, a client: listens to what all report, and reports itself now and then, when there is nothing to hear.
 *
 *     npx --yes pnpm@12 exec node examples/status/client.ts --id 1
 *
 * It polls: it waits for a message, but for no longer than 100 ms, which `Effect.timeoutOption` says. What arrives later
 * is there for the next time. Without an id it is the tutorial's first version, which reports numbers.
 */
import { type Endpoint, Message, Push, Socket, Sub } from "@effect-zmq/core"
import { Console, Duration, Effect, Option, Random } from "effect"
import { Command, Flag } from "effect/cli"
import { connect, duration, main } from "../main.ts"

export const client = Effect.fnUntraced(function* (options: {
  /** Of the server: where it publishes, and where it collects. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
  readonly id: string | undefined
  readonly poll: Duration.Input
}) {
  const [updates, reports] = options.connect
  const name = options.id === undefined ? "" : `${options.id}: `
  const sub = yield* Sub.make({ connect: updates, subscribe: "" })
  const push = yield* Push.make({ connect: reports })
  yield* Console.log(
    `${name}Listening to ${yield* Socket.endpoints(sub)}, and reporting to ${yield* Socket.endpoints(push)}`
  )

  const turn = Effect.gen(function* () {
    const update = yield* Effect.timeoutOption(Sub.receive(sub), options.poll)
    if (Option.isSome(update)) {
      const [frame, ...more] = update.value
      return yield* Console.log(
        `${name}received ${more.length === 0 ? Message.text([frame]) : Message.inspect(update.value)}`
      )
    }
    const report = reportOf(options.id, yield* Random.nextIntBetween(1, 100))
    if (report === undefined) return
    yield* Push.send(push, report)
    yield* Console.log(`${name}reported ${report}`)
  })
  yield* Effect.forever(turn)
}, Effect.scoped)

/** What a roll of 1 to 100 has a client report, if anything. */
const reportOf = (id: string | undefined, roll: number): string | undefined => {
  if (roll < 10) return id === undefined ? `${roll}` : `(${id}:ON)`
  return roll > 90 && id !== undefined ? `(${id}:OFF)` : undefined
}

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558"),
      id: Flag.String("id").pipe(
        Flag.filter(
          (id) => /^[^\p{Cc}()]{1,60}$/u.test(id),
          () => "1 to 60 characters, without brackets and line breaks"
        ),
        Flag.withMetavar("NAME"),
        Flag.optional,
        Flag.map(Option.getOrUndefined),
        Flag.withDescription("what the client calls itself in its reports, such as 1 (default: it reports numbers)")
      ),
      poll: duration("poll", "how long to wait for something to hear", Duration.millis(100))
    },
    client
  ).pipe(Command.withDescription("Listens to what all clients report, and reports itself now and then."))
)
