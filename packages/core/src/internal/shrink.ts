/** Makes a failing list smaller: fewer of its parts, then smaller parts, for as long as it still fails. */

/** How the search went. */
export interface Shrunk<A> {
  readonly parts: ReadonlyArray<A>
  /** How often it was tried. */
  readonly attempts: number
}

/** How parts can be changed. */
export interface Changes<A> {
  /** The same parts, all of them a little elsewhere: it may be that one was needed only for where another one is. */
  readonly moved: (parts: ReadonlyArray<A>) => ReadonlyArray<ReadonlyArray<A>>
  /** A part, smaller: the best first. */
  readonly smaller: (part: A) => ReadonlyArray<A>
}

/**
 * Delta debugging over the parts (Zeller's ddmin: no single part can be left out of the result), then leaving one out while
 * the others move, then making each part smaller, in turn, until nothing helps or the attempts are used up.
 */
export const shrink = <A>(
  parts: ReadonlyArray<A>,
  fails: (parts: ReadonlyArray<A>) => boolean,
  { moved, smaller }: Changes<A>,
  limit: number
): Shrunk<A> => {
  let attempts = 0
  const stillFails = (candidate: ReadonlyArray<A>): boolean => attempts < limit && ++attempts > 0 && fails(candidate)
  const few = ddmin(parts, stillFails)
  return { parts: lessen(leaveOut(few, stillFails, moved), stillFails, smaller), attempts }
}

const leaveOut = <A>(
  parts: ReadonlyArray<A>,
  fails: (parts: ReadonlyArray<A>) => boolean,
  moved: Changes<A>["moved"]
): ReadonlyArray<A> => {
  if (parts.length < 2) return parts
  const fewer = parts.flatMap((_, at) => moved(parts.filter((_, i) => i !== at))).find(fails)
  return fewer === undefined ? parts : leaveOut(fewer, fails, moved)
}

const ddmin = <A>(parts: ReadonlyArray<A>, fails: (parts: ReadonlyArray<A>) => boolean): ReadonlyArray<A> => {
  if (parts.length === 0 || fails([])) return []
  let current = parts
  for (let pieces = 2; current.length > 1; ) {
    const size = Math.ceil(current.length / pieces)
    const starts = Array.from({ length: Math.ceil(current.length / size) }, (_, i) => i * size)
    const without = starts
      .map((start) => current.filter((_, i) => i < start || i >= start + size))
      .find((candidate) => candidate.length > 0 && fails(candidate))
    if (without !== undefined) {
      current = without
      pieces = Math.max(pieces - 1, 2)
    } else if (size === 1) return current
    else pieces = Math.min(pieces * 2, current.length)
  }
  return current
}

const lessen = <A>(
  parts: ReadonlyArray<A>,
  fails: (parts: ReadonlyArray<A>) => boolean,
  smaller: (part: A) => ReadonlyArray<A>
): ReadonlyArray<A> => {
  let current = parts
  for (let i = 0; i < current.length; ) {
    const next = smaller(current[i] as A) // `i` is below the length
      .map((part) => current.map((other, at) => (at === i ? part : other)))
      .find(fails)
    if (next === undefined) i++
    else current = next
  }
  return current
}
