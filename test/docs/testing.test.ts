import * as Path from "node:path"
import { Simulation } from "@effect-zmq/core"
import { Cause, Exit } from "effect"
import { assert, it } from "vitest"
import { blocksOf, directoryOf, guide, readPage } from "./blocks.ts"

guide("testing.md")

it("docs/testing.md shows what the check of its program says, and how the trace begins", async () => {
  const transfers: Pick<Simulation.CheckOptions<ReadonlyArray<number>, never>, "program" | "invariant"> = await import(
    Path.join(directoryOf("testing.md"), "transfers.ts")
  )
  const exit = Simulation.check({ ...transfers, seed: 2 })
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, Simulation.Counterexample)
  const { faults, message, preemption, replay, seed } = error
  const { trace } = Simulation.replay({ ...transfers, seed, preemption, faults })

  const [says, begins] = blocksOf(readPage("testing.md"), "text").map(({ code }) => code.trimEnd())
  assert.strictEqual(message, says)
  assert.strictEqual(trace.slice(0, begins?.length), begins)
  assert.include(readPage("testing.md").replace(/^ +/gm, ""), replay.replace(/^ +/gm, ""))
})
