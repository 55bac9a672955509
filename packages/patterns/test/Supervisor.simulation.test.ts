/** A supervised pipeline, while sockets are killed and networks fail. */
import * as Exit from "effect/Exit"
import { assert, it } from "vitest"
import { check } from "./supervisedPipeline.ts"

it("a supervised pipeline always recovers, and all that was sent has come or is counted as lost", () => {
  const exit = check(60)
  if (Exit.isFailure(exit)) assert.fail(`${exit.cause}`)
  assert.isAbove(exit.value.hits, 60)
})
