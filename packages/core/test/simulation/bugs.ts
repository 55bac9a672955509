/** The kinds of bugs that are planted in the programs of this directory: each takes at most one, and none by default. */
export type Bug = "lost on reconnect" | "doubled on requeue" | "stale reply" | "leak on interruption" | "order swapped"

export const bugs: ReadonlyArray<Bug> = [
  "lost on reconnect",
  "doubled on requeue",
  "stale reply",
  "leak on interruption",
  "order swapped"
]
