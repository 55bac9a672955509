/** A process that prints the trace of one run; with a second argument, it does other things before. */
import * as Effect from "effect/Effect"
import * as Simulation from "../../src/Simulation.ts"
import { pipeline } from "./pipeline.ts"
import { requesting } from "./requests.ts"

const [seed = "1:1", before] = process.argv.slice(2)
if (before !== undefined) {
  // Ids of fibers, counters, caches: whatever a process has used up.
  Effect.runSync(Effect.forEach([1, 2, 3, 4, 5], () => Effect.forkDetach(Effect.void)))
  Simulation.replay({ program: requesting(), seed: "other:7" })
}
process.stdout.write(Simulation.replay({ program: pipeline(), seed }).trace)
