/**
 * The files of ipc endpoints.
 *
 * To bind a path, libzmq deletes whatever file is there, and so takes a live endpoint from its owner, or a document from
 * its user; and it leaves its own file behind. So before it binds we look at what is there, holding a lock against others
 * who do the same; and we delete the file that we made before the socket stops to listen, while nobody can take it for
 * a stale one.
 */
import { createHash, randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { AddressInUse, AddressUnavailable, type Reason } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { attempt, codeOf, Failure } from "./addon.ts"
import { reasonOf } from "./errors.ts"

/** A file that was made by a bind, so that no other is deleted in its place. */
export interface Owned {
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
}

const isAbstract = (path: string): boolean => path.startsWith("@")

/** A path for `ipc://*`, where libzmq would make up one relative to the working directory. */
export const madeUp = (): string => Path.join(Os.tmpdir(), `effect-zmq-${randomUUID()}`)

/**
 * Makes sure that a path can be bound: succeeds where there is nothing, or the socket of a process that is gone. Others
 * of this library, in any process of this machine, have to wait until the scope is closed.
 */
export const claim = (path: string): Effect.Effect<void, Reason, Scope.Scope> =>
  isAbstract(path) ? inspect(path) : Effect.andThen(lock(path), inspect(path))

/** The file that a bind has just made at this path. */
export const own = (path: string): Owned | undefined => {
  const found = isAbstract(path) ? undefined : look(path)
  return found === undefined || found instanceof Failure ? undefined : { path, device: found.dev, inode: found.ino }
}

/** Deletes a file that a bind has made, if it is still that file. */
export const disown = (owned: Owned): void => {
  const found = own(owned.path)
  if (found?.inode === owned.inode && found.device === owned.device) attempt(() => Fs.unlinkSync(owned.path))
}

const look = (path: string): Fs.BigIntStats | undefined | Failure =>
  attempt(() => Fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }))

const inspect = (path: string): Effect.Effect<void, Reason> =>
  Effect.suspend(() => {
    const endpoint = `ipc://${path}`
    const found = look(path)
    if (found === undefined) return Effect.void
    if (found instanceof Failure) return Effect.fail(reasonOf(found, endpoint))
    if (isAbstract(path) || !found.isSocket()) {
      const problem = "a file that is no socket has this name, and to bind would delete it"
      return Effect.fail(new AddressUnavailable({ endpoint, problem }))
    }
    return Effect.flatMap(probe(path), (code) => {
      // Nobody listens, or the file has gone since: libzmq may have the name.
      if (code === "ECONNREFUSED" || code === "ENOENT") return Effect.void
      return Effect.fail(
        code === "EACCES" || code === "EPERM"
          ? reasonOf(new Failure({ code }), endpoint)
          : new AddressInUse({ endpoint })
      )
    })
  })

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
 * listen at. Elsewhere there is none, and two processes that bind one path in the same instant may not see each other.
 */
const lock = (path: string): Effect.Effect<void, never, Scope.Scope> =>
  process.platform !== "linux"
    ? Effect.void
    : Effect.acquireRelease(Effect.retry(listen(lockName(path)), lockSchedule), (server) =>
        Effect.sync(() => server?.close())
      ).pipe(Effect.ignore)

/** Whoever holds it only looks at one file and binds one socket. */
const lockSchedule = Schedule.spaced("2 millis").pipe(Schedule.upTo({ times: 1000 }))

const lockName = (path: string): string => {
  const directory = attempt(() => Fs.realpathSync(Path.dirname(path)))
  const real = directory instanceof Failure ? Path.resolve(path) : Path.join(directory, Path.basename(path))
  return `\0effect-zmq/${createHash("sha256").update(real).digest("hex")}`
}

const listen = (name: string): Effect.Effect<Net.Server, string> =>
  Effect.callback((resume) => {
    const server = Net.createServer()
    server.once("error", (error) => resume(Effect.fail(codeOf(error))))
    server.listen(name, () => resume(Effect.succeed(server)))
    return Effect.sync(() => server.close())
  })
