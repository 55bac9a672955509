/** Runs what an example exports in this process, without a network, and gives what it printed. */
import { MemoryTransport } from "@effect-zmq/core"
import { Effect, Layer } from "effect"
import { TestConsole } from "effect/testing"

/** Provides a transport in memory, and a console whose lines can be looked at. */
export const inMemory = Effect.provide(Layer.merge(MemoryTransport.layer, TestConsole.layer))

/** All that was printed, in lines. */
export const printed: Effect.Effect<ReadonlyArray<string>> = Effect.map(TestConsole.logLines, (lines) =>
  lines.flatMap((line) => String(line).split("\n"))
)

/** Waits until so many lines match, whatever the clock is. */
export const prints = (pattern: RegExp, times = 1): Effect.Effect<void> =>
  Effect.gen(function* () {
    while ((yield* printed).filter((line) => pattern.test(line)).length < times) yield* Effect.yieldNow
  })
