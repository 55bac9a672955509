/**
 * A worker of the word count: gets parts of files, and counts their words.
 *
 * `main.ts` starts it as a process of its own. It ends when it is told to, or when whoever started it is gone.
 */
import type { Endpoint } from "@effect-zmq/core"
// It alone: a process is there sooner.
import * as WorkerPool from "@effect-zmq/patterns/WorkerPool"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { RpcSerialization } from "effect/rpc"
import { endpoint, main } from "../main.ts"
import { Words } from "./messages.ts"
import { countWords } from "./words.ts"

const decoder = new TextDecoder()

const handlers = (index: number) =>
  Words.toLayer({
    Count: ({ text }, { headers }) =>
      Effect.sync(() => {
        const counts = countWords(decoder.decode(text))
        const attempt = Number(headers["zmq-attempt"] ?? 1)
        return { worker: index, attempt, words: [...counts.keys()], times: [...counts.values()] }
      })
  })

export const worker = (options: {
  readonly index: number
  readonly connect: Endpoint.Input
  /** What the dispatcher is to call it. */
  readonly name?: string
}) =>
  WorkerPool.work(Words, {
    connect: options.connect,
    name: options.name,
    // One to count, and one that is there when it is through: what is with a worker that dies is done again.
    credit: 2,
    disableTracing: true
  }).pipe(Effect.provide([handlers(options.index), RpcSerialization.layerSchemaBinary()]))

main(
  import.meta,
  Command.make(
    "worker",
    {
      index: Flag.Int("index").pipe(Flag.withDescription("its number")),
      connect: endpoint("connect", "where to get parts from")
    },
    (options) => WorkerPool.whileParent(worker({ ...options, name: `${process.pid}` }))
  ).pipe(Command.withDescription("Counts words for word-count/main.ts, which starts it."))
)
