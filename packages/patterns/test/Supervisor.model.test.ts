/** Supervisors beside a naive model of OTP's. */
import { assert, describe, it } from "vitest"
import { compare } from "./supervisorModel.ts"

const runs = 400

describe("a supervisor and a naive model of it", () => {
  for (const [how, preemption] of [
    ["", 0],
    [", others going on at any step", 0.2]
  ] as const) {
    it(`have the same history, in ${runs} random scripts${how}`, () => {
      let ties = 0
      const seen = new Map<string, number>()
      for (let seed = 1; seed <= runs; seed++) {
        const history = compare(seed, preemption)
        if (history === undefined) ties++
        for (const line of history ?? []) {
          const what = line.split(" ")[1] ?? ""
          seen.set(what, (seen.get(what) ?? 0) + 1)
        }
      }
      // The scripts are worth something.
      assert.isBelow(ties, runs / 5)
      for (const what of ["Restarted", "Failed", "Completed", "Stopped", "Unstopped", "Escalated", "Closed"]) {
        assert.isAbove(seen.get(what) ?? 0, runs / 10, what)
      }
    })
  }
})
