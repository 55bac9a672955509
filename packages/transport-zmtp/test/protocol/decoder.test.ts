import { type Message, weight } from "@effect-zmq/core/Message"
import { assert, describe, it } from "vitest"
import { concat, encodeCommand } from "../../src/internal/protocol/command.ts"
import { Decoder, type Limits } from "../../src/internal/protocol/decoder.ts"
import { COMMAND, encodeFrame, MORE } from "../../src/internal/protocol/frame.ts"
import { chance } from "./random.ts"

const generous: Limits = { frameBytes: 2 ** 30, messageBytes: 2 ** 30, messageFrames: 65_536 }

const allocate = (size: number) => new Uint8Array(size)

const encode = (message: ReadonlyArray<Uint8Array>): Uint8Array =>
  concat(message.map((frame, i) => encodeFrame(i < message.length - 1 ? MORE : 0, frame)))

const text = (value: string) => new TextEncoder().encode(value)

const hex = (message: ReadonlyArray<Uint8Array>) => message.map((frame) => Buffer.from(frame).toString("hex"))

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, number) => all + number, 0)

/** All that is in the chunks, taken at most `max` at a time; commands as one frame behind a name. */
const decodeAll = (
  decoder: Decoder,
  chunks: ReadonlyArray<Uint8Array>,
  max: number,
  lend: () => boolean = () => false,
  maxBytes = Number.POSITIVE_INFINITY
): ReadonlyArray<Array<string>> => {
  const all: Array<Message | ReadonlyArray<Uint8Array>> = []
  for (const chunk of chunks) {
    const isLent = lend()
    decoder.feed(chunk, isLent)
    for (let isFirst = true; ; isFirst = false) {
      const into: Array<Message | undefined> = []
      const before = decoder.decoded
      decoder.decode(into, max, maxBytes)
      const weights = into.map((message) => weight(message as Message)) // just decoded
      const isCounted = decoder.decoded - before === sum(weights) && sum(weights.slice(0, -1)) < maxBytes
      if (!isCounted) assert.fail(`${decoder.decoded - before} bytes decoded of ${maxBytes}: ${weights}`)
      for (const message of into) all.push(message ?? [])
      if (isFirst && isLent) {
        // It was the lender's; what is held of it is not.
        decoder.keep()
        chunk.fill(0xee)
      }
      if (decoder.held !== undefined) {
        all.push([new TextEncoder().encode(decoder.heldIsMessage ? "subscription" : "command"), decoder.held])
        decoder.release()
      } else if (into.length === 0 || decoder.violation !== undefined) break
    }
    if (decoder.violation !== undefined) break
    assert.isTrue(decoder.isEmpty)
  }
  return all.map(hex)
}

/** Cuts bytes anywhere. */
const cut = (bytes: Uint8Array, { int }: ReturnType<typeof chance>): Array<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  const size = 1 + int(int(4) === 0 ? 3 : 400)
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + int(size))
    chunks.push(bytes.slice(at, end))
    at = end
  }
  return chunks
}

describe("decoder", () => {
  it("gives the messages and commands that were encoded, wherever the bytes are cut and however many are taken", () => {
    const lengths = [0, 1, 2, 16, 254, 255, 256, 257, 1000, 70_000]
    for (let seed = 0; seed < 400; seed++) {
      const random = chance(seed)
      const { bytes, int, pick } = random
      const sent: Array<{ readonly bytes: Uint8Array; readonly shown: Array<string> }> = []
      for (let i = int(30); i >= 0; i--) {
        if (int(8) === 0) {
          const body = encodeCommand("PING", bytes(int(300)))
          sent.push({ bytes: encodeFrame(COMMAND, body), shown: hex([text("command"), body]) })
        } else {
          const message = Array.from({ length: int(3) === 0 ? 1 + int(5) : 1 }, () =>
            bytes(pick(lengths.slice(0, int(20) === 0 ? 10 : 9)))
          )
          sent.push({ bytes: encode(message), shown: hex(message) })
        }
      }
      const received = decodeAll(
        new Decoder(generous, false, allocate),
        cut(concat(sent.map(({ bytes }) => bytes)), random),
        1 + int(10),
        () => seed % 2 === 1 && int(2) === 0,
        1 + int(pick([1, 100, 3000, 100_000]))
      )
      assert.deepStrictEqual(
        received,
        sent.map(({ shown }) => shown),
        `seed ${seed}`
      )
    }
  })

  it("takes a short frame in the long form", () => {
    const frame = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 1, 65)
    assert.deepStrictEqual(decodeAll(new Decoder(generous, false, allocate), [frame], 5), [["41"]])
  })

  it("takes messages of one frame that begin with 0 or 1 for subscriptions, where it is told to, and no others", () => {
    const one = Uint8Array.of(1, 65)
    const bytes = concat([encode([one]), encode([Uint8Array.of(2)]), encode([one, one]), encode([new Uint8Array(0)])])
    const rest = [["02"], ["0141", "0141"], [""]]
    assert.deepStrictEqual(decodeAll(new Decoder(generous, true, allocate), [bytes], 9), [
      hex([text("subscription"), Uint8Array.of(1, 65)]),
      ...rest
    ])
    assert.deepStrictEqual(decodeAll(new Decoder(generous, false, allocate), [bytes], 9), [["0141"], ...rest])
  })

  it("refuses what is larger than the limits, with the limit, and keeps what came before", () => {
    const limits: Limits = { frameBytes: 100, messageBytes: 150, messageFrames: 3 }
    const good = encode([Uint8Array.of(7)])
    const cases = [
      ["frameBytes", encode([new Uint8Array(101)])],
      ["frameBytes", encode([new Uint8Array(300)])],
      ["messageBytes", encode([new Uint8Array(80), new Uint8Array(80)])],
      ["messageFrames", encode([good, good, good, good])],
      ["commandBytes", encodeFrame(COMMAND, new Uint8Array(70_000))],
      [undefined, Uint8Array.of(8, 0)],
      [undefined, Uint8Array.of(COMMAND | MORE, 0)]
    ] as const
    for (const [limit, bad] of cases) {
      for (const chunks of [
        [concat([good, bad, good])],
        Array.from(concat([good, bad, good]), (byte) => Uint8Array.of(byte))
      ]) {
        const decoder = new Decoder(limits, false, allocate)
        assert.deepStrictEqual(decodeAll(decoder, chunks, 9), [["07"]])
        assert.strictEqual(decoder.violation?.limit, limit)
      }
    }
    const fits = encode([new Uint8Array(100), new Uint8Array(50)])
    assert.lengthOf(decodeAll(new Decoder(limits, false, allocate), [fits, fits], 9), 2)
  })

  it("holds as much memory for a frame as has come of it, whatever its length says", () => {
    let allocated = 0
    const decoder = new Decoder(generous, false, (size) => {
      allocated += size
      return new Uint8Array(size)
    })
    const header = Uint8Array.of(2, 0, 0, 0, 0, 0x3f, 0, 0, 0) // a gigabyte
    decodeAll(decoder, [header, new Uint8Array(1000)], 9)
    assert.isAtMost(allocated, 1_048_576)
    for (let i = 0; i < 64; i++) decodeAll(decoder, [new Uint8Array(65_536)], 9)
    assert.isAtMost(allocated, 20_000_000)
  })

  it("copies of a chunk that is lent each large frame alone, and what is small behind it together", () => {
    const sizes: Array<number> = []
    const decoder = new Decoder(generous, false, (size) => {
      sizes.push(size)
      return new Uint8Array(size)
    })
    const body = new Uint8Array(20_000).fill(7)
    const small = Array.from({ length: 100 }, (_, i) => Uint8Array.of(i))
    const chunk = concat([encode([new Uint8Array(0), body]), ...small.map((frame) => encode([frame]))])
    assert.isTrue(decoder.gathers(chunk))
    const received = decodeAll(decoder, [chunk], 1000, () => true)
    assert.deepStrictEqual(received, [hex([new Uint8Array(0), body]), ...small.map((frame) => hex([frame]))])
    assert.deepStrictEqual(sizes, [0, 20_000, 300])
    assert.isFalse(decoder.gathers(concat(small.map((frame) => encode([frame])))))
  })
})
