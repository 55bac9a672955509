/**
 * The word count: counts the words of a source tree, by processes that talk over ZeroMQ.
 *
 *     pnpm demo
 *     pnpm demo --input some/directory --workers 8 --verify
 *     pnpm demo --kill --verify
 *
 * This process has the dispatcher of a pool of workers (`WorkerPool`), and calls it: each part of a file is a call. The
 * workers are processes of their own (worker.ts). The system chooses the port.
 *
 * Workers may be killed while they are at work, with `--kill` they are: each is started again, what it had is given to
 * another one, and counted once.
 */
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { Console, Duration, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { main, number, toggle } from "../main.ts"
import { count } from "./count.ts"
import { textFiles } from "./input.ts"
import { start } from "./processes.ts"
import * as Report from "./report.ts"
import { verify } from "./verify.ts"

const wordCount = Effect.fnUntraced(function* (options: {
  readonly input: string
  readonly workers: number
  readonly verify: boolean
  readonly kill: boolean
}) {
  const files = yield* textFiles(options.input)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  yield* Console.log(
    `Counting the words of ${Report.number(files.length)} files, ${Report.size(bytes)}, in ${options.input}`
  )

  const progress = yield* Report.progress(files.length, bytes)
  const { kill, workers } = options
  const deaths = yield* Report.deaths(progress.note)
  const [elapsed, counted] = yield* Effect.timed(
    count({
      files,
      workers,
      start: start({ workers, killEvery: kill ? every : undefined, ...deaths }),
      onStart: ({ names }, backend) => {
        const processes = workers === 1 ? "1 worker process" : `${workers} worker processes`
        const killed = `\nOne of them is killed every ${millis(every)}; it is started again, and what it had is given to another one.`
        return Console.log(
          `by ${processes} (pid ${names.join(", ")}), which get their parts from ${backend}${kill ? killed : ""}\n`
        )
      },
      onProgress: progress.step
    })
  )
  yield* Report.report(counted, Duration.toMillis(elapsed), deaths.all)
  yield* deaths.report(counted, kill)
  yield* Report.words(counted)

  if (!options.verify) return
  yield* verify(files, counted)
  yield* Console.log("\n  Verified: one process alone counts the same")
}, Effect.scoped)

/** How often a worker is killed. */
const every = Duration.millis(500)

const millis = (duration: Duration.Duration): string => `${Duration.toMillis(duration)} ms`

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
      ),
      kill: toggle(
        "kill",
        `kill a worker (SIGKILL) every ${millis(every)}; it is started again, and what it had is counted all the same`
      )
    },
    wordCount
  ).pipe(
    Command.withDescription(
      "Counts the words of a source tree, by processes that talk over ZeroMQ. A word is a run of letters of any script; upper and lower case are the same."
    )
  )
)
