/** Connections that are killed, stopped, cut off, refused, and come back: real processes, in large counts. */
import type { Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect } from "effect"
import {
  causes,
  falseAlarms,
  killed,
  killedWhileAsked,
  paused,
  percentile,
  revived,
  stopped,
  unplugged,
  whyNoLink
} from "../processes/connections.ts"
import { prove, type Row } from "./table.ts"

const test = prove("Connections that are killed, stopped, cut off and refused")

const on = <E>(body: Effect.Effect<Row, E, Transport.Transport>) => Effect.provide(body, ZmqTransport.layer)

const round = (millis: number) => Math.round(millis)
const beyond = (values: ReadonlyArray<number>, most: number) => values.filter((value) => !(value <= most)).length

test(
  "a peer that is killed and started again is connected to again",
  on(
    Effect.gen(function* () {
      const taken = yield* killed(100)
      const p95 = percentile(taken, 95)
      return {
        what: `peers killed and started again, connected to again after ${round(percentile(taken, 50))} ms (p50), ${round(p95)} ms (p95)`,
        count: 100,
        zero: {
          "not connected to again": 100 - taken.length,
          "ms of p95 beyond a second": Math.max(0, round(p95 - 1000))
        }
      }
    })
  )
)

/** As where heartbeats are the default: a ping after 2 s, an answer within 6. */
const heartbeat = { interval: "2 seconds", timeout: "6 seconds" } as const
const latest = 8000 + 100

test(
  "a peer that is stopped is noticed",
  on(
    Effect.gen(function* () {
      const taken = yield* stopped(20, heartbeat)
      return {
        what: `peers stopped, noticed after ${round(Math.min(...taken))} to ${round(Math.max(...taken))} ms`,
        count: taken.length,
        zero: { "not noticed within 8 s": beyond(taken, latest) }
      }
    })
  )
)

const why = whyNoLink()
if (why === undefined) {
  for (const [by, beats] of [
    ["TCP's own probes, by default", undefined],
    ["heartbeats", heartbeat]
  ] as const) {
    test(
      `a link that is unplugged is noticed by ${by}`,
      on(
        Effect.gen(function* () {
          const { back, taken } = yield* unplugged(20, beats)
          return {
            what: `links unplugged, noticed after ${round(Math.min(...taken))} to ${round(Math.max(...taken))} ms by ${by}`,
            count: taken.length,
            zero: { "not noticed within 8 s": beyond(taken, latest), "not back when it was mended": 20 - back }
          }
        })
      )
    )
  }
} else console.log(`unplugged links are not tested: ${why}`)

test(
  "an idle connection is not taken for lost",
  on(
    Effect.gen(function* () {
      const alarms = yield* falseAlarms(20, "60 seconds")
      return { what: "connections idle for 60 s, with a stall of 1 s", count: 20, zero: { "taken for lost": alarms } }
    })
  )
)

test(
  "a receiver that pauses is not taken for lost, and loses nothing",
  on(
    Effect.gen(function* () {
      const { alarms, lost } = yield* paused("12 seconds", 100_000)
      return {
        what: "messages to receivers of five types that read nothing for 12 s",
        count: 5 * 100_000,
        zero: { "lost or out of order": lost, "connections taken for lost": alarms }
      }
    })
  )
)

test(
  "heartbeats far shorter than a stall of the event loop survive it",
  on(
    Effect.gen(function* () {
      const alarms = yield* falseAlarms(20, "10 seconds", { interval: "100 millis", timeout: "300 millis" })
      return {
        what: "connections with a heartbeat of 100 and 300 ms, through a stall of 1 s",
        count: 20,
        zero: { "taken for lost": alarms }
      }
    })
  )
)

test(
  "a request to a server that is killed with it in hand ends in time",
  on(
    Effect.gen(function* () {
      const late = yield* killedWhileAsked(100, 400)
      return {
        what: `requests to servers killed with them in hand, over their timeout by ${round(Math.max(...late))} ms at most`,
        count: late.length,
        zero: { "later than 50 ms": beyond(late, 50) }
      }
    })
  )
)

for (const cause of causes) {
  test(
    `a client whose handshake failed (${cause}) is connected when the server is right`,
    on(
      Effect.gen(function* () {
        const taken = yield* revived(20, cause)
        return {
          what: `clients refused (${cause}), connected ${round(Math.max(...taken))} ms after the server was right at most`,
          count: taken.length,
          zero: { "later than 5 s": beyond(taken, 5000) }
        }
      })
    )
  )
}
