/** The doctor: no word about a healthy system, and every fault found, time and again. */
import * as Doctor from "@effect-zmq/patterns/Doctor"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Exit } from "effect"
import { faults, isFound, watched } from "../../packages/patterns/test/doctorFaults.ts"
import { soak } from "../patterns/doctor/soak.ts"
import { prove } from "./table.ts"

const test = prove("The doctor")

test(
  "a healthy system of all socket types, for 60 seconds: nothing is found",
  Effect.map(soak("60 seconds"), ({ found, received }) => {
    for (const finding of found) console.error(Doctor.render(finding))
    return { what: "messages received in a healthy system", count: received, zero: { findings: found.length } }
  })
)

test(
  "a healthy system that is started and closed in any order: nothing is found",
  Effect.gen(function* () {
    let findings = 0
    for (let n = 0; n < 20; n++) {
      const { found } = yield* soak("1 second")
      for (const finding of found) console.error(Doctor.render(finding))
      findings += found.length
    }
    return { what: "healthy systems started and closed, in any order", count: 20, zero: { findings } }
  })
)

test(
  "every fault of the chart, ten times on libzmq: it is found",
  Effect.gen(function* () {
    const shown = faults.filter(({ gap }) => gap === undefined)
    let missed = 0
    for (let n = 0; n < 10; n++) {
      const runs = shown.map((fault) =>
        watched(isFound(fault, "ipc://*"), ZmqTransport.layer, { grace: "250 millis" }).pipe(
          Effect.timeout("15 seconds"),
          Effect.exit
        )
      )
      for (const [i, exit] of (yield* Effect.all(runs, { concurrency: 4 })).entries()) {
        if (Exit.isSuccess(exit)) continue
        missed++
        console.error(shown[i]?.title, `${exit.cause}`)
      }
    }
    return { what: "faults of the chart, on libzmq", count: shown.length * 10, zero: { missed } }
  })
)
