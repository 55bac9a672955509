/**
 * Programs, run as a reader would run them: what they print can be awaited, and they can be sent input and signals.
 */
import { spawn } from "node:child_process"
import { createServer } from "node:net"
import * as path from "node:path"
import { Data, Effect } from "effect"

/** What a program had printed when it ended, and how it ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running program. */
export interface Program {
  readonly pid: number
  /** Waits until what it has printed matches, and gives the match. Fails when it ends before. */
  readonly prints: (pattern: RegExp) => Effect.Effect<RegExpExecArray, Unprinted>
  readonly input: (text: string) => Effect.Effect<void>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

/** A program ended without having printed what was awaited. */
export class Unprinted extends Data.TaggedError("Unprinted")<{ readonly message: string }> {}

const examples = path.join(import.meta.dirname, "../../examples")

/** Where Node keeps what it has compiled: the same modules are started hundreds of times, in a third of the time. */
const cache = path.join(import.meta.dirname, "../../node_modules/.cache/node")

/** Starts an example, `hello/server` for instance; the scope ends it. */
export const example = (name: string, ...flags: ReadonlyArray<string>) =>
  start(process.execPath, path.join(examples, `${name}.ts`), ...flags)

/** Runs an example to its end. */
export const run = (name: string, ...flags: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(example(name, ...flags), ({ ended }) => ended))

/** Starts a program; the scope ends it. */
export const start = (file: string, ...args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(file, args, { env: { ...process.env, NO_COLOR: "1", NODE_COMPILE_CACHE: cache } })
        child.stdout.setEncoding("utf8")
        child.stderr.setEncoding("utf8")
        child.stdin.on("error", () => {})
        const printed = { stdout: "", stderr: "" }
        const listeners = new Set<() => void>()
        const changed = () => {
          for (const listener of [...listeners]) listener()
        }
        let ended: Ended | undefined
        child.stdout.on("data", (text: string) => {
          printed.stdout += text
          changed()
        })
        child.stderr.on("data", (text: string) => {
          printed.stderr += text
          changed()
        })
        child.on("close", (code, signal) => {
          ended = { code, signal, ...printed }
          changed()
        })

        /** Looks now, and whenever something changes, until there is something to go on with. */
        const until = <A, E = never>(look: () => Effect.Effect<A, E> | undefined) =>
          Effect.callback<A, E>((resume) => {
            const listener = () => {
              const found = look()
              if (found === undefined) return
              listeners.delete(listener)
              resume(found)
            }
            listeners.add(listener)
            listener()
            return Effect.sync(() => listeners.delete(listener))
          })

        const program: Program = {
          pid: child.pid ?? 0,
          prints: (pattern) =>
            until<RegExpExecArray, Unprinted>(() => {
              const match = pattern.exec(printed.stdout)
              if (match !== null) return Effect.succeed(match)
              if (ended === undefined) return undefined
              const message = `${path.basename(args[0] ?? file)} ended without printing ${pattern}: ${JSON.stringify(ended)}`
              return Effect.fail(new Unprinted({ message }))
            }),
          input: (text) => Effect.sync(() => child.stdin.write(text)),
          signal: (signal) => Effect.sync(() => child.kill(signal)),
          ended: until(() => (ended === undefined ? undefined : Effect.succeed(ended)))
        }
        return { program, child }
      }),
      ({ child, program }) =>
        Effect.andThen(
          Effect.sync(() => child.kill("SIGKILL")),
          program.ended
        )
    ),
    ({ program }) => program
  )

/** An endpoint that nobody is bound to at the moment. */
export const freeEndpoint = Effect.callback<string>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    server.close(() => resume(Effect.succeed(`tcp://127.0.0.1:${port}`)))
  })
})
