/** How long scopes take to close, and what acquisitions that fail leave behind, in large counts. */
import * as Fs from "node:fs"
import type { Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Effect, type Layer } from "effect"
import { failing, leftAfter } from "../processes/acquisitions.ts"
import { closingTimes, lingers, type Peer, peers } from "../processes/closing.ts"
import { run } from "../processes/program.ts"
import { prove } from "./table.ts"

const test = prove("Scopes that close, and acquisitions that fail")

const descriptors = () => Fs.readdirSync("/proc/self/fd").length

/** For how long the event loop is away from its timers, at most. */
const watched = () => {
  let at = performance.now()
  let away = 0
  const look = () => {
    away = Math.max(away, performance.now() - at)
    at = performance.now()
  }
  const timer = setInterval(look, 5)
  return {
    stop: () => {
      clearInterval(timer)
      look()
      return away
    }
  }
}

const closes = (title: string, name: string, layer: Layer.Layer<Transport.Transport>, peer: Peer, linger: number) =>
  test(
    title,
    Effect.gen(function* () {
      yield* closingTimes(peer, linger, 5, 5, layer)
      const before = descriptors()
      const loop = watched()
      const times = yield* closingTimes(peer, linger, 100, 20, layer)
      const away = loop.stop()
      yield* Effect.sleep(300)
      const most = Math.max(...times) - linger
      return {
        what: `closes, ${name}, linger ${linger} ms, peer ${peer}; the longest took linger ${most < 0 ? "-" : "+"} ${Math.abs(most).toFixed(0)} ms${away > 50 ? `; the event loop was away for ${away.toFixed(0)} ms` : ""}`,
        count: times.length,
        zero: {
          // A busy machine keeps the event loop from its timers, which nothing is promised against.
          "later than linger + 100 ms": times.filter((millis) => millis - away > linger + 100).length,
          "descriptors left": Math.max(0, descriptors() - before)
        }
      }
    })
  )

for (const peer of peers) {
  for (const linger of lingers) {
    closes(
      `linger ${linger} ms, peer ${peer}: closed within linger and 100 ms`,
      "zmq",
      ZmqTransport.layer,
      peer,
      linger
    )
    closes(`zmtp, linger ${linger} ms, peer ${peer}: as soon`, "zmtp", ZmtpTransport.layer, peer, linger)
  }
}

test(
  "a process with messages that nobody takes ends by itself",
  Effect.gen(function* () {
    let late = 0
    for (let i = 0; i < 10; i++) {
      const program = yield* run("unsent", "tcp://127.0.0.1:1", "300")
      yield* program.printed("sent")
      const sent = performance.now()
      const { at, code } = yield* program.ended
      // The end of the process itself takes its time.
      if (code !== 0 || at - sent > 300 + 500) late++
    }
    return { what: "processes that end by themselves", count: 10, zero: { late } }
  })
)

test(
  "a ROUTER gives an id to whom it connects to, while another comes with it",
  Effect.gen(function* () {
    const program = yield* run("naming", "2000")
    const { code } = yield* program.ended
    return { what: "ids given while another came with them", count: 2000, zero: { aborted: code === 0 ? 0 : 1 } }
  })
)

for (const [name, kinds] of Object.entries(failing)) {
  for (const [kind, acquire] of Object.entries(kinds)) {
    test(
      `${name}: acquisitions that fail leave nothing: ${kind}`,
      Effect.gen(function* () {
        yield* leftAfter(acquire, 20)
        const { descriptors, failed, fibers, sockets } = yield* leftAfter(acquire, 1000)
        return {
          what: `acquisitions on ${name}, ${kind}`,
          count: 1000,
          zero: {
            "not failed": 1000 - failed,
            "descriptors left": descriptors,
            "sockets left": sockets,
            "fibers left": fibers
          }
        }
      })
    )
  }
}
