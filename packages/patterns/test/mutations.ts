/** Messages that are nearly right, and bytes that are not: by a seed. */

/** Numbers from 0 up to 1, the same for the same seed. */
export const chance = (seed: number): (() => number) => {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
}

export const below = (random: () => number, limit: number): number => Math.floor(random() * limit)

export const randomBytes = (random: () => number, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => below(random, 256))

/** Flips bits, cuts, repeats, inserts, overwrites lengths, and joins, once or several times. */
export const mutate = (random: () => number, message: Uint8Array, others: ReadonlyArray<Uint8Array>): Uint8Array => {
  let bytes: Uint8Array = new Uint8Array(message) // the slice of a Buffer is no copy
  for (let times = 1 + below(random, 4); times > 0; times--) {
    const at = below(random, bytes.length + 1)
    switch (below(random, 7)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8))
        break
      case 1:
        bytes = bytes.slice(0, at)
        break
      case 2:
        bytes = bytes.slice(at)
        break
      case 3:
        bytes = concat(bytes.slice(0, at), randomBytes(random, below(random, 40)), bytes.slice(at))
        break
      case 4:
        // The first bytes are a length.
        for (let i = 0; i < 4 && i < bytes.length; i++) bytes[i] = random() < 0.5 ? 0 : below(random, 256)
        break
      case 5:
        if (at < bytes.length) bytes[at] = below(random, 256)
        break
      default:
        bytes = concat(bytes, others[below(random, others.length)] ?? bytes)
    }
  }
  return bytes
}

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
