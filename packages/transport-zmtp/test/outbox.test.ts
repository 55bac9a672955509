import type { Message } from "@effect-zmq/core/Message"
import { assert, describe, it } from "vitest"
import { Outbox, Told } from "../src/internal/outbox.ts"
import { chance } from "./protocol/random.ts"

describe("outbox", () => {
  it("keeps the order of messages and of what is told, and counts messages and their bytes, as a naive one", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { int } = chance(seed)
      const isWeighed = seed % 2 === 0
      const outbox = new Outbox(isWeighed)
      let naive: Array<Message | Told> = []
      const check = () => {
        const messages = naive.filter((next): next is Message => !(next instanceof Told))
        assert.strictEqual(outbox.messages, messages.length)
        assert.strictEqual(outbox.bytes, isWeighed ? messages.reduce((sum, [frame]) => sum + frame.length, 0) : 0)
        assert.strictEqual(outbox.isEmpty, naive.length === 0)
      }
      for (let step = 0; step < 100; step++) {
        const choice = int(20)
        if (choice < 10) {
          for (let i = int(300); i >= 0; i--) {
            const next = int(10) === 0 ? new Told("SUBSCRIBE", new Uint8Array(0)) : ([new Uint8Array(int(9))] as const)
            if (next instanceof Told) outbox.tell(next)
            else outbox.add(next)
            naive.push(next)
          }
        } else if (choice < 18) {
          for (let i = int(400); i >= 0 && naive.length > 0; i--) assert.isTrue(outbox.next() === naive.shift())
        } else if (choice === 18) {
          outbox.forget()
          naive = naive.filter((next) => !(next instanceof Told))
        } else {
          const told = naive.filter((next) => next instanceof Told)
          assert.strictEqual(outbox.drop(), naive.length - told.length)
          naive = told
        }
        check()
      }
    }
  })
})
