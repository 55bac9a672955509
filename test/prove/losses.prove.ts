/** That nothing is lost without being counted, under many schedules of faults. */
import { Effect, Exit } from "effect"
import { checks } from "../../packages/core/test/lossChecks.ts"
import { prove } from "./table.ts"

const test = prove("Losses, by the metrics of sockets that are killed and cut off, in runs of a simulation")

const runs = 1000
const seed = 11

for (const [promise, check] of Object.entries(checks)) {
  test(
    promise,
    Effect.suspend(() => {
      const exit = check(runs, seed)
      return Exit.isSuccess(exit)
        ? Effect.succeed({ what: promise, count: exit.value.runs, zero: { "broken promises": 0 } })
        : Effect.failCause(exit.cause)
    }),
    seed
  )
}
