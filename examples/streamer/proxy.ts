/**
 * The streamer: takes tasks from any number of ventilators, and gives them to any number of workers.
 *
 *     npx --yes pnpm@12 exec node examples/streamer/proxy.ts
 *
 * Ventilators connect to 10105 and workers to 10106, rather than to each other: neither need to know how many of the others
 * there are. Ctrl-C prints how much went through.
 */
import { type Endpoint, Proxy, Pull, Push, Socket } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"

export const proxy = Effect.fnUntraced(function* (options: {
  /** For ventilators, and for workers. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const ventilators = yield* Pull.make({ bind: options.bind[0] })
  const workers = yield* Push.make({ bind: options.bind[1] })
  yield* Console.log(
    `Ventilators connect to ${yield* Socket.endpoints(ventilators)}, workers to ${yield* Socket.endpoints(workers)}`
  )

  const proxy = yield* Proxy.make(ventilators, workers)
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Proxy.statistics(proxy), ({ backend: { sent } }) =>
      Console.log(`Passed on ${sent.messages} tasks of ${sent.bytes} bytes in all`)
    )
  )
  yield* Proxy.join(proxy)
}, Effect.scoped)

main(
  import.meta,
  Command.make("proxy", { bind: bind("tcp://127.0.0.1:10105", "tcp://127.0.0.1:10106") }, proxy).pipe(
    Command.withDescription("Passes tasks on from ventilators to workers, which both connect to it.")
  )
)
