/** Requests that wait in a line. */
import { assert, describe, it } from "@effect/vitest"
import { Line } from "../src/internal/line.ts"
import { Flag, Kind, Packer, type Record, read } from "../src/internal/records.ts"
import { below, chance } from "./mutations.ts"

const packer = new Packer()

const request = (id: number, flags = 0, size = 10): Record => {
  packer.add({ kind: Kind.Request, flags, id, epoch: 7 }, "Do", new Uint8Array(size).fill(id))
  const [record] = read([packer.take() ?? assert.fail()]).records
  return record ?? assert.fail()
}

describe("a line of requests", () => {
  it("gives them in their order, as they came, without those that were withdrawn", () => {
    const random = chance(1)
    const line = new Line()
    const wanted: Array<number> = []
    for (let id = 1; id <= 20_000; id++) {
      const is = random()
      if (is < 0.5) {
        line.push(request(id, 0, below(random, 300)))
        wanted.push(id)
      } else if (is < 0.8 && wanted.length > 0) {
        const [withdrawn] = wanted.splice(below(random, wanted.length), 1)
        assert.isTrue(line.withdraw(withdrawn ?? 0))
        assert.isFalse(line.withdraw(withdrawn ?? 0))
      } else {
        const record = line.shift()
        assert.strictEqual(record?.id, wanted.shift())
        if (record !== undefined) {
          assert.deepStrictEqual([record.kind, record.epoch, record.tag], [Kind.Request, 7, "Do"])
          assert.isTrue(record.body.every((byte) => byte === (record.id & 0xff)))
        }
      }
      assert.strictEqual(line.size, wanted.length)
    }
    while (line.size > 0) assert.strictEqual(line.shift()?.id, wanted.shift())
    assert.deepStrictEqual([line.shift(), line.bytes], [undefined, 0])
  })

  it("keeps no more than what waits in it, whatever that came with, and however much is withdrawn", () => {
    const line = new Line()
    for (let id = 1; id <= 100_000; id++) {
      line.push(request(id))
      if (id > 10) assert.isTrue(line.withdraw(id - 10))
    }
    assert.strictEqual(line.size, 10)
    assert.isBelow(line.bytes, 200_000)
    const { frame } = line.shift() ?? assert.fail()
    assert.isBelow(frame.buffer.byteLength, 200_000)
  })

  it("has nobody take back what wants no answer", () => {
    const line = new Line()
    line.push(request(1, Flag.Notification))
    assert.isFalse(line.withdraw(1))
    assert.strictEqual(line.shift()?.id, 1)
  })
})
