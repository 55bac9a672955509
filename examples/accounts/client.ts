/**
 * Bank accounts, a client: moves money about between accounts, and adds up in the end.
 *
 *     npx --yes pnpm@12 exec node examples/accounts/client.ts
 *
 * Kill a runner meanwhile: what was under way with it waits until its accounts are served again, and may then be done for the
 * second time. Each payment has a name, so that it counts once, and no money is made or lost.
 */
import type { Endpoint } from "@effect-zmq/core"
import { ZmqRpcClient } from "@effect-zmq/patterns"
import { Console, Data, Effect, Layer, Random, Schedule } from "effect"
import { Command } from "effect/cli"
import { RpcClient, RpcClientError, RpcSerialization } from "effect/rpc"
import { connect, main, number, text } from "../main.ts"
import { Accounts, money } from "./accounts.ts"

/** The accounts have more, or less, than before. */
export class Unbalanced extends Data.TaggedError("Unbalanced")<{ readonly message: string }> {}

export const client = Effect.fnUntraced(
  function* (options: { readonly connect: Endpoint.Input; readonly accounts: number; readonly transfers: number }) {
    const bank = yield* RpcClient.make(Accounts)
    const again = patient()
    yield* Console.log(`Paying by the bank at ${text(options.connect)}`)
    const names = Array.from({ length: options.accounts }, (_, i) => `account-${i + 1}`)
    const someone = Effect.map(Random.nextIntBetween(0, names.length - 1), (i) => names[i] ?? "")
    const total = Effect.map(
      Effect.forEach(names, (account) => again(bank.Balance({ account })), { concurrency: "unbounded" }),
      (balances) => balances.reduce((sum, balance) => sum + balance, 0)
    )

    yield* Effect.forEach(
      names,
      (account) => again(bank.Deposit({ account, transaction: "opening", amount: 100_00 })),
      { concurrency: "unbounded", discard: true }
    )
    const before = yield* total
    yield* Console.log(`${names.length} accounts have ${money(before)}`)

    for (let i = 1; i <= options.transfers; i++) {
      const [from, to] = [yield* someone, yield* someone]
      const payment = { transaction: crypto.randomUUID(), amount: yield* Random.nextIntBetween(1, 100_00) }
      const line = yield* again(bank.Withdraw({ account: from, ...payment })).pipe(
        Effect.andThen(again(bank.Deposit({ account: to, ...payment, transaction: `${payment.transaction} in` }))),
        Effect.as(`${money(payment.amount)} from ${from} to ${to}`),
        Effect.catchTag("Overdrawn", ({ balance }) =>
          Effect.succeed(`${from} has ${money(balance)}, and cannot pay ${money(payment.amount)}`)
        )
      )
      yield* Console.log(`${i}: ${line}`)
    }

    const after = yield* total
    if (after !== before) {
      return yield* new Unbalanced({ message: `The accounts had ${money(before)}, and have ${money(after)}` })
    }
    yield* Console.log(`${names.length} accounts have ${money(after)}, as before`)
  },
  Effect.scoped,
  (effect, { connect }) =>
    Effect.provide(
      effect,
      ZmqRpcClient.layerProtocol({ connect }).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))
    )
)

/** Asks until there is an answer: who was asked may have gone before. It tells so once. */
const patient = () => {
  let isWaiting = false
  return <A, E extends Error & { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.tapError((error) => {
        if (!(error instanceof RpcClientError.RpcClientError) || isWaiting) return Effect.void
        isWaiting = true
        return Console.log(`No answer, asking again: ${(ZmqRpcClient.serverLost(error) ?? error).message}`)
      }),
      Effect.retry({ while: ({ _tag }) => _tag === "RpcClientError", schedule: Schedule.spaced("200 millis") }),
      Effect.tap(() => Effect.sync(() => void (isWaiting = false)))
    )
}

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5573"),
      accounts: number("accounts", "how many accounts", 10, 10_000),
      transfers: number("transfers", "how many payments", 100)
    },
    client
  ).pipe(Command.withDescription("Moves money about between the bank's accounts, and looks whether any is missing."))
)
