import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Leases } from "../src/internal/runner/leases.ts"

const expiration = 100

/** What may happen to a storage: who does it, to which shard, how much later. */
const Step = Schema.Struct({
  what: Schema.Literals(["acquire", "refresh", "release", "releaseAll", "restart"]),
  who: Schema.Int,
  shard: Schema.Int,
  after: Schema.Int
})

describe("locks of shards", () => {
  it("are had by one runner, until it releases them or they run out", () => {
    const leases = new Leases(expiration, 0)
    assert.deepStrictEqual(leases.acquire("a", ["1", "2"], 0), ["1", "2"])
    assert.deepStrictEqual(leases.acquire("b", ["2", "3"], 0), ["3"])
    assert.deepStrictEqual(leases.acquire("a", ["1"], 50), ["1"], "again by its holder")
    leases.release("b", "1")
    assert.deepStrictEqual(leases.acquire("b", ["1", "2"], 99), [], "nobody releases what is another's")
    assert.deepStrictEqual(leases.acquire("b", ["1", "2"], 100), ["2"], "the one that was not taken again has run out")
    leases.releaseAll("a")
    assert.deepStrictEqual(leases.acquire("b", ["1"], 101), ["1"])
    leases.release("b", "1")
    assert.deepStrictEqual(leases.acquire("a", ["1"], 101), ["1"])
  })

  it("are refreshed by their holder alone: one that has run out still is its, unless another has it", () => {
    const leases = new Leases(expiration, 0)
    leases.acquire("a", ["1", "2"], 0)
    assert.deepStrictEqual(leases.refresh("b", ["1", "2"], 0), [])
    assert.deepStrictEqual(leases.refresh("a", ["1", "2", "3"], 60), ["1", "2"])
    assert.deepStrictEqual(leases.acquire("b", ["1"], 159), [])
    assert.deepStrictEqual(leases.acquire("b", ["1"], 160), ["1"])
    assert.deepStrictEqual(leases.refresh("a", ["1", "2"], 200), ["2"])
  })

  it("are given to nobody while holders may be unknown, and are theirs who refresh them", () => {
    const leases = new Leases(expiration, 0)
    leases.closeUntil(100)
    assert.deepStrictEqual(leases.acquire("b", ["1", "2"], 10), [])
    assert.deepStrictEqual(leases.refresh("a", ["1"], 20), ["1"])
    assert.deepStrictEqual(leases.refresh("b", ["1"], 21), [])
    assert.deepStrictEqual(leases.acquire("b", ["1", "2"], 99), [])
    assert.deepStrictEqual(leases.acquire("b", ["1", "2"], 100), ["2"])
    assert.deepStrictEqual(leases.refresh("a", ["3"], 101), [], "from then on, who has none gets none by refreshing")
  })

  it.prop(
    "whatever happens, no two runners have the lock of a shard at a time, by what each was told",
    [Schema.Array(Step)],
    ([steps]) => {
      const runners = ["a", "b", "c"]
      const shards = ["1", "2"]
      let leases = new Leases(expiration, 0)
      let now = 0
      /** Until when each runner may think that it has a shard: it was told so, at the time that it asked. */
      const told = new Map<string, number>()
      for (const { after, shard: n, what, who } of steps) {
        now += Math.abs(after) % 70
        const runner = runners[Math.abs(who) % 3] ?? ""
        const shard = shards[Math.abs(n) % 2] ?? ""
        const has = (who: string) => (told.get(`${who} ${shard}`) ?? -1) > now
        switch (what) {
          case "acquire":
            if (leases.acquire(runner, [shard], now).length > 0) told.set(`${runner} ${shard}`, now + expiration)
            break
          case "refresh":
            // Only what a runner thinks that it has.
            if (!has(runner)) break
            if (leases.refresh(runner, [shard], now).length > 0) told.set(`${runner} ${shard}`, now + expiration)
            else told.delete(`${runner} ${shard}`)
            break
          case "release":
            leases.release(runner, shard)
            told.delete(`${runner} ${shard}`)
            break
          case "releaseAll":
            leases.releaseAll(runner)
            for (const shard of shards) told.delete(`${runner} ${shard}`)
            break
          case "restart":
            leases = new Leases(expiration, 0)
            leases.closeUntil(now + expiration)
        }
        assert.isAtMost(runners.filter(has).length, 1, `${shard} at ${now}`)
      }
    },
    { arbitrary: { runs: 300 } }
  )
})

describe("runners", () => {
  it("are there as long as they are heard of, each with a number of its own", () => {
    const leases = new Leases(expiration, 7)
    assert.strictEqual(leases.register("a", "A", true, 0), 7)
    assert.strictEqual(leases.register("b", "B", true, 0), 8)
    assert.strictEqual(leases.register("a", "A", true, 10), 7, "the same when it comes again")
    leases.setHealth("a", false)
    leases.setHealth("nobody", true)
    assert.deepStrictEqual(leases.runners(99), [
      ["A", false],
      ["B", true]
    ])
    leases.refresh("b", [], 99)
    assert.deepStrictEqual(leases.runners(150), [["B", true]])
    leases.unregister("b")
    assert.deepStrictEqual(leases.runners(150), [])
    assert.strictEqual(leases.register("c", "C", true, 150), 9)
  })
})
