import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { example, run } from "./program.ts"

describe("weather", () => {
  it.live("a subscriber averages the reports of one place, and ends", () =>
    Effect.gen(function* () {
      const publisher = yield* example("weather/publisher", "--bind", "tcp://127.0.0.1:*")
      const [, endpoint = ""] = yield* publisher.prints(/^Publishing the weather on (.+)$/m)

      const subscriber = yield* run("weather/subscriber", "--connect", endpoint, "--zip", "90210", "--count", "3")
      assert.deepStrictEqual({ ...subscriber, stdout: "" }, { code: 0, signal: null, stdout: "", stderr: "" })

      const [first, ...rest] = subscriber.stdout.trimEnd().split("\n")
      assert.strictEqual(first, `Collecting the weather in 90210 from ${endpoint}`)
      const temperatures = rest.slice(0, 3).map((line) => {
        const [, temperature, humidity] = /^(-?\d+) °F, humidity (\d+) %$/.exec(line) ?? []
        assert.isTrue(Number(temperature) >= -80 && Number(temperature) <= 134, line)
        assert.isTrue(Number(humidity) >= 10 && Number(humidity) <= 59, line)
        return Number(temperature)
      })
      const average = Math.round(temperatures.reduce((a, b) => a + b) / 3)
      assert.deepStrictEqual(rest.slice(3), [`The average temperature in 90210 was ${average} °F, over 3 reports`])

      yield* publisher.signal("SIGINT")
      const { code, stderr } = yield* publisher.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    })
  )

  it.live("in envelopes: the same average, by the topic frame", () =>
    Effect.gen(function* () {
      const publisher = yield* example("weather/envelope-publisher", "--bind", "tcp://127.0.0.1:*")
      const [, endpoint = ""] = yield* publisher.prints(/^Publishing the weather, in envelopes, on (.+)$/m)
      const flags = ["--connect", endpoint, "--zip", "90210", "--count", "3"]
      const { stdout, ...ended } = yield* run("weather/envelope-subscriber", ...flags)
      assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" })
      assert.match(
        stdout,
        /^Collecting the weather in 90210, in envelopes, from .+\n(-?\d+ °F, humidity \d+ %\n){3}The average temperature in 90210 was -?\d+ °F, over 3 reports\n$/
      )
      yield* publisher.signal("SIGINT")
      const { code, stderr } = yield* publisher.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    })
  )
})
