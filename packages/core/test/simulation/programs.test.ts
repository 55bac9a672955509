/** Three programs that keep what they promise whatever the network does, and copies of each with a bug planted in it. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Simulation from "../../src/Simulation.ts"
import { type Bug, bugs } from "./bugs.ts"
import * as Pipeline from "./pipeline.ts"
import * as Requests from "./requests.ts"
import * as Subscriber from "./subscriber.ts"

const programs: Record<string, (bug?: Bug) => Exit.Exit<Simulation.Report, unknown>> = {
  pipeline: (bug) =>
    Simulation.check({
      program: Pipeline.pipeline(bug),
      invariant: (results) => assert.deepStrictEqual(results, Pipeline.expected)
    }),
  requests: (bug) =>
    Simulation.check({
      program: Requests.requesting(bug),
      invariant: (outcome) => assert.deepStrictEqual(outcome, Requests.expected)
    }),
  subscriber: (bug) => Simulation.check({ program: Subscriber.subscribing(bug), invariant: Subscriber.kept })
}

for (const [name, check] of Object.entries(programs)) {
  describe(`a check of the ${name}`, () => {
    it("passes: its promises hold under a thousand schedules of faults", () => {
      const report = Effect.runSync(check())
      assert.strictEqual(report.runs, 1000)
      assert.isAbove(report.hits, 1000)
    })

    for (const bug of bugs) {
      it(`finds a bug of the kind "${bug}", and shrinks it to at most 3 faults`, { timeout: 10_000 }, () => {
        const exit = check(bug)
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(error, Simulation.Counterexample)
        assert.isAtLeast(error.run, 1)
        assert.isAtMost(error.faults.length, 3, error.message)
      })
    }
  })
}
