/** A thread that ends as it is told to. */
import { Message, Pair } from "@effect-zmq/core"
import { Effect } from "effect"
import { thread } from "../../../examples/thread.ts"

const does = {
  ends: Effect.void,
  fails: Effect.fail(new Error("no luck")),
  dies: Effect.die(new Error("a defect")),
  // The port is taken.
  "fails to bind": Effect.scoped(Pair.make({ bind: "inproc://thread" })),
  echoes: Effect.gen(function* () {
    const pair = yield* Pair.make({ connect: "inproc://thread" })
    yield* Pair.runForEach(pair, (message) => Pair.send(pair, Message.text(message)))
  }).pipe(Effect.scoped)
}

thread(import.meta, (what: keyof typeof does) => does[what])
