import { assert, describe, it } from "@effect/vitest"
import { simulate, type Tally } from "./poolModel.ts"

describe("the dispatcher, as a machine, with its workers", () => {
  it("answers, cancels or gives up every call, and each once, whatever becomes of workers, clients and itself", () => {
    const total: Partial<Record<keyof Tally, number>> = {}
    for (let seed = 1; seed <= 60; seed++) {
      const tally = simulate(seed)
      for (const key of Object.keys(tally) as Array<keyof Tally>) total[key] = (total[key] ?? 0) + tally[key]
    }
    // What is not tried is not shown.
    for (const [what, count] of Object.entries(total)) assert.isAbove(count, 0, what)
  })
})
