/**
 * What is read: the text files of a directory, whole or in parts that fit a task.
 */
import { Data, Effect, FileSystem, Option, Path } from "effect"

/** A text file: where it is, its name below the directory, and its size in bytes. */
export interface File {
  readonly path: string
  readonly name: string
  readonly size: number
}

/** There is nothing to count in this directory. */
export class NoInput extends Data.TaggedError("NoInput")<{ readonly directory: string; readonly problem: string }> {
  override get message(): string {
    return `${this.directory} ${this.problem}`
  }
}

/** Directories of what others wrote, and of what was built. */
const skipped = new Set(["node_modules", "dist"])

/** The text files of a directory and of those below it, but for hidden ones, `node_modules` and `dist`; links are not followed. */
export const textFiles = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const problem = (problem: string) => new NoInput({ directory, problem })

  const at = (file: string): Effect.Effect<ReadonlyArray<File>, never, FileSystem.FileSystem> =>
    Effect.gen(function* () {
      if (yield* Effect.isSuccess(fs.readLink(file))) return []
      const { size, type } = yield* fs.stat(file)
      if (type === "Directory") return yield* below(file)
      if (type !== "File" || !(yield* isText(file))) return []
      return [{ path: file, name: path.relative(directory, file), size: Number(size) }]
      // A file that cannot be looked at is none that can be counted.
    }).pipe(Effect.orElseSucceed(() => []))

  const below = (directory: string) =>
    fs.readDirectory(directory).pipe(
      Effect.map((names) => names.filter((name) => !name.startsWith(".") && !skipped.has(name)).sort()),
      Effect.flatMap(Effect.forEach((name) => at(path.join(directory, name)), { concurrency: 16 })),
      Effect.map((files) => files.flat())
    )

  const { type } = yield* Effect.mapError(fs.stat(directory), () => problem("does not exist"))
  if (type !== "Directory") return yield* problem("is not a directory")
  const files = yield* Effect.mapError(below(directory), () => problem("cannot be read"))
  return files.length === 0 ? yield* problem("has no text files") : files
})

/** Text is what has something in it, and no NUL at its beginning: binary formats do. */
const isText = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const handle = yield* fs.open(file)
  const beginning = yield* handle.readAlloc(8192)
  return Option.isSome(beginning) && !beginning.value.includes(0)
}, Effect.scoped)

/** Cuts a text between words, into one or more parts of about so many bytes. */
export const cut = (text: Uint8Array, size: number): ReadonlyArray<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  let from = 0
  do {
    let to = Math.min(from + size, text.length)
    while (to < text.length && !isSpace(text[to])) to++
    parts.push(text.subarray(from, to))
    from = to
  } while (from < text.length)
  return parts
}

/** Whether a byte of UTF-8 is a space, a tab, or the end of a line: no part of a word. */
const isSpace = (byte: number | undefined): boolean => byte !== undefined && byte <= 0x20
