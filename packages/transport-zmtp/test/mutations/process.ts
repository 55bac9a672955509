/**
 * The sockets that mutations are sent to, as a process of their own: so that what it computes, holds and keeps is theirs
 * alone. It is told what to do by its parent, and answers.
 *
 * With the argument "coverage" it tells which lines of the protocol were run.
 */
import { readFileSync } from "node:fs"
import { type Profiler, Session } from "node:inspector/promises"
import { fileURLToPath } from "node:url"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import type { Endpoint } from "@effect-zmq/core"
import * as Effect from "effect/Effect"
import type { Places } from "./served.ts"

/** What the parent says. */
export type Order =
  | {
      readonly _tag: "Begin"
      readonly hostile: { readonly dealer: Endpoint.Text; readonly plainDealer: Endpoint.Text }
    }
  | { readonly _tag: "Look" }
  | { readonly _tag: "End" }

/** What it answers. */
export type Answer =
  | { readonly _tag: "Begun"; readonly places: Places }
  | { readonly _tag: "Looked"; readonly look: Look }
  | { readonly _tag: "Ended"; readonly coverage: ReadonlyArray<FileCoverage> }

/** How it is now. */
export interface Look {
  readonly served: number
  readonly received: number
  readonly told: Readonly<Record<string, number>>
  /** Bytes that are in use. */
  readonly memory: number
  /** Connections and the like that the loop has. */
  readonly resources: number
  readonly peers: number
  readonly rejections: number
  readonly slowest: Held
  /** For how long the event loop was away from its timers. */
  readonly gap: Held
}

/** What was measured: the longest, in milliseconds, how much of it was computed here, and the most that ever was. */
export interface Held {
  readonly millis: number
  readonly computed: number
  readonly mostComputed: number
}

export interface FileCoverage {
  readonly file: string
  readonly lines: number
  readonly reached: number
  readonly missing: ReadonlyArray<string>
}

const isCovering = process.argv[2] === "coverage"

const session = new Session()
session.connect()
if (isCovering) {
  // Before anything of it is loaded.
  await session.post("Profiler.enable")
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
}
const { layer, serve } = await import("./served.ts")

/** For how long this thread has computed. The rest it had nothing to do, or others had the processors. */
const computed = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (user + system) / 1000
}

const stopwatch = () => {
  let [begun, before] = [performance.now(), computed()]
  let held: Held = { millis: 0, computed: 0, mostComputed: 0 }
  return {
    start: () => {
      begun = performance.now()
      before = computed()
    },
    stop: () => {
      const one = { millis: performance.now() - begun, computed: computed() - before }
      held = { ...(one.millis > held.millis ? one : held), mostComputed: Math.max(held.mostComputed, one.computed) }
    },
    held: () => held
  }
}

v8.setFlagsFromString("--expose-gc")
// As V8 makes it.
const collect: () => void = vm.runInNewContext("gc")

let rejections = 0
process.on("unhandledRejection", () => {
  rejections++
})

const requests = stopwatch()
const loop = stopwatch()
const watch = () => {
  loop.stop()
  loop.start()
  setTimeout(watch, 1)
}

const orders: Array<Order> = []
let wake = (): void => {}
process.on("message", (order) => {
  orders.push(order as Order) // of the parent
  wake()
})
const next = Effect.callback<Order>((resume) => {
  wake = () => {
    const order = orders.shift()
    if (order !== undefined) resume(Effect.succeed(order))
  }
  wake()
})
const answer = (answer: Answer) => Effect.sync(() => void process.send?.(answer))

/** The lines of code of the protocol, and those that were not run. */
const coverage = Effect.promise(async (): Promise<ReadonlyArray<FileCoverage>> => {
  if (!isCovering) return []
  const { result } = await session.post("Profiler.takePreciseCoverage")
  return result
    .filter(({ url }) => url.includes("/src/internal/protocol/"))
    .map(fileCoverage)
    .sort((a, b) => a.file.localeCompare(b.file))
})

const fileCoverage = ({ functions, url }: Profiler.ScriptCoverage): FileCoverage => {
  const text = readFileSync(fileURLToPath(url), "utf8")
  const counts = new Int32Array(text.length)
  // The inner come behind the outer.
  for (const { ranges } of functions) for (const one of ranges) counts.fill(one.count, one.startOffset, one.endOffset)
  let at = 0
  let reached = 0
  let lines = 0
  const missing: Array<string> = []
  for (const [number, line] of text.split("\n").entries()) {
    const code = line.search(/\S/)
    if (code >= 0 && !/^\s*(\/\/|\/?\*|[{}()[\]\s;,]*$)/.test(line)) {
      lines++
      // Some of it may be an alternative that was not taken.
      const all = counts.subarray(at + code, at + line.trimEnd().length)
      if (all.every((count) => count > 0)) reached++
      else missing.push(`${number + 1}: ${line.trim()}`)
    }
    at += line.length + 1
  }
  return { file: url.slice(url.lastIndexOf("/") + 1), lines, reached, missing }
}

const main = Effect.gen(function* () {
  const begin = yield* next
  if (begin._tag !== "Begin") return
  const { counts, peers, places } = yield* serve(begin.hostile, { begun: requests.start, answered: requests.stop })
  watch()
  yield* answer({ _tag: "Begun", places })
  for (;;) {
    const order = yield* next
    if (order._tag === "End") {
      yield* answer({ _tag: "Ended", coverage: yield* coverage })
      return
    }
    const look = { ...counts(), rejections, slowest: requests.held(), gap: loop.held() }
    collect()
    // Memory of buffers is given back behind it.
    yield* Effect.sleep("100 millis")
    collect()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    const memory = heapUsed + arrayBuffers
    const resources = process.getActiveResourcesInfo().filter((name) => name.endsWith("Wrap")).length
    yield* answer({ _tag: "Looked", look: { ...look, memory, resources, peers: (yield* peers).length } })
    // What looking has cost is nobody's.
    loop.start()
  }
})

await Effect.runPromise(main.pipe(Effect.scoped, Effect.provide(layer)))
process.exit(0)
