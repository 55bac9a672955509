/** Worker threads that end while they use sockets, in large counts. */
import { Effect } from "effect"
import { run } from "../processes/program.ts"
import { prove } from "./table.ts"

const test = prove("Worker threads that end while they use sockets")

const how = { terminate: "terminated", throw: "throwing", exit: "exiting", natural: "at their end" }

const count = 50

for (const [way, ends] of Object.entries(how)) {
  for (const work of ["waiting", "busy"]) {
    test(
      `${ends}, ${work}: the process goes on`,
      Effect.gen(function* () {
        const program = yield* run("threads", way, work, `${count}`, "5")
        const { code, lines } = yield* program.ended
        // What the program prints, if it has not aborted.
        const told = code === 0 ? JSON.parse(lines.at(-1) ?? "{}") : { answered: 0, ended: 0, left: 0 }
        return {
          what: `threads, ${ends}, ${work}`,
          count,
          zero: {
            aborted: count - told.ended,
            "without an answer of another thread": count - told.answered,
            "descriptors left": told.left
          }
        }
      })
    )
  }
}

test(
  "(with sockets of their own, they abort the process)",
  Effect.gen(function* () {
    const program = yield* run("threads", "terminate", "waiting", "5", "1", "own")
    const { signal } = yield* program.ended
    return {
      what: "thread with sockets of its own, terminated",
      count: 1,
      zero: { survived: signal === "SIGABRT" ? 0 : 1 }
    }
  })
)
