/**
 * Starts threads that have sockets, several at a time, and has each end: `threads.ts HOW,… WORK COUNT AT_ONCE [own]`. Prints,
 * as JSON, how many have ended, after how many of these another thread still answered, and how many descriptors are left.
 * With `own` the sockets are the threads' own.
 */
import * as Fs from "node:fs"
import { Worker } from "node:worker_threads"
import { NodeRuntime } from "@effect/platform-node"
import { Message, Pull, Push, Req, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect } from "effect"
import type { Given } from "./thread.ts"

type How = "terminate" | "throw" | "exit" | "natural"

// What the test passes.
const [hows, work, times, atOnce, own] = process.argv.slice(2) as [string, Given["work"], string, string, string?]

const ways = hows.split(",") as ReadonlyArray<How>

const start = (given: Given) =>
  Effect.callback<Worker>((resume) => {
    const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: given })
    // Thrown as it was asked to, or not.
    worker.on("error", (error) => error.message === "as asked" || console.error(error))
    worker.once("message", () => resume(Effect.succeed(worker)))
  })

const end = (worker: Worker, how: How) =>
  Effect.callback<void>((resume) => {
    worker.once("exit", () => resume(Effect.void))
    if (how === "terminate") void worker.terminate()
    else worker.postMessage(how)
  })

const descriptors = () => Fs.readdirSync("/proc/self/fd").length

/** How many descriptors there are when none was closed for half a second, which libzmq does a moment after the sockets. */
const quiet = Effect.gen(function* () {
  let least = descriptors()
  for (let tries = 0; tries < 10; tries++) {
    yield* Effect.sleep(50)
    const now = descriptors()
    if (now < least) tries = 0
    least = Math.min(least, now)
  }
  return least
})

/** How many descriptors more there are still after ten seconds: a busy machine takes its time to close them. */
const leftAbove = Effect.fnUntraced(function* (count: number) {
  for (let tries = 0; tries < 200 && descriptors() > count; tries++) yield* Effect.sleep(50)
  return Math.max(0, descriptors() - count)
})

Effect.gen(function* () {
  const bind = "tcp://127.0.0.1:*"
  const tasks = yield* Push.make({ bind })
  const results = yield* Pull.make({ bind })
  const sink = yield* Pull.make({ bind: "inproc://sink" })
  const req = yield* Req.make({ bind, correlate: true })
  yield* Effect.forkScoped(Effect.forever(Push.send(tasks, new Uint8Array(1000))))
  yield* Effect.forkScoped(Pull.runForEach(results, () => Effect.void))
  yield* Effect.forkScoped(Pull.runForEach(sink, () => Effect.void))
  const given = (results: Socket.Socket, work: Given["work"]) =>
    Effect.map(Effect.all([tasks, results, sink].map(Socket.endpoint)), ([tasks, results, sink]) => {
      // There are three.
      return { tasks, results, sink, work, own: own === "own" } as Given
    })
  const steady = yield* start({ ...(yield* given(req, "steady")), own: false })
  let answered = 0
  const some = (count: number) =>
    Effect.forEach(
      Array.from({ length: count }, (_, i) => i),
      Effect.fnUntraced(function* (i) {
        yield* end(yield* start(yield* given(results, work)), ways[i % ways.length] ?? "natural")
        if (Message.text(yield* Req.request(req, `${i}`)) === `${i}`) answered++
      }),
      { concurrency: Number(atOnce), discard: true }
    )
  yield* some(Number(atOnce))
  const before = yield* quiet
  answered = 0
  yield* some(Number(times))
  const left = yield* leftAbove(before)
  yield* end(steady, "natural")
  yield* Console.log(JSON.stringify({ ended: Number(times), answered, left }))
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
