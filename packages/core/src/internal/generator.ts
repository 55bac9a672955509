/**
 * Seeded generators: one for each purpose, so that what one draws shifts nothing that another does.
 *
 * The algorithm is sfc32, seeded by a hash of the text of the seed: small and fast, and the same everywhere.
 */
import type * as Random from "effect/Random"

/** A generator of chance, in the form of Effect's service. */
export interface Generator {
  readonly nextIntUnsafe: () => number
  readonly nextDoubleUnsafe: () => number
}

/** The generator of a seed for a purpose. */
export const make = (seed: number | string, purpose: string): Generator & typeof Random.Random.Service => {
  let [a, b, c, d] = hash(`${typeof seed}:${seed}:${purpose}`)
  const next32 = (): number => {
    const t = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) next32()
  const nextDoubleUnsafe = (): number => ((next32() >>> 5) * 67_108_864 + (next32() >>> 6)) / 9_007_199_254_740_992
  return {
    nextDoubleUnsafe,
    nextIntUnsafe: () =>
      Math.floor(nextDoubleUnsafe() * (Number.MAX_SAFE_INTEGER - Number.MIN_SAFE_INTEGER + 1)) + Number.MIN_SAFE_INTEGER
  }
}

/** A whole number from `min` to `max`, both included. */
export const between = (self: Generator, min: number, max: number): number =>
  min + Math.floor(self.nextDoubleUnsafe() * (max - min + 1))

/** One of several; there is at least one. */
export const pick = <A>(self: Generator, from: ReadonlyArray<A>): A => from[between(self, 0, from.length - 1)] as A

/** Four words of a text (cyrb128). */
const hash = (text: string): [number, number, number, number] => {
  let h1 = 1_779_033_703
  let h2 = 3_144_134_277
  let h3 = 1_013_904_242
  let h4 = 2_773_480_762
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i)
    h1 = h2 ^ Math.imul(h1 ^ k, 597_399_067)
    h2 = h3 ^ Math.imul(h2 ^ k, 2_869_860_233)
    h3 = h4 ^ Math.imul(h3 ^ k, 951_274_213)
    h4 = h1 ^ Math.imul(h4 ^ k, 2_716_044_179)
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597_399_067)
  h2 = Math.imul(h4 ^ (h2 >>> 22), 2_869_860_233)
  h3 = Math.imul(h1 ^ (h3 >>> 17), 951_274_213)
  h4 = Math.imul(h2 ^ (h4 >>> 19), 2_716_044_179)
  return [h1 ^ h2 ^ h3 ^ h4, h2 ^ h1, h3 ^ h1, h4 ^ h1]
}
