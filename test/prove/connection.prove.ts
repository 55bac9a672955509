/** Connections that are killed, stopped, cut off, refused, and come back: real processes, in large counts. */
import type { Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
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

/** On libzmq, and once more with the transport in TypeScript; processes at the other end are of libzmq. */
const both = <E>(title: string, body: Effect.Effect<Row, E, Transport.Transport>) => {
  test(title, Effect.provide(body, ZmqTransport.layer))
  test(
    `${title}, zmtp`,
    Effect.map(Effect.provide(body, ZmtpTransport.layer), (row) => ({ ...row, what: `${row.what}, zmtp` }))
  )
}

const round = (millis: number) => Math.round(millis)
const beyond = (values: ReadonlyArray<number>, most: number) => values.filter((value) => !(value <= most)).length

both(
  "a peer that is killed and started again is connected to again",
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

/** As where heartbeats are the default: a ping after 2 s, an answer within 6. */
const heartbeat = { interval: "2 seconds", timeout: "6 seconds" } as const
const latest = 8000 + 100

both(
  "a peer that is stopped is noticed",
  Effect.gen(function* () {
    const taken = yield* stopped(20, heartbeat)
    return {
      what: `peers stopped, noticed after ${round(Math.min(...taken))} to ${round(Math.max(...taken))} ms`,
      count: taken.length,
      zero: { "not noticed within 8 s": beyond(taken, latest) }
    }
  })
)

const why = whyNoLink()
if (why === undefined) {
  for (const [by, beats] of [
    ["the default", undefined],
    ["heartbeats", heartbeat]
  ] as const) {
    both(
      `a link that is unplugged is noticed by ${by}`,
      Effect.gen(function* () {
        const { back, taken } = yield* unplugged(20, beats)
        return {
          what: `links unplugged, noticed after ${round(Math.min(...taken))} to ${round(Math.max(...taken))} ms by ${by}`,
          count: taken.length,
          zero: { "not noticed within 8 s": beyond(taken, latest), "not back when it was mended": 20 - back }
        }
      })
    )
  }
} else console.log(`unplugged links are not tested: ${why}`)

both(
  "an idle connection is not taken for lost",
  Effect.gen(function* () {
    const alarms = yield* falseAlarms(20, "60 seconds")
    return { what: "connections idle for 60 s, with a stall of 1 s", count: 20, zero: { "taken for lost": alarms } }
  })
)

both(
  "a receiver that pauses is not taken for lost, and loses nothing",
  Effect.gen(function* () {
    const { alarms, lost } = yield* paused("12 seconds", 100_000)
    return {
      what: "messages to receivers of five types that read nothing for 12 s",
      count: 5 * 100_000,
      zero: { "lost or out of order": lost, "connections taken for lost": alarms }
    }
  })
)

both(
  "heartbeats far shorter than a stall of the event loop survive it",
  Effect.gen(function* () {
    const alarms = yield* falseAlarms(20, "10 seconds", { interval: "100 millis", timeout: "300 millis" })
    return {
      what: "connections with a heartbeat of 100 and 300 ms, through a stall of 1 s",
      count: 20,
      zero: { "taken for lost": alarms }
    }
  })
)

both(
  "a request to a server that is killed with it in hand ends in time",
  Effect.gen(function* () {
    const late = yield* killedWhileAsked(100, 400)
    return {
      what: `requests to servers killed with them in hand, over their timeout by ${round(Math.max(...late))} ms at most`,
      count: late.length,
      zero: { "later than 50 ms": beyond(late, 50) }
    }
  })
)

for (const cause of causes) {
  both(
    `a client whose handshake failed (${cause}) is connected when the server is right`,
    Effect.gen(function* () {
      const taken = yield* revived(20, cause)
      return {
        what: `clients refused (${cause}), connected ${round(Math.max(...taken))} ms after the server was right at most`,
        count: taken.length,
        zero: { "later than 5 s": beyond(taken, 5000) }
      }
    })
  )
}
