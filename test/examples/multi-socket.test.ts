import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { example } from "./program.ts"

describe("multi-socket", () => {
  for (const name of ["reader", "poller"]) {
    it.live(`the ${name} gets tasks and the weather, and ends in peace by Ctrl-C`, () =>
      Effect.gen(function* () {
        const publisher = yield* example("weather/publisher", "--bind", "tcp://127.0.0.1:*")
        const [, weather = ""] = yield* publisher.prints(/^Publishing the weather on (.+)$/m)
        const sink = yield* example("pipeline/sink", "--bind", "tcp://127.0.0.1:*")
        const [, results = ""] = yield* sink.prints(/^Collecting results on (.+)$/m)
        const ventilator = yield* example(
          "pipeline/ventilator",
          "--bind",
          "tcp://127.0.0.1:*",
          "--connect",
          results,
          "--yes"
        )
        const [, tasks = ""] = yield* ventilator.prints(/^Handing out tasks on (.+)$/m)

        const program = yield* example(`multi-socket/${name}`, "--connect", tasks, "--connect", weather)
        yield* program.prints(/^task: "\d+"$/m)
        yield* program.prints(/^weather: "10001 -?\d+ \d+"$/m)

        yield* program.signal("SIGINT")
        const { code, stderr } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      })
    )
  }
})
