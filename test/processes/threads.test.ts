/** What becomes of a process when its worker threads end while they use sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./program.ts"

describe("worker threads that use sockets", () => {
  for (const work of ["waiting", "busy"]) {
    it.live(
      `terminated, throwing, exiting or at their end, ${work}: the process goes on, other threads too, nothing is left`,
      () =>
        Effect.gen(function* () {
          const program = yield* run("threads", "terminate,throw,exit,natural", work, "4", "2")
          const { code, lines, signal } = yield* program.ended
          assert.deepStrictEqual(lines, [`{"ended":4,"answered":4,"left":0}`])
          assert.deepStrictEqual([code, signal], [0, null])
        })
    )
  }

  it.live("are told so where the main thread has not loaded the transport", () =>
    Effect.gen(function* () {
      const program = yield* run("unhosted")
      const { code, lines } = yield* program.ended
      assert.match(lines.join(), /^InvalidState: .*has not loaded @effect-zmq\/transport-zmq: import it there/)
      assert.strictEqual(code, 0)
    })
  )
})
