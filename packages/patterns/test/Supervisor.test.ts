/** Supervisors under virtual time: what is started again, when that is too much, and how everything stops. */

import { assert, describe, it } from "@effect/vitest"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Supervisor from "../src/Supervisor.ts"

/** A child that ends as it is told, and says when it starts and stops. */
const actor = (name: string, log: Array<string>) => {
  let end: (exit: Exit.Exit<void, string>) => void = () => assert.fail(`${name} does not run`)
  const effect = Effect.acquireRelease(
    Effect.sync(() => log.push(`+${name}`)),
    () => Effect.sync(() => log.push(`-${name}`))
  ).pipe(
    Effect.andThen(
      Effect.callback<void, string>((resume) => {
        end = resume
      })
    )
  )
  /** Ends it, and waits until everything that follows at once has happened. */
  const ends = (exit: Exit.Exit<void, string>) =>
    Effect.andThen(
      Effect.sync(() => end(exit)),
      TestClock.adjust(0)
    )
  return { effect, ends, fails: ends(Exit.fail("broken")), succeeds: ends(Exit.void) }
}

const actors = (...names: ReadonlyArray<string>) => {
  const log: Array<string> = []
  /** What has been said since it was asked last. */
  const said = Effect.sync(() => log.splice(0).join(" "))
  return { log, said, all: names.map((name) => ({ name, ...actor(name, log) })) }
}

/** Everything that has happened, once the supervisor has ended. */
const history = (supervisor: Supervisor.Supervisor["Service"]) => Stream.runCollect(supervisor.events)

const brief = (events: ReadonlyArray<Supervisor.Event>) =>
  events.map((event) => (event._tag === "Closed" ? event._tag : `${event._tag} ${event.child}`))

/** What fails is logged; these tests let much fail. */
const quiet = Effect.provide(Logger.layer([]))

const test = (promise: string, body: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.effect(promise, () => quiet(Effect.scoped(body)))

const many = { restarts: Number.POSITIVE_INFINITY }

/** Starts children of these names and gives what they say. */
const started = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  options?: Supervisor.Options,
  childOptions: Readonly<Record<string, Supervisor.ChildOptions>> = {}
) {
  const { all, said } = actors(...names)
  const scope = yield* Scope.make()
  const children = all.map(({ effect, name }) => Supervisor.child(name, effect, childOptions[name]))
  const supervisor = yield* Scope.provide(Supervisor.make(children, options), scope)
  yield* said
  return { all, said, supervisor, stop: Scope.close(scope, Exit.void) }
})

describe("strategies", () => {
  for (const [strategy, expected] of [
    ["one-for-one", "-b +b"],
    ["one-for-all", "-b -d -c -a +a +b +c +d"],
    ["rest-for-one", "-b -d -c +b +c +d"]
  ] as const) {
    test(
      `${strategy}: a second of four that fails: ${expected}`,
      Effect.gen(function* () {
        const { all, said } = yield* started(["a", "b", "c", "d"], { strategy })
        yield* all[1]?.fails ?? assert.fail()
        assert.strictEqual(yield* said, expected)
      })
    )
  }

  test(
    "a temporary child that is stopped with others is gone, a transient one that had succeeded starts with them",
    Effect.gen(function* () {
      const { all, said, supervisor } = yield* started(
        ["a", "b", "c"],
        { strategy: "one-for-all" },
        { b: { restart: "temporary" }, c: { restart: "transient" } }
      )
      yield* all[2]?.succeeds ?? assert.fail()
      assert.strictEqual(yield* said, "-c")
      yield* all[0]?.fails ?? assert.fail()
      assert.strictEqual(yield* said, "-a -b +a +c")
      assert.deepStrictEqual(yield* supervisor.children, [
        { name: "a", state: "running", restarts: 1 },
        { name: "b", state: "ended", restarts: 0 },
        { name: "c", state: "running", restarts: 1 }
      ])
    })
  )
})

describe("restart types", () => {
  const ways = {
    success: Exit.void,
    failure: Exit.fail("broken"),
    defect: Exit.die("broken"),
    interruption: Exit.interrupt()
  }
  for (const [way, exit] of Object.entries(ways)) {
    test(
      `${way}: permanent is started again, transient ${way === "success" ? "is not" : "too"}, temporary is not`,
      Effect.gen(function* () {
        const kinds = ["permanent", "transient", "temporary"] as const
        const { all, said, stop, supervisor } = yield* started(
          kinds,
          { intensity: many },
          Object.fromEntries(kinds.map((restart) => [restart, { restart }]))
        )
        for (const { ends } of all) yield* ends(exit)
        assert.strictEqual(
          yield* said,
          way === "success"
            ? "-permanent +permanent -transient -temporary"
            : "-permanent +permanent -transient +transient -temporary"
        )
        yield* stop
        const told = brief(yield* history(supervisor)).filter((event) => /^(Failed|Completed)/.test(event))
        const event = way === "success" ? "Completed" : "Failed"
        assert.deepStrictEqual(
          told,
          kinds.map((kind) => `${event} ${kind}`)
        )
      })
    )
  }

  test(
    "when all have ended for good, so does the supervisor",
    Effect.gen(function* () {
      const transient = Supervisor.child("transient", Effect.sleep(5), { restart: "transient" })
      const temporary = Supervisor.child("temporary", Effect.andThen(Effect.sleep(10), Effect.fail("broken")), {
        restart: "temporary"
      })
      const fiber = yield* Effect.forkChild(Supervisor.run([transient, temporary]))
      yield* TestClock.adjust(9)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
    })
  )
})

describe("restart intensity", () => {
  test(
    "the very restart that exceeds it is not made: all stop in reverse order, and it fails",
    Effect.gen(function* () {
      const { all, said, supervisor } = yield* started(["a", "b", "c"], {
        name: "app",
        intensity: { restarts: 2, within: "5 seconds" }
      })
      const [, b] = all
      if (b === undefined) return assert.fail()
      yield* b.fails
      yield* TestClock.adjust("1 second")
      yield* b.fails
      assert.strictEqual(yield* said, "-b +b -b +b")
      yield* TestClock.adjust("4 seconds") // the first one still counts: it was 5 seconds ago
      yield* b.fails
      assert.strictEqual(yield* said, "-b -c -a")
      const error = yield* Effect.flip(supervisor.ended)
      assert.strictEqual(
        error.message,
        "app does not start b again: it would be restart 3 within 5s; how it ended: Error: broken"
      )
      assert.deepStrictEqual(brief(yield* history(supervisor)).slice(-5), [
        "Failed b",
        "Escalated b",
        "Stopped c",
        "Stopped a",
        "Closed"
      ])
    })
  )

  test(
    "a restart counts for as long as the time says, and one millisecond later no more",
    Effect.gen(function* () {
      const { all, said } = yield* started(["a"], { intensity: { restarts: 1, within: "5 seconds" } })
      const [a] = all
      if (a === undefined) return assert.fail()
      for (let i = 0; i < 10; i++) {
        yield* a.fails
        assert.strictEqual(yield* said, "-a +a")
        yield* TestClock.adjust(5001)
      }
    })
  )

  test(
    "by default the second restart within 5 seconds is one too many",
    Effect.gen(function* () {
      const { all, said, supervisor } = yield* started(["a"])
      const [a] = all
      if (a === undefined) return assert.fail()
      yield* a.fails
      yield* TestClock.adjust("5 seconds")
      yield* a.fails
      assert.strictEqual(yield* said, "-a +a -a")
      assert.strictEqual((yield* Effect.flip(supervisor.ended)).restarts, 2)
    })
  )

  test(
    "several that are started again for one are one restart",
    Effect.gen(function* () {
      const { all, said } = yield* started(["a", "b", "c"], { strategy: "one-for-all" })
      yield* all[0]?.fails ?? assert.fail()
      assert.strictEqual(yield* said, "-a -c -b +a +b +c")
    })
  )

  test(
    "what fails at once, always, ends in the typed failure, with its cause",
    Effect.gen(function* () {
      const error = yield* Supervisor.run([Supervisor.child("a", Effect.fail("broken"))]).pipe(
        Effect.catchTag("ZmqError", Effect.die),
        Effect.flip
      )
      assert.strictEqual(error._tag, "TooManyRestarts")
      assert.deepStrictEqual(Cause.findErrorOption(error.cause), Option.some("broken"))
    })
  )
})

describe("back-off", () => {
  test(
    "the delays of the Schedule, to the millisecond, and anew for a child that has run long enough",
    Effect.gen(function* () {
      const { all, said } = yield* started(["a", "b"], {
        intensity: { ...many, within: "10 seconds" },
        backoff: Schedule.exponential("100 millis")
      })
      const [a, b] = all
      if (a === undefined || b === undefined) return assert.fail()
      const failsAndWaits = Effect.fnUntraced(function* (delay: number) {
        yield* a.fails
        assert.strictEqual(yield* said, "-a")
        yield* TestClock.adjust(delay - 1)
        assert.strictEqual(yield* said, "")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* said, "+a")
      })
      for (const delay of [100, 200, 400]) yield* failsAndWaits(delay)
      yield* TestClock.adjust(9999)
      yield* failsAndWaits(800)
      yield* TestClock.adjust(10_000)
      yield* failsAndWaits(100)
      // Every child has delays of its own.
      yield* b.fails
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* said, "-b +b")
    })
  )

  test(
    "where the Schedule ends, it escalates",
    Effect.gen(function* () {
      const { all, said, supervisor } = yield* started(["a"], { intensity: many, backoff: Schedule.recurs(2) })
      for (let i = 0; i < 3; i++) yield* all[0]?.fails ?? assert.fail()
      assert.strictEqual(yield* said, "-a +a -a +a -a")
      assert.strictEqual((yield* Effect.flip(supervisor.ended)).limit, "backoff")
    })
  )

  test(
    "while one waits, others fail and are started again; with one-for-one each in its own time",
    Effect.gen(function* () {
      const backoff = Schedule.spaced("100 millis")
      const { all, said } = yield* started(["a", "b"], { intensity: many, backoff })
      yield* all[0]?.fails ?? assert.fail()
      yield* TestClock.adjust(50)
      yield* all[1]?.fails ?? assert.fail()
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* said, "-a -b +a")
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* said, "+b")
    })
  )

  test(
    "rest-for-one: an earlier one that fails while later ones wait takes them into its own wait, and they start once",
    Effect.gen(function* () {
      const backoff = Schedule.spaced("100 millis")
      const { all, said } = yield* started(["a", "b", "c"], { strategy: "rest-for-one", intensity: many, backoff })
      yield* all[1]?.fails ?? assert.fail()
      assert.strictEqual(yield* said, "-b -c")
      yield* TestClock.adjust(50)
      yield* all[0]?.fails ?? assert.fail()
      yield* TestClock.adjust(99)
      assert.strictEqual(yield* said, "-a")
      yield* TestClock.adjust(500)
      assert.strictEqual(yield* said, "+a +b +c")
    })
  )

  test(
    "a supervisor that stops starts nothing of what was waiting",
    Effect.gen(function* () {
      const { all, said, stop } = yield* started(["a"], { backoff: Schedule.spaced("100 millis") })
      yield* all[0]?.fails ?? assert.fail()
      yield* stop
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* said, "-a")
    })
  )
})

describe("stopping", () => {
  /** Needs so long to stop. */
  const slow = (name: string, millis: number, log: Array<string>) =>
    Effect.acquireRelease(
      Effect.sync(() => log.push(`+${name}`)),
      () =>
        Effect.andThen(
          Effect.sleep(millis),
          Effect.sync(() => log.push(`-${name}`))
        )
    ).pipe(Effect.andThen(Effect.never))

  test(
    "trees stop in reverse order, one child after the other, each whole before the next",
    Effect.gen(function* () {
      const log: Array<string> = []
      const worker = (name: string) => Supervisor.child(name, slow(name, 4000, log))
      const branch = (name: string, ...children: ReadonlyArray<Supervisor.Child>) =>
        Supervisor.child(name, Supervisor.run(children, { name }))
      const scope = yield* Scope.make()
      const supervisor = yield* Scope.provide(
        Supervisor.make([
          worker("a"),
          branch("x", worker("b"), worker("c"), branch("y", worker("d"), worker("e"))),
          worker("f")
        ]),
        scope
      )
      assert.deepStrictEqual(log.splice(0), ["+a", "+b", "+c", "+d", "+e", "+f"])
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      for (const name of ["f", "e", "d", "c", "b", "a"]) {
        yield* TestClock.adjust(3999)
        assert.deepStrictEqual(log.splice(0), [])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(log.splice(0), [`-${name}`])
      }
      yield* Fiber.join(closing)
      assert.deepStrictEqual(
        brief(yield* history(supervisor)).filter((event) => /^(Stopped|Unstopped|Closed)/.test(event)),
        ["f", "x/y/e", "x/y/d", "x/y", "x/c", "x/b", "x", "a"].map((path) => `Stopped ${path}`).concat("Closed")
      )
    })
  )

  test(
    "a child that does not stop in time is told of, and the supervisor goes on",
    Effect.gen(function* () {
      const log: Array<string> = []
      const fiber = yield* Supervisor.make([
        Supervisor.child("a", slow("a", 10, log)),
        Supervisor.child(
          "stuck",
          Effect.uninterruptible(
            Effect.andThen(
              Effect.sleep("1 hour"),
              Effect.sync(() => log.push("end"))
            )
          ),
          {
            shutdown: "2 seconds"
          }
        ),
        Supervisor.child("c", slow("c", 10, log))
      ]).pipe(
        Effect.flatMap((supervisor) => Effect.as(Effect.sleep(1), supervisor)),
        Effect.scoped,
        Effect.forkChild
      )
      yield* TestClock.adjust(1)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(log.splice(0), ["+a", "+c", "-c"])
      yield* TestClock.adjust(1999)
      yield* TestClock.adjust(1)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(log.splice(0), ["-a"])
      const supervisor = yield* Fiber.join(fiber)
      const events = yield* history(supervisor)
      assert.deepStrictEqual(brief(events).slice(3), ["Stopped c", "Unstopped stuck", "Stopped a", "Closed"])
      yield* TestClock.adjust("1 hour") // a fiber cannot be killed
      assert.deepStrictEqual(log, ["end"])
    })
  )

  test(
    "by default it has 7 seconds, and a supervisor as long as its children may take",
    Effect.gen(function* () {
      const log: Array<string> = []
      const workers = ["a", "b", "c"].map((name) => Supervisor.child(name, slow(name, name === "b" ? 7001 : 6999, log)))
      const fiber = yield* Effect.forkChild(Supervisor.run([Supervisor.child("workers", Supervisor.run(workers))]), {
        startImmediately: true
      })
      yield* TestClock.adjust(1)
      log.length = 0
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      for (const [millis, expected] of [
        [6999, ["-c"]],
        [7000, []], // and b is given up
        [1, ["-b"]],
        [6997, []],
        [1, ["-a"]]
      ] as const) {
        yield* TestClock.adjust(millis)
        assert.deepStrictEqual(log.splice(0), [...expected])
      }
      yield* Fiber.join(stopping)
    })
  )

  test(
    "a child that fails to stop is no secret either",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const supervisor = yield* Scope.provide(
        Supervisor.make([Supervisor.child("a", Effect.ensuring(Effect.never, Effect.die("stuck")))]),
        scope
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(brief(yield* history(supervisor)), ["Started a", "Failed a", "Stopped a", "Closed"])
    })
  )

  test(
    "interrupted at any moment, it leaves nothing running",
    Effect.gen(function* () {
      let running = 0
      const worker = Effect.acquireUseRelease(
        Effect.sync(() => running++),
        () => Effect.andThen(Effect.sleep(3), Effect.fail("broken")),
        () =>
          Effect.andThen(
            Effect.sleep(2),
            Effect.sync(() => running--)
          )
      )
      for (let millis = 0; millis < 40; millis++) {
        const fiber = yield* Effect.forkChild(
          Supervisor.run(
            ["a", "b", "c"].map((name) => Supervisor.child(name, worker)),
            {
              strategy: (["one-for-one", "one-for-all", "rest-for-one"] as const)[millis % 3],
              intensity: many,
              backoff: Schedule.spaced(1)
            }
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust(millis)
        const interrupted = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* TestClock.adjust(50)
        yield* Fiber.join(interrupted)
        assert.strictEqual(running, 0)
        yield* TestClock.adjust(50)
        assert.strictEqual(running, 0)
      }
    })
  )
})

describe("trees", () => {
  test(
    "what a supervisor cannot mend, the one above starts again, whole, and what that one cannot mend goes further up",
    Effect.gen(function* () {
      const { all, said } = actors("a", "b")
      const [a, b] = all
      if (a === undefined || b === undefined) return assert.fail()
      const inner = Supervisor.run([Supervisor.child("a", a.effect), Supervisor.child("b", b.effect)], {
        name: "inner"
      })
      const supervisor = yield* Supervisor.make([Supervisor.child("inner", inner)], { name: "outer" })
      assert.strictEqual(yield* said, "+a +b")
      yield* a.fails
      assert.strictEqual(yield* said, "-a +a")
      yield* a.fails
      assert.strictEqual(yield* said, "-a -b +a +b")
      yield* a.fails
      yield* a.fails
      assert.strictEqual(yield* said, "-a +a -a -b")
      const error = yield* Effect.flip(supervisor.ended)
      assert.strictEqual(error.supervisor, "outer")
      const below = Option.getOrThrow(Cause.findErrorOption(error.cause))
      assert.instanceOf(below, Supervisor.TooManyRestarts)
      assert.strictEqual(below.supervisor, "inner")
      assert.deepStrictEqual(brief(yield* history(supervisor)), [
        ...["Started inner", "Started inner/a", "Started inner/b"],
        ...["Failed inner/a", "Restarted inner/a"],
        ...["Failed inner/a", "Escalated inner/a", "Stopped inner/b", "Failed inner"],
        ...["Restarted inner", "Started inner/a", "Started inner/b"],
        ...["Failed inner/a", "Restarted inner/a"],
        ...["Failed inner/a", "Escalated inner/a", "Stopped inner/b", "Failed inner"],
        ...["Escalated inner", "Closed"]
      ])
    })
  )
})

describe("children", () => {
  test(
    "a failure of any kind is logged with its cause, also of a temporary child",
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause, message }) => {
        logged.push(`${message} ${Cause.pretty(cause).split("\n", 1)[0]}`)
      })
      yield* Supervisor.run([
        Supervisor.child("a", Effect.die("broken"), { restart: "temporary" }),
        Supervisor.child("b", Effect.interrupt, { restart: "temporary" })
      ]).pipe(Effect.provide(Logger.layer([logger])))
      assert.lengthOf(logged, 2)
      assert.match(logged[0] ?? "", /supervisor: a has failed.*broken/)
      assert.match(logged[1] ?? "", /supervisor: b has failed.*interrupt/)
    })
  )

  test(
    "a Layer is built anew at each start, and those after it wait for it",
    Effect.gen(function* () {
      const { all, said, log } = actors("b")
      const [b] = all
      const broken = yield* Deferred.make<void>()
      let builds = 0
      const layer = Layer.effectDiscard(
        Effect.gen(function* () {
          yield* Effect.acquireRelease(
            Effect.sync(() => log.push("+layer")),
            () => Effect.sync(() => log.push("-layer"))
          )
          yield* Effect.sleep("1 second")
          log.push("built")
          if (builds++ === 0) yield* Deferred.await(broken)
        })
      )
      const making = yield* Effect.forkChild(
        Supervisor.make([Supervisor.child("layer", layer), Supervisor.child("b", b?.effect ?? assert.fail())], {
          strategy: "rest-for-one"
        })
      )
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* said, "+layer")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* said, "built")
      yield* Deferred.die(broken, "broken")
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* said, "-layer +layer")
      assert.isUndefined(making.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* said, "built +b")
      const supervisor = yield* Fiber.join(making)
      yield* b?.fails ?? assert.fail()
      assert.strictEqual(yield* said, "-b -layer")
      assert.strictEqual((yield* Effect.flip(supervisor.ended)).child, "b")
    })
  )

  test(
    "how long a child was gone is told",
    Effect.gen(function* () {
      const { all, stop, supervisor } = yield* started(["a"], { backoff: Schedule.spaced("300 millis") })
      yield* TestClock.adjust("1 second")
      yield* all[0]?.fails ?? assert.fail()
      yield* TestClock.adjust("1 second")
      yield* stop
      const restarted = (yield* history(supervisor)).find(Supervisor.Event.$is("Restarted"))
      assert.deepStrictEqual(
        restarted,
        Supervisor.Event.Restarted({ child: "a", attempt: 1, after: Duration.millis(300) })
      )
    })
  )

  test(
    "one with sockets comes back at the same address, and its peers find it",
    Effect.gen(function* () {
      const endpoint = "tcp://127.0.0.1:5557"
      const received = yield* Queue.unbounded<string>()
      const sink = Effect.gen(function* () {
        const pull = yield* Pull.make({ bind: endpoint })
        yield* Pull.runForEach(pull, (message) =>
          Message.text(message) === "poison" ? Effect.die("poisoned") : Queue.offer(received, Message.text(message))
        )
      })
      yield* Supervisor.make([Supervisor.child("sink", sink)], { intensity: many })
      const push = yield* Push.make({ connect: endpoint })
      for (let i = 0; i < 20; i++) {
        yield* Push.send(push, `${i}`)
        assert.strictEqual(yield* Queue.take(received), `${i}`)
        yield* Push.send(push, "poison")
        yield* TestClock.adjust("1 second") // until the PUSH has connected again
      }
    }).pipe(Effect.provide(MemoryTransport.layer))
  )
})

describe("types", () => {
  it("a supervisor needs what its children need, but for a scope, and fails with what it says", () => {
    const one = Supervisor.child("one", Pull.make({ bind: "inproc://one" }))
    const other = Supervisor.child("other", Layer.effectDiscard(Effect.service(Setting)))
    // What it says is what it is: this compiles.
    const exact: Exactly<
      ReturnType<typeof runBoth>,
      Effect.Effect<void, Supervisor.TooManyRestarts | ZmqError, Transport | Setting>
    > = true
    const runBoth = () => Supervisor.run([one, other])
    assert.isTrue(exact)
    assert.isTrue(Effect.isEffect(runBoth()))
  })
})

type Exactly<A, B> = [A, B] extends [B, A] ? true : false

class Setting extends Context.Service<Setting, { readonly value: number }>()("test/Setting") {}

describe("options", () => {
  for (const [what, children, options, message] of [
    ["two names", ["a", "a"], {}, "the option children cannot be a: another child has this name; give it its own"],
    [
      "a negative number",
      ["a"],
      { intensity: { restarts: -1 } },
      "the option intensity.restarts cannot be -1: it is a number of restarts: 0 for none, Infinity for any"
    ],
    [
      "no time",
      ["a"],
      { intensity: { within: 0 } },
      "the option intensity.within cannot be 0: it is the time in which restarts are counted: give more than 0"
    ]
  ] as const) {
    test(
      `${what}: refused`,
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Supervisor.run(
            children.map((name) => Supervisor.child(name, Effect.never)),
            options
          )
        )
        if (error._tag !== "ZmqError") return assert.fail()
        assert.strictEqual(error.reason.message, message)
      })
    )
  }
})
