import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Message from "../../src/Message.ts"
import * as Network from "../../src/Network.ts"
import * as Pull from "../../src/Pull.ts"
import * as Push from "../../src/Push.ts"
import * as Simulation from "../../src/Simulation.ts"

class FileSystem extends Context.Service<FileSystem, {}>()("test/FileSystem") {}

class Refused extends Data.TaggedError("Refused")<{}> {}

const at = "tcp://127.0.0.1:5557"

/** Sends numbers, one each 10 milliseconds, to who trusts that they come: it breaks when one is late or lost. */
const trusting = Effect.gen(function* () {
  const pull = yield* Network.on(Pull.make({ bind: at }), "sink")
  const push = yield* Network.on(Push.make({ connect: at }), "source")
  yield* Effect.forkScoped(
    Effect.forEach([0, 1, 2, 3, 4, 5], (n) => Effect.andThen(Push.send(push, `${n}`), Effect.sleep("10 millis")))
  )
  const got: Array<string> = []
  while (got.length < 6) {
    const message = yield* Effect.timeoutOption(Pull.receive(pull), "50 millis")
    if (Option.isNone(message)) return yield* new Refused()
    got.push(Message.text(message.value))
  }
  return got
})

const counterexample = <E>(exit: Exit.Exit<unknown, Simulation.Counterexample<E>>): Simulation.Counterexample<E> => {
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Exit.findErrorOption(exit)) : undefined
  assert.instanceOf(error, Simulation.Counterexample)
  return error
}

describe("a check", () => {
  const found = counterexample(Simulation.check({ program: trusting }))

  it("finds faults that break a program, and says what became of it", () => {
    assert.isAtLeast(found.run, 1)
    assert.strictEqual(found.faults.length, 1)
    assert.deepStrictEqual(Cause.squash(found.cause), new Refused())
    assert.match(found.message, /^Run \d+ of 1000 fails because of 1 fault/)
    assert.include(found.message, "What became of it: Refused")
    assert.include(found.message, found.schedule)
    assert.include(found.message.replace(/^ +/gm, ""), found.replay.replace(/^ +/gm, ""))
  })

  it("finds the same for the same seed, and something else for another", () => {
    assert.strictEqual(counterexample(Simulation.check({ program: trusting })).message, found.message)
    assert.notStrictEqual(counterexample(Simulation.check({ program: trusting, seed: 2 })).message, found.message)
  })

  it("finds faults of which none can be left out", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { faults, preemption, seed: run } = counterexample(Simulation.check({ program: trusting, seed }))
      const fails = (faults: ReadonlyArray<Simulation.TimedFault>) =>
        Exit.isFailure(Simulation.replay({ program: trusting, seed: run, preemption, faults }).exit)
      assert.isTrue(fails(faults))
      for (const fault of faults) assert.isFalse(fails(faults.filter((other) => other !== fault)))
    }
  })

  it("is replayed by its faults, and by its seed alone", () => {
    const { faults, preemption, seed } = found
    const again = Simulation.replay({ program: trusting, seed, preemption, faults })
    assert.deepStrictEqual(again.exit, Exit.failCause(found.cause))
    assert.deepStrictEqual(again.faults, faults)
    assert.include(again.trace, "fault: ")

    const drawn = Simulation.replay({ program: trusting, seed })
    assert.isTrue(Exit.isFailure(drawn.exit))
    assert.strictEqual(drawn.faults.length, found.drawn)
  })

  it("throws its message in any test", () => {
    assert.throws(() => Effect.runSync(Simulation.check({ program: trusting })), found.message)
  })

  it("draws of the kinds, for the hosts and as many as it is told", () => {
    const replays = Array.from({ length: 50 }, (_, run) =>
      Simulation.replay({
        program: trusting,
        seed: `1:${run}`,
        faults: { kinds: ["Kill", "Bandwidth"], hosts: ["sink"], max: 2 }
      })
    )
    const faults = replays.flatMap(({ faults }) => faults)
    assert.deepStrictEqual([...new Set(faults.map(({ fault }) => fault._tag))].sort(), ["Bandwidth", "Kill"])
    assert.deepStrictEqual(new Set(replays.map(({ faults }) => faults.length)), new Set([1, 2]))

    const elsewhere = Simulation.check({ program: trusting, faults: { hosts: ["nobody"] }, runs: 10 })
    assert.deepStrictEqual(elsewhere, Exit.succeed({ runs: 10, faults: 0, hits: 0, connections: [] }))
  })

  it("takes a broken invariant for a failure: what it throws, and `false`", () => {
    const program = Effect.succeed(41)
    const thrown = counterexample(Simulation.check({ program, invariant: (n) => assert.strictEqual(n, 42) }))
    assert.match(thrown.message, /AssertionError: expected 41 to equal 42/)
    const wrong = counterexample(Simulation.check({ program, invariant: (n) => n === 42 }))
    assert.deepStrictEqual(Cause.squash(wrong.cause), new Simulation.InvariantBroken({ value: 41 }))
    assert.deepStrictEqual(Simulation.check({ program, invariant: (n) => n === 41, runs: 1 })._tag, "Success")
  })

  it("says so where a program fails without any fault", () => {
    const failed = counterexample(Simulation.check({ program: Effect.fail(new Refused()) }))
    assert.deepStrictEqual([failed.run, failed.faults], [0, []])
    assert.match(failed.message, /^The program fails without any fault\.\n\nWhat became of it: Refused/)
  })

  it("says so where it takes no fault, but a rare interleaving", () => {
    /** Reads and writes in two steps: whoever comes between is forgotten. */
    const racy = Effect.gen(function* () {
      let count = 0
      const increment = Effect.flatMap(
        Effect.sync(() => count),
        (read) => Effect.sync(() => (count = read + 1))
      )
      yield* Effect.all([increment, increment], { concurrency: "unbounded" })
      return count
    })
    const check = (preemption?: number) =>
      Simulation.check({ program: racy, invariant: (count) => count === 2, preemption })
    assert.match(
      counterexample(check()).message,
      /^Run \d+ of 1000 fails, in an interleaving that is rare, without any fault\./
    )
    assert.isTrue(Exit.isSuccess(check(0)))
  })

  it("takes a deadlock and a run without end for failures, and ends itself", () => {
    /** Waits for the one message that it is sent, which a fault may lose; `wait` is what it does meanwhile. */
    const waiting = (wait: Effect.Effect<unknown>) =>
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind: at, linger: 0 })
        const push = yield* Push.make({ connect: at, linger: 0 })
        yield* Push.send(push, "the one")
        const came = yield* Deferred.make<void>()
        yield* Effect.forkScoped(Effect.andThen(Pull.receive(pull), Deferred.succeed(came, undefined)))
        yield* Effect.raceFirst(Deferred.await(came), wait)
      })
    const problemOf = (wait: Effect.Effect<unknown>, limits?: Simulation.Limits) => {
      const error = Cause.squash(counterexample(Simulation.check({ program: waiting(wait), limits })).cause)
      return error instanceof Simulation.SimulationError ? error.problem : error
    }
    assert.strictEqual(problemOf(Effect.never), "Deadlock")
    assert.strictEqual(problemOf(Effect.forever(Effect.sleep("1 second"))), "TimeLimit")
    assert.strictEqual(problemOf(Effect.forever(Effect.sleep(1)), { steps: 1000 }), "StepLimit")
  })

  it("tells how much it has tried", () => {
    const program = Effect.catchTag(trusting, "Refused", () => Effect.succeed([]))
    const report = Effect.runSync(Simulation.check({ program, runs: 100 }))
    assert.deepStrictEqual(report.connections, ["source/PUSH → sink/PULL tcp://127.0.0.1:5557"])
    assert.strictEqual(report.runs, 100)
    assert.isAbove(report.faults, 200)
    assert.isAbove(report.hits, 100)
    assert.isBelow(report.hits, report.faults)
  })

  it("is of programs that need what it provides, and nothing else", () => {
    const check = (program: Effect.Effect<void, never, FileSystem>) =>
      // @ts-expect-error: FileSystem is not provided
      Simulation.check({ program })
    assert.isFunction(check)
  })
})
