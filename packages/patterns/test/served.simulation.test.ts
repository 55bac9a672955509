/** Served groups, while networks fail and servers are killed: every call ends, and nobody works for those who have gone. */
import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { servedUnderFaults } from "./servedChecks.ts"

describe("served groups under faults", () => {
  it("end every call, with its result or a typed error, when networks fail", () => {
    const { runs } = Effect.runSync(servedUnderFaults(60, "lossless"))
    assert.strictEqual(runs, 60)
  })

  it("end every call, with its result or a typed error, when a server is killed", () => {
    const { runs } = Effect.runSync(servedUnderFaults(60, "killed"))
    assert.strictEqual(runs, 60)
  })
})
