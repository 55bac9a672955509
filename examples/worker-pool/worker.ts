/**
 * The worker pool, a worker: does what the dispatcher gives it, a few calls at a time.
 *
 *     npx --yes pnpm@12 exec node examples/worker-pool/worker.ts --name ada
 *
 * Start as many as you like, and end them as you like: by Ctrl-C it finishes what it has; by `kill -9`, another one does.
 */
import type { Endpoint } from "@effect-zmq/core"
import { WorkerPool } from "@effect-zmq/patterns"
import { Console, Duration, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { RpcSerialization } from "effect/rpc"
import { connect, duration, main, number, text } from "../main.ts"
import { Jobs } from "./jobs.ts"

/** The handlers; they do nothing but take their time. */
const handlers = (options: { readonly name: string; readonly delay: Duration.Input; readonly onDone: () => void }) => {
  const done = Effect.fnUntraced(function* (what: string, headers: Readonly<Record<string, string>>) {
    const attempt = Number(headers["zmq-attempt"] ?? 1)
    yield* Effect.sleep(options.delay)
    yield* Console.log(`${what}${attempt === 1 ? "" : `, of a worker that was lost`}`)
    options.onDone()
    return { worker: options.name, attempt }
  })
  return Jobs.toLayer({
    Thumbnail: ({ image }, { headers }) => done(`Thumbnail of ${image}`, headers),
    Mail: ({ to }, { headers }) => done(`Mail to ${to}`, headers)
  })
}

export const worker = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly name: string
  readonly credit: number
  readonly delay: Duration.Input
}) {
  const { connect, credit, name } = options
  yield* Console.log(`${name} takes ${credit === 1 ? "1 call" : `${credit} calls`} at a time from ${text(connect)}`)
  let calls = 0
  const end = Effect.suspend(() => Console.log(`The end, after ${calls === 1 ? "1 call" : `${calls} calls`}`))
  yield* WorkerPool.work(Jobs, { connect, credit, name }).pipe(
    Effect.ensuring(end),
    Effect.provide([handlers({ ...options, onDone: () => calls++ }), RpcSerialization.layerJson])
  )
})

main(
  import.meta,
  Command.make(
    "worker",
    {
      connect: connect("tcp://127.0.0.1:5577"),
      name: Flag.String("name").pipe(
        Flag.filter(
          (name) => /^[^\p{Cc}]{1,40}$/u.test(name),
          () => "one line, not empty, and not longer than 40 letters"
        ),
        Flag.withDefault(`worker-${process.pid}`),
        Flag.withMetavar("TEXT"),
        Flag.withDescription("what it is called (default: by the process id)")
      ),
      credit: number("credit", "how many calls it may have at a time", 4),
      delay: duration("delay", "how long each takes", Duration.millis(200))
    },
    worker
  ).pipe(Command.withDescription("Works for a dispatcher, until Ctrl-C: then it finishes what it has."))
)
