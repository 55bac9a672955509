/**
 * Bank accounts, the bank: what clients connect to, the storage by which runners agree who has which account, and a first runner.
 *
 *     npx --yes pnpm@12 exec node examples/accounts/bank.ts
 *
 * Clients are ordinary ones: each of their calls is passed on to its account, wherever that is.
 */
import { type Endpoint, Socket } from "@effect-zmq/core"
import { ZmqRpcServer, ZmqRunner } from "@effect-zmq/patterns"
import { Console, Duration, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { RpcSerialization } from "effect/rpc"
import { bind, duration, main } from "../main.ts"
import { Account, Accounts } from "./accounts.ts"
import { directory } from "./directory.ts"
import { accounts } from "./runner.ts"

export const bank = (options: {
  /** For clients, and for runners. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
  readonly directory: string
  /** How long the accounts of a runner that was killed are nowhere, at least. */
  readonly lock: Duration.Input
}) => {
  const counter = ZmqRpcServer.layer(Accounts).pipe(
    Layer.provide(ZmqRunner.layerRouted(Accounts, Account, ({ account }) => account)),
    Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind: options.bind[0] })),
    Layer.provide(RpcSerialization.layerSchemaBinary())
  )
  const open = Effect.gen(function* () {
    const { socket } = yield* ZmqRpcServer.ZmqRpcServer
    const { endpoint } = yield* ZmqRunner.StorageServer
    yield* Console.log(`Clients connect to ${yield* Socket.endpoint(socket)}, and runners to ${endpoint}`)
  })
  return Layer.effectDiscard(open).pipe(
    Layer.provide(counter),
    Layer.provide(accounts({ bind: "tcp://127.0.0.1:*", directory: options.directory })),
    Layer.provide(ZmqRunner.layerStorageServer({ bind: options.bind[1], lockExpiration: options.lock })),
    Layer.launch
  )
}

main(
  import.meta,
  Command.make(
    "bank",
    {
      bind: bind("tcp://127.0.0.1:5573", "tcp://127.0.0.1:5574"),
      directory,
      lock: duration("lock", "how long a runner that was killed keeps its accounts", Duration.seconds(6))
    },
    bank
  ).pipe(Command.withDescription("Has accounts, and shares them with the runners that come."))
)
