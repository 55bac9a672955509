/**
 * A worker of a broker: `brokerWorker.ts BACKEND FILE`. Writes down each request that it has done before it replies, as what is
 * acknowledged must be.
 */
import { appendFileSync } from "node:fs"
import { NodeRuntime } from "@effect/platform-node"
import { Message } from "@effect-zmq/core"
import { Broker, Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer } from "effect"

// What the test passes.
const [connect, file] = process.argv.slice(2) as [`tcp://${string}:${string}`, string]

const handle = (request: Message.Message) =>
  Effect.gen(function* () {
    const text = Message.text(request)
    yield* Effect.sleep(2)
    yield* Effect.sync(() => appendFileSync(file, `${text}\n`))
    return `${text} done`
  })

Console.log("started").pipe(
  Effect.andThen(Broker.serve(handle, { connect, concurrency: 4, reconnect: { initial: 20, maximum: 100 } })),
  Effect.provide(Shutdown.layer().pipe(Layer.provideMerge(ZmqTransport.layer))),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
