/**
 * What has been done to an account, as a file of lines: read when the account begins, and appended to before a change is
 * answered. A line that was not finished, because its writer was killed, was not answered either: it is passed over.
 *
 * One runner writes it, but for a moment: one that was stopped for so long that its account is elsewhere, and goes on, does
 * not know yet. So the file is what counts: whoever finds it other than it was reads it again, and of two entries for one
 * transaction the first counts. A refusal is an entry as well, of 0: otherwise a call that comes late, and has been made again
 * elsewhere and refused there, could be carried out after all.
 */
import { Effect, FileSystem, Option, Path, Schema } from "effect"

const Entry = Schema.Struct({ transaction: Schema.String, amount: Schema.Int })
const Line = Schema.fromJsonString(Entry)

/** Makes the directory of the files, where there is none, and sees whether they can be written there. */
export const prepare = Effect.fnUntraced(function* (directory: string) {
  const files = yield* FileSystem.FileSystem
  yield* files.makeDirectory(directory, { recursive: true })
  yield* files.access(directory, { writable: true })
})

export const open = Effect.fnUntraced(function* (directory: string, account: string) {
  const files = yield* FileSystem.FileSystem
  const file = (yield* Path.Path).join(directory, `${account}.jsonl`)
  const amounts = new Map<string, number>()
  let balance = 0
  let size = 0

  const append = Effect.fnUntraced(function* (text: string) {
    const bytes = new TextEncoder().encode(text)
    yield* files.writeFile(file, bytes, { flag: "a" })
    size += bytes.length
  })
  const take = (entry: typeof Entry.Type) => {
    if (amounts.has(entry.transaction)) return
    amounts.set(entry.transaction, entry.amount)
    balance += entry.amount
  }
  const read = Effect.gen(function* () {
    const bytes = yield* files.readFile(file)
    const text = new TextDecoder().decode(bytes)
    amounts.clear()
    balance = 0
    for (const line of text.split("\n")) {
      Option.map(Schema.decodeUnknownOption(Line)(line), take)
    }
    size = bytes.length
    return text
  })
  const look = Effect.flatMap(files.stat(file), (now) => (Number(now.size) === size ? Effect.void : read))

  yield* append("")
  const text = yield* read
  if (text !== "" && !text.endsWith("\n")) yield* append("\n")
  return {
    /** What is in it now. A disk that fails is a defect: the account begins anew. */
    balance: Effect.orDie(Effect.map(look, () => balance)),
    /** Adds an entry, unless there is one for its transaction, and gives the amount that counts, and the balance. */
    add: Effect.fnUntraced(
      function* (entry: typeof Entry.Type) {
        yield* look
        if (!amounts.has(entry.transaction)) {
          yield* append(`${Schema.encodeSync(Line)(entry)}\n`)
          take(entry)
          // Another one may have written in between.
          yield* look
        }
        return { amount: amounts.get(entry.transaction), balance }
      },
      Effect.orDie,
      Effect.uninterruptible
    )
  }
})
