import { assert, describe, it } from "@effect/vitest"
import * as Generator from "../../src/internal/generator.ts"

const draws = (seed: number | string, purpose: string, count = 5) => {
  const generator = Generator.make(seed, purpose)
  return Array.from({ length: count }, () => generator.nextDoubleUnsafe())
}

describe("generators", () => {
  it("draw the same for the same seed and purpose, wherever they run", () => {
    assert.deepStrictEqual(draws(1, "faults"), draws(1, "faults"))
    assert.deepStrictEqual(draws(1, "faults", 2), golden)
  })

  it("draw otherwise for another seed, another kind of seed, and another purpose", () => {
    const all = [draws(1, "faults"), draws(2, "faults"), draws("1", "faults"), draws(1, "program")]
    assert.strictEqual(new Set(all.map((some) => some.join())).size, 4)
  })

  it("draw evenly", () => {
    const generator = Generator.make("even", "test")
    const counts = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 60_000; i++) {
      const side = Generator.between(generator, 0, 5)
      counts[side] = (counts[side] ?? 0) + 1
    }
    for (const count of counts) assert.approximately(count, 10_000, 500)
  })
})

/** From a run: another machine must not draw otherwise. */
const golden = [0.03802043711508163, 0.6079124472352158]
