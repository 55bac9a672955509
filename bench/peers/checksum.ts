/**
 * What messages consist of, and how it is seen that all of it arrived, once and in order. The peers in C do the same; those
 * in Python have a checksum of the language's own.
 */

/** How many different bodies a sender sends in turn. */
export const variety = (size: number): number => (size >= 1 << 20 ? 2 : size >= 4096 ? 8 : 64)

export const bodies = (size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: variety(size) }, (_, i) => {
    const body = new Uint8Array(size)
    let state = i + 1
    for (let at = 0; at < size; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      body[at] = state >>> 24
    }
    return body
  })

let buffer: ArrayBufferLike | undefined
let bytes: Uint8Array = new Uint8Array(0)
let words: Int32Array = new Int32Array(0)

/**
 * All bytes of a frame, in four lanes, by exclusive or. Of a large frame the words of its memory are read, for a checksum
 * by bytes would be what is measured; the lanes are put right at the end.
 */
export const lanes = (frame: Uint8Array): number => {
  const length = frame.length
  let sum = 0
  if (length <= 32) {
    for (let i = 0; i < length; i++) sum ^= (frame[i] ?? 0) << ((i & 3) << 3)
    return sum
  }
  if (frame.buffer !== buffer) {
    buffer = frame.buffer
    bytes = new Uint8Array(buffer)
    words = new Int32Array(buffer, 0, buffer.byteLength >> 2)
  }
  const start = frame.byteOffset
  const end = start + length
  let at = start
  for (; (at & 3) !== 0; at++) sum ^= (bytes[at] ?? 0) << ((at & 3) << 3)
  const last = end >> 2
  const four = last - 3
  let word = at >> 2
  let second = 0
  for (; word < four; word += 4) {
    sum ^= (words[word] ?? 0) ^ (words[word + 1] ?? 0)
    second ^= (words[word + 2] ?? 0) ^ (words[word + 3] ?? 0)
  }
  sum ^= second
  for (; word < last; word++) sum ^= words[word] ?? 0
  for (at = word << 2; at < end; at++) sum ^= (bytes[at] ?? 0) << ((at & 3) << 3)
  const turn = (start & 3) << 3
  return turn === 0 ? sum : (sum >>> turn) | (sum << (32 - turn))
}

/** The checksum of messages: of one more, after others. Their order is part of it. */
export const next = (hash: number, one: number): number => (Math.imul(hash, 31) + one) | 0

/** What so many messages come to. */
export const expected = (size: number, count: number, one: (body: Uint8Array) => number = lanes): number => {
  const each = bodies(size).map((body) => one(body))
  let hash = 0
  for (let i = 0; i < count; i++) hash = next(hash, each[i % each.length] ?? 0)
  return hash
}
