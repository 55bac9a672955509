/** Chance from a seed, so that what was found can be found again. */

export interface Chance {
  /** From 0 to `below` - 1. */
  readonly int: (below: number) => number
  readonly bytes: (length: number) => Uint8Array
  readonly pick: <A>(all: ReadonlyArray<A>) => A
}

export const chance = (seed: number): Chance => {
  let state = (seed + 0x9e3779b9) | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number) => Math.floor(next() * below)
  return {
    int,
    bytes: (length) => Uint8Array.from({ length }, () => int(256)),
    // There is one at least.
    pick: <A>(all: ReadonlyArray<A>) => all[int(all.length)] as A
  }
}
