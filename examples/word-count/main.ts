/**
 * The word count: counts the words of a source tree, by processes that talk over ZeroMQ.
 *
 *     pnpm demo
 *     pnpm demo --input some/directory --workers 8 --verify
 *     pnpm demo --kill --verify
 *
 * This process is the ventilator, which hands out the texts by a PUSH socket, and the sink, which collects what was
 * counted by a PULL socket. The workers are processes of their own (worker.ts). The system chooses the ports.
 *
 * With `--kill` workers are killed while they are at work. A supervisor starts them again, and what was lost with them is handed
 * out again.
 */
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Supervisor } from "@effect-zmq/patterns"
import { Console, Duration, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { main, number, toggle } from "../main.ts"
import { type Crew, count, type Endpoints } from "./count.ts"
import { textFiles } from "./input.ts"
import { start, type WorkerDied } from "./processes.ts"
import * as Report from "./report.ts"
import { supervised } from "./supervised.ts"
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
  const crew = Effect.fnUntraced(function* (endpoints: Endpoints) {
    const crew: Crew<WorkerDied | Supervisor.TooManyRestarts> = kill
      ? yield* supervised({ workers, every, ...deaths })(endpoints)
      : yield* start(workers)(endpoints)
    return crew
  })
  const [elapsed, counted] = yield* Effect.timed(
    count({
      files,
      workers,
      start: crew,
      onStart: ({ names }, { results, tasks }) => {
        const processes = workers === 1 ? "1 worker process" : `${workers} worker processes`
        const killed = `\nOne of them is killed every ${millis(every)}; a supervisor starts it again, and what was lost with it is handed out again.`
        return Console.log(
          `by ${processes} (pid ${names.join(", ")}), with tasks from ${tasks} and results to ${results}${kill ? killed : ""}\n`
        )
      },
      onProgress: progress.step,
      ...(kill ? { patience } : {})
    })
  )
  yield* Report.report(counted, Duration.toMillis(elapsed))
  if (kill) yield* deaths.report(counted)
  yield* Report.words(counted)

  if (!options.verify) return
  yield* verify(files, counted)
  yield* Console.log("\n  Verified: one process alone counts the same")
}, Effect.scoped)

/** How often a worker is killed. */
const every = Duration.millis(250)

const millis = (duration: Duration.Duration): string => `${Duration.toMillis(duration)} ms`

/** After how long without any result what has none is taken for lost. */
const patience = Duration.millis(500)

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
        `kill a worker (SIGKILL) every ${millis(every)}; a supervisor starts it again, and what was lost is counted all the same`
      )
    },
    wordCount
  ).pipe(
    Command.withDescription(
      "Counts the words of a source tree, by processes that talk over ZeroMQ. A word is a run of letters of any script; upper and lower case are the same."
    )
  )
)
