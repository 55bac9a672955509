import { assert, describe, it } from "vitest"
import { allocateOnly } from "../src/internal/memory.ts"
import { Output, Slabs } from "../src/internal/output.ts"
import { Turns } from "../src/internal/turns.ts"

/** An output that was quiet, how many bytes each of its writes had, and what ends the code that runs now. */
const make = (came: number) => {
  const writes: Array<number> = []
  const later: Array<() => void> = []
  const shared = {
    turns: new Turns(() => undefined),
    slabs: new Slabs(allocateOnly),
    soon: (f: () => void) => void later.push(f),
    allocate: allocateOnly
  }
  const write = (pieces: ReadonlyArray<Uint8Array>) => writes.push(pieces.reduce((sum, { length }) => sum + length, 0))
  const output = new Output({ write, unsentBytes: 0 }, shared, Number.POSITIVE_INFINITY, () => undefined)
  output.came = came
  return { output, writes, end: () => later.splice(0).forEach((f) => f()) }
}

/** Of four bytes, with two before them. */
const answer = [Uint8Array.of(1, 2, 3, 4)] as const

const answerTo = (came: number): ReadonlyArray<number> => {
  const { end, output, writes } = make(came)
  for (let i = 0; i < came; i++) output.encode(answer)
  end()
  return writes
}

describe("the way out of a connection", () => {
  it("takes the answers to many messages that came at once in two halves", () => {
    assert.deepStrictEqual(answerTo(100), [50 * 6, 50 * 6])
    assert.deepStrictEqual(answerTo(33), [17 * 6, 16 * 6])
  })

  it("takes the answers to few in one", () => {
    assert.deepStrictEqual(answerTo(31), [31 * 6])
  })

  it("takes what is sent unasked in one", () => {
    const { end, output, writes } = make(0)
    for (let i = 0; i < 100; i++) output.encode(answer)
    end()
    assert.deepStrictEqual(writes, [100 * 6])
  })
})
