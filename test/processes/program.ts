/** A program of `programs`, as a process. */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import { Effect } from "effect"

export interface Program {
  readonly process: ChildProcess.ChildProcess
  /** Waits until it has printed this. */
  readonly printed: (text: string) => Effect.Effect<void>
  /** Waits until it has ended: its exit code and signal, what it printed, how long after `start` of the clock. */
  readonly ended: Effect.Effect<{
    readonly code: number | null
    readonly signal: NodeJS.Signals | null
    readonly lines: ReadonlyArray<string>
    readonly at: number
  }>
}

export const run = (name: string, ...args: ReadonlyArray<string>): Effect.Effect<Program> =>
  Effect.sync(() => {
    const file = Path.join(import.meta.dirname, "programs", `${name}.ts`)
    const child = ChildProcess.spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    let end: { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly at: number } | undefined
    child.stdout.on("data", (data) => {
      output += data
    })
    child.once("close", (code, signal) => {
      end = { code, signal, at: performance.now() }
    })
    return {
      process: child,
      printed: (text) =>
        Effect.callback<void>((resume) => {
          const look = () => {
            if (!output.includes(text)) return
            child.stdout.off("data", look)
            resume(Effect.void)
          }
          child.stdout.on("data", look)
          look()
        }),
      ended: Effect.callback((resume) => {
        const tell = () => end && resume(Effect.succeed({ ...end, lines: output.trim().split("\n") }))
        child.once("close", tell)
        tell()
      })
    }
  })
