/** The broker, while workers are killed and networks fail: no request is answered twice, or with another's reply, or forgotten. */
import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { checks } from "./brokerChecks.ts"

describe("a broker under faults", () => {
  for (const [promise, check] of Object.entries(checks)) {
    it(promise, () => {
      const { hits, runs } = Effect.runSync(check(60))
      assert.isAbove(hits, runs)
    })
  }
})
