import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"
import * as vm from "node:vm"
import { Worker } from "node:worker_threads"
import { assert, expect, it } from "@effect/vitest"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import { allocate, collector } from "../src/internal/memory.ts"

interface Detail {
  readonly kind: number
  readonly flags: number
}

/** Entries of collections have it. */
type Entry = PerformanceEntry & { readonly detail: Detail }

/** Looks at collections from now on. */
const watch = () => {
  const details: Array<Detail> = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) details.push((entry as Entry).detail) // all are of collections
  })
  observer.observe({ entryTypes: ["gc"] })
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 0)) // when observers are told
    observer.disconnect()
    return details.filter(({ kind }) => kind === constants.NODE_PERFORMANCE_GC_MINOR)
  }
}

const isForced = ({ flags }: Detail): boolean => (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0

it("as memory is had, what is young is collected, so that not everything has to be", async () => {
  const watched = watch()
  const before = process.memoryUsage.rss()
  for (let i = 0; i < 8192; i++) expect(allocate(65_536).length).toBe(65_536) // 512 MB
  const grown = process.memoryUsage.rss() - before
  // Where it takes long, and turns are long, it is done after 48 MB.
  expect((await watched()).filter(isForced).length).toBeGreaterThanOrEqual(8)
  expect(grown).toBeLessThan(256 * 2 ** 20)
})

it("at the end of a turn, where that is soon enough", async () => {
  for (let i = 0; i < 800; i++) allocate(65_536) // 50 MB: what was counted before is of no account
  await new Promise((resolve) => setImmediate(resolve))
  const watched = watch()
  for (let turn = 0; turn < 20; turn++) {
    for (let i = 0; i < 64; i++) allocate(65_536) // 4 MB
    await new Promise((resolve) => setImmediate(resolve))
  }
  const forced = (await watched()).filter(isForced).length
  expect(forced).toBeGreaterThanOrEqual(2)
  expect(forced).toBeLessThanOrEqual(10)
})

/** How often what is young was collected on demand, while 32 MB were sent in messages of 64 KB. */
const collected = (options: ZmtpTransport.Options) =>
  Effect.gen(function* () {
    const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
    const push = yield* Push.make({ connect: (yield* Socket.endpoint(pull)) as "tcp://:" })
    const watched = watch()
    for (let i = 0; i < 512; i++) {
      yield* Push.send(push, new Uint8Array(65_536))
      assert.strictEqual((yield* Pull.receive(pull))[0].length, 65_536)
    }
    return (yield* Effect.promise(watched)).filter(isForced).length
  }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layerWith(options)))

it.live("a transport does so with what it receives, and not with collectGarbage: false", () =>
  Effect.gen(function* () {
    assert.isAtLeast(yield* collected({}), 1)
    assert.strictEqual(yield* collected({ collectGarbage: false }), 0)
  })
)

it("a program has no gc by it that it had not, and the flag is as it was", () => {
  assert.isFunction(collector())
  assert.strictEqual(typeof globalThis.gc, "undefined")
  assert.strictEqual(vm.runInNewContext("typeof gc"), "undefined")
})

it("each thread has its own, and the flag is as it was", async () => {
  const url = new URL("../src/internal/memory.ts", import.meta.url)
  const code = `const { parentPort } = require("node:worker_threads")
    import(${JSON.stringify(url)}).then(({ allocate, collector }) => {
      const found = collector()
      for (let i = 0; i < 512; i++) allocate(65_536)
      parentPort.postMessage([typeof found, typeof gc, require("node:vm").runInNewContext("typeof gc")])
    })`
  const worker = new Worker(code, { eval: true })
  const told = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject))
  await worker.terminate()
  assert.deepStrictEqual(told, ["function", "undefined", "undefined"])
})

it("a flag that the platform has set already is not touched", () => {
  const gc = () => {}
  const flags: Array<string> = []
  assert.strictEqual(collector({ setFlags: (flag) => flags.push(flag), runInNewContext: () => gc }), gc)
  assert.deepStrictEqual(flags, [])
})

it("where flags are refused, or lead to nothing, there is none; what was set is taken back", () => {
  const refusing = () => {
    throw new Error("no flags here")
  }
  assert.isUndefined(collector({ setFlags: refusing, runInNewContext: () => undefined }))
  assert.isUndefined(collector({ setFlags: () => {}, runInNewContext: refusing }))
  const flags: Array<string> = []
  let made = 0
  const failing = () => (made++ === 0 ? undefined : refusing())
  assert.isUndefined(collector({ setFlags: (flag) => flags.push(flag), runInNewContext: failing }))
  assert.deepStrictEqual(flags, ["--expose-gc", "--no-expose-gc"])
})
