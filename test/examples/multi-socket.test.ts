import { assert, describe, it } from "@effect/vitest"
import { Pub, Push, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Schedule } from "effect"
import { example } from "./program.ts"

describe("multi-socket", () => {
  for (const name of ["reader", "poller"]) {
    it.live(`the ${name} gets tasks and the weather, and ends in peace by Ctrl-C`, () =>
      Effect.gen(function* () {
        const tasks = yield* Push.make({ bind: "tcp://127.0.0.1:*" })
        const weather = yield* Pub.make({ bind: "tcp://127.0.0.1:*" })
        yield* Effect.forkScoped(
          Effect.repeat(Pub.sendAll(weather, ["10002 1 10", "10001 2 20"]), Schedule.spaced("10 millis"))
        )
        const flags = ["--connect", yield* Socket.endpoint(tasks), "--connect", yield* Socket.endpoint(weather)]
        const program = yield* example(`multi-socket/${name}`, ...flags)
        yield* Push.send(tasks, "7")
        yield* program.prints(/^task: "7"$/m)
        yield* program.prints(/^weather: "10001 2 20"$/m)

        yield* program.signal("SIGINT")
        const { code, stderr, stdout } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
        assert.notInclude(stdout, "10002")
      }).pipe(Effect.provide(ZmqTransport.layer))
    )
  }
})
