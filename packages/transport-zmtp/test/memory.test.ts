import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"
import { expect, it } from "@effect/vitest"
import { allocate } from "../src/internal/memory.ts"

type GCEntry = PerformanceEntry & { readonly detail: { readonly kind: number } }

it("as memory is had, what is young is collected, so that not everything has to be", async () => {
  const kinds: Array<unknown> = []
  const observer = new PerformanceObserver((list) => {
    // Entries of collections have it.
    for (const entry of list.getEntries()) kinds.push((entry as GCEntry).detail.kind)
  })
  observer.observe({ entryTypes: ["gc"] })
  const before = process.memoryUsage.rss()
  for (let i = 0; i < 8192; i++) expect(allocate(65_536).length).toBe(65_536) // 512 MB
  const grown = process.memoryUsage.rss() - before
  await new Promise((resolve) => setTimeout(resolve, 0)) // when observers are told
  observer.disconnect()
  // Where it takes long, it is done after 64 MB.
  expect(kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length).toBeGreaterThanOrEqual(8)
  expect(grown).toBeLessThan(256 * 2 ** 20)
})

it("a program has no gc by it that it had not", () => {
  expect(typeof globalThis.gc).toBe("undefined")
})
