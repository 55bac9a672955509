/** What a message of endless frames costs whoever receives it: on both transports, in processes of their own. */
import { readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { Effect } from "effect"
import { encodeFrame, MORE } from "../../packages/transport-zmtp/src/internal/protocol/frame.ts"
import { dial, greeting, ready } from "../../packages/transport-zmtp/test/peer.ts"
import { start } from "../examples/program.ts"
import { prove } from "./table.ts"

const test = prove("Messages of endless frames, to a receiver with a limit of 1,000 bytes and a queue of one message")

const many = (count: number, size: number) => {
  const frame = encodeFrame(MORE, new Uint8Array(size))
  return Buffer.concat(Array.from({ length: count }, () => frame))
}

/** In megabytes, of what Linux tells of a process. */
const memory = (pid: number, field: "VmRSS" | "VmHWM") =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024

const bombs = [
  ["4 MB of empty frames", 1, many(200_000, 0), 10],
  ["4 MB of empty frames on each of 8 connections", 8, many(200_000, 0), 10],
  ["100 MB of frames of 255 bytes", 1, many(20_000, 255), 20]
] as const

for (const [what, connections, part, parts] of bombs) {
  for (const side of ["zmtp", "zmq"] as const) {
    test(
      `${side}, ${what}: what they cost at the peak`,
      Effect.gen(function* () {
        const program = yield* start(process.execPath, path.join(import.meta.dirname, "programs/bombed.ts"), side)
        const [, endpoint = ""] = yield* program.prints(/^bound (.+)$/m)
        // From here on the peak counts.
        writeFileSync(`/proc/${program.pid}/clear_refs`, "5")
        const before = memory(program.pid, "VmRSS")
        const bomb = Effect.gen(function* () {
          const peer = yield* dial(endpoint)
          yield* peer.write(greeting, ready("PUSH"))
          // libzmq takes nothing before it has said this.
          yield* peer.hears("READY")
          for (let n = 0; n < parts && !peer.isEnded(); n++) yield* peer.write(part)
          // What was written is read by then, or the connection is over.
          yield* Effect.timeoutOption(peer.ended, "1 second")
          return peer.isEnded()
        })
        const ended = yield* Effect.all(
          Array.from({ length: connections }, () => bomb),
          { concurrency: connections }
        )
        const grown = Math.round(memory(program.pid, "VmHWM") - before)
        yield* program.input("\n")
        yield* program.prints(/^received served$/m)
        return {
          what: `${side}, ${what}: ${grown} MB more at the peak; ${ended.filter(Boolean).length} of the connections ended for it`,
          count: connections,
          // libzmq has no limit for it.
          zero:
            side === "zmtp"
              ? {
                  "MB above 64 a connection": Math.max(0, grown - 64 * connections),
                  "not ended": ended.filter((one) => !one).length
                }
              : {}
        }
      }).pipe(Effect.scoped)
    )
  }
}
