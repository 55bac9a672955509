/** The healthy system of all socket types on libzmq, under a doctor: what it received, and what was found. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Doctor from "@effect-zmq/patterns/Doctor"
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { watched } from "../../../packages/patterns/test/doctorFaults.ts"
import { healthy } from "../../../packages/patterns/test/healthySystem.ts"

/** Paths rather than ports: who starts first connects to what nobody else may take meanwhile. */
const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "doctor-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

export const soak = (during: Duration.Input, spread: Duration.Input = "1 second") =>
  Effect.gen(function* () {
    const places = yield* directory
    const found: Array<Doctor.Finding> = []
    const received = yield* watched(
      Effect.gen(function* () {
        yield* Effect.forkDetach(
          Stream.runForEach(Doctor.findings, (finding) => Effect.sync(() => void found.push(finding))),
          { startImmediately: true }
        )
        return yield* healthy({ place: (name) => `ipc://${places}/${name}`, during, spread })
      }),
      ZmqTransport.layer
    )
    return { received, found }
  }).pipe(Effect.scoped)
