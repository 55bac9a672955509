/**
 * The files of ipc endpoints.
 *
 * Node fails to bind where any file is; a process that was killed leaves one behind. So where there is one we look whose it
 * is, and delete it when nobody listens any more, holding a lock against others who do the same. What a bind made is
 * deleted by Node when it stops to listen.
 */
import { createHash, randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { codeOf } from "./net.ts"

/** A path for `ipc://*`. */
export const madeUp = (): string => Path.join(Os.tmpdir(), `effect-zmq-${randomUUID()}`)

/** Binds a path by `listen`, also where the socket of a process that is gone is in its way; fails with a code. */
export const bind = <A>(path: string, listen: Effect.Effect<A, string>): Effect.Effect<A, string> =>
  Effect.catch(listen, (code) => {
    if (code === "EADDRINUSE" && !path.startsWith("\0")) {
      return Effect.scoped(Effect.andThen(lock(path), Effect.andThen(clear(path), listen)))
    }
    // Of a directory that is not there Node says what it says of one that is not ours.
    return Effect.fail(code === "EACCES" && !Fs.existsSync(Path.dirname(path)) ? "ENOENT" : code)
  })

/** Deletes the socket of a process that is gone; fails where it is not that. */
const clear = (path: string): Effect.Effect<void, string> =>
  Effect.flatMap(
    attempt(() => Fs.lstatSync(path, { throwIfNoEntry: false })),
    (found) => {
      if (found === undefined) return Effect.void
      if (!found.isSocket()) return Effect.fail("EEXIST")
      return Effect.flatMap(probe(path), (code) => {
        if (code === "ENOENT") return Effect.void
        if (code !== "ECONNREFUSED") return Effect.fail(code === "EACCES" || code === "EPERM" ? code : "EADDRINUSE")
        return attempt(() => Fs.rmSync(path, { force: true }))
      })
    }
  )

/** Fails with the code of what was thrown. */
const attempt = <A>(f: () => A): Effect.Effect<A, string> =>
  // The file system throws errors.
  Effect.try({ try: f, catch: (error) => codeOf(error as Error) })

/** Tries to connect: `undefined` where someone listens, or else the code of what came of it. */
const probe = (path: string): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const socket = Net.connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(undefined))
    })
    socket.once("error", (error) => resume(Effect.succeed(codeOf(error))))
    return Effect.sync(() => socket.destroy())
  })

/**
 * A lock of the system that ends with its process: a name in Linux's abstract namespace of sockets, which only one can
 * listen at; the same that the native transport takes. Elsewhere there is none.
 */
const lock = (path: string): Effect.Effect<void, never, Scope.Scope> =>
  process.platform !== "linux"
    ? Effect.void
    : Effect.acquireRelease(Effect.retry(listenAt(lockName(path)), lockSchedule), (server) =>
        Effect.sync(() => server.close())
      ).pipe(Effect.ignore)

/** Whoever holds it only looks at one file and binds one socket. */
const lockSchedule = Schedule.spaced("2 millis").pipe(Schedule.upTo({ times: 1000 }))

const lockName = (path: string): string => {
  const directory = Path.dirname(path)
  // A directory that is not there has no real path, and no file in it.
  const real = Fs.existsSync(directory)
    ? Path.join(Fs.realpathSync(directory), Path.basename(path))
    : Path.resolve(path)
  return `\0effect-zmq/${createHash("sha256").update(real).digest("hex")}`
}

const listenAt = (name: string): Effect.Effect<Net.Server, string> =>
  Effect.callback((resume) => {
    const server = Net.createServer()
    server.once("error", (error) => resume(Effect.fail(codeOf(error))))
    server.listen(name, () => resume(Effect.succeed(server)))
    return Effect.sync(() => void server.close())
  })
