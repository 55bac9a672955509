/** What a program is told when it is to end, and what it does until then. Real processes: test/processes/shutdown.test.ts. */

import { assert, describe, it } from "@effect/vitest"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import type { Transport } from "@effect-zmq/core/Transport"
import { Transport as TransportService } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Ledger } from "../src/internal/ledger.ts"
import * as Shutdown from "../src/Shutdown.ts"

const test = (promise: string, body: Effect.Effect<unknown, unknown, Transport | Scope.Scope>) =>
  it.effect(promise, () =>
    Effect.scoped(body).pipe(Effect.provide(MemoryTransport.layer), Effect.provide(Logger.layer([])))
  )

const endpoint = "inproc://tasks"

/** So many tasks, of which some are sent every few milliseconds. */
const tasks = Effect.fnUntraced(function* (count: number) {
  const pull = yield* Pull.make({ bind: endpoint })
  const push = yield* Push.make({ connect: endpoint })
  const all = Array.from({ length: count }, (_, i) => `${i}`)
  for (let i = 0; i < count; i += 5) {
    const some = Effect.forEach(all.slice(i, i + 5), (task) => Push.send(push, task))
    yield* Effect.forkScoped(Effect.delay(some, i))
  }
  return { pull, all }
})

describe("until", () => {
  test(
    "ends the stream at any moment, and what it has not given is still in the socket",
    Effect.forEach(
      Array.from({ length: 30 }, (_, moment) => moment),
      (moment) =>
        Effect.gen(function* () {
          const { all, pull } = yield* tasks(20)
          const texts = Stream.map(Pull.stream(pull), Message.text)
          const received: Array<string> = []
          const first = yield* texts.pipe(
            Shutdown.until(Effect.sleep(moment)),
            Stream.runForEach((task) => Effect.map(Effect.sleep(2.3), () => received.push(task))),
            Effect.forkChild
          )
          for (let i = 0; i < 200; i++) yield* TestClock.adjust(0.5)
          yield* Fiber.join(first)
          assert.isAtMost(received.length, moment / 2.3 + 1)
          const rest = yield* Stream.runCollect(Stream.take(texts, 20 - received.length))
          assert.deepStrictEqual([...received, ...rest], all)
        }).pipe(Effect.scoped)
    )
  )

  test(
    "takes nothing where the effect has succeeded already",
    Effect.gen(function* () {
      const { all, pull } = yield* tasks(3)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* Stream.runCollect(Shutdown.until(Pull.stream(pull), Effect.void)), [])
      const rest = yield* Stream.runCollect(Stream.take(Pull.stream(pull), 3))
      assert.deepStrictEqual(rest.map(Message.text), all)
    })
  )

  test(
    "a stream that ends, or fails, before does so as ever",
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect(Shutdown.until(Stream.make(1, 2), Effect.never)), [1, 2])
      assert.strictEqual(
        yield* Effect.flip(Stream.runDrain(Shutdown.until(Stream.fail("broken"), Effect.never))),
        "broken"
      )
    })
  )
})

describe("graceful", () => {
  test(
    "without interruption, it is what it runs",
    Effect.gen(function* () {
      assert.strictEqual(yield* Shutdown.graceful(() => Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(Shutdown.graceful(() => Effect.fail("broken"))), "broken")
    })
  )

  test(
    "interrupted in the middle of a pipeline of three stages, at any moment: everything that was taken comes out of it",
    Effect.forEach(
      Array.from({ length: 30 }, (_, moment) => moment),
      (moment) =>
        Effect.gen(function* () {
          const { all, pull } = yield* tasks(20)
          const texts = Stream.map(Pull.stream(pull), Message.text)
          const done: Array<string> = []
          const fiber = yield* Effect.forkChild(
            Shutdown.graceful((stop) =>
              texts.pipe(
                Shutdown.until(stop),
                Stream.mapEffect((task) => Effect.as(Effect.sleep(2), task), { concurrency: 3 }),
                Stream.buffer({ capacity: 4 }),
                Stream.runForEach((task) => Effect.map(Effect.sleep(1), () => done.push(task)))
              )
            )
          )
          yield* TestClock.adjust(moment)
          yield* Effect.forkChild(Fiber.interrupt(fiber))
          for (let i = 0; i < 60; i++) yield* TestClock.adjust(1)
          assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)) || done.length === 20)
          const rest = yield* Stream.runCollect(Stream.take(texts, 20 - done.length))
          assert.deepStrictEqual([...done, ...rest], all)
        }).pipe(Effect.scoped)
    )
  )

  test(
    "what has not ended in time is interrupted",
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Shutdown.graceful(() => Effect.ensuring(Effect.never, Deferred.succeed(ended, undefined)), {
          within: "2 seconds"
        })
      )
      yield* TestClock.adjust(1)
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust(1999)
      assert.isFalse(yield* Deferred.isDone(ended))
      yield* TestClock.adjust(1)
      assert.isTrue(yield* Deferred.isDone(ended))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  test(
    "what fails on the way to its end is no secret",
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Shutdown.graceful((stop) => Effect.andThen(stop, Effect.fail("broken"))))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      if (Exit.isSuccess(exit)) return assert.fail()
      assert.deepStrictEqual(
        exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error),
        ["broken"]
      )
    })
  )
})

describe("the layer", () => {
  const quiet = Shutdown.layer({ signals: [] })

  test(
    "tells once that the program is to end, and why",
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(Shutdown.whenRequested)
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(waiting.pollUnsafe())
      yield* Shutdown.request("it is enough")
      yield* Shutdown.request("once more")
      assert.strictEqual(yield* Fiber.join(waiting), "it is enough")
      assert.isTrue(yield* Shutdown.Shutdown.use(({ isRequested }) => isRequested))
    }).pipe(Effect.provide(quiet))
  )

  test(
    "listens to the signals that it is given, as long as it is there, and to none where it is given none",
    Effect.gen(function* () {
      const count = () => ["SIGINT", "SIGTERM"].map((signal) => process.listenerCount(signal))
      const [before] = [count()]
      const [int = 0, term = 0] = before
      const within = (options?: Shutdown.Options) => Effect.provide(Effect.sync(count), Shutdown.layer(options))
      assert.deepStrictEqual(yield* within(), [int + 1, term + 1])
      assert.deepStrictEqual(yield* within({ signals: ["SIGTERM"] }), [int, term + 1])
      assert.deepStrictEqual(yield* within({ signals: [] }), before)
      assert.deepStrictEqual(count(), before)
    })
  )

  test(
    "over a transport: sockets are made by the one that it watches",
    Effect.gen(function* () {
      const bare = yield* TransportService
      const watched = yield* Effect.provide(TransportService, Layer.provideMerge(quiet, MemoryTransport.layer))
      assert.notStrictEqual(watched.open, bare.open)
      assert.strictEqual(watched.name, bare.name)
    })
  )
})

describe("what was lost", () => {
  test(
    "names the sockets that are open, and counts what those that are closed have dropped",
    Effect.gen(function* () {
      const ledger = new Ledger()
      const transport = ledger.watch(yield* TransportService)
      const watched = Effect.provideService(TransportService, transport)
      assert.strictEqual(ledger.losses, "All its sockets were closed.")

      const scope = yield* Scope.make()
      const push = yield* Scope.provide(watched(Push.make({ connect: "tcp://127.0.0.1:5557", linger: 0 })), scope)
      yield* Push.sendAll(push, ["1", "2", "3"])
      yield* watched(Effect.scoped(Pull.make({ bind: "tcp://127.0.0.1:5558" })))
      assert.strictEqual(
        ledger.losses,
        "1 socket not closed, whose unsent messages are lost: PUSH of tcp://127.0.0.1:5557."
      )
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(
        ledger.losses,
        "All its sockets were closed. 3 messages dropped unsent by those that were closed."
      )

      for (let i = 1; i <= 10; i++) yield* watched(Pull.make({ bind: `inproc://${i}` }))
      assert.match(
        ledger.losses,
        /^10 sockets not closed, .*: PULL of inproc:\/\/1, .*PULL of inproc:\/\/8, 2 more\. 3 /
      )
    })
  )

  test(
    "a socket that could not be made is not among them",
    Effect.gen(function* () {
      const ledger = new Ledger()
      const watched = Effect.provideService(TransportService, ledger.watch(yield* TransportService))
      yield* Pull.make({ bind: "tcp://127.0.0.1:5557" })
      yield* Effect.flip(watched(Effect.scoped(Pull.make({ bind: "tcp://127.0.0.1:5557" }))))
      assert.strictEqual(ledger.losses, "All its sockets were closed.")
    })
  )
})

describe("teardown", () => {
  it("of a program that was not asked to end is the default one", () => {
    const codes = (teardown: Runtime.Teardown) => {
      const seen: Array<number> = []
      for (const exit of [Exit.void, Exit.fail("broken"), Exit.interrupt()]) teardown(exit, (code) => seen.push(code))
      return seen
    }
    assert.deepStrictEqual(codes(Shutdown.teardown), [0, 1, 130])
    assert.deepStrictEqual(codes(Shutdown.teardown), codes(Runtime.defaultTeardown))
  })
})
