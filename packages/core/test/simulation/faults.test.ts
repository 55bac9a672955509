import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as MemoryTransport from "../../src/MemoryTransport.ts"
import * as Message from "../../src/Message.ts"
import * as Network from "../../src/Network.ts"
import * as Pull from "../../src/Pull.ts"
import * as Push from "../../src/Push.ts"
import * as Simulation from "../../src/Simulation.ts"
import { pipeline } from "./pipeline.ts"

const at = "tcp://127.0.0.1:5557"
const nowhere = Network.Fault.Disconnect({ between: "no/PUSH → no/PULL tcp://127.0.0.1:1" })
const cut = Network.Fault.Partition({ between: ["a", "b"], oneWay: false })

/** When each of five messages came in, sent every 100 milliseconds. */
const arrivals = Effect.gen(function* () {
  const pull = yield* Network.on(Pull.make({ bind: at }), "b")
  const push = yield* Network.on(Push.make({ connect: at }), "a")
  yield* Effect.forkScoped(
    Effect.forEach([0, 1, 2, 3, 4], (n) => Effect.andThen(Push.send(push, `${n}`), Effect.sleep("100 millis")))
  )
  const arrive = Effect.andThen(Pull.receive(pull), Clock.currentTimeMillis)
  return yield* Effect.forEach([0, 1, 2, 3, 4], () => arrive)
})

describe("faults of a run", () => {
  it("happen when they are due, and are undone after they have lasted", () => {
    const run = (faults: ReadonlyArray<Simulation.TimedFault>) => Simulation.run({ seed: 1, program: arrivals, faults })
    assert.deepStrictEqual(run([]), Exit.succeed([0, 100, 200, 300, 400]))
    assert.deepStrictEqual(run([{ at: 150, lasts: 170, fault: cut }]), Exit.succeed([0, 100, 320, 320, 400]))
    const slow = Network.Fault.Latency({
      between: ["a", "b"],
      delay: Network.Delay.Fixed({ duration: Duration.millis(30) }),
      oneWay: false
    })
    assert.deepStrictEqual(
      run([
        { at: "250 millis", fault: slow },
        { at: "50 millis", lasts: "100 millis", fault: slow }
      ]),
      Exit.succeed([0, 130, 200, 330, 430])
    )
  })

  it("that end make connections as slow as the others again", () => {
    const fixed = (millis: number) => Network.Delay.Fixed({ duration: Duration.millis(millis) })
    const slow = Network.Fault.Latency({ between: ["a", "b"], delay: fixed(50), oneWay: false })
    const exit = Simulation.run({
      seed: 1,
      program: Effect.andThen(Effect.sleep(0), arrivals),
      latency: fixed(3),
      faults: [{ at: 150, lasts: 100, fault: slow }]
    })
    const times = Exit.isSuccess(exit) ? exit.value : []
    assert.deepStrictEqual(times.slice(1), [103, 250, 303, 403])
  })

  it("reach the networks of programs that build their own", () => {
    const program = arrivals.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true }))
    const faults = [{ at: 150, lasts: 170, fault: cut }]
    assert.deepStrictEqual(Simulation.run({ seed: 1, program, faults }), Exit.succeed([0, 100, 320, 320, 400]))
  })

  it("end with the program: a run does not wait for those to come", () => {
    const faults = [{ at: Duration.minutes(30), fault: cut }]
    const { elapsed } = Simulation.replay({ program: arrivals, seed: 1, faults })
    assert.isBelow(Duration.toMillis(elapsed), 1000)
  })

  it("that touch nothing shift nothing: neither latencies nor ids nor interleavings nor the program's chance", () => {
    const traceOf = (seed: string, faults: ReadonlyArray<Simulation.TimedFault>) =>
      Simulation.replay({ program: pipeline(), seed, preemption: 0.1, faults }).trace.replace(
        /^.*fault: disconnect.*\n/gm,
        ""
      )
    for (let run = 1; run <= 20; run++) {
      const none = traceOf(`1:${run}`, [])
      assert.isAbove(none.length, 1000)
      const faults = [7, 13, 20, 33].map((at) => ({ at, fault: nowhere }))
      assert.strictEqual(traceOf(`1:${run}`, faults), none)
    }
  })
})

describe("chance", () => {
  it("of the program is its own: neither latency nor preemption shifts it", () => {
    const program = Effect.gen(function* () {
      const push = yield* Push.make({ connect: at })
      const drawn = [yield* Random.next]
      const pull = yield* Pull.make({ bind: at })
      yield* Push.send(push, "a message")
      yield* Pull.receive(pull)
      return [...drawn, yield* Random.next, yield* Random.nextInt]
    })
    const delay = Network.Delay.Uniform({ minimum: Duration.millis(1), maximum: Duration.millis(9) })
    const calm = Simulation.run({ seed: 1, program })
    assert.isTrue(Exit.isSuccess(calm), `${calm}`)
    assert.deepStrictEqual(Simulation.run({ seed: 1, program, latency: delay, preemption: 0.1 }), calm)
    assert.notDeepEqual(Simulation.run({ seed: 2, program }), calm)
  })
})

describe("preemption", () => {
  const numbers = Array.from({ length: 20 }, (_, i) => i)
  /** Two fibers count, each without ever waiting. */
  const program = Effect.gen(function* () {
    const order: Array<string> = []
    const counting = Effect.fnUntraced(function* (name: string) {
      for (const n of numbers) yield* Effect.sync(() => order.push(`${name}${n}`))
    })
    yield* Effect.all([counting("a"), counting("b")], { concurrency: "unbounded" })
    return order
  })
  const orderOf = (seed: number, preemption: number): string => {
    const exit = Simulation.run({ seed, program, preemption })
    return Exit.isSuccess(exit) ? exit.value.join() : String(exit)
  }
  const seeds = Array.from({ length: 50 }, (_, i) => i)

  it("interleaves fibers otherwise for each seed, and always the same for one", () => {
    assert.isAbove(new Set(seeds.map((seed) => orderOf(seed, 0.1))).size, 25)
    for (const seed of seeds) assert.strictEqual(orderOf(seed, 0.1), orderOf(seed, 0.1))
  })

  it("is the same in a run that is recorded", () => {
    const latency = Network.Delay.Uniform({ minimum: Duration.millis(1), maximum: Duration.millis(5) })
    for (const n of seeds) {
      const seed = `1:${n}`
      const { exit } = Simulation.replay({ seed, program, preemption: 0.1, faults: [] })
      assert.deepStrictEqual(exit, Simulation.run({ seed, program, preemption: 0.1, latency }), seed)
    }
  })

  it("of 0 leaves fibers as they are", () => {
    assert.deepStrictEqual(
      [...new Set(seeds.map((seed) => orderOf(seed, 0)))],
      [["a", "b"].flatMap((name) => numbers.map((n) => `${name}${n}`)).join()]
    )
  })

  it("keeps the order of each fiber, and of what one dispatcher is given", () => {
    for (const seed of seeds) {
      const order = orderOf(seed, 0.9).split(",")
      for (const name of ["a", "b"]) {
        assert.deepStrictEqual(
          order.filter((step) => step.startsWith(name)),
          numbers.map((n) => `${name}${n}`)
        )
      }
    }
    const given = Effect.withFiber((fiber) =>
      Effect.callback<Array<number>>((resume) => {
        const order: Array<number> = []
        for (let n = 0; n < 5; n++) fiber.currentDispatcher.scheduleTask(() => order.push(n), 0)
        fiber.currentDispatcher.scheduleTask(() => resume(Effect.succeed(order)), 0)
      })
    )
    for (const seed of seeds) {
      assert.deepStrictEqual(Simulation.run({ seed, program: given, preemption: 1 }), Exit.succeed([0, 1, 2, 3, 4]))
    }
  })

  it("loses nothing of what runForEach gives, and its function notes before it answers", () => {
    const count = 20
    const receiving = Effect.gen(function* () {
      const tasks = yield* Pull.make({ bind: at })
      const task = yield* Push.make({ connect: at })
      const stops = yield* Pull.make({ bind: "tcp://127.0.0.1:5558" })
      const stop = yield* Push.make({ connect: "tcp://127.0.0.1:5558" })
      const noted: Array<string> = []
      const reading = Pull.runForEach(tasks, (message) => {
        noted.push(Message.text(message))
        return Effect.void
      })
      yield* Effect.forkScoped(Effect.forever(Effect.raceFirst(reading, Pull.receive(stops))))
      for (let n = 0; n < count; n++) {
        // Both arrive at once: who reads is given something, and interrupted.
        yield* Push.send(task, `${n}`)
        yield* Push.send(stop, "now")
        yield* Effect.sleep(10)
      }
      return noted
    })
    const expected = Array.from({ length: count }, (_, n) => `${n}`)
    const latency = Network.Delay.Fixed({ duration: Duration.millis(1) })
    for (let seed = 0; seed < 50; seed++) {
      const exit = Simulation.run({ seed, program: receiving, preemption: 0.1, latency })
      assert.deepStrictEqual(exit, Exit.succeed(expected), `seed ${seed}`)
    }
  })

  it("leaves no receiver behind, wherever the one before it is interrupted", () => {
    const receivers = Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: at })
      const push = yield* Push.make({ connect: at })
      const first = yield* Effect.forkChild(Pull.receive(pull))
      yield* Effect.sleep(1)
      // Not waited for: the one leaves while the other comes.
      yield* Effect.sync(() => first.interruptUnsafe())
      const second = yield* Effect.forkChild(Pull.receive(pull))
      yield* Effect.sleep(1)
      yield* Push.sendAll(push, ["1", "2"])
      return Message.text(yield* Fiber.join(second))
    })
    for (let seed = 0; seed < 2000; seed++) {
      const exit = Simulation.run({ seed, program: receivers, preemption: 0.1 })
      assert.isTrue(Exit.isSuccess(exit), `seed ${seed}: ${exit}`)
    }
  })
})
