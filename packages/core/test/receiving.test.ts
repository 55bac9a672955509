import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { lineOf } from "../src/internal/socket.ts"
import * as Message from "../src/Message.ts"
import * as Poller from "../src/Poller.ts"
import * as Pull from "../src/Pull.ts"
import * as Socket from "../src/Socket.ts"
import { isZmqError } from "../src/ZmqError.ts"
import { makeDice, numbered, numberOf, open, range, type Script, type ScriptedHandle } from "./ScriptedTransport.ts"

const openPull = (script: Script = {}) =>
  Effect.map(open(Pull.make({}), script), ({ handle, socket }) => ({ handle, pull: socket }))

/** Starts now, and runs until it waits. */
const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets everyone run who can. */
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

const receiveNumber = (pull: Pull.Pull) => Effect.map(Pull.receive(pull), numberOf)

/** Takes what is left, up to an end mark. */
const rest = (pull: Pull.Pull, handle: ScriptedHandle, seen: Array<number>) =>
  Effect.suspend(() => {
    handle.deliver("end")
    return Pull.stream(pull).pipe(
      Stream.takeWhile((message) => Message.text(message) !== "end"),
      Stream.runForEach((message) => Effect.sync(() => seen.push(numberOf(message))))
    )
  })

/** All numbers below `count`, each once, in order: said of so many that a diff would be no help. */
const assertAll = (seen: ReadonlyArray<number>, count: number) => {
  assert.strictEqual(
    seen.findIndex((n, i) => n !== i),
    -1,
    "lost, given twice, or out of order"
  )
  assert.strictEqual(seen.length, count)
}

describe("receive", () => {
  it.effect("gives what has arrived, in order", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      handle.deliver("1", "2", "3")
      assert.deepStrictEqual(
        [yield* receiveNumber(pull), yield* receiveNumber(pull), yield* receiveNumber(pull)],
        [1, 2, 3]
      )
      assert.strictEqual(handle.waits, 0)
    })
  )

  it.effect("waits for what has not", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const fiber = yield* start(receiveNumber(pull))
      yield* settle
      assert.isTrue(handle.isWaitedFor)
      handle.deliver("1")
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    })
  )

  for (const wake of ["now", "soon"] as const) {
    it.effect(`serves fibers in the order in which they asked, each once (woken ${wake})`, () =>
      Effect.gen(function* () {
        const { handle, pull } = yield* openPull({ wake })
        const served: Array<readonly [who: number, what: number]> = []
        const ask = (who: number) => start(Effect.map(receiveNumber(pull), (what) => void served.push([who, what])))
        for (const who of range(0, 10)) yield* ask(who)
        handle.deliver(...numbered(0, 3))
        yield* settle
        for (const who of range(10, 15)) yield* ask(who)
        for (const what of range(3, 15)) {
          handle.deliver(String(what))
          if (what % 3 === 0) yield* settle
        }
        yield* settle
        assert.deepStrictEqual(
          served,
          range(0, 15).map((n) => [n, n] as const)
        )
      })
    )
  }

  it.effect("lets nobody who asks later overtake those who wait", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const served: Array<readonly [string, number]> = []
      const ask = (who: string) => start(Effect.map(receiveNumber(pull), (what) => void served.push([who, what])))
      yield* ask("a")
      yield* ask("b")
      yield* settle
      handle.deliver("1", "2", "3")
      // Three messages are here, but a and b were first.
      assert.isUndefined(lineOf(pull).takeUnsafe((handle) => handle.receiveOneUnsafe()))
      yield* ask("c")
      yield* settle
      assert.deepStrictEqual(served, [
        ["a", 1],
        ["b", 2],
        ["c", 3]
      ])
    })
  )

  it.effect("serves all who loop in turn", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const seen = [0, 0, 0, 0]
      for (const who of range(0, 4)) {
        yield* start(Effect.forever(Effect.map(Pull.receive(pull), () => void (seen[who] = (seen[who] ?? 0) + 1))))
      }
      handle.deliver(...numbered(0, 400))
      yield* Effect.repeat(Effect.yieldNow, { times: 400 })
      assert.deepStrictEqual(seen, [100, 100, 100, 100])
    })
  )

  it.effect("serves 10,000 who wait without using up the stack", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const seen: Array<number> = []
      const fibers = yield* Effect.forEach(range(0, 10_000), () =>
        start(Effect.map(receiveNumber(pull), (n) => void seen.push(n)))
      )
      handle.deliver(...numbered(0, 10_000))
      yield* Fiber.awaitAll(fibers)
      assert.deepStrictEqual(seen, range(0, 10_000))
    })
  )

  it.effect("ends 10,000 who wait with Closed, without using up the stack", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { pull } = yield* Scope.provide(openPull(), scope)
      const fibers = yield* Effect.forEach(range(0, 10_000), () => start(Effect.flip(Pull.receive(pull))))
      yield* Scope.close(scope, Exit.void)
      for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
    })
  )

  it.effect("lets 10,000 who wait be interrupted, first to last", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const fibers = yield* Effect.forEach(range(0, 10_000), () => start(Pull.receive(pull)))
      yield* Fiber.interruptAll(fibers)
      handle.deliver("1")
      assert.strictEqual(yield* receiveNumber(pull), 1)
      assert.strictEqual(handle.left, 0)
    })
  )

  it.effect("goes on where it was woken for nothing", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const first = yield* start(receiveNumber(pull))
      const second = yield* start(receiveNumber(pull))
      yield* settle
      handle.wakeForNothing()
      handle.wakeForNothing()
      handle.deliver("1", "2")
      assert.strictEqual(yield* Fiber.join(first), 1)
      assert.strictEqual(yield* Fiber.join(second), 2)
    })
  )

  it.effect("fails with Closed once the socket is closed, and says where", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      handle.deliver("1")
      yield* Socket.drain(pull, 0)
      const error = yield* Effect.flip(Pull.receive(pull))
      assert.isTrue(isZmqError(error))
      assert.strictEqual(error.reason._tag, "Closed")
      assert.strictEqual(error.message, "Pull.receive: the socket is closed: its scope has ended, or it was drained")
    })
  )

  it.effect("gives the leader's place to the next one who waits", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const first = yield* start(Pull.receive(pull))
      const second = yield* start(receiveNumber(pull))
      const third = yield* start(receiveNumber(pull))
      yield* settle
      yield* Fiber.interrupt(first)
      assert.isTrue(handle.isWaitedFor)
      handle.deliver("2", "3")
      assert.deepStrictEqual([yield* Fiber.join(second), yield* Fiber.join(third)], [2, 3])
    })
  )

  it.effect("loses nothing to a message that arrives as the fiber is interrupted", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const first = yield* start(receiveNumber(pull))
      yield* settle
      handle.deliver("1") // its wake-up is on its way
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* receiveNumber(pull), 1)
    })
  )
})

describe("interruption", () => {
  for (const wake of ["now", "soon"] as const) {
    for (const seed of [1, 2, 3]) {
      it.effect(
        `loses nothing: 4,000 receives, interrupted at random while they wait (woken ${wake}, seed ${seed})`,
        () =>
          Effect.gen(function* () {
            const { handle, pull } = yield* openPull({ wake })
            const dice = makeDice(seed)
            const seen: Array<number> = []
            const receivers: Array<Fiber.Fiber<unknown, unknown>> = []
            let next = 0
            let interrupted = 0
            const receive = Effect.map(receiveNumber(pull), (n) => void seen.push(n))
            while (interrupted < 4000) {
              switch (dice(5)) {
                case 0:
                case 1:
                  receivers.push(yield* Effect.forkChild(receive, { startImmediately: dice(2) === 0 }))
                  break
                case 2: {
                  const [fiber] = receivers.splice(dice(receivers.length + 1), 1)
                  if (fiber?.pollUnsafe() === undefined && fiber !== undefined) interrupted++
                  if (fiber !== undefined) yield* Fiber.interrupt(fiber)
                  break
                }
                case 3:
                  for (const _ of range(0, dice(3))) handle.deliver(String(next++))
                  break
                case 4:
                  yield* Effect.yieldNow
              }
            }
            yield* Fiber.interruptAll(receivers)
            yield* rest(pull, handle, seen)
            assertAll(seen, next)
            assert.isAbove(next, 1000)
          })
      )
    }

    it.effect(`loses nothing: 3,000 receives, timed out at random (woken ${wake})`, () =>
      Effect.gen(function* () {
        const { handle, pull } = yield* openPull({ wake })
        const dice = makeDice(7)
        const seen: Array<number> = []
        let next = 0
        let timedOut = 0
        let asked = 0
        const receive = (millis: number) =>
          Effect.timeoutOption(receiveNumber(pull), millis).pipe(
            Effect.map((result) => {
              if (Option.isSome(result)) seen.push(result.value)
              else timedOut++
            })
          )
        while (asked < 3000) {
          switch (dice(4)) {
            case 0:
              asked++
              yield* start(receive(dice(10)))
              break
            case 1:
              for (const _ of range(0, dice(2))) handle.deliver(String(next++))
              break
            case 2:
              yield* TestClock.adjust(dice(5))
              break
            case 3:
              yield* Effect.yieldNow
          }
        }
        yield* TestClock.adjust(20)
        yield* settle
        yield* rest(pull, handle, seen)
        assertAll(seen, next)
        assert.isAbove(timedOut, 300)
        assert.isAbove(next, 300)
      })
    )
  }

  it.effect("loses nothing in a race of two sockets: the one that was not heard keeps its message", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* openPull(), yield* openPull()]
      a.handle.deliver(...numbered(0, 500))
      b.handle.deliver(...numbered(0, 500))
      const seen: Array<Array<number>> = [[], []]
      for (const i of range(0, 400)) {
        const receivers = [a, b].map(({ pull }, who) => Effect.map(receiveNumber(pull), (n) => [who, n] as const))
        const [who, n] = yield* Effect.raceAllFirst(i % 2 === 0 ? receivers : receivers.reverse())
        seen[who]?.push(n)
      }
      for (const [who, { handle, pull }] of [a, b].entries()) {
        const mine = seen[who] ?? []
        assert.isAbove(mine.length, 100)
        yield* rest(pull, handle, mine)
        assertAll(mine, 500)
      }
    })
  )

  /** Ways to receive in a loop, which note each message in the step that gets it. */
  const loops: Readonly<
    Record<string, (pull: Pull.Pull, note: (message: Message.Message) => void) => Effect.Effect<unknown, unknown>>
  > = {
    "receive, in a generator": (pull, note) =>
      Effect.gen(function* () {
        while (true) note(yield* Pull.receive(pull))
      }),
    "receive, for ever": (pull, note) => Effect.forever(Effect.map(Pull.receive(pull), note), { disableYield: true }),
    "receive, with a step after it": (pull, note) =>
      Effect.forever(
        Effect.flatMap(Pull.receive(pull), (message) => Effect.sync(() => note(message))),
        { disableYield: true }
      ),
    "receive, under a timeout": (pull, note) =>
      Effect.forever(Effect.map(Effect.timeout(Pull.receive(pull), "1 second"), note), { disableYield: true }),
    poll: (pull, note) =>
      Effect.forever(
        Effect.map(Pull.poll(pull), (option) => {
          if (Option.isSome(option)) note(option.value)
        }),
        { disableYield: true }
      ),
    stream: (pull, note) => Stream.runForEach(Pull.stream(pull), (message) => Effect.sync(() => note(message))),
    "stream, mapped": (pull, note) =>
      Pull.stream(pull).pipe(
        Stream.map((message) => message),
        Stream.mapEffect((message) => Effect.sync(() => note(message))),
        Stream.runDrain
      ),
    "stream, runHead": (pull, note) =>
      Effect.forever(
        Effect.map(Stream.runHead(Pull.stream(pull)), (option) => {
          if (Option.isSome(option)) note(option.value)
        }),
        { disableYield: true }
      ),
    runForEach: (pull, note) => Pull.runForEach(pull, (message) => Effect.sync(() => note(message))),
    batches: (pull, note) =>
      Stream.runForEach(Stream.take(Pull.batches(pull), 1), (batch) => Effect.sync(() => batch.forEach(note))),
    "Poller.merge": (pull, note) =>
      Stream.runForEach(Poller.merge({ pull }), ({ value }) => Effect.sync(() => note(value))),
    "Poller.prioritize": (pull, note) =>
      Stream.runForEach(Poller.prioritize([["pull", pull]]), ({ value }) => Effect.sync(() => note(value)))
  }

  for (const [name, loop] of Object.entries(loops)) {
    it.effect(`loses nothing under flood, where the fiber has used up its operations: ${name}`, () =>
      Effect.gen(function* () {
        const { handle, pull } = yield* openPull()
        const dice = makeDice(11)
        const seen: Array<number> = []
        let next = 0
        for (const _ of range(0, 600)) {
          while (handle.left < 3000) handle.deliver(String(next++))
          // So that the yield falls on every step of the loop.
          const before = Effect.repeat(Effect.void, { times: dice(300) })
          const fiber = yield* start(
            Effect.andThen(
              before,
              loop(pull, (message) => void seen.push(numberOf(message)))
            )
          )
          for (const _ of range(0, dice(3))) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }
        assert.isAbove(seen.length, 100)
        yield* rest(pull, handle, seen)
        assertAll(seen, next)
      })
    )

    it.effect(`hangs nobody, however few operations a fiber may do before it yields: ${name}`, () =>
      Effect.gen(function* () {
        const { handle, pull } = yield* openPull()
        const dice = makeDice(13)
        // With fewer than 3, Effect itself does nothing but yield.
        for (const operations of range(3, 140)) {
          const got: Array<number> = []
          const limited = Effect.provideService(
            loop(pull, (message) => void got.push(numberOf(message))),
            Scheduler.MaxOpsBeforeYield,
            operations
          )
          for (const _ of range(0, 4)) {
            const fibers = [yield* start(limited), yield* start(limited), yield* start(limited)]
            handle.deliver("1", "2", "3")
            for (const fiber of fibers) {
              for (const _ of range(0, dice(40))) yield* Effect.yieldNow
              yield* Fiber.interrupt(fiber)
            }
          }
          // Whoever is not interrupted gets the next message.
          const last = yield* start(limited)
          const before = got.length
          handle.deliver("4")
          for (let i = 0; i < 2000 && got.length === before; i++) yield* Effect.yieldNow
          assert.isAbove(got.length, before, `with ${operations} operations`)
          yield* Fiber.interrupt(last)
          while (Option.isSome(yield* Pull.poll(pull)));
        }
      })
    )
  }
})

describe("streams", () => {
  it.effect("take(1), takeUntil and runHead leave the rest for a second consumer", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      handle.deliver(...numbered(0, 100))
      const stream = Stream.map(Pull.stream(pull), numberOf)
      const seen: Array<number> = []
      seen.push(...(yield* Stream.runCollect(Stream.take(stream, 1))))
      seen.push(...(yield* Stream.runCollect(Stream.take(stream, 3))))
      seen.push(...(yield* Stream.runCollect(Stream.takeUntil(stream, (n) => n === 20))))
      seen.push(...Option.toArray(yield* Stream.runHead(stream)))
      assert.deepStrictEqual(seen, range(0, 22))
      const second: Array<number> = []
      yield* rest(pull, handle, second)
      assert.deepStrictEqual(second, range(22, 100))
    })
  )

  it.effect("a consumer that is interrupted leaves what it did not see", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const seen: Array<number> = []
      const slow = yield* start(
        Stream.runForEach(Pull.stream(pull), (message) =>
          Effect.andThen(
            Effect.sync(() => seen.push(numberOf(message))),
            Effect.sleep("1 second")
          )
        )
      )
      handle.deliver(...numbered(0, 50))
      yield* TestClock.adjust("9500 millis")
      yield* Fiber.interrupt(slow)
      assert.deepStrictEqual(seen, range(0, 10))
      yield* rest(pull, handle, seen)
      assert.deepStrictEqual(seen, range(0, 50))
    })
  )

  it.effect("two consumers share the messages, each given once and in order", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const seen: Array<Array<number>> = [[], []]
      for (const mine of seen) {
        yield* start(Stream.runForEach(Pull.stream(pull), (m) => Effect.sync(() => mine.push(numberOf(m)))))
      }
      for (const n of range(0, 1000)) {
        handle.deliver(String(n))
        if (n % 7 === 0) yield* Effect.yieldNow
      }
      yield* settle
      assert.deepStrictEqual(
        [...seen.flat()].sort((a, b) => a - b),
        range(0, 1000)
      )
      for (const mine of seen) {
        assert.isAbove(mine.length, 100)
        assert.deepStrictEqual(
          mine,
          [...mine].sort((a, b) => a - b)
        )
      }
    })
  )

  it.effect("batches gives arrays of what has arrived, at most 4,096, each owned by its consumer", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      handle.deliver(...numbered(0, 5000))
      const fiber = yield* start(Stream.runCollect(Stream.take(Pull.batches(pull), 3)))
      yield* settle
      handle.deliver("5000")
      const [first, second, third] = yield* Fiber.join(fiber)
      assert.strictEqual(first?.length, 4096)
      assert.strictEqual(second?.length, 904)
      assert.deepStrictEqual(third?.map(numberOf), [5000])
      assert.deepStrictEqual([...(first ?? []), ...(second ?? [])].map(numberOf), range(0, 5000))
    })
  )

  it.effect("runForEach runs an effect for each message, one after the other", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const log: Array<string> = []
      const fiber = yield* start(
        Pull.runForEach(pull, (message) =>
          Effect.gen(function* () {
            log.push(`begin ${Message.text(message)}`)
            yield* Effect.yieldNow
            log.push(`end ${Message.text(message)}`)
          })
        )
      )
      handle.deliver("1", "2")
      yield* settle
      yield* Socket.drain(pull, 0)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["begin 1", "end 1", "begin 2", "end 2"])
    })
  )

  it.effect("runForEach ends with the failure of its effect, and loses no other message", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      handle.deliver("1", "2", "3")
      const error = yield* Effect.flip(
        Pull.runForEach(pull, (message) => (numberOf(message) === 2 ? Effect.fail("two") : Effect.void))
      )
      assert.strictEqual(error, "two")
      assert.strictEqual(yield* receiveNumber(pull), 3)
    })
  )

  it.effect("runForEach can be run again, and by several at once", () =>
    Effect.gen(function* () {
      const { handle, pull } = yield* openPull()
      const seen: Array<number> = []
      const run = Pull.runForEach(pull, (message) => Effect.sync(() => seen.push(numberOf(message))))
      const first = yield* start(run)
      yield* start(run)
      handle.deliver("1", "2")
      yield* settle
      yield* Fiber.interrupt(first)
      const third = yield* start(run)
      handle.deliver("3", "4")
      yield* settle
      yield* Socket.drain(pull, 0)
      yield* Fiber.join(third)
      yield* run
      assert.deepStrictEqual(seen, [1, 2, 3, 4])
    })
  )
})

describe("poll", () => {
  for (const refresh of ["now", "soon"] as const) {
    it.effect(`gives what has arrived, and waits for nothing (refresh ${refresh})`, () =>
      Effect.gen(function* () {
        const { handle, pull } = yield* openPull({ refresh })
        assert.deepStrictEqual(yield* Pull.poll(pull), Option.none())
        handle.arrive("1", "2")
        assert.deepStrictEqual(Option.map(yield* Pull.poll(pull), numberOf), Option.some(1))
        assert.deepStrictEqual(Option.map(yield* Pull.poll(pull), numberOf), Option.some(2))
        assert.deepStrictEqual(yield* Pull.poll(pull), Option.none())
        assert.strictEqual(handle.waits, 0)
      })
    )
  }

  it.effect("fails with Closed once the socket is closed", () =>
    Effect.gen(function* () {
      const { pull } = yield* openPull()
      yield* Socket.drain(pull, 0)
      const error = yield* Effect.flip(Pull.poll(pull))
      assert.deepStrictEqual([error.module, error.method, error.reason._tag], ["Pull", "poll", "Closed"])
    })
  )
})

describe("the end", () => {
  it.effect("of the scope ends everything that waits, and leaves no fiber", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { handle, pull } = yield* Scope.provide(openPull(), scope)
      const fibers = [
        yield* start(Effect.flip(Pull.receive(pull))),
        yield* start(Stream.runCollect(Pull.stream(pull))),
        yield* start(Stream.runCollect(Pull.batches(pull))),
        yield* start(Pull.runForEach(pull, () => Effect.void)),
        yield* start(Stream.runCollect(Poller.merge({ pull }))),
        yield* start(Stream.runCollect(Poller.prioritize([["pull", pull]])))
      ] as const
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      for (const fiber of fibers) {
        const exit: Exit.Exit<unknown, unknown> | undefined = fiber.pollUnsafe()
        assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      }
      assert.strictEqual((yield* Fiber.join(fibers[0])).reason._tag, "Closed")
      assert.deepStrictEqual(yield* Fiber.join(fibers[1]), [])
      assert.isFalse(handle.isWaitedFor)
    })
  )

  it.effect("is there at once for streams of a socket that is closed already", () =>
    Effect.gen(function* () {
      const { pull } = yield* openPull()
      yield* Socket.drain(pull, 0)
      assert.deepStrictEqual(yield* Stream.runCollect(Pull.stream(pull)), [])
      assert.deepStrictEqual(yield* Stream.runCollect(Pull.batches(pull)), [])
      assert.deepStrictEqual(yield* Stream.runCollect(Poller.merge({ pull })), [])
      yield* Pull.runForEach(pull, () => Effect.void)
    })
  )
})
