import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@effect-zmq/core"
import { Effect } from "effect"
import { publisher } from "../../examples/high-water-mark/publisher.ts"
import { subscriber } from "../../examples/high-water-mark/subscriber.ts"
import { inMemory, printed } from "./inMemory.ts"
import { example } from "./program.ts"

describe("high-water-mark", () => {
  it.live("a PUSH waits and loses nothing; a PUB drops, and does not wait", () =>
    Effect.gen(function* () {
      const publisher = yield* example(
        "high-water-mark/publisher",
        ...["--bind", "ipc://*", "--bind", "ipc://*"],
        ...["--messages", "3000", "--size", "10000", "--high-water-mark", "10"]
      )
      const [, push = "", pub = ""] = yield* publisher.prints(/^PUSH on (.+), PUB on (.+)$/m)
      const subscriber = yield* example(
        "high-water-mark/subscriber",
        ...["--connect", push, "--connect", pub, "--rate", "3000", "--high-water-mark", "10"]
      )
      const taken = yield* subscriber.ended
      assert.deepStrictEqual({ ...taken, stdout: "" }, { code: 0, signal: null, stdout: "", stderr: "" })
      assert.match(
        taken.stdout,
        /\n +received +missing\nPULL +3,000 +0\nSUB +[\d,]+ +[\d,]+ {3}which the PUB dropped\n$/
      )
      const [, received = "", missing = ""] = /^SUB +([\d,]+) +([\d,]+)/m.exec(taken.stdout) ?? []
      assert.strictEqual(Number(received.replace(",", "")) + Number(missing.replace(",", "")), 3000)

      const sent = yield* publisher.ended
      assert.deepStrictEqual({ ...sent, stdout: "" }, { code: 0, signal: null, stdout: "", stderr: "" })
      const [, pushing = "", publishing = ""] =
        /\n +sent +in {3}when there is no room\nPUSH +3,000 +([\d,]+) ms {3}it waits\nPUB +3,000 +([\d,]+) ms {3}it drops\n$/.exec(
          sent.stdout
        ) ?? []
      // The subscriber takes a second for them, which it does not matter to the PUB.
      assert.isAbove(Number(pushing.replace(",", "")), 700)
      assert.isBelow(Number(publishing.replace(",", "")), Number(pushing.replace(",", "")))
    })
  )

  it.live("in memory: of what a PUB sends at once, as much arrives as both marks hold", () =>
    inMemory(
      Effect.gen(function* () {
        const [push, pub] = [Endpoint.tcp("127.0.0.1", 1), Endpoint.tcp("127.0.0.1", 2)]
        yield* Effect.all(
          [
            publisher({ bind: [push, pub], messages: 5000, size: 10, highWaterMark: 20 }),
            subscriber({ connect: [push, pub], rate: 100_000, highWaterMark: 10 })
          ],
          { concurrency: "unbounded" }
        )
        const lines = yield* printed
        assert.include(lines, "PULL      5,000         0")
        assert.isTrue(
          lines.some((line) => /^SUB +\d+ +4,\d+ {3}which the PUB dropped$/.test(line)),
          lines.join("\n")
        )
      })
    )
  )
})
