/** Ctrl-C, while a program waits for somebody who is not there. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { example } from "./program.ts"

const nobody = ["--connect", "tcp://127.0.0.1:1"]
const free = ["--bind", "tcp://127.0.0.1:*"]

/** What each prints before it waits: for an answer, a connection, a request, room, or a message. */
const waiting: ReadonlyArray<readonly [name: string, prints: RegExp, ...flags: ReadonlyArray<string>]> = [
  ["hello/client", /^Saying Hello/, ...nobody],
  ["sync-pubsub/subscriber", /^Subscribing/, ...nobody],
  ["high-water-mark/publisher", /^PUSH/, ...free, ...free],
  ["multipart-file/sender", /^Sending/, ...nobody, "--file", import.meta.filename],
  ["pipeline/sink", /^Collecting/, ...free]
]

describe("Ctrl-C", () => {
  it.live("ends a program that waits for another one, in peace", () =>
    Effect.forEach(
      waiting,
      ([name, pattern, ...flags]) =>
        Effect.gen(function* () {
          const program = yield* example(name, ...flags)
          yield* program.prints(pattern)
          yield* program.signal("SIGINT")
          const { code, stderr } = yield* program.ended
          assert.deepStrictEqual({ name, code, stderr }, { name, code: 130, stderr: "" })
        }),
      { concurrency: 2, discard: true }
    )
  )
})
