/** What a broker promises while workers are killed and networks fail, and programs that show it, to be run under many faults. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Network from "@effect-zmq/core/Network"
import * as Req from "@effect-zmq/core/Req"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
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

/** By handover: the broker may hear what a worker says before it hears that the one before it has left. */
const comingAgain: Check = (runs, seed) => {
  const program = Effect.gen(function* () {
    const broker = yield* Broker.make({ frontend, backend })
    const req = yield* Req.make({ connect: frontend, linger: 0 })
    for (let n = 1; n <= 5; n++) {
      const worker = yield* Dealer.make({ connect: backend, routingId: "W", linger: 0, reconnect: false })
      yield* Dealer.send(worker, Envelope.delimit(["READY", `${n}`]))
      const echo = Effect.flatMap(Dealer.receive(worker), (request) => Dealer.send(worker, request))
      // Who asks while the one before is still taken for ready asks again.
      const asked = Effect.retry(Effect.timeout(Req.request(req, "?"), "1 second"), { times: 10 })
      yield* Effect.raceFirst(asked, Effect.forever(echo))
      yield* broker.awaitStats(({ busy, ready }) => busy === 0 && ready === 1)
    }
    return yield* broker.stats
  })
  const invariant = ({ malformed, workers }: Broker.Stats) =>
    assert.deepStrictEqual({ malformed, workers }, { malformed: 0, workers: 1 })
  // In no time: the word of the next one is there in the moment in which the one before has left.
  const latency = Network.Delay.Fixed({ duration: Duration.zero })
  return Simulation.check({ program, runs, seed, latency, preemption: 0.1, faults: { kinds: ["Latency"] }, invariant })
}

/** Two connections are read in turn: what the first has said may come behind the first word of the second. */
const lastWords: Check = (runs, seed) => {
  const program = Effect.gen(function* () {
    const broker = yield* Broker.make({ frontend, backend })
    const client = yield* Dealer.make({ connect: frontend, linger: 0 })
    const comes = (instance: string, count: number) =>
      Effect.gen(function* () {
        const worker = yield* Dealer.make({ connect: backend, routingId: "W", reconnect: false })
        for (let n = 0; n < count; n++) yield* Dealer.send(worker, Envelope.delimit(["READY", instance]))
        return worker
      })
    // Each is ready for another number than the one before: so it is known which of them is.
    for (let count = 2; count <= 6; count++) {
      const scope = yield* Scope.make()
      const worker = yield* Scope.provide(comes(`${count}`, count), scope)
      yield* broker.awaitStats(({ ready }) => ready === count)
      const texts = Array.from({ length: count }, (_, n) => `${n}`)
      yield* Dealer.sendAll(client, texts.map(Envelope.delimit))
      const requests: Array<Message.Message> = []
      for (const _ of texts) requests.push(yield* Dealer.receive(worker))
      yield* Dealer.sendAll(worker, requests)
      yield* Scope.close(scope, Exit.void)
    }
    yield* comes("last", 1)
    return yield* broker.awaitStats(({ busy, ready }) => busy === 0 && ready === 1)
  })
  const invariant = ({ dropped, late, lost, replies, requests }: Broker.Stats) =>
    assert.deepStrictEqual({ late, ended: dropped + lost + replies }, { late: 0, ended: requests })
  const latency = Network.Delay.Fixed({ duration: Duration.zero })
  return Simulation.check({ program, runs, seed, latency, faults: { kinds: ["Latency"] }, invariant })
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
  "knows a worker that comes again by its own id as one, which gets requests": comingAgain,
  "hears what a worker had said before it left, though the next has come by its id": lastWords,
  "gives clients that ask again their own replies, whatever fails": askingAgain(() => ({})),
  "gives clients that keep their ids, and number what they ask, their own replies, whatever fails": askingAgain(
    (name) => ({ routingId: name, correlate: true })
  )
}
