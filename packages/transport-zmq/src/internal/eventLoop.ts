/** The event loop of Node, as promises. */

/** The next turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Calls back, unless the process ends before: it is not kept alive for this. */
export const later = (millis: number, f: () => void): void => {
  setTimeout(f, millis).unref()
}

/**
 * Whether the promise was first, and not the time. When the time is up, what has happened by then is still looked at: of
 * an event loop that was busy, timers run first.
 */
export const within = (millis: number, promise: Promise<unknown>): Promise<boolean> => {
  if (millis === Number.POSITIVE_INFINITY) return promise.then(() => true)
  return new Promise((resolve) => {
    const timer = setTimeout(() => setImmediate(resolve, false), millis)
    void promise.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

/** How many operations may follow each other before the event loop gets its turn. */
export const burst = 512

/** Calls back later, unless it is cancelled by then; keeps no process alive. */
export const after = (millis: number, f: () => void): (() => void) => {
  const timer = setTimeout(f, millis).unref()
  return () => clearTimeout(timer)
}
