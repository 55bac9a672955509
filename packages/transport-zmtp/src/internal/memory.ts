/**
 * Memory for what is read, and what is to be done that it does not become expensive.
 *
 * V8 has the memory of buffers outside of its heap, and little of its heap is used for a message that is large. So there is
 * no reason for it to collect what is young, which takes a fraction of a millisecond, until there is so much of that memory
 * that it collects everything: that takes as long as the program is large, and happens every hundred messages of 64 KB.
 * Therefore what is young is collected here, after so many bytes, at the end of a turn of the event loop: by then an answer
 * has been written, and least is in use. Where it takes long, because much of what is young is in use, or others have the
 * processor, it is done the less often; but never so seldom that V8 would collect everything again.
 *
 * V8 shows its collector only to who asks by a flag. The flag is set for the moment in which a context of its own is made,
 * and nothing else runs in this thread; the program sees neither the flag nor a `gc`. Each thread has a collector of its
 * own. Where there is none to be had, V8 is left to itself.
 *
 * It is a file of its own because it has to do with V8.
 */
import * as v8 from "node:v8"
import * as vm from "node:vm"

type Collect = (options: { readonly type: "minor" }) => void

/** Gives memory that is not cleared, and shared with nobody. */
export type Allocate = (size: number) => Buffer<ArrayBuffer>

/** After how many bytes, at least and at most. */
const least = 6 * 2 ** 20
const most = 24 * 2 ** 20

/** How many milliseconds it may take. */
const slow = 2
const quick = 1

/** The platform, as far as it is needed here. */
export interface Platform {
  readonly setFlags: (flags: string) => void
  readonly runInNewContext: (code: string) => unknown
}

const node: Platform = {
  setFlags: (flags) => v8.setFlagsFromString(flags),
  runInNewContext: (code) => vm.runInNewContext(code)
}

/** What collects; nothing, where the platform has it not, or refuses it. The flags are afterwards as they were. */
export const collector = ({ runInNewContext, setFlags }: Platform = node): Collect | undefined => {
  if (typeof globalThis.gc === "function") return globalThis.gc
  // As V8 makes it.
  const find = () => runInNewContext("typeof gc === 'function' ? gc : undefined") as Collect | undefined
  try {
    // Where the flag is set already it stays.
    const found = find()
    if (found !== undefined) return found
    setFlags("--expose-gc")
    try {
      return find()
    } finally {
      setFlags("--no-expose-gc")
    }
  } catch {
    return undefined
  }
}

let collect: Collect | undefined
let bytes = 0
let limit = least
let isDue = false

const tidy = (): void => {
  bytes = 0
  collect ??= collector()
  if (collect === undefined) {
    // It is not asked for again.
    limit = Number.POSITIVE_INFINITY
    return
  }
  const begun = performance.now()
  collect({ type: "minor" })
  const took = performance.now() - begun
  if (took > slow) limit = Math.min(2 * limit, most)
  else if (took < quick) limit = Math.max(limit / 2, least)
}

const tidyIfDue = (): void => {
  isDue = false
  if (bytes >= limit) tidy()
}

/** And has what is young collected now and then. */
export const allocate: Allocate = (size) => {
  bytes += size
  // A turn in which so much comes is long.
  if (bytes >= 2 * limit) tidy()
  else if (bytes >= limit && !isDue) {
    isDue = true
    setImmediate(tidyIfDue)
  }
  return Buffer.allocUnsafeSlow(size)
}

/** And leaves V8 to itself. */
export const allocateOnly: Allocate = (size) => Buffer.allocUnsafeSlow(size)
