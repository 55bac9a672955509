/** What a broker promises while workers are killed and networks fail, and programs that show it, to be run under many faults. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Network from "@effect-zmq/core/Network"
import * as Req from "@effect-zmq/core/Req"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { assert } from "vitest"
import * as Broker from "../src/Broker.ts"
import * as Envelope from "../src/Envelope.ts"

const frontend = "tcp://127.0.0.1:5559"
const backend = "tcp://127.0.0.1:5560"
const workers = ["worker-1", "worker-2"]
const names = ["a", "b"]
const each = 6

const start = (onWorkerLost: "lose" | "retry", done: Array<string>) =>
  Effect.gen(function* () {
    for (const host of workers) {
      const work = Broker.serve(
        (request) =>
          Effect.gen(function* () {
            const text = Message.text(request)
            done.push(text)
            yield* Effect.sleep("3 millis")
            return `${text} done`
          }),
        { connect: backend, concurrency: 2, linger: 0 }
      )
      yield* Effect.forkScoped(Network.on(work, host))
    }
    return yield* Network.on(Broker.make({ frontend, backend, onWorkerLost }), "broker")
  })

/** Two clients send all their requests at once; all is over when the broker has nothing left. */
const flooded = (onWorkerLost: "lose" | "retry") =>
  Effect.gen(function* () {
    const done: Array<string> = []
    const broker = yield* start(onWorkerLost, done)
    const replies: Record<string, Array<string>> = { a: [], b: [] }
    for (const name of names) {
      const dealer = yield* Network.on(Dealer.make({ connect: frontend, linger: 0 }), "clients")
      yield* Effect.forkScoped(
        Dealer.runForEach(dealer, (message) => {
          const reply = Result.getOrThrow(Envelope.undelimit(message))
          return Effect.sync(() => replies[name]?.push(Message.text(reply)))
        })
      )
      yield* Dealer.sendAll(
        dealer,
        Array.from({ length: each }, (_, i) => Envelope.delimit(`${name}${i}`))
      )
    }
    // Nobody tells the broker when its workers are killed.
    for (const host of workers) {
      const kill = Effect.flatMap(Random.nextIntBetween(1, 40), (millis) => Effect.delay(Network.kill(host), millis))
      yield* Effect.forkScoped(Effect.repeat(kill, { times: 3 }))
    }
    const total = names.length * each
    const stats = yield* broker.awaitStats(
      ({ busy, requests, waiting }) => requests === total && busy === 0 && waiting === 0
    )
    yield* Effect.sleep("1 second") // the last replies are on their way
    return { replies, done, stats }
  })

type Outcome = Effect.Success<ReturnType<typeof flooded>>

const kept = ({ replies, stats }: Outcome) => {
  for (const name of names) {
    const got = replies[name] ?? []
    assert.strictEqual(new Set(got).size, got.length, "a request was answered twice")
    for (const reply of got) assert.match(reply, new RegExp(`^${name}\\d done$`), "another's reply")
  }
  const answered = Object.values(replies).flat().length
  assert.strictEqual(answered, stats.replies)
  assert.strictEqual(answered + stats.lost + stats.dropped, names.length * each, "a request was forgotten")
}

const faults = { hosts: workers }

type Check = (runs: number, seed?: number) => Exit.Exit<Simulation.Report, unknown>

const outOfWorkers: Check = (runs, seed) =>
  Simulation.check({
    program: flooded("lose"),
    runs,
    seed,
    faults,
    invariant: (outcome) => {
      kept(outcome)
      assert.strictEqual(new Set(outcome.done).size, outcome.done.length, "a request was carried out twice")
    }
  })

const retried: Check = (runs, seed) =>
  Simulation.check({
    program: flooded("retry"),
    runs,
    seed,
    faults,
    invariant: (outcome) => {
      kept(outcome)
      const attempts = (text: string) => outcome.done.filter((other) => other === text).length
      assert.isTrue(outcome.done.every((text) => attempts(text) <= 3))
    }
  })

/** Workers come for a while, and leave in the middle of work. */
const inShifts: Check = (runs, seed) => {
  const total = 20
  const program = Effect.gen(function* () {
    const broker = yield* Broker.make({ frontend, backend })
    const work = Broker.serve((request) => Effect.as(Effect.sleep("2 millis"), request), {
      connect: backend,
      concurrency: 3
    })
    const shift = Effect.flatMap(Random.nextIntBetween(5, 30), (millis) => Effect.timeoutOption(work, millis))
    const shifts = yield* Effect.forEach([1, 2], () => Effect.forkScoped(Effect.forever(shift)))
    const dealer = yield* Dealer.make({ connect: frontend, linger: 0 })
    yield* Dealer.sendAll(
      dealer,
      Array.from({ length: total }, (_, i) => Envelope.delimit(`${i}`))
    )
    for (let i = 0; i < total; i++) yield* Dealer.receive(dealer)
    yield* Fiber.interruptAll(shifts)
    return yield* broker.stats
  })
  const invariant = ({ late, lost, replies }: Broker.Stats) =>
    assert.deepStrictEqual({ late, lost, replies }, { late: 0, lost: 0, replies: total })
  return Simulation.check({ program, runs, seed, faults: { kinds: ["Latency"] }, invariant })
}

const askingAgain =
  (options: (name: string) => Partial<Req.Options>): Check =>
  (runs, seed) => {
    const ask = (name: string) =>
      Effect.gen(function* () {
        const req = yield* Network.on(Req.make({ connect: frontend, linger: 0, ...options(name) }), "clients")
        const replies: Array<string> = []
        for (let i = 0; i < each; i++) {
          const asked = Effect.timeout(Req.request(req, `${name}${i}`), "100 millis")
          replies.push(Message.text(yield* Effect.retry(asked, { times: 300 })))
        }
        return replies
      })
    const program = Effect.gen(function* () {
      yield* start("lose", [])
      return yield* Effect.forEach(names, ask, { concurrency: "unbounded" })
    })
    const expected = names.map((name) => Array.from({ length: each }, (_, i) => `${name}${i} done`))
    return Simulation.check({ program, runs, seed, invariant: (replies) => assert.deepStrictEqual(replies, expected) })
  }

/** Each promise, and what looks for faults that break it. */
export const checks: Readonly<Record<string, Check>> = {
  "answers each request once, or counts it as lost, whatever becomes of its workers; none is carried out twice":
    outOfWorkers,
  "by retry, answers each request once, or counts it as lost after three workers": retried,
  "loses nothing with workers that leave in order, whatever they were just given": inShifts,
  "gives clients that ask again their own replies, whatever fails": askingAgain(() => ({})),
  "gives clients that keep their ids, and number what they ask, their own replies, whatever fails": askingAgain(
    (name) => ({ routingId: name, correlate: true })
  )
}
