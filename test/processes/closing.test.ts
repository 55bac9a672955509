/** How long scopes take to close. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { closingTimes, lingers, peers } from "./closing.ts"

describe("the close of a scope", () => {
  for (const peer of peers) {
    it.live(`ends within linger and 100 ms, whatever the linger, with a peer that is ${peer}`, () =>
      Effect.gen(function* () {
        const times = yield* Effect.forEach(lingers, (linger) => closingTimes(peer, linger, 3, 3), {
          concurrency: "unbounded"
        })
        lingers.forEach((linger, i) => {
          for (const millis of times[i] ?? []) {
            assert.isAtMost(millis, linger + 100)
            // Who is there has it all, or loses it, at once.
            if (peer === "alive" && linger > 0) assert.isBelow(millis, 500)
            if (peer !== "alive") assert.isAtLeast(millis, linger - 2)
          }
        })
      })
    )
  }
})
