/**
 * The same count in one process: each file read whole, nothing sent anywhere.
 */
import { Data, Effect, FileSystem } from "effect"
import type { Counted } from "./count.ts"
import type { File } from "./input.ts"
import { type Counts, countWords, total } from "./words.ts"

/** A figure of the workers is not that of one process. */
export class FiguresDiffer extends Data.TaggedError("FiguresDiffer")<{ readonly differences: ReadonlyArray<string> }> {
  override get message(): string {
    return `The figures differ: ${this.differences.slice(0, 5).join("; ")}${this.differences.length > 5 ? `; and ${this.differences.length - 5} more` : ""}`
  }
}

/** Counts the files once more, and compares every figure: of files, bytes and words, and of each word. */
export const verify = Effect.fnUntraced(function* (files: ReadonlyArray<File>, counted: Counted) {
  const fs = yield* FileSystem.FileSystem
  const decoder = new TextDecoder()
  const counts: Counts = new Map()
  let bytes = 0
  for (const { path } of files) {
    const text = yield* fs.readFile(path)
    bytes += text.length
    for (const [word, count] of countWords(decoder.decode(text))) counts.set(word, (counts.get(word) ?? 0) + count)
  }

  const differences: Array<string> = []
  const compare = (what: string, workers: number, here: number) => {
    if (workers !== here) differences.push(`${what} ${workers} by the workers, ${here} here`)
  }
  compare("files", counted.all.files, files.length)
  compare("bytes", counted.all.bytes, bytes)
  compare("words", counted.all.words, total(counts))
  for (const word of new Set([...counts.keys(), ...counted.counts.keys()])) {
    compare(JSON.stringify(word), counted.counts.get(word) ?? 0, counts.get(word) ?? 0)
  }
  if (differences.length > 0) return yield* new FiguresDiffer({ differences })
})
