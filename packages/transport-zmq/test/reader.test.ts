/** How far a socket reads ahead of whoever takes its messages. */
import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@effect-zmq/core/Message"
import * as Effect from "effect/Effect"
import type { Native } from "../src/internal/addon.ts"
import { Reader } from "../src/internal/reader.ts"

const readAhead = { messages: 256, bytes: 256 * 1024 }

/** A socket to which so many messages of this size have come. */
const reading = (count: number, size: number) => {
  let left = count
  const message: Message = [new Uint8Array(size)]
  const native: Partial<Native> = {
    readable: true,
    receive: () => (left-- > 0 ? Promise.resolve(message) : Promise.reject({ code: "EAGAIN" }))
  }
  // A reader that is idle calls nothing else.
  return new Reader(native as Native, { readAhead, admits: undefined })
}

const done = (reader: Reader) =>
  Effect.callback<void>((resume) => {
    reader.onceBrought(() => resume(Effect.void))
  })

const means: Record<string, (reader: Reader) => void> = {
  "for news of peers": (reader) => reader.seek(() => true),
  "for who polls": (reader) => reader.bring()
}

describe("reading ahead", () => {
  for (const [purpose, read] of Object.entries(means)) {
    it.effect(`${purpose}, goes as far as 256 messages or 256 KB, however often it is asked to`, () =>
      Effect.gen(function* () {
        for (const [size, most] of [
          [1, 256],
          [100 * 1024, 3],
          [1024 * 1024, 1]
        ] as const) {
          const reader = reading(1000, size)
          for (let round = 0; round < 3; round++) {
            yield* Effect.suspend(() => {
              read(reader)
              return done(reader)
            })
            assert.strictEqual(reader.count, most)
          }
          reader.takeOne()
          yield* Effect.suspend(() => {
            read(reader)
            return done(reader)
          })
          assert.strictEqual(reader.count, most)
        }
      })
    )
  }

  it.effect("for news of peers, ends when there are none", () =>
    Effect.gen(function* () {
      const reader = reading(1000, 1)
      let looks = 0
      reader.seek(() => looks++ < 10)
      yield* done(reader)
      assert.isBelow(reader.count, 10)
    })
  )

  it.live("what is read by the way is told of to who has come to wait meanwhile", () =>
    Effect.gen(function* () {
      let calls = 0
      const native: Partial<Native> = {
        readable: false,
        setInt32Option: () => {},
        // A message is here, and no other comes.
        receive: () => (calls++ === 0 ? Promise.resolve([new Uint8Array(1)]) : new Promise(() => {}))
      }
      // As above.
      const reader = new Reader(native as Native, { readAhead, admits: undefined })
      reader.kick()
      yield* Effect.timeout(
        Effect.callback<void>((resume) => reader.wait(() => resume(Effect.void))),
        "1 second"
      )
      assert.strictEqual(reader.count, 1)
    })
  )
})
