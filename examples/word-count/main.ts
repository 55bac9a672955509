/**
 * The word count: counts the words of a source tree, by processes that talk over ZeroMQ.
 *
 *     pnpm demo
 *     pnpm demo --input some/directory --workers 8 --verify
 *
 * This process is the ventilator, which hands out the texts by a PUSH socket, and the sink, which collects what was
 * counted by a PULL socket. The workers are processes of their own (worker.ts). The system chooses the ports.
 */
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { Console, Duration, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { main, number } from "../main.ts"
import { count } from "./count.ts"
import { textFiles } from "./input.ts"
import { start } from "./processes.ts"
import * as Report from "./report.ts"
import { verify } from "./verify.ts"

const wordCount = Effect.fnUntraced(function* (options: {
  readonly input: string
  readonly workers: number
  readonly verify: boolean
}) {
  const files = yield* textFiles(options.input)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  yield* Console.log(
    `Counting the words of ${Report.number(files.length)} files, ${Report.size(bytes)}, in ${options.input}`
  )

  const [elapsed, counted] = yield* Effect.timed(
    count({
      files,
      workers: options.workers,
      start,
      onStart: (workers, { results, tasks }) => {
        const pids = workers.map((worker) => worker.name).join(", ")
        const processes = workers.length === 1 ? "1 worker process" : `${workers.length} worker processes`
        return Console.log(`by ${processes} (pid ${pids}), with tasks from ${tasks} and results to ${results}\n`)
      },
      onProgress: yield* Report.progress(files.length, bytes)
    })
  )
  yield* Report.report(counted, Duration.toMillis(elapsed))

  if (!options.verify) return
  yield* verify(files, counted)
  yield* Console.log("\n  Verified: one process alone counts the same")
}, Effect.scoped)

/** The sources of effect itself, wherever they are installed. */
const effectSources = path.join(path.dirname(fileURLToPath(import.meta.resolve("effect/package.json"))), "src")

main(
  import.meta,
  Command.make(
    "word-count",
    {
      input: Flag.String("input").pipe(
        Flag.withMetavar("DIR"),
        Flag.withDefault(path.relative(process.cwd(), effectSources)),
        Flag.withDescription("the directory whose text files are counted (default: the sources of effect)")
      ),
      workers: number("workers", "how many processes count", 4, 64),
      verify: Flag.Boolean("verify").pipe(
        Flag.withDefault(false),
        Flag.withDescription("count in one process too, and fail if any figure differs")
      )
    },
    wordCount
  ).pipe(
    Command.withDescription(
      "Counts the words of a source tree, by processes that talk over ZeroMQ. A word is a run of letters of any script; upper and lower case are the same."
    )
  )
)
