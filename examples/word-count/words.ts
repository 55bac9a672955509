/**
 * What is counted: words, which are runs of letters of any script, with upper and lower case taken as one.
 */

/** How often each word occurs. */
export type Counts = Map<string, number>

const word = /\p{L}[\p{L}\p{M}]*/gu

/** Counts the words of a text. */
export const countWords = (text: string): Counts => {
  const counts: Counts = new Map()
  for (const found of text.toLowerCase().match(word) ?? []) counts.set(found, (counts.get(found) ?? 0) + 1)
  return counts
}

/** Adds words, and how often each occurs, to those that are there. Answers for how many they were in all. */
export const addCounts = (to: Counts, words: ReadonlyArray<string>, times: ReadonlyArray<number>): number => {
  let sum = 0
  for (const [i, word] of words.entries()) {
    const count = times[i] ?? 0
    sum += count
    to.set(word, (to.get(word) ?? 0) + count)
  }
  return sum
}

/** How many words were counted in all. */
export const total = (counts: ReadonlyMap<string, number>): number => {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}

/** The most frequent words; of equals, the first by the alphabet. */
export const mostFrequent = (counts: ReadonlyMap<string, number>, howMany: number) =>
  [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, howMany)
