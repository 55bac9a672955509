/** That nothing is lost without being counted, as programs to be run under many faults. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import { assert } from "vitest"
import { Message, Network, Pub, Pull, Push, Simulation, Sub } from "../src/index.ts"

/** The sum of the series of a metric that have these labels. */
export const metric = (id: string, labels: { readonly [label: string]: string } = {}): Effect.Effect<number> =>
  Effect.map(Metric.snapshot, (all) => {
    let sum = 0
    for (const one of all) {
      const fits = Object.entries(labels).every(([label, value]) => one.attributes?.[label] === value)
      if (one.id !== id || !fits) continue
      if (one.type === "Counter") sum += Number(one.state.count)
      else if (one.type === "Gauge") sum += Number(one.state.value)
    }
    return sum
  })

const sum = (counts: object): number => Object.values(counts).reduce((all, count) => all + Number(count), 0)

/** What sockets have sent, and what became of it, by their metrics; and by the network, which counts for itself. */
const account = Effect.all({
  delivered: Network.delivered,
  dropped: Effect.map(Network.dropped, sum),
  sent: metric("zmq_messages_sent"),
  received: metric("zmq_messages_received"),
  lost: metric("zmq_messages_dropped"),
  queued: metric("zmq_messages_queued")
})

type Account = Effect.Success<typeof account>

const settings = {
  reconnect: { initial: 50, maximum: 200 },
  heartbeat: { interval: 500, timeout: 700 }
} as const

const endpoint = "tcp://127.0.0.1:5557"
const pause = Effect.flatMap(Random.nextIntBetween(1, 60), Effect.sleep)

/** Again, as a supervisor would have it: a socket that is killed ends what uses it. */
const supervised = <E, R>(body: Effect.Effect<void, E, R>) =>
  body.pipe(
    Effect.scoped,
    Effect.catch(() => Effect.void),
    Effect.andThen(Effect.sleep(300)),
    Effect.forever
  )

/** Runs for six seconds, closes everything, and gives what the metrics say. */
const accounted = <R>(
  parts: (marks: { readonly send: number; readonly receive: number }) => Record<string, Effect.Effect<never, never, R>>
) =>
  Effect.gen(function* () {
    const mark = yield* Random.nextIntBetween(1, 30)
    yield* Effect.scoped(
      Effect.gen(function* () {
        for (const [host, part] of Object.entries(parts({ send: mark, receive: mark }))) {
          yield* Effect.forkScoped(Network.on(part, host))
        }
        yield* Effect.sleep("6 seconds")
      })
    )
    return yield* account
  }).pipe((body) => Effect.suspend(() => Effect.provideService(body, Metric.MetricRegistry, new Map())))

const worker = (highWaterMark: Pull.Options["highWaterMark"]) =>
  supervised(
    Effect.gen(function* () {
      const pull = yield* Pull.make({ ...settings, highWaterMark, connect: endpoint })
      yield* Pull.runForEach(pull, () => pause)
    })
  )

/** A source and two workers, each of them started again when it is killed. */
const pipeline = accounted((highWaterMark) => ({
  source: supervised(
    Effect.gen(function* () {
      const linger = yield* Random.choice([0, 100])
      const push = yield* Push.make({ ...settings, highWaterMark, linger, bind: endpoint })
      yield* Effect.forever(Effect.andThen(Push.send(push, "task"), pause))
    })
  ),
  "worker-1": worker(highWaterMark),
  "worker-2": worker(highWaterMark)
}))

/**
 * One who publishes, and one who listens. While the publisher does not know yet that a connection is gone, and its
 * subscriber is back by another one, it sends to both: of some messages there are two copies.
 */
const publishing = accounted((highWaterMark) => ({
  publisher: supervised(
    Effect.gen(function* () {
      const pub = yield* Pub.make({ ...settings, highWaterMark, bind: endpoint })
      yield* Effect.forever(Effect.andThen(Pub.send(pub, "news"), pause))
    })
  ),
  subscriber: supervised(
    Effect.gen(function* () {
      const sub = yield* Sub.make({ ...settings, highWaterMark, subscribe: "", connect: endpoint })
      yield* Sub.runForEach(sub, (message) => (Message.text(message) === "news" ? pause : Effect.die("what is this")))
    })
  )
}))

const kept = ({ delivered, dropped, lost, queued, received, sent }: Account): void => {
  assert.isAbove(sent, 0)
  assert.strictEqual(queued, 0)
  assert.strictEqual(received, delivered)
  assert.strictEqual(lost, dropped)
}

const keptOnce = (account: Account): void => {
  kept(account)
  assert.strictEqual(account.received + account.lost, account.sent)
}

const keptAll = (account: Account): void => {
  kept(account)
  assert.isAtLeast(account.received + account.lost, account.sent)
}

const faults = { kinds: ["Partition", "Latency", "Disconnect", "Corrupt", "Refuse", "Kill"] } as const

type Check = (runs: number, seed: number) => Exit.Exit<Simulation.Report, unknown>

/** By what each shows. */
export const checks: Readonly<Record<string, Check>> = {
  "a supervised pipeline: sent = received + counted as lost, by the metrics of its sockets": (runs, seed) =>
    Simulation.check({ program: pipeline, runs, seed, faults, invariant: keptOnce }),
  "published: every copy is received, or counted as lost, by the metrics of its sockets": (runs, seed) =>
    Simulation.check({ program: publishing, runs, seed, faults, invariant: keptAll })
}
