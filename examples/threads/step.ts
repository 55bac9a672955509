/**
 * The relay, its first two steps, as threads: one does its work and signals to the next.
 */
import { type Endpoint, Pair } from "@effect-zmq/core"
import { Console, Effect, Latch, type Scope } from "effect"
import { start, thread } from "../thread.ts"

export type Step = 1 | 2

/** Where a step waits for the signal of the one before it. */
const endpoint = (step: 2 | 3): Endpoint.Text => `inproc://step${step}`

/** Waits for the signal to a step, from now on. It listens for as long as the scope, so that who signalled can leave. */
export const signalAt = Effect.fnUntraced(function* (step: 2 | 3) {
  const pair = yield* Pair.make({ bind: endpoint(step) })
  const signalled = yield* Latch.make()
  yield* Effect.forkScoped(Pair.runForEach(pair, () => signalled.open))
  return signalled.await
})

export const step = Effect.fnUntraced(function* <E, E2, R>(options: {
  readonly step: Step
  /** Starts another step, and gives its end. */
  readonly start: (step: Step) => Effect.Effect<Effect.Effect<void, E2>, E, R | Scope.Scope>
}) {
  if (options.step === 2) {
    const ready = yield* signalAt(2)
    const ended = yield* options.start(1)
    yield* Effect.all([ready, ended], { concurrency: "unbounded" })
  }
  const next = yield* Pair.make({ connect: endpoint(options.step === 1 ? 2 : 3) })
  yield* Console.log(`Step ${options.step} is ready, and signals to step ${options.step + 1}`)
  yield* Pair.send(next, "READY")
}, Effect.scoped)

/** Starts a step as a thread. */
export const startThread = (step: Step) => start(import.meta.filename, step)

thread(import.meta, (given: Step) => step({ step: given, start: startThread }))
