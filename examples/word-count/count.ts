/**
 * The word count: a ventilator hands out the parts of files, workers count them, and a sink adds up what they counted.
 */
import { Pull, Push, Socket } from "@effect-zmq/core"
import { Data, Effect, FileSystem, Schedule, Scope, Stream } from "effect"
import { cut, type File } from "./input.ts"
import { Result, Task } from "./messages.ts"
import { addCounts, type Counts, total } from "./words.ts"

/** What one worker did, or all of them. */
export interface Work {
  readonly files: number
  readonly bytes: number
  readonly words: number
  readonly millis: number
}

/** What was counted: by each worker, and in all. */
export interface Counted {
  readonly workers: ReadonlyArray<Work>
  readonly all: Work
  readonly counts: Counts
}

/** A worker that was started: what to call it, and `ended`, which ends when it has. */
export interface Worker<E> {
  readonly name: string
  readonly ended: Effect.Effect<void, E>
}

/** Where a worker gets its tasks from, and where it sends its results to. */
export interface Endpoints {
  readonly tasks: string
  readonly results: string
}

/** Not all workers found the ventilator. */
export class NotConnected extends Data.TaggedError("NotConnected")<{ readonly workers: number }> {
  override get message(): string {
    return `The ${this.workers} workers did not all connect within 30 seconds`
  }
}

/** The parts that large files are cut into: small enough that all workers get their share of them. */
const partSize = 128 * 1024

const anyPort = "tcp://127.0.0.1:*"

/**
 * Counts the words of files, by so many workers, which `start` starts. A worker that ends in any other way than by
 * coming to the end of its tasks ends it all.
 */
export const count = Effect.fnUntraced(function* <E1, E2, R>(options: {
  readonly files: ReadonlyArray<File>
  readonly workers: number
  readonly start: (index: number, endpoints: Endpoints) => Effect.Effect<Worker<E1>, E2, R>
  readonly onStart: (workers: ReadonlyArray<Worker<E1>>, endpoints: Endpoints) => Effect.Effect<void>
  readonly onProgress: (done: Work) => Effect.Effect<void>
}) {
  // Short queues towards the workers: back-pressure, rather than all of the files in memory.
  const tasks = yield* Push.make({ bind: anyPort, highWaterMark: { send: 2 }, linger: 0 })
  const results = yield* Pull.make({ bind: anyPort })
  const endpoints = { tasks: `${yield* Socket.endpoints(tasks)}`, results: `${yield* Socket.endpoints(results)}` }

  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const workers = yield* Effect.forEach(Array.from({ length: options.workers }), (_, i) =>
    Scope.provide(options.start(i + 1, endpoints), scope)
  )
  yield* options.onStart(workers, endpoints)

  const ended = Effect.all(
    workers.map((worker) => worker.ended),
    { concurrency: "unbounded", discard: true }
  )
  const counted = yield* connected(tasks, options.workers).pipe(
    Effect.andThen(Effect.all([sink(results, options), ventilate(tasks, options.files)], { concurrency: "unbounded" })),
    Effect.map(([counted]) => counted),
    Effect.raceFirst(Effect.andThen(ended, Effect.never))
  )
  yield* Effect.raceFirst(ended, endAll(tasks))
  return counted
}, Effect.scoped)

/** Waits until all workers are there, so that each gets its share: tasks go in turn to those that are connected. */
const connected = (tasks: Push.Push, workers: number) =>
  Socket.events(tasks).pipe(
    Stream.filter((event) => event._tag === "HandshakeSucceeded"),
    Stream.take(workers),
    Stream.runDrain,
    Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => new NotConnected({ workers }) })
  )

/** Reads the files, and hands out their parts. */
const ventilate = Effect.fnUntraced(function* (tasks: Push.Push, files: ReadonlyArray<File>) {
  const fs = yield* FileSystem.FileSystem
  const send = Push.sendSchema(tasks, Task)
  const read = ({ name, path }: File) =>
    Effect.map(fs.readFile(path), (text) => {
      const parts = cut(text, partSize)
      return parts.map((text, part) => [{ _tag: "Count", file: name, part, of: parts.length }, text] as const)
    })
  yield* Stream.fromIterable(files).pipe(
    Stream.mapEffect(read, { concurrency: 4 }),
    Stream.flattenIterable,
    Stream.runForEach(send)
  )
})

/** Adds up the results, until those of all parts of all files are there. */
const sink = (
  results: Pull.Pull,
  options: {
    readonly files: ReadonlyArray<File>
    readonly workers: number
    readonly onProgress: (done: Work) => Effect.Effect<void>
  }
) => {
  const counts: Counts = new Map()
  const workers = Array.from({ length: options.workers }, (): Work => nothing)
  let all = nothing
  let parts = { received: 0, expected: 0 }

  return Pull.streamSchema(results, Result, { onMalformed: "fail" }).pipe(
    Stream.tap(([{ bytes, millis, of, part, worker }, found]) => {
      // The first part of a file stands for the file, and tells how many parts there are.
      const isFirst = part === 0
      const work = { files: isFirst ? 1 : 0, bytes, words: total(found), millis }
      parts = { received: parts.received + 1, expected: parts.expected + (isFirst ? of : 0) }
      workers[worker - 1] = add(workers[worker - 1] ?? nothing, work)
      all = add(all, work)
      addCounts(counts, found)
      return options.onProgress(all)
    }),
    Stream.takeUntil(() => all.files === options.files.length && parts.received === parts.expected),
    Stream.runDrain,
    Effect.map((): Counted => ({ workers, all, counts }))
  )
}

/** The end, for each of the workers: sent until all have ended, because each goes to any of them. */
const endAll = (tasks: Push.Push) => {
  const send = Push.sendSchema(tasks, Task)
  return Effect.repeat(send([{ _tag: "End" }, new Uint8Array()]), Schedule.spaced("1 millis"))
}

const nothing: Work = { files: 0, bytes: 0, words: 0, millis: 0 }

const add = (a: Work, b: Work): Work => ({
  files: a.files + b.files,
  bytes: a.bytes + b.bytes,
  words: a.words + b.words,
  millis: a.millis + b.millis
})
