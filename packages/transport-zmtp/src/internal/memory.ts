/**
 * Memory for what is read, and what is to be done that it does not become expensive.
 *
 * V8 has the memory of buffers outside of its heap, and little of its heap is used for a message that is large. So there is
 * no reason for it to collect what is young, which takes a fraction of a millisecond, until there is so much of that memory
 * that it collects everything: that takes as long as the program is large, and happens every hundred messages of 64 KB.
 * Therefore what is young is collected here, after so many bytes. Where that takes long, because much of what is young is
 * in use, it is done the less often.
 *
 * It is a file of its own because it has to do with V8.
 */
import * as v8 from "node:v8"
import * as vm from "node:vm"

type Collect = (options: { readonly type: "minor" }) => void

/** After how many bytes, at least and at most. */
const least = 6 * 2 ** 20
const most = 64 * 2 ** 20

/** How many milliseconds it may take. */
const slow = 2
const quick = 1

/** What collects; nothing, where the platform has it not. */
const collector = (): Collect | undefined => {
  if (typeof globalThis.gc === "function") return globalThis.gc
  try {
    // A context has it while the flag is set.
    v8.setFlagsFromString("--expose-gc")
    const gc: unknown = vm.runInNewContext("typeof gc === 'function' ? gc : undefined")
    v8.setFlagsFromString("--no-expose-gc")
    // As V8 makes it.
    return gc as Collect | undefined
  } catch {
    return undefined
  }
}

let collect: Collect | undefined
let bytes = 0
let limit = least

const tidy = (): void => {
  bytes = 0
  if (collect === undefined) {
    collect = collector()
    // Where it is not to be had it is not asked for again.
    if (collect === undefined) limit = Number.POSITIVE_INFINITY
  }
  const begun = performance.now()
  collect?.({ type: "minor" })
  const took = performance.now() - begun
  if (took > slow) limit = Math.min(2 * limit, most)
  else if (took < quick) limit = Math.max(limit / 2, least)
}

/** Memory that is not cleared, and shared with nobody. */
export const allocate = (size: number): Buffer<ArrayBuffer> => {
  bytes += size
  if (bytes >= limit) tidy()
  return Buffer.allocUnsafeSlow(size)
}
