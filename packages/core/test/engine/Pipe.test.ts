import { assert, describe, it } from "@effect/vitest"
import { lowWaterMark } from "../../src/engine/Pipe.ts"
import { connection, message, repeat, text, texts } from "./pipes.ts"

describe("Pipe", () => {
  for (const [hwm, low] of [
    [8, 4],
    [2, 1],
    [20, 10],
    [1, 1],
    [5, 3]
  ] as const) {
    it(`with a high-water mark of ${hwm} is full at ${hwm} messages, and has room again after ${low} are taken`, () => {
      let activations = 0
      const { far, near } = connection("p", { hwm, near: { writeActivated: () => activations++ } })
      let written = 0
      while (near.write(message(`${written}`))) written++
      assert.strictEqual(written, hwm)
      for (let i = 0; i < low; i++) {
        assert.isFalse(near.write(message("too early")))
        assert.strictEqual(activations, 0)
        assert.strictEqual(text(far.takeOne()), `${i}`)
      }
      assert.strictEqual(activations, 1)
      let more = 0
      while (near.write(message("more"))) more++
      assert.strictEqual(more, low)
    })
  }

  it("returns room in the same steps when messages are taken in batches", () => {
    const { far, near } = connection("p", { hwm: 8 })
    for (let i = 0; i < 8; i++) near.write(message(`${i}`))
    assert.deepStrictEqual(texts(far.take(3)), ["0", "1", "2"])
    assert.isFalse(near.hasRoom())
    assert.deepStrictEqual(texts(far.take(4)), ["3", "4", "5", "6"])
    let more = 0
    while (near.write(message("more"))) more++
    assert.strictEqual(more, 4)
  })

  it("is the queue that a naive one is: order, whole messages, marks and both activations, under random use", () => {
    repeat(200, (random) => {
      const hwm = 1 + random.below(30)
      const low = lowWaterMark(hwm)
      let readable = 0
      let writable = 0
      const { far, near } = connection("p", {
        hwm,
        near: { writeActivated: () => writable++ },
        far: { readActivated: () => readable++ }
      })
      const naive: Array<string> = []
      let written = 0
      let taken = 0
      let acknowledged = 0
      let isRefused = false
      let isAsleep = false
      const take = (count: number) => {
        taken += count
        acknowledged = Math.floor(taken / low) * low
        if (isRefused && written - acknowledged < hwm) {
          isRefused = false
          assert.strictEqual(writable, 1, "told of the room")
          writable = 0
        }
      }
      for (let step = 0; step < 400; step++) {
        switch (random.below(4)) {
          case 0:
          case 1: {
            const hasRoom = written - acknowledged < hwm
            assert.strictEqual(near.write(message(`${written}`)), hasRoom)
            if (hasRoom) {
              naive.push(`${written++}`)
              assert.strictEqual(readable, isAsleep ? 1 : 0, "told of the first message after it was found empty")
              isAsleep = false
              readable = 0
            } else isRefused = true
            break
          }
          case 2: {
            const got = text(far.takeOne())
            assert.strictEqual(got, naive.shift())
            if (got === undefined) isAsleep = true
            else take(1)
            break
          }
          case 3: {
            const max = 1 + random.below(40)
            const got = texts(far.take(max))
            assert.deepStrictEqual(got, naive.splice(0, max))
            if (got.length === 0) isAsleep = true
            else take(got.length)
          }
        }
        assert.strictEqual(far.pending, naive.length)
        assert.strictEqual(writable + readable, 0)
      }
    })
  })

  it("keeps its order over a queue of 100,000 that is never empty", () => {
    const { far, near } = connection("p")
    let next = 0
    for (let i = 0; i < 100_000; i++) {
      near.write(message(`${i}`))
      if (i % 3 > 0) assert.strictEqual(text(far.takeOne()), `${next++}`)
    }
    assert.deepStrictEqual(texts(far.take(3)), [`${next}`, `${next + 1}`, `${next + 2}`])
  })

  it("gives a batch that its taker owns: what arrives later is not in it", () => {
    const { far, near } = connection("p")
    near.write(message("a"))
    const batch = far.take(10)
    near.write(message("b"))
    assert.deepStrictEqual(texts(batch), ["a"])
    assert.deepStrictEqual(texts(far.take(10)), ["b"])
  })
})
