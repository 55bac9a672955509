/**
 * A rolling restart: each worker, and then the broker, is asked to end and started again, one after the other, by processes, while
 * clients go on asking.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { Message, Pull, Req, Socket } from "@effect-zmq/core"
import { Effect, Fiber, Schedule } from "effect"
import { type Program, start } from "../../examples/program.ts"

/** What came of it. Of these, all but `acknowledged`, `retried` and `restarts` are 0. */
export interface Outcome {
  /** Requests whose reply came. */
  readonly acknowledged: number
  /** How often a client asked again, because none came. */
  readonly retried: number
  readonly restarts: number
  /** Requests that were acknowledged, and that no worker has written down. */
  readonly lost: number
  /** Replies to another request. */
  readonly wrong: number
  /** Clients that gave up. */
  readonly failed: number
  /** Requests that a broker had taken, and that were not answered. */
  readonly unanswered: number
  /** Programs that did not end with exit code 0, or said something on standard error. */
  readonly unclean: number
}

const program = (name: string, ...args: ReadonlyArray<string>) =>
  start(process.execPath, path.join(import.meta.dirname, `${name}.ts`), ...args)

const place = Effect.scoped(Effect.flatMap(Pull.make({ bind: "tcp://127.0.0.1:*" }), Socket.endpoint))

/** Of what a broker has taken, what it has neither answered nor given up. */
const unansweredOf = (stdout: string): number => {
  // The figures of a broker are numbers.
  const stats = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Readonly<Record<string, number>>
  return (stats.requests ?? Number.NaN) - (stats.replies ?? Number.NaN)
}

/** Runs so many rounds, with so many workers and clients. */
export const rolling = Effect.fnUntraced(function* (options: {
  readonly rounds: number
  readonly workers: number
  readonly clients: number
}) {
  const [frontend, backend] = yield* Effect.all([place, place])
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), "rolling-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )
  const done = path.join(directory, "done")
  let unclean = 0
  let unanswered = 0
  let restarts = 0

  const startBroker = Effect.tap(program("broker", frontend, backend), ({ prints }) => prints(/bound/))
  const startWorker = Effect.tap(program("brokerWorker", backend, done), ({ prints }) => prints(/started/))
  const end = (one: Program) =>
    Effect.gen(function* () {
      yield* one.signal("SIGTERM")
      const { code, stderr, stdout } = yield* one.ended
      if (code !== 0 || stderr !== "") {
        unclean++
        console.error(`exit code ${code}: ${stderr}`)
      }
      return stdout
    })
  const endBroker = (one: Program) => Effect.map(end(one), (stdout) => (unanswered += unansweredOf(stdout)))

  let broker = yield* startBroker
  const workers = yield* Effect.replicateEffect(startWorker, options.workers, { concurrency: "unbounded" })

  const acknowledged: Array<string> = []
  let retried = 0
  let wrong = 0
  let failed = 0
  let isOver = false
  const client = Effect.fnUntraced(function* (name: string) {
    const req = yield* Req.make({
      connect: frontend as `tcp://${string}:${string}`, // As it was bound.
      linger: 0,
      reconnect: { initial: 20, maximum: 100 }
    })
    for (let i = 0; !isOver; i++) {
      const text = `${name}-${i}`
      const reply = yield* Req.request(req, text).pipe(
        Effect.timeout("1 second"),
        Effect.tapError(() => Effect.sync(() => retried++)),
        Effect.retry(Schedule.recurs(30))
      )
      if (Message.text(reply) === `${text} done`) acknowledged.push(text)
      else wrong++
    }
  }, Effect.scoped)
  const clients = yield* Effect.forEach(
    Array.from({ length: options.clients }, (_, i) => `client${i}`),
    (name) => Effect.forkChild(Effect.catchCause(client(name), () => Effect.sync(() => failed++)))
  )

  /** Some requests more have been answered. */
  const goesOn = Effect.suspend(() => {
    const before = acknowledged.length
    const isSo = Effect.sync(() => acknowledged.length > before + 10 * options.clients)
    return Effect.repeat(isSo, { until: (isSo) => isSo, schedule: Schedule.spaced("10 millis") })
  })
  for (let round = 0; round < options.rounds; round++) {
    for (const i of workers.keys()) {
      yield* goesOn
      // There is one.
      yield* end(workers[i] as Program)
      workers[i] = yield* startWorker
      restarts++
    }
    yield* goesOn
    yield* endBroker(broker)
    broker = yield* startBroker
    restarts++
  }
  yield* goesOn
  isOver = true
  yield* Fiber.joinAll(clients)
  yield* Effect.forEach(workers, end)
  yield* endBroker(broker)

  const written = new Set(readFileSync(done, "utf8").split("\n"))
  const lost = acknowledged.filter((text) => !written.has(text)).length
  const outcome: Outcome = {
    acknowledged: acknowledged.length,
    ...{ retried, restarts, lost, wrong, failed, unanswered, unclean }
  }
  return outcome
}, Effect.scoped)
