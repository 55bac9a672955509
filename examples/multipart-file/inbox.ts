/**
 * Where parts become files: one file a sender at a time, which has its name when it is complete.
 */
import * as path from "node:path"
import { Effect, Exit, FileSystem, type PlatformError, Scope } from "effect"
import { type Answer, type Part, window } from "./messages.ts"
import { describe, FileProblem } from "./problem.ts"

/** A file of which not all is there yet. */
interface Incoming {
  readonly name: string
  readonly size: number
  readonly path: string
  readonly file: FileSystem.File
  /** Closes the file. */
  readonly scope: Scope.Closeable
  received: number
}

export const inbox = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const scope = yield* Effect.scope
  const parts = yield* fs.makeDirectory(directory, { recursive: true }).pipe(
    // Beside its files, so that a complete one is given its name without being copied.
    Effect.andThen(fs.makeTempDirectoryScoped({ directory, prefix: ".receiving-" })),
    Effect.mapError((error) =>
      error.reason._tag === "AlreadyExists"
        ? new FileProblem({ message: `${directory} is not a directory` })
        : describe(directory, error)
    )
  )
  const incoming = new Map<string, Incoming>()
  let files = 0

  /** Forgets a file, and what there is of it. */
  const drop = Effect.fnUntraced(function* (from: string) {
    const file = incoming.get(from)
    if (file === undefined) return undefined
    incoming.delete(from)
    yield* Scope.close(file.scope, Exit.void)
    yield* Effect.ignore(fs.remove(file.path))
    return file
  })

  const begin = Effect.fnUntraced(function* (from: string, { name, size }: { name: string; size: number }) {
    const wrong = wrongName(name)
    if (wrong !== undefined) return yield* new FileProblem({ message: wrong })
    if (yield* fs.exists(path.join(directory, name))) {
      return yield* new FileProblem({ message: "there is a file of that name already" })
    }
    const closing = yield* Scope.fork(scope)
    const part = path.join(parts, `${++files}`)
    const opened = yield* fs.open(part, { flag: "wx" }).pipe(
      Scope.provide(closing),
      Effect.onError(() => Scope.close(closing, Exit.void))
    )
    const file: Incoming = { name, size, path: part, file: opened, scope: closing, received: 0 }
    incoming.set(from, file)
    return file
  })

  const take = Effect.fnUntraced(function* (from: string, [name, date, size, offset, bytes]: Part) {
    const file = offset === 0 ? yield* begin(from, { name, size }) : incoming.get(from)
    // What is left of a file that was refused.
    if (file === undefined) return undefined
    const wrong = wrongPart(file, { name, size, offset, bytes })
    if (wrong !== undefined) return yield* new FileProblem({ message: wrong })

    yield* file.file.writeAll(bytes)
    file.received += bytes.length
    // A window full, and then another part for each that has come.
    if (file.received < size) return ["more", `${offset === 0 ? window : 1}`] satisfies Answer

    incoming.delete(from)
    yield* Scope.close(file.scope, Exit.void)
    yield* fs.utimes(file.path, date, date)
    // A link fails where the name is taken; to rename would replace.
    yield* Effect.ensuring(fs.link(file.path, path.join(directory, name)), Effect.ignore(fs.remove(file.path)))
    return ["saved", name] satisfies Answer
  })

  return {
    /**
     * Takes a part of a file, and gives the answer to it; none to what is left of a file that was refused. A first part that
     * comes while another file is incomplete takes its place.
     */
    take: (from: string, part: Part): Effect.Effect<Answer | undefined> => {
      const taken = part[3] === 0 ? Effect.andThen(drop(from), take(from, part)) : take(from, part)
      return Effect.catch(taken, (error) =>
        Effect.as(drop(from), ["refused", refusal(part[0], error)] satisfies Answer)
      )
    },
    /** Forgets what a sender has left incomplete, and gives its name and how much of it there was, of 1. */
    leave: (from: string) =>
      Effect.map(drop(from), (file) => file && { name: file.name, part: file.received / file.size })
  }
})

const refusal = (name: string, error: FileProblem | PlatformError.PlatformError): string =>
  error._tag === "FileProblem" ? error.message : describe(name, error).message

/** What is wrong with a name: it must be that of a file in the directory, and printable. */
const wrongName = (name: string): string | undefined => {
  if (name === "") return "it has no name"
  if (name === "." || name === ".." || /[/\\]/.test(name)) return "its name is a path, and must be a name only"
  if (/\p{Cc}/u.test(name)) return "its name has characters that cannot be printed"
  return new TextEncoder().encode(name).length > 255 ? "its name has more than 255 bytes" : undefined
}

/** What is wrong with a part, given what there is of its file. */
const wrongPart = (
  file: Incoming,
  part: { readonly name: string; readonly size: number; readonly offset: number; readonly bytes: Uint8Array }
): string | undefined => {
  if (part.name !== file.name || part.size !== file.size) return "a part of another file came in the middle of it"
  if (part.offset !== file.received) return `the part at byte ${file.received} is missing`
  if (part.offset + part.bytes.length > file.size) return "it is larger than its size"
  return part.bytes.length === 0 && file.size > 0 ? "a part is empty" : undefined
}
