/** A pool of processes that are killed, stopped and orphaned: in small counts, the large ones are `prove/pool.prove.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { endings, killing, orphaning, restarting, stopping, withoutCommand, withoutSchedule } from "./poolFaults.ts"

describe("a worker pool of processes", { timeout: 40_000 }, () => {
  it.live("gives each call one result while its workers are killed, one after the other", () =>
    Effect.gen(function* () {
      const tally = yield* killing({ workers: 3, calls: 600, inFlight: 60, millis: 20, every: 100, kills: 3 })
      assert.deepInclude(tally, { missing: 0, twice: 0, open: 0, dead: 0, kills: 3, deaths: 3 })
      assert.isAbove(tally.redone, 0)
    })
  )

  it.live("gives no result twice when a worker is stopped, given up, and goes on", () =>
    Effect.gen(function* () {
      const tally = yield* stopping({ calls: 300, inFlight: 30, millis: 20, stopFor: 600, times: 1 })
      assert.deepInclude(tally, { missing: 0, twice: 0, open: 0, deaths: 1 })
      assert.isAbove(tally.redone, 0)
    })
  )

  it.live("ends every call when the dispatcher is killed, and answers the next by the one in its place", () =>
    Effect.gen(function* () {
      const tally = yield* restarting({ calls: 50, millis: 200, after: 100 })
      assert.deepInclude(tally, { ended: 50, defects: 0, next: 1 })
      assert.isAbove(tally.failed, 0)
    })
  )

  it.live("says how each process ended: by its code, or by the signal that killed it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* endings("process.exit(3)"), { how: "code 3", code: 3, signal: undefined })
      const killed = { how: "killed by SIGKILL", code: undefined, signal: "SIGKILL" }
      assert.deepStrictEqual(yield* endings("process.stdin.resume()", "SIGKILL"), killed)
    })
  )

  it.live("tells of a place whose command dies, and goes on with the others", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.timeout(withoutCommand, "10 seconds"), {
        how: "no command for this place",
        tags: ["Abandoned 0", "Ended 0", "Started 1"],
        places: [1]
      })
    })
  )

  it.live("starts nothing again where the schedule of restarts dies, and goes on with the others", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.timeout(withoutSchedule, "10 seconds"), {
        tags: ["Abandoned 0", "Ended 0", "Started 0", "Started 1"],
        places: [1]
      })
    })
  )

  it.live("has no worker outlive a process that is killed", () =>
    Effect.gen(function* () {
      const { alive, pids, signal } = yield* orphaning
      assert.strictEqual(signal, "SIGKILL")
      assert.lengthOf(pids, 2)
      assert.deepStrictEqual(alive, [])
    })
  )
})
