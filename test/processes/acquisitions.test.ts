/** What acquisitions that fail half-way leave behind. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failing, leftAfter } from "./acquisitions.ts"

describe("an acquisition that fails half-way leaves no socket, fiber or descriptor", () => {
  for (const [name, kinds] of Object.entries(failing)) {
    for (const [kind, acquire] of Object.entries(kinds)) {
      it.live(`${kind}, on ${name}`, () =>
        Effect.gen(function* () {
          yield* leftAfter(acquire, 5)
          assert.deepStrictEqual(yield* leftAfter(acquire, 20), { failed: 20, descriptors: 0, sockets: 0, fibers: 0 })
        })
      )
    }
  }
})
