/** What becomes of connections whose other end is killed, stopped or cut off: a few of each. The long tier has many. */
import { assert, describe, it } from "@effect/vitest"
import type { Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect } from "effect"
import { falseAlarms, killed, killedWhileAsked, stopped, unplugged, whyNoLink } from "./connections.ts"

const heartbeat = { interval: "200 millis", timeout: "600 millis" } as const

/** When the last sign of life has to be missed, and time for a machine that is busy. */
const latest = 800 + 500

describe.concurrent("the other end of a connection", () => {
  const live = <E>(title: string, body: Effect.Effect<void, E, Transport.Transport>) =>
    it.live(title, () => Effect.provide(body, ZmqTransport.layer))

  live(
    "killed and started again, it is connected to again, within a second of being bound",
    Effect.gen(function* () {
      const taken = yield* killed(2)
      assert.strictEqual(taken.length, 2)
      for (const millis of taken) assert.isBelow(millis, 1000)
    })
  )

  live(
    "stopped, it is noticed by its heartbeats",
    Effect.gen(function* () {
      for (const millis of yield* stopped(2, heartbeat)) assert.isBelow(millis, latest)
    })
  )

  live(
    "killed with a request in hand, it makes the request take its timeout and no longer",
    Effect.gen(function* () {
      for (const millis of yield* killedWhileAsked(2, 500)) assert.isBelow(millis, 150)
    })
  )

  live(
    "there, and idle, it is not taken for gone, nor when the event loop stalls for a second",
    Effect.gen(function* () {
      assert.strictEqual(yield* falseAlarms(4, "2 seconds", heartbeat), 0)
    })
  )

  const why = whyNoLink()
  if (why !== undefined) console.log(`unplugged links are not tested: ${why}`)
  it.live.skipIf(why !== undefined)(
    "cut off, it is noticed by its heartbeats, and connected to when the link is mended",
    () =>
      Effect.gen(function* () {
        const { back, taken } = yield* unplugged(3, heartbeat)
        for (const millis of taken) assert.isBelow(millis, latest)
        assert.strictEqual(back, 3)
      }).pipe(Effect.provide(ZmqTransport.layer))
  )
})
