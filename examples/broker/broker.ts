/**
 * The request-reply broker: joins any number of clients to any number of workers, which do not know each other.
 *
 *     npx --yes pnpm@12 exec node examples/broker/broker.ts
 *
 * Clients (REQ) and workers (REP) both connect to it. A message has its way in front of its body, as frames of its own:
 * the ROUTER puts the client's id before a request, the worker's REP keeps what is in front of the body and puts it back,
 * and by the id the ROUTER finds the client again. The broker only passes on. (proxy.ts is the same in one line.)
 */
import { Dealer, type Endpoint, Router, Socket } from "@effect-zmq/core"
import { Array, Console, Effect } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"
import { skip } from "../messages.ts"

export const broker = Effect.fnUntraced(function* (options: {
  /** For clients, and for workers. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
}) {
  // The broker waits for no single client: one that reads too slowly loses what has no room.
  const clients = yield* Router.make({ bind: options.bind[0], onFull: "drop" })
  const workers = yield* Dealer.make({ bind: options.bind[1] })
  yield* Console.log(
    `Clients connect to ${yield* Socket.endpoints(clients)}, workers to ${yield* Socket.endpoints(workers)}`
  )

  const requests = Router.runForEach(clients, ({ from, message }) => Dealer.send(workers, [from, ...message]))
  const replies = Dealer.runForEach(workers, (message) => {
    const [to, ...rest] = message
    if (!Array.isArrayNonEmpty(rest)) return skip("a client's id, and what it is to get")(message)
    return Effect.catchReason(Router.send(clients, { to, message: rest }), "ZmqError", "Unroutable", () =>
      Console.log("A client left before its answer came")
    )
  })
  yield* Effect.all([requests, replies], { concurrency: "unbounded" })
}, Effect.scoped)

main(
  import.meta,
  Command.make("broker", { bind: bind("tcp://127.0.0.1:5559", "tcp://127.0.0.1:5560") }, broker).pipe(
    Command.withDescription("Joins clients to workers, which both connect to it.")
  )
)
