/**
 * Signals between threads, by PAIR sockets: step 1 tells step 2 that it is ready, which tells step 3, which is here.
 *
 *     npx --yes pnpm@12 exec node examples/threads/relay.ts
 *
 * Each step starts the one before it, as a thread, and waits for its signal. There is no lock, and nothing is shared.
 */
import { Console, Effect, type Scope } from "effect"
import { Command } from "effect/cli"
import { main } from "../main.ts"
import { type Step, signalAt, startThread } from "./step.ts"

export const relay = Effect.fnUntraced(function* <E, E2, R>(options: {
  /** Starts a step, and gives its end. */
  readonly start: (step: Step) => Effect.Effect<Effect.Effect<void, E2>, E, R | Scope.Scope>
}) {
  const ready = yield* signalAt(3)
  yield* Console.log("Waiting for step 2, which waits for step 1")
  const ended = yield* options.start(2)
  yield* Effect.all([ready, ended], { concurrency: "unbounded" })
  yield* Console.log("Step 3 is ready: all have signalled")
}, Effect.scoped)

main(
  import.meta,
  Command.make("relay", {}, () => relay({ start: startThread })).pipe(
    Command.withDescription("Signals from thread to thread, by PAIR sockets over inproc.")
  )
)
