/**
 * What has been done to an account, as a file of lines: read when the account begins, and appended to before a change is
 * answered. A line that was not finished, because its writer was killed, was not answered either: it is passed over.
 */
import { Effect, FileSystem, Option, Path, Schema } from "effect"

const Entry = Schema.Struct({ transaction: Schema.String, amount: Schema.Int })
const Line = Schema.fromJsonString(Entry)

export const open = Effect.fnUntraced(function* (directory: string, account: string) {
  const files = yield* FileSystem.FileSystem
  const file = (yield* Path.Path).join(directory, `${account}.jsonl`)
  yield* files.makeDirectory(directory, { recursive: true })
  const text = (yield* files.exists(file)) ? yield* files.readFileString(file) : ""
  const entries = text.split("\n").flatMap((line) => Option.toArray(Schema.decodeUnknownOption(Line)(line)))
  const append = (text: string) => files.writeFileString(file, text, { flag: "a" })
  if (text !== "" && !text.endsWith("\n")) yield* append("\n")

  const done = new Set(entries.map(({ transaction }) => transaction))
  let balance = entries.reduce((sum, { amount }) => sum + amount, 0)
  return {
    get balance() {
      return balance
    },
    has: (transaction: string) => done.has(transaction),
    /** Adds an entry, unless it is there already, and gives the balance. A disk that fails is a defect: the account begins anew. */
    add: Effect.fnUntraced(function* (entry: typeof Entry.Type) {
      if (done.has(entry.transaction)) return balance
      yield* Effect.orDie(append(`${Schema.encodeSync(Line)(entry)}\n`))
      done.add(entry.transaction)
      return (balance += entry.amount)
    }, Effect.uninterruptible)
  }
})
