/** What libzmq would end a process for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./program.ts"

describe("a ROUTER that connects to a peer by an id", () => {
  it.live("with which another one comes at that very moment ends no process", () =>
    Effect.gen(function* () {
      const program = yield* run("naming", "150")
      const { code, lines, signal } = yield* program.ended
      assert.deepStrictEqual([code, signal], [0, null])
      assert.match(lines.join(), /^\{"given":\d+,"taken":\d+\}$/)
    })
  )
})
