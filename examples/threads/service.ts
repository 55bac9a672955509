/**
 * A service of several threads: clients see one server, which answers as many of them at once as it has threads.
 *
 *     npx --yes pnpm@12 exec node examples/threads/service.ts
 *
 * Its clients are those of hello (examples/hello/client.ts): start a few. A ROUTER takes their requests, a DEALER hands
 * them to the threads over inproc, and the answers go back the same way.
 */
import { Dealer, type Endpoint, Proxy, Router, Socket } from "@effect-zmq/core"
import { Console, Duration, Effect, Fiber, type Scope } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"
import { requests, startThread, type Options as Thread } from "./replier.ts"

export const service = Effect.fnUntraced(function* <E, E2, R>(options: {
  readonly bind: Endpoint.Input
  readonly threads: number
  readonly delay: Duration.Input
  /** Starts a thread, and gives its end. */
  readonly start: (thread: Thread) => Effect.Effect<Effect.Effect<void, E2>, E, R | Scope.Scope>
}) {
  const clients = yield* Router.make({ bind: options.bind, onFull: "drop" })
  const workers = yield* Dealer.make({ bind: requests })
  // What is made last ends first: the threads, while the proxy still passes on their last answers.
  const proxy = yield* Effect.forkScoped(Proxy.run(clients, workers))
  const threads = yield* Effect.forEach(
    Array.from({ length: options.threads }, (_, i) => i + 1),
    (thread) => options.start({ thread, delay: options.delay })
  )
  yield* Console.log(`Listening on ${yield* Socket.endpoints(clients)}, with ${options.threads} threads`)

  yield* Effect.all([Fiber.join(proxy), ...threads], { concurrency: "unbounded" })
}, Effect.scoped)

main(
  import.meta,
  Command.make("service", { bind: bind("tcp://127.0.0.1:5555") }, ({ bind }) =>
    service({ bind, threads: 5, delay: Duration.seconds(1), start: startThread })
  ).pipe(Command.withDescription(`Answers "World" to each request, in five threads.`))
)
