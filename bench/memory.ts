/** The in-memory transport, in one process, through the public API, 16 B messages. */
import { MemoryTransport, Pub, Pull, Push, Sub } from "@effect-zmq/core"
import { Effect, Stream } from "effect"
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

/** Ten subscribers of 100 topics each; every publish reaches exactly one of them. */
const publish = Effect.gen(function* () {
  const count = 400_000
  const pub = yield* Pub.make({ bind: endpoint, noDrop: true })
  const topics = Array.from({ length: 1000 }, (_, i) => `topic-${i}.`)
  const frames = topics.map((topic) => new TextEncoder().encode(`${topic}body`))
  let received = 0
  const receivers: Array<Effect.Effect<void>> = []
  for (let i = 0; i < 10; i++) {
    const sub = yield* Sub.make({ connect: endpoint, subscribe: topics.slice(i * 100, (i + 1) * 100) })
    receivers.push(
      Sub.batches(sub).pipe(
        Stream.takeUntil((batch) => {
          received += batch.length
          return false
        }),
        Stream.runDrain
      )
    )
  }
  let sent = 0
  const send = Effect.whileLoop({
    while: () => sent < count,
    body: () => Pub.send(pub, frames[sent % frames.length] ?? body),
    step: () => {
      sent += 1
    }
  })
  const result = yield* timed(
    count,
    Effect.raceFirst(
      Effect.all(receivers, { concurrency: "unbounded", discard: true }),
      Effect.andThen(send, Effect.repeat(Effect.yieldNow, { until: () => received >= count }))
    )
  )
  return result
})

const rows = [
  ["PUSH to PULL, batches", batches],
  ["PUSH to PULL, one an effect, stream", each],
  ["PUSH to PULL, one an effect, receive", loop],
  ["PUB to 10 SUBs of 100 topics, each to one", publish]
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
      for (let i = 0; i < repetitions; i++) {
        rates.push(yield* run.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true })))
      }
      table.push([title, rate(median(rates))])
    }
    yield* print(["in memory, one process, 16 B", "median"], table)
  })
).pipe(Command.withDescription("The in-memory transport, in one process"))
