import { assert, describe, it } from "@effect/vitest"
import { shrink } from "../../src/internal/shrink.ts"

const parts = Array.from({ length: 16 }, (_, i) => i)

const fewest = (fails: (parts: ReadonlyArray<number>) => boolean) =>
  shrink(parts, fails, { moved: () => [], smaller: () => [] }, 1000)

describe("shrink", () => {
  it("finds the one part that fails", () => {
    for (const culprit of parts) assert.deepStrictEqual(fewest((some) => some.includes(culprit)).parts, [culprit])
  })

  it("finds parts that fail only together, wherever they are", () => {
    for (const [a, b, c] of [
      [0, 1, 2],
      [0, 7, 15],
      [3, 8, 12]
    ] as const) {
      const { parts } = fewest((some) => some.includes(a) && some.includes(b) && some.includes(c))
      assert.deepStrictEqual(parts, [a, b, c])
    }
  })

  it("finds that nothing is needed", () => {
    assert.deepStrictEqual(
      fewest(() => true),
      { parts: [], attempts: 1 }
    )
  })

  it("leaves no part that could be left out, also where fewer parts fail otherwise", () => {
    const fails = (some: ReadonlyArray<number>) => some.length >= 5 || (some.includes(2) && some.includes(9))
    const { parts } = fewest(fails)
    assert.isTrue(fails(parts))
    for (const part of parts) assert.isFalse(fails(parts.filter((other) => other !== part)))
  })

  it("leaves out what is needed only for where the others are", () => {
    const { parts } = shrink(
      [10, 50],
      (some) => some.includes(49) || (some.includes(10) && some.includes(50)),
      { moved: (some) => [some.map((n) => n + 1), some.map((n) => n - 1)], smaller: () => [] },
      1000
    )
    assert.deepStrictEqual(parts, [49])
  })

  it("makes each part smaller, as far as it still fails", () => {
    const { parts } = shrink(
      [100, 40, 7],
      (some) => some.some((n) => n >= 10) && some.some((n) => n < 10),
      { moved: () => [], smaller: (n) => (n > 0 ? [Math.floor(n / 2)] : []) },
      1000
    )
    assert.deepStrictEqual(parts, [10, 0])
  })

  it("ends when its attempts are used up, with what fails", () => {
    const fails = (some: ReadonlyArray<number>) => some.includes(13)
    const { attempts, parts: found } = shrink(parts, fails, { moved: () => [], smaller: () => [] }, 3)
    assert.strictEqual(attempts, 3)
    assert.isTrue(fails(found))
  })
})
