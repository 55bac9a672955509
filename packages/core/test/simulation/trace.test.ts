import { spawnSync } from "node:child_process"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Simulation from "../../src/Simulation.ts"
import { pipeline } from "./pipeline.ts"
import { requesting } from "./requests.ts"
import { subscribing } from "./subscriber.ts"

const traceOf = (program: Simulation.ReplayOptions<unknown, unknown>["program"], seed: string): string =>
  Simulation.replay({ program, seed }).trace

const inAnotherProcess = (...args: ReadonlyArray<string>): Buffer => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [
    Path.join(import.meta.dirname, "printTrace.ts"),
    ...args
  ])
  assert.strictEqual(status, 0, stderr.toString())
  return stdout
}

describe("the trace of a run", () => {
  it("is the same for the same seed, byte by byte, whatever ran before", () => {
    for (let run = 1; run <= 20; run++) {
      for (const program of [pipeline(), requesting(), subscribing()]) {
        const first = traceOf(program, `1:${run}`)
        assert.isNotEmpty(first)
        assert.strictEqual(traceOf(program, `1:${run}`), first)
      }
    }
  })

  it("is the same in another process, byte by byte", () => {
    const [one, other] = [inAnotherProcess("1:3"), inAnotherProcess("1:3", "busy")]
    assert.isAbove(one.length, 1000)
    assert.isTrue(one.equals(other))
    assert.strictEqual(one.toString(), traceOf(pipeline(), "1:3"))
  })

  it("is another for another seed", () => {
    const traces = Array.from({ length: 20 }, (_, run) => traceOf(pipeline(), `1:${run + 1}`))
    assert.strictEqual(new Set(traces).size, 20)
  })
})
