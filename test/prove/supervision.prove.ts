/** Supervisors beside their model, and programs that are asked to end, in large numbers. */
import * as path from "node:path"
import { Message, Pull, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Exit, Stream } from "effect"
import { check } from "../../packages/patterns/test/supervisedPipeline.ts"
import { compare } from "../../packages/patterns/test/supervisorModel.ts"
import { start } from "../examples/program.ts"
import { rolling } from "../processes/shutdown/rolling.ts"
import { prove } from "./table.ts"

const test = prove("Supervision and the end of programs")

const scripts = 10_000

for (const [how, preemption] of [
  ["", 0],
  [", others going on at any step", 0.2]
] as const) {
  test(
    `a supervisor and a naive model of OTP's have the same history${how}`,
    Effect.sync(() => {
      let count = 0
      let different = 0
      for (let seed = 1; seed <= scripts; seed++) {
        try {
          if (compare(seed, preemption) !== undefined) count++
        } catch (error) {
          if (different++ === 0) console.error(error)
        }
      }
      return { what: `random lives of supervised children, beside the model${how}`, count, zero: { different } }
    })
  )
}

test(
  "a supervised pipeline, with kills and partitions: it always recovers, and sent = delivered + counted as lost",
  Effect.sync(() => {
    const exit = check(2_000)
    if (Exit.isFailure(exit)) console.error(`${exit.cause}`)
    const { hits, runs } = Exit.isSuccess(exit) ? exit.value : { hits: 0, runs: 0 }
    return {
      what: `simulations of a supervised pipeline (${hits} faults that hit)`,
      count: runs,
      zero: { "not recovered, or not accounted for": Exit.isSuccess(exit) ? 0 : 1 }
    }
  })
)

test(
  "a rolling restart of the broker and of four workers, under load",
  Effect.map(rolling({ rounds: 10, workers: 4, clients: 16 }), ({ acknowledged, restarts, retried, ...zero }) => ({
    what: `requests acknowledged, during ${restarts} restarts of processes (${retried} asked again)`,
    count: acknowledged,
    zero: { ...zero }
  })).pipe(Effect.provide(ZmqTransport.layer))
)

test(
  "1,000 messages, sent just before a signal",
  Effect.gen(function* () {
    const count = 100
    let lost = 0
    let unclean = 0
    const file = path.join(import.meta.dirname, "../processes/shutdown/sender.ts")
    for (let i = 0; i < count; i++) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*", highWaterMark: { receive: 100_000 } })
          const sender = yield* start(process.execPath, file, yield* Socket.endpoint(pull), "5000", "8000", "peer")
          yield* sender.prints(/sent/)
          yield* sender.signal(i % 2 === 0 ? "SIGINT" : "SIGTERM")
          const { code, stderr } = yield* sender.ended
          if (code !== 0 || stderr !== "") unclean++
          const received = yield* Pull.stream(pull).pipe(
            Stream.map(Message.text),
            Stream.take(1000),
            Stream.timeout("2 seconds"),
            Stream.runCollect
          )
          lost += 1000 - new Set(received).size
        })
      )
    }
    return { what: `ends by a signal, 1,000 messages each`, count, zero: { "messages lost": lost, unclean } }
  }).pipe(Effect.provide(ZmqTransport.layer))
)
