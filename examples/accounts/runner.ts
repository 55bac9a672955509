/**
 * Bank accounts, a runner: takes its share of the accounts, and gives it back when it ends.
 *
 *     npx --yes pnpm@12 exec node examples/accounts/runner.ts
 *
 * Start as many as you like beside the bank, and end them as you like: by Ctrl-C, its accounts go on elsewhere at once;
 * by `kill -9`, when its locks have run out.
 */
import type { Endpoint } from "@effect-zmq/core"
import { ZmqRunner } from "@effect-zmq/patterns"
import { Console, Layer } from "effect"
import { Command } from "effect/cli"
import { MessageStorage } from "effect/cluster"
import { RpcSerialization } from "effect/rpc"
import { bind, connect, main } from "../main.ts"
import { Account, handlers } from "./accounts.ts"
import { directory } from "./directory.ts"
import * as Journal from "./journal.ts"

/** The accounts that are in this process, by whatever storage the runners share. */
export const accounts = (options: { readonly bind: Endpoint.Input; readonly directory: string }) =>
  ZmqRunner.layerEntity(Account, handlers(options.directory)).pipe(
    Layer.provideMerge(ZmqRunner.layer({ bind: options.bind, sharding: { refreshAssignmentsInterval: "1 second" } })),
    Layer.provide([MessageStorage.layerNoop, RpcSerialization.layerSchemaBinary()]),
    // A directory that cannot be written is said before anybody is promised anything.
    Layer.provide(Layer.effectDiscard(Journal.prepare(options.directory)))
  )

export const runner = (options: {
  readonly bind: Endpoint.Input
  /** The storage, of the bank. */
  readonly connect: Endpoint.Input
  readonly directory: string
}) =>
  accounts(options).pipe(
    Layer.tap(() => Console.log("Taking a share of the accounts")),
    Layer.provide(ZmqRunner.layerStorageClient({ connect: options.connect })),
    Layer.launch
  )

main(
  import.meta,
  Command.make(
    "runner",
    { bind: bind("tcp://127.0.0.1:*"), connect: connect("tcp://127.0.0.1:5574"), directory },
    runner
  ).pipe(Command.withDescription("Takes a share of the bank's accounts."))
)
