import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as MemoryTransport from "../src/MemoryTransport.ts"
import * as Message from "../src/Message.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Simulation from "../src/Simulation.ts"

const run = <A, E>(program: Effect.Effect<A, E>, limits?: Simulation.Limits) =>
  Simulation.run({ seed: 1, program, limits })

/** The error of a run that ended without an end of its program. */
const problemOf = (exit: Exit.Exit<unknown, unknown>): Simulation.SimulationError => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, Simulation.SimulationError)
  return error
}

describe("Simulation", () => {
  it("gives the program's success, failure or defect as an exit, synchronously", () => {
    assert.deepStrictEqual(run(Effect.succeed(1)), Exit.succeed(1))
    assert.deepStrictEqual(run(Effect.fail("no")), Exit.fail("no"))
    assert.deepStrictEqual(run(Effect.die("defect")), Exit.die("defect"))
  })

  it("runs the example of its documentation", () => {
    const program = Effect.gen(function* () {
      const push = yield* Push.make({ connect: "tcp://127.0.0.1:5557" })
      yield* Push.send(push, "a task")
      yield* Effect.sleep("5 seconds")
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:5557" })
      return Message.text(yield* Pull.receive(pull))
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
    assert.deepStrictEqual(run(program), Exit.succeed("a task"))
  })

  it("lets time pass by itself: ten days in no time", () => {
    const program = Effect.andThen(Effect.sleep("10 days"), Clock.currentTimeMillis)
    const exit = run(program, { virtualTime: "11 days" })
    assert.deepStrictEqual(exit, Exit.succeed(Duration.toMillis("10 days")))
  })

  it("wakes sleepers in order of time, and those of one time in order of their coming", () => {
    const woken: Array<string> = []
    const sleeper = (name: string, millis: number) =>
      Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => woken.push(name))
      )
    const sleepers = [sleeper("c", 3), sleeper("a", 1), sleeper("d", 3), sleeper("b", 2), sleeper("e", 3)]
    assert.isTrue(Exit.isSuccess(run(Effect.all(sleepers, { concurrency: "unbounded" }))))
    assert.deepStrictEqual(woken, ["a", "b", "c", "d", "e"])
  })

  it("lets everyone who can run do so before time passes", () => {
    const seen: Array<string> = []
    const busy = (name: string) =>
      Effect.repeat(
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => seen.push(name))
        ),
        { times: 2 }
      )
    const timed = Effect.andThen(
      Effect.sleep(1),
      Effect.sync(() => seen.push("timer"))
    )
    run(Effect.all([timed, busy("x"), busy("y")], { concurrency: "unbounded" }))
    assert.deepStrictEqual(seen, ["x", "y", "x", "y", "x", "y", "timer"])
  })

  it("runs fibers that wait for each other", () => {
    const program = Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(2)
      yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4, 5], (n) => Effect.andThen(Effect.sleep(10), Queue.offer(queue, n)))
      )
      const taken = yield* Effect.forEach([1, 2, 3, 4, 5], () => Queue.take(queue))
      return [taken, yield* Clock.currentTimeMillis]
    })
    assert.deepStrictEqual(run(program), Exit.succeed([[1, 2, 3, 4, 5], 50]))
  })

  it("times out what takes too long, and nothing else", () => {
    const program = Effect.all([
      Effect.timeoutOption(Effect.never, "1 second"),
      Effect.timeoutOption(Effect.as(Effect.sleep("999 millis"), "done"), "1 second"),
      Clock.currentTimeMillis
    ])
    const exit = run(program)
    assert.isTrue(Exit.isSuccess(exit) && exit.value[0]._tag === "None" && exit.value[1]._tag === "Some")
    assert.isTrue(Exit.isSuccess(exit) && exit.value[2] === 1999)
  })

  it("rounds parts of a millisecond up: jittered schedules end", () => {
    const program = Effect.gen(function* () {
      yield* Effect.repeat(Effect.sleep(0.3), { schedule: Schedule.jittered(Schedule.spaced(0.7)), times: 50 })
      const fraction = (yield* Clock.currentTimeMillis) % 1
      const nanos = yield* Clock.currentTimeNanos
      return [fraction, nanos > 0n, nanos === (yield* Clock.monotonicTimeNanos)]
    })
    assert.deepStrictEqual(run(program), Exit.succeed([0, true, true]))
  })

  it("takes time back from nobody: a sleeper that is interrupted never wakes", () => {
    const program = Effect.gen(function* () {
      const sleep = Effect.sleep("30 minutes")
      yield* Effect.repeat(Effect.timeoutOption(sleep, 1), { times: 99 })
      return yield* Clock.currentTimeMillis
    })
    assert.deepStrictEqual(run(program), Exit.succeed(100))
  })

  it("gives the same run for the same seed, and another for another", () => {
    const program = Effect.gen(function* () {
      const trace: Array<string> = []
      const fiber = (name: string) =>
        Effect.gen(function* () {
          for (let i = 0; i < 5; i++) {
            yield* Effect.sleep(yield* Random.nextIntBetween(0, 20))
            trace.push(`${name}${i} at ${yield* Clock.currentTimeMillis}`)
          }
        })
      yield* Effect.all([fiber("a"), fiber("b"), fiber("c")], { concurrency: "unbounded" })
      return trace.join()
    })
    const traceOf = (seed: number | string) => Simulation.run({ seed, program })
    assert.deepStrictEqual(traceOf(7), traceOf(7))
    assert.deepStrictEqual(traceOf("seven"), traceOf("seven"))
    assert.notDeepEqual(traceOf(7), traceOf(8))
  })

  it("reports a deadlock, and runs the finalizers", () => {
    let finalized = false
    const stuck = Effect.gen(function* () {
      yield* Effect.sleep("1500 millis")
      yield* Deferred.await(yield* Deferred.make<void>())
    })
    const finalizer = Effect.andThen(
      Effect.sleep("1 second"),
      Effect.sync(() => (finalized = true))
    )
    const error = problemOf(run(Effect.ensuring(stuck, finalizer)))
    assert.deepStrictEqual([error._tag, error.problem, error.seed], ["SimulationError", "Deadlock", 1])
    assert.match(error.message, /^deadlock: .*\(seed 1, after 1s 500ms of virtual time and \d+ steps\)$/)
    assert.isTrue(finalized)
  })

  it("takes a promise for the deadlock that it is", () => {
    const program = Effect.promise(() => new Promise<void>(() => {}))
    assert.strictEqual(problemOf(run(program)).problem, "Deadlock")
  })

  it("reports a program that goes on beyond its virtual time", () => {
    const ticking = Effect.forever(Effect.sleep("1 second"))
    const error = problemOf(run(ticking, { virtualTime: "1 minute" }))
    assert.strictEqual(error.problem, "TimeLimit")
    assert.deepStrictEqual(error.elapsed, Duration.minutes(1))
    assert.deepStrictEqual(run(Effect.sleep("1 minute"), { virtualTime: "1 minute" }), Exit.void)
    assert.strictEqual(problemOf(run(ticking)).elapsed.toString(), Duration.hours(1).toString())
  })

  it("reports a program that is busy for ever", () => {
    const error = problemOf(run(Effect.forever(Effect.yieldNow), { steps: 1000 }))
    assert.deepStrictEqual([error.problem, error.steps], ["StepLimit", 1000])
    assert.strictEqual(
      problemOf(run(Effect.forever(Effect.void, { disableYield: true }), { steps: 10 })).problem,
      "StepLimit"
    )
  })

  it("ends although the finalizers do not", () => {
    const program = Effect.ensuring(Effect.never, Effect.never)
    assert.strictEqual(problemOf(run(program)).problem, "Deadlock")
  })

  it("runs tasks in order of priority, then of their coming", () => {
    const order: Array<string> = []
    const program = Effect.withFiber((fiber) =>
      Effect.sync(() => {
        for (const [task, priority] of [
          ["a", 0],
          ["late", 10],
          ["b", 0],
          ["first", -1]
        ] as const) {
          fiber.currentDispatcher.scheduleTask(() => order.push(task), priority)
        }
      })
    )
    run(Effect.andThen(program, Effect.sleep(1)))
    assert.deepStrictEqual(order, ["first", "a", "b", "late"])
  })
})
