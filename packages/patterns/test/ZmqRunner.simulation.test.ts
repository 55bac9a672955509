/** Runners, while their networks fail: an entity is never in two places, and is served when the network is well. */
import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { oneOfEach } from "./runnerChecks.ts"

describe("two runners under faults", () => {
  it("never have the same entity both, and have all when the faults are over", () => {
    const { hits, runs } = Effect.runSync(oneOfEach(6))
    assert.isAtLeast(hits, runs)
  })
})
