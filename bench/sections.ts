/** What the benchmarks of services are made of: rows under headings, and programs of `peers` that talk. */
import * as path from "node:path"
import { Effect, type Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import type { Kind } from "./zmq.ts"

/** One thing that is measured. */
export interface Row {
  readonly title: string
  readonly unit: "per second" | "milliseconds"
  /** Runs one side. */
  readonly run: (kind: Kind) => Effect.Effect<number, unknown, Requirements>
  /** With nothing to be beside, only ours runs. */
  readonly alone?: boolean
  /** What is to be reached: of ours beside the other's, or of ours itself. At least, but of milliseconds at most. */
  readonly ratio?: number
  readonly figure?: number
}

/** Rows under a heading, and what they are beside. */
export interface Section {
  readonly title: string
  readonly beside: string
  readonly rows: ReadonlyArray<Row>
}

type Requirements = ChildProcessSpawner.ChildProcessSpawner | Scope.Scope

/** Starts a program of `peers`, with a task. */
export const spawn = (program: string, task: unknown) =>
  ChildProcess.make(process.execPath, [path.join(import.meta.dirname, "peers", program), JSON.stringify(task)], {
    stderr: "inherit",
    env: { NODE_NO_WARNINGS: "1" },
    extendEnv: true,
    killSignal: "SIGKILL"
  })

/** The first line that a program prints. */
export const line = (process: { readonly stdout: Stream.Stream<Uint8Array, unknown> }) =>
  process.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.map((line) => JSON.parse(line)),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption)
  )
