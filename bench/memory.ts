/** The in-memory transport, in one process, through the public API, 16 B messages. */
import { MemoryTransport, Pub, Pull, Push, Sub, type Transport } from "@effect-zmq/core"
import { Effect, type Scope, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { median, print, rate } from "./table.ts"

const body = new Uint8Array(16)
const endpoint = "inproc://bench"

/** Messages a second from the first to the last. */
const timed = Effect.fnUntraced(function* <A, E, R>(count: number, run: Effect.Effect<A, E, R>) {
  const start = performance.now()
  yield* run
  return (count / (performance.now() - start)) * 1000
})

const batches = Effect.gen(function* () {
  const count = 4_000_000
  const pull = yield* Pull.make({ bind: endpoint })
  const push = yield* Push.make({ connect: endpoint })
  const batch = Array.from({ length: 1000 }, () => body)
  let received = 0
  const send = Effect.whileLoop({
    while: () => sent < count,
    body: () => Push.sendAll(push, batch),
    step: () => {
      sent += batch.length
    }
  })
  let sent = 0
  const receive = Pull.batches(pull).pipe(
    Stream.takeUntil((batch) => (received += batch.length) >= count),
    Stream.runDrain
  )
  return yield* timed(count, Effect.all([send, receive], { concurrency: 2 }))
})

const each = Effect.gen(function* () {
  const count = 1_000_000
  const pull = yield* Pull.make({ bind: endpoint })
  const push = yield* Push.make({ connect: endpoint })
  let sent = 0
  const send = Effect.whileLoop({
    while: () => sent < count,
    body: () => Push.send(push, body),
    step: () => {
      sent += 1
    }
  })
  const receive = Pull.stream(pull).pipe(Stream.take(count), Stream.runDrain)
  return yield* timed(count, Effect.all([send, receive], { concurrency: 2 }))
})

const loop = Effect.gen(function* () {
  const count = 1_000_000
  const pull = yield* Pull.make({ bind: endpoint })
  const push = yield* Push.make({ connect: endpoint })
  let sent = 0
  let received = 0
  const send = Effect.whileLoop({
    while: () => sent < count,
    body: () => Push.send(push, body),
    step: () => {
      sent += 1
    }
  })
  const receive = Effect.whileLoop({
    while: () => received < count,
    body: () => Pull.receive(pull),
    step: () => {
      received += 1
    }
  })
  return yield* timed(count, Effect.all([send, receive], { concurrency: 2 }))
})

const topics = Array.from({ length: 1000 }, (_, i) => `topic-${i}.`)
const encoder = new TextEncoder()

/** Publishes to ten subscribers, and answers when all that was not dropped has arrived. */
const publish = Effect.fnUntraced(function* (options: {
  readonly count: number
  readonly subscribe: (subscriber: number) => ReadonlyArray<string>
  /** How many of the subscribers get a message. */
  readonly matching: number
  readonly form: "batches" | "each"
}) {
  const { count, form, matching, subscribe } = options
  const pub = yield* Pub.make({ bind: endpoint })
  let received = 0
  const receivers: Array<Effect.Effect<void>> = []
  for (let i = 0; i < 10; i++) {
    const sub = yield* Sub.make({ connect: endpoint, subscribe: subscribe(i) })
    receivers.push(
      Stream.runForEach(Sub.batches(sub), (batch) =>
        Effect.sync(() => {
          received += batch.length
        })
      )
    )
  }
  const frames = topics.map((topic) => encoder.encode(`${topic}body`))
  let sent = 0
  // A turn for the subscribers after each thousand, which is what their queues hold.
  const turn = (length: number) => {
    sent += length
    return sent % 1000 === 0 ? Effect.yieldNow : Effect.void
  }
  const body =
    form === "batches"
      ? Effect.andThen(Pub.sendAll(pub, frames), () => turn(frames.length))
      : Effect.suspend(() => Effect.andThen(Pub.send(pub, frames[sent % frames.length] ?? ""), () => turn(1)))
  const send = Effect.whileLoop({ while: () => sent < count, body: () => body, step: () => {} })
  const perSecond = yield* timed(
    count,
    Effect.raceFirst(
      Effect.all(receivers, { concurrency: "unbounded", discard: true }),
      // What is dropped never arrives: wait until nothing more does.
      Effect.andThen(send, Effect.repeat(Effect.yieldNow, { times: 10 }))
    )
  )
  return { perSecond, note: `${rate(received)} delivered, ${count * matching - received} dropped`.replace("/s", "") }
})

const toOne = (subscriber: number) => topics.slice(subscriber * 100, (subscriber + 1) * 100)

/** A publisher with so many subscriptions, of which each message matches one: nanoseconds a publish, bytes each. */
const subscriptions = (topic: (i: number) => string) =>
  Effect.gen(function* () {
    const count = 100_000
    const all = Array.from({ length: count }, (_, i) => topic(i))
    const pub = yield* Pub.make({ bind: endpoint })
    global.gc?.()
    const before = process.memoryUsage().heapUsed
    yield* Sub.make({ connect: endpoint, subscribe: all, highWaterMark: { receive: 1 } })
    global.gc?.()
    // Both sides keep a tree of them.
    const bytes = (process.memoryUsage().heapUsed - before) / count / 2
    const frames = Array.from({ length: 1000 }, (_, i) => encoder.encode(`${topic((i * 7919) % count)}body`))
    const publishes = 200_000
    let sent = 0
    const perSecond = yield* timed(
      publishes,
      Effect.whileLoop({
        while: () => sent < publishes,
        body: () => Pub.sendAll(pub, frames),
        step: () => {
          sent += frames.length
        }
      })
    )
    return {
      perSecond,
      note: `${(1e9 / perSecond).toFixed(0)} ns a publish, ${bytes.toFixed(0)} B a subscription and side`
    }
  })

const plain = (body: Effect.Effect<number, unknown, Scope.Scope | Transport.Transport>) =>
  Effect.map(body, (perSecond) => ({ perSecond, note: "" }))

const rows = [
  ["PUSH to PULL, batches", plain(batches)],
  ["PUSH to PULL, one an effect, stream", plain(each)],
  ["PUSH to PULL, one an effect, receive", plain(loop)],
  [
    "PUB to 10 SUBs of 100 topics, each to one, batches",
    publish({ count: 2_000_000, subscribe: toOne, matching: 1, form: "batches" })
  ],
  [
    "PUB to 10 SUBs of 100 topics, each to one, one an effect",
    publish({ count: 1_000_000, subscribe: toOne, matching: 1, form: "each" })
  ],
  [
    "PUB to 10 SUBs, each to all ten, batches",
    publish({ count: 500_000, subscribe: () => [""], matching: 10, form: "batches" })
  ],
  ["PUB, 100,000 subscriptions to paths", subscriptions((i) => `/site/${i % 100}/room/${i % 1000}/sensor/${i}.`)],
  ["PUB, 100,000 subscriptions to numbers", subscriptions((i) => `${100_000 + i}`)],
  // Each message begins with all the prefixes of its topic.
  ["PUB, 100,000 subscriptions, nested 200 deep", subscriptions((i) => `${Math.floor(i / 200)}:${"x".repeat(i % 200)}`)]
] as const
export const memory = Command.make(
  "memory",
  {
    repetitions: Flag.Int("repetitions").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Runs of each row; the median counts")
    )
  },
  Effect.fnUntraced(function* ({ repetitions }) {
    const table: Array<ReadonlyArray<string>> = []
    for (const [title, run] of rows) {
      const rates: Array<number> = []
      let last = ""
      for (let i = 0; i < repetitions; i++) {
        const { note, perSecond } = yield* run.pipe(
          Effect.scoped,
          Effect.provide(MemoryTransport.layer, { local: true })
        )
        rates.push(perSecond)
        last = note
      }
      table.push([title, rate(median(rates)), last])
    }
    yield* print(["in memory, one process, 16 B", "median", ""], table)
  })
).pipe(Command.withDescription("The in-memory transport, in one process"))
