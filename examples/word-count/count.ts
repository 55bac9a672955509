/**
 * The word count: a ventilator hands out the parts of files, workers count them, and a sink adds up what they counted.
 */
import { Pull, Push, Socket } from "@effect-zmq/core"
import { Data, type Duration, Effect, FileSystem, Schedule, Scope, Stream } from "effect"
import { cut, type File } from "./input.ts"
import { Result, Task } from "./messages.ts"
import { type Part, Parts } from "./parts.ts"
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
  /** The parts that no result came of, and that were handed out again. */
  readonly again: ReadonlyArray<Part>
  /** Of how many of those there were two results in the end, of which one counts. */
  readonly twice: number
}

/** The workers, as they were started. */
export interface Crew<E> {
  readonly names: ReadonlyArray<string>
  /** Ends when all of them have. */
  readonly ended: Effect.Effect<void, E>
  /** Runs beside the count, from when all are connected to when all is counted. Default: nothing. */
  readonly meanwhile?: Effect.Effect<never>
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
 * Counts the words of files, by so many workers, which `start` starts. When they end in any other way than by coming to the
 * end of their tasks, that ends it all.
 */
export const count = Effect.fnUntraced(function* <E1, E2, R>(options: {
  readonly files: ReadonlyArray<File>
  readonly workers: number
  readonly start: (endpoints: Endpoints) => Effect.Effect<Crew<E1>, E2, R>
  readonly onStart: (crew: Crew<E1>, endpoints: Endpoints) => Effect.Effect<void>
  readonly onProgress: (done: Work) => Effect.Effect<void>
  /**
   * Where workers may die: after how long without any result the parts that have none are handed out again. Each is counted
   * once, however often it was.
   */
  readonly patience?: Duration.Input
}) {
  // Short queues towards the workers: back-pressure, rather than all of the files in memory.
  const tasks = yield* Push.make({ bind: anyPort, highWaterMark: { send: 2 }, linger: 0 })
  const results = yield* Pull.make({ bind: anyPort })
  const endpoints = { tasks: `${yield* Socket.endpoints(tasks)}`, results: `${yield* Socket.endpoints(results)}` }

  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const crew = yield* Scope.provide(options.start(endpoints), scope)
  yield* options.onStart(crew, endpoints)

  const parts = new Parts()
  const counted = yield* connected(tasks, options.workers).pipe(
    Effect.andThen(
      Effect.raceAllFirst([
        sink(results, parts, options),
        Effect.andThen(handOut(tasks, parts, options), Effect.never),
        crew.meanwhile ?? Effect.never
      ])
    ),
    Effect.raceFirst(Effect.andThen(crew.ended, Effect.never))
  )
  yield* Effect.raceFirst(crew.ended, endAll(tasks))
  return counted
}, Effect.scoped)

/** Waits until all workers are there, so that each gets its share: tasks go in turn to those that are connected. */
const connected = (tasks: Push.Push, workers: number) =>
  Socket.awaitPeers(tasks, workers).pipe(
    Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => new NotConnected({ workers }) })
  )

/** Hands out all parts; and again, time after time, those of which no result has come when no more do. */
const handOut = Effect.fnUntraced(function* (
  tasks: Push.Push,
  parts: Parts,
  { files, patience }: { readonly files: ReadonlyArray<File>; readonly patience?: Duration.Input }
) {
  yield* ventilate(tasks, parts, files)
  if (patience === undefined) return
  // No result for so long: whoever had the rest is dead. If one was only slow, its part is counted once all the same.
  const quiet: Effect.Effect<void> = Effect.suspend(() => {
    const before = parts.received
    return Effect.andThen(
      Effect.sleep(patience),
      Effect.suspend(() => (parts.received === before ? Effect.void : quiet))
    )
  })
  return yield* Effect.forever(
    Effect.andThen(
      quiet,
      Effect.suspend(() =>
        ventilate(
          tasks,
          parts,
          files.filter(({ name }) => !parts.isComplete(name))
        )
      )
    )
  )
})

/** Reads files, and hands out those of their parts that have no result. */
const ventilate = Effect.fnUntraced(function* (tasks: Push.Push, parts: Parts, files: ReadonlyArray<File>) {
  const fs = yield* FileSystem.FileSystem
  const send = Push.sendSchema(tasks, Task)
  const read = ({ name, path }: File) =>
    Effect.map(fs.readFile(path), (text) => {
      const all = cut(text, partSize)
      return all.map((text, part) => ({ text, part: { file: name, part, of: all.length } }))
    })
  yield* Stream.fromIterable(files).pipe(
    Stream.mapEffect(read, { concurrency: 4 }),
    Stream.flattenIterable,
    Stream.filter(({ part }) => !parts.has(part)),
    Stream.runForEach(({ part, text }) => {
      parts.handOut(part)
      return send([{ _tag: "Count", ...part }, text])
    })
  )
})

/** Adds up the results, until those of all parts of all files are there. */
const sink = (
  results: Pull.Pull,
  parts: Parts,
  options: {
    readonly files: ReadonlyArray<File>
    readonly workers: number
    readonly onProgress: (done: Work) => Effect.Effect<void>
  }
) => {
  const counts: Counts = new Map()
  const workers = Array.from({ length: options.workers }, (): Work => nothing)
  let all = nothing

  return Pull.streamSchema(results, Result, { onMalformed: "fail" }).pipe(
    Stream.tap(([{ bytes, millis, worker, ...part }, found]) => {
      if (!parts.receive(part)) return Effect.void
      // The first part of a file stands for the file.
      const work = { files: part.part === 0 ? 1 : 0, bytes, words: total(found), millis }
      workers[worker - 1] = add(workers[worker - 1] ?? nothing, work)
      all = add(all, work)
      addCounts(counts, found)
      return options.onProgress(all)
    }),
    Stream.takeUntil(() => parts.complete === options.files.length),
    Stream.runDrain,
    Effect.map((): Counted => ({ workers, all, counts, again: parts.again, twice: parts.twice }))
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
