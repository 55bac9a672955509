/**
 * The asynchronous server: any number of clients, any number of requests at once, and threads that work on them.
 *
 *     npx --yes pnpm@12 exec node examples/async-server/server.ts --workers 4
 *
 * A ROUTER takes the requests over tcp, and a DEALER hands them to the worker threads over inproc, in turn; answers go back
 * the same way, whenever they are ready.
 */
import { Dealer, type Endpoint, Proxy, Router, Socket } from "@effect-zmq/core"
import { Console, Effect, Fiber, type Scope } from "effect"
import { Command } from "effect/cli"
import { bind, main, number } from "../main.ts"
import { backend, startThread } from "./worker.ts"

export const server = Effect.fnUntraced(function* <E, E2, R>(options: {
  readonly bind: Endpoint.Input
  readonly workers: number
  /** Starts a worker, and gives its end. */
  readonly start: (index: number) => Effect.Effect<Effect.Effect<void, E2>, E, R | Scope.Scope>
}) {
  // What is made last ends first, however this ends: the workers, while the proxy still passes on their last answers; then
  // the proxy; then the sockets. There is no line after an endless loop that is to close them, and is never reached.
  const clients = yield* Router.make({ bind: options.bind, onFull: "drop" })
  const workers = yield* Dealer.make({ bind: backend })
  const proxy = yield* Effect.forkScoped(Proxy.run(clients, workers))
  const ended = yield* Effect.forEach(
    Array.from({ length: options.workers }, (_, i) => i + 1),
    options.start
  )
  yield* Console.log(`Listening on ${yield* Socket.endpoints(clients)}`)

  yield* Effect.all([Fiber.join(proxy), ...ended], { concurrency: "unbounded" })
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "server",
    {
      bind: bind("tcp://127.0.0.1:5570"),
      workers: number("workers", "how many worker threads", 4, 64)
    },
    (options) => server({ ...options, start: startThread })
  ).pipe(Command.withDescription("Sends each request back to its client, by worker threads."))
)
