/**
 * Bank accounts: what can be asked of one, and what answers.
 *
 * The contract and the handlers know nothing of a network. An account is an entity: at any time one runner at most has it, so
 * that its handlers need no locks. What must outlive it is in a file.
 */
import { Console, Effect, Schema } from "effect"
import { Entity } from "effect/cluster"
import { Rpc, RpcGroup } from "effect/rpc"
import * as Journal from "./journal.ts"

/** A name that can be a file's. */
export const Name = Schema.String.check(Schema.isPattern(/^[a-z0-9-]{1,40}$/))

/** An amount of money, in cents. */
const Amount = Schema.Int.check(Schema.isGreaterThan(0))

/** What is shown of an amount. */
export const money = (cents: number): string => (cents / 100).toFixed(2)

export class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { balance: Schema.Int }) {}

const payment = { account: Name, transaction: Schema.String, amount: Amount }

/**
 * A `transaction` is done once, or refused for good, however often it is asked for: who has no answer asks again. All answer
 * with the balance.
 */
export class Accounts extends RpcGroup.make(
  Rpc.make("Deposit", { payload: payment, success: Schema.Int }),
  Rpc.make("Withdraw", { payload: payment, success: Schema.Int, error: Overdrawn }),
  Rpc.make("Balance", { payload: { account: Name }, success: Schema.Int })
) {}

export const Account = Entity.fromRpcGroup("Account", Accounts)

/** The handlers of one account: built when it is called first, and closed when nobody has called it for a while. */
export const handlers = (directory: string) =>
  Accounts.toLayer(
    Effect.gen(function* () {
      const { entityId: account } = yield* Entity.CurrentAddress
      const journal = yield* Journal.open(directory, account)
      yield* Effect.acquireRelease(
        Effect.flatMap(journal.balance, (balance) => Console.log(`${account} is here, with ${money(balance)}`)),
        () => Console.log(`${account} has left`)
      )
      return Accounts.of({
        Deposit: ({ amount, transaction }) =>
          Effect.map(journal.add({ transaction, amount }), ({ balance }) => balance),
        Withdraw: Effect.fnUntraced(function* ({ amount, transaction }) {
          const isCovered = amount <= (yield* journal.balance)
          const { amount: paid, balance } = yield* journal.add({ transaction, amount: isCovered ? -amount : 0 })
          return paid === 0 ? yield* new Overdrawn({ balance }) : balance
        }),
        Balance: () => journal.balance
      })
    })
  )
