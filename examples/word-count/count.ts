/**
 * The word count: the parts of files are calls, which a pool gives to its workers, and gives again when one of them dies.
 */
import { type Endpoint, Socket } from "@effect-zmq/core"
import { WorkerPool, ZmqRpcClient } from "@effect-zmq/patterns"
import { Data, Effect, FileSystem, Layer, Stream } from "effect"
import { RpcClient, type RpcClientError, RpcSerialization } from "effect/rpc"
import { cut, type File } from "./input.ts"
import { Words } from "./messages.ts"
import { addCounts, type Counts } from "./words.ts"

/** What one worker did, or all of them. */
export interface Work {
  readonly files: number
  readonly bytes: number
  readonly words: number
  /** How many parts of it another worker had before, which died. */
  readonly redone: number
}

/** A part of a file: the first of three is `{ part: 0, of: 3 }`. */
export interface Part {
  readonly file: string
  readonly part: number
  readonly of: number
}

/** What was counted: by each worker, and in all. */
export interface Counted {
  readonly workers: ReadonlyArray<Work>
  readonly all: Work
  readonly counts: Counts
  /** The parts whose worker died, and that another one has counted. */
  readonly redone: ReadonlyArray<Part>
  /** How many results came when their part had been counted already, and were dropped. */
  readonly late: number
}

/** The workers, as they were started. */
export interface Crew<E> {
  readonly names: ReadonlyArray<string>
  /** Ends when the workers cannot go on. */
  readonly failed: Effect.Effect<never, E>
  /** Runs beside the count, from when all are there to when all is counted. Default: nothing. */
  readonly meanwhile?: Effect.Effect<never>
}

/** Not all workers came. */
export class NotConnected extends Data.TaggedError("NotConnected")<{ readonly workers: number }> {
  override get message(): string {
    return `The ${this.workers} workers did not all connect within 30 seconds`
  }
}

/** A part was not counted, however often it was given to a worker. */
export class NotCounted extends Data.TaggedError("NotCounted")<{ readonly part: Part; readonly why: string }> {
  override get message(): string {
    const { of, file, part } = this.part
    return `${of === 1 ? file : `Part ${part + 1} of ${of} of ${file}`} was not counted: ${this.why}`
  }
}

/** The parts that large files are cut into: small enough that all workers get their share of them. */
const partSize = 128 * 1024

/** How many parts are read and not counted yet, for each worker: back-pressure, rather than all of the files in memory. */
const ahead = 4

/** For this process, which has no need of a network to call its own pool. */
const frontend: Endpoint.Text = "inproc://word-count"

/**
 * Counts the words of files, by so many workers, which `start` starts: they connect to the `backend` of the pool.
 */
export const count = Effect.fnUntraced(function* <E1, E2, R>(options: {
  readonly files: ReadonlyArray<File>
  readonly workers: number
  readonly start: (pool: WorkerPool.WorkerPool["Service"], backend: string) => Effect.Effect<Crew<E1>, E2, R>
  readonly onStart: (crew: Crew<E1>, backend: string) => Effect.Effect<void>
  readonly onProgress: (done: Work) => Effect.Effect<void>
}) {
  const pool = yield* WorkerPool.make(Words, {
    frontend,
    backend: "tcp://127.0.0.1:*",
    // A worker that was killed is noticed by its connection, on libzmq with the next heartbeat.
    heartbeat: "50 millis",
    // Of those that are killed on purpose, no part is to blame.
    maxAttempts: 20,
    drain: "1 second"
  })
  const backend = `${yield* Socket.endpoint(pool.backend)}`

  return yield* Effect.gen(function* () {
    const client = yield* RpcClient.make(Words, { disableTracing: true })
    const crew = yield* options.start(pool, backend)
    yield* options.onStart(crew, backend)
    return yield* allThere(pool, options.workers).pipe(
      Effect.andThen(Effect.raceFirst(countAll(pool, client, options), crew.meanwhile ?? Effect.never)),
      Effect.raceFirst(crew.failed)
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(
      ZmqRpcClient.layerProtocol({ connect: frontend }).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))
    )
  )
}, Effect.scoped)

/** Waits until all workers are there, so that each gets its share. */
const allThere = (pool: WorkerPool.WorkerPool["Service"], workers: number) =>
  pool
    .awaitStatus((status) => status.workers.length >= workers)
    .pipe(Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => new NotConnected({ workers }) }))

/** Has all parts counted, and adds up what comes back: of each part once. */
const countAll = Effect.fnUntraced(function* (
  pool: WorkerPool.WorkerPool["Service"],
  client: RpcClient.FromGroup<typeof Words, RpcClientError.RpcClientError>,
  options: {
    readonly files: ReadonlyArray<File>
    readonly workers: number
    readonly onProgress: (done: Work) => Effect.Effect<void>
  }
) {
  const counts: Counts = new Map()
  const workers = Array.from({ length: options.workers }, (): Work => nothing)
  const redone: Array<Part> = []
  let all = nothing

  yield* parts(options.files).pipe(
    Stream.mapEffect(
      ({ part, text }) =>
        client.Count({ text }).pipe(
          Effect.map((result) => ({ ...result, part, bytes: text.length })),
          Effect.mapError(({ message }) => new NotCounted({ part, why: message }))
        ),
      { concurrency: ahead * options.workers, unordered: true }
    ),
    Stream.runForEach(({ attempt, bytes, part, times, words, worker }) => {
      const isRedone = attempt > 1
      if (isRedone) redone.push(part)
      // The first part of a file stands for the file.
      const work = {
        files: part.part === 0 ? 1 : 0,
        bytes,
        words: addCounts(counts, words, times),
        redone: isRedone ? 1 : 0
      }
      workers[worker - 1] = add(workers[worker - 1] ?? nothing, work)
      all = add(all, work)
      return options.onProgress(all)
    })
  )
  const { late } = yield* pool.status
  const counted: Counted = { workers, all, counts, redone, late }
  return counted
})

/** The files, read one after the other, in parts. */
const parts = (files: ReadonlyArray<File>) =>
  Stream.fromIterable(files).pipe(
    Stream.mapEffect(
      ({ name, path }) =>
        Effect.map(
          FileSystem.FileSystem.use((fs) => fs.readFile(path)),
          (text) => {
            const all = cut(text, partSize)
            return all.map((text, part) => ({ text, part: { file: name, part, of: all.length } }))
          }
        ),
      { concurrency: 4 }
    ),
    Stream.flattenIterable
  )

const nothing: Work = { files: 0, bytes: 0, words: 0, redone: 0 }

const add = (a: Work, b: Work): Work => ({
  files: a.files + b.files,
  bytes: a.bytes + b.bytes,
  words: a.words + b.words,
  redone: a.redone + b.redone
})
