import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { check } from "./poolSimulation.ts"

describe("a worker pool in memory", () => {
  it("ends every call, redoes none that must not be, and leaves neither job nor credit, whatever the network does", () => {
    const { hits } = Effect.runSync(check(12))
    assert.isAbove(hits, 0)
  })
})
