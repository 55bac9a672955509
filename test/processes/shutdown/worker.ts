/**
 * Pulls tasks and pushes what it has made of them, each after some milliseconds: `worker.ts TASKS RESULTS plain|pipeline`. Prints
 * how many tasks it took.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Message, Pull, Push } from "@effect-zmq/core"
import { Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer, Stream } from "effect"

// What the test passes.
const [from, to, kind] = process.argv.slice(2) as [`tcp://${string}:${string}`, `tcp://${string}:${string}`, string]

Effect.gen(function* () {
  let taken = 0
  yield* Effect.addFinalizer(() => Console.log(`took ${taken}`))
  const tasks = yield* Pull.make({ connect: from })
  const results = yield* Push.make({ connect: to })
  const work = (task: Message.Message) => {
    taken++
    return Effect.as(Effect.sleep(5), `${Message.text(task)} done`)
  }
  const push = (result: string) => Push.send(results, result)
  yield* kind === "plain"
    ? Pull.runForEach(tasks, (task) => Effect.uninterruptible(Effect.flatMap(work(task), push)))
    : Shutdown.graceful((stop) =>
        Pull.stream(tasks).pipe(
          Shutdown.until(stop),
          Stream.mapEffect(work, { concurrency: 8 }),
          Stream.buffer({ capacity: 16 }),
          Stream.runForEach(push)
        )
      )
}).pipe(
  Effect.scoped,
  Effect.provide(Shutdown.layer().pipe(Layer.provideMerge(ZmqTransport.layer))),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
