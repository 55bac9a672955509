import { type Cause, Effect, Fiber, Queue, Schedule, Stream } from "effect"
import type { Prompt } from "../../examples/chat/prompt.ts"

/**
 * Someone at the prompt of a program: what they see, and can wait for; what they type; and leaving, which ends their input.
 */
export const atPrompt = Effect.fnUntraced(function* <A, E, R>(program: (prompt: Prompt) => Effect.Effect<A, E, R>) {
  const typed = yield* Queue.make<string, Cause.Done>()
  const seen: Array<string> = []
  const prompt: Prompt = {
    lines: Stream.fromQueue(typed),
    show: (line) => Effect.sync(() => void seen.push(line))
  }
  const fiber = yield* Effect.forkScoped(program(prompt))
  return {
    seen,
    sees: (line: string) =>
      Effect.repeat(
        Effect.sync(() => seen.includes(line)),
        { until: (is) => is, schedule: Schedule.spaced("1 millis") }
      ),
    types: (line: string) => Queue.offer(typed, line),
    leaves: Effect.andThen(Queue.end(typed), Fiber.await(fiber)),
    vanishes: Fiber.interrupt(fiber)
  }
})
