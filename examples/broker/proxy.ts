/**
 * The request-reply broker, by a proxy: what broker.ts does by hand.
 *
 *     npx --yes pnpm@12 exec node examples/broker/proxy.ts
 */
import { Dealer, type Endpoint, Proxy, Router, Socket } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"

export const proxy = Effect.fnUntraced(function* (options: {
  /** For clients, and for workers. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const clients = yield* Router.make({ bind: options.bind[0], onFull: "drop" })
  const workers = yield* Dealer.make({ bind: options.bind[1] })
  yield* Console.log(
    `Clients connect to ${yield* Socket.endpoints(clients)}, workers to ${yield* Socket.endpoints(workers)}`
  )

  yield* Proxy.run(clients, workers)
}, Effect.scoped)

main(
  import.meta,
  Command.make("proxy", { bind: bind("tcp://127.0.0.1:5559", "tcp://127.0.0.1:5560") }, proxy).pipe(
    Command.withDescription("Joins clients to workers, which both connect to it.")
  )
)
