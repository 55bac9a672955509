/**
 * The pipeline, the ventilator: hands a batch of tasks to the workers.
 *
 *     npx --yes pnpm@12 exec node examples/pipeline/ventilator.ts
 *
 *     npx --yes pnpm@12 exec node examples/pipeline/ventilator.ts --streamer tcp://127.0.0.1:10105
 *
 * Tasks go to the workers in turn: to those that are there when it begins, and so it waits for Enter. With `--streamer` they
 * go to streamer/proxy, which knows the workers.
 */
import { type Endpoint, Push, Socket } from "@effect-zmq/core"
import { Console, Effect, Option, Random, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import { bind, connect, endpoint, main, number, toggle } from "../main.ts"

export const ventilator = Effect.fnUntraced(function* <E, R>(options: {
  readonly bind: Endpoint.Input
  readonly connect: Endpoint.Input
  /** To connect to rather than to bind. */
  readonly streamer?: Endpoint.Input | undefined
  readonly tasks: number
  /** Ends when it is time to begin. */
  readonly ready: Effect.Effect<void, E, R>
}) {
  const { streamer } = options
  const workers = yield* Push.make(streamer === undefined ? { bind: options.bind } : { connect: streamer })
  const sink = yield* Push.make({ connect: options.connect })
  const way = streamer === undefined ? "on" : "by way of"
  yield* Console.log(`Handing out tasks ${way} ${yield* Socket.endpoints(workers)}`)

  yield* options.ready
  // The sink is to have its word before a worker's result. Where there is none, as with multi-socket, nobody waits for it.
  yield* Effect.timeoutOption(Socket.awaitConnected(sink), "1 second")
  yield* Push.send(sink, "0")

  const tasks = yield* Effect.replicateEffect(Random.nextIntBetween(1, 100), options.tasks)
  yield* Push.sendAll(workers, tasks.map(String))

  const { flushed } = yield* Socket.drain(workers, "5 seconds")
  const total = tasks.reduce((sum, millis) => sum + millis, 0)
  yield* Console.log(
    flushed
      ? `Handed out ${tasks.length} tasks: ${total} ms of work`
      : `Handed out ${tasks.length} tasks, but not all were taken: the workers are too slow, or gone`
  )
}, Effect.scoped)

const enter = Terminal.Terminal.use((terminal) =>
  Effect.andThen(terminal.display("Press Enter when the workers are ready: "), terminal.readLine)
)

main(
  import.meta,
  Command.make(
    "ventilator",
    {
      bind: bind("tcp://127.0.0.1:10102"),
      connect: connect("tcp://127.0.0.1:10103"),
      streamer: endpoint("streamer", "where a streamer is, to connect to it rather than to bind").pipe(Flag.optional),
      tasks: number("tasks", "how many tasks to hand out", 100),
      yes: toggle("yes", "begin at once, without Enter")
    },
    ({ streamer, yes, ...options }) =>
      ventilator({ ...options, streamer: Option.getOrUndefined(streamer), ready: yes ? Effect.void : enter })
  ).pipe(Command.withDescription("Hands a batch of tasks to the workers of the pipeline."))
)
