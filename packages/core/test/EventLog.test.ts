import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as EventLog from "../src/EventLog.ts"
import { SocketEvent } from "../src/SocketEvent.ts"

const event = (n: number) => SocketEvent.Connecting({ endpoint: `tcp://127.0.0.1:${n}` })
const events = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => event(from + i))
const closed = SocketEvent.Closed({ flushed: true, dropped: 0 })

describe("EventLog", () => {
  it.effect("gives a listener who comes late everything, in order, and ends after Closed", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      const all = [...events(0, 100), closed]
      for (const one of all) log.addUnsafe(one)
      assert.deepStrictEqual(yield* Stream.runCollect(log.stream), all)
      assert.deepStrictEqual(yield* Stream.runCollect(log.stream), all)
    })
  )

  it.effect("gives what was, and then what is to come, once each", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      for (const one of events(0, 10)) log.addUnsafe(one)
      const early = yield* Effect.forkChild(Stream.runCollect(log.stream), { startImmediately: true })
      for (const one of events(10, 20)) log.addUnsafe(one)
      yield* Effect.yieldNow
      const late = yield* Effect.forkChild(Stream.runCollect(log.stream), { startImmediately: true })
      for (const one of events(20, 30)) log.addUnsafe(one)
      log.addUnsafe(closed)
      const all = [...events(0, 30), closed]
      assert.deepStrictEqual(yield* Fiber.join(early), all)
      assert.deepStrictEqual(yield* Fiber.join(late), all)
    })
  )

  it.effect("logs nothing after Closed", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      log.addUnsafe(closed)
      // So many that Closed would be forgotten.
      for (const one of events(0, 3000)) log.addUnsafe(one)
      log.addUnsafe(SocketEvent.Closed({ flushed: false, dropped: 3 }))
      assert.deepStrictEqual(yield* Stream.runCollect(log.stream), [closed])
    })
  )

  it.effect("remembers 1,024 events for listeners to come, and forgets the oldest", () =>
    Effect.gen(function* () {
      assert.strictEqual(EventLog.remembered, 1024)
      const log = yield* EventLog.make
      for (const one of events(0, 3000)) log.addUnsafe(one)
      const early = yield* Effect.forkChild(Stream.runCollect(log.stream), { startImmediately: true })
      log.addUnsafe(closed)
      assert.deepStrictEqual(yield* Fiber.join(early), [...events(3000 - 1024, 3000), closed])
      assert.deepStrictEqual(yield* Stream.runCollect(log.stream), [...events(3000 - 1023, 3000), closed])
    })
  )

  it.effect("forgets nothing for those who listen, however much happens", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      const listener = yield* Effect.forkChild(Stream.runCollect(log.stream), { startImmediately: true })
      for (const one of events(0, 5000)) log.addUnsafe(one)
      log.addUnsafe(closed)
      assert.deepStrictEqual(yield* Fiber.join(listener), [...events(0, 5000), closed])
    })
  )

  it.effect("lets a listener leave without an end", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      log.addUnsafe(event(1))
      assert.deepStrictEqual(yield* Stream.runHead(log.stream), Option.some(event(1)))
      const listener = yield* Effect.forkChild(Stream.runDrain(log.stream), { startImmediately: true })
      yield* Fiber.interrupt(listener)
      log.addUnsafe(closed)
      assert.deepStrictEqual(yield* Stream.runCollect(log.stream), [event(1), closed])
    })
  )
})
