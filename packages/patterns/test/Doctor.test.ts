/** The doctor, in memory and under virtual time: every fault of the chart is found, and nothing where there is none. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"
import * as Doctor from "../src/Doctor.ts"
import { Practice } from "../src/internal/practice.ts"
import { faults, isFound, watched } from "./doctorFaults.ts"
import { healthy } from "./healthySystem.ts"

const run = <A, E>(program: Effect.Effect<A, E>): A => {
  const exit = Simulation.run({ seed: 1, program })
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  return exit.value
}

describe("the doctor finds, in memory", () => {
  for (const fault of faults) {
    it(fault.title, () => {
      run(watched(isFound(fault, "tcp://127.0.0.1:*"), MemoryTransport.layer))
    })
  }
})

/** A healthy system under a doctor: how much it received, and what was found. */
const soak = (seed: number, during: Duration.Input) =>
  Simulation.run({
    seed,
    program: Effect.gen(function* () {
      const found: Array<Doctor.Finding> = []
      const received = yield* watched(
        Effect.gen(function* () {
          yield* Effect.forkDetach(
            Stream.runForEach(Doctor.findings, (finding) => Effect.sync(() => void found.push(finding))),
            { startImmediately: true }
          )
          return yield* healthy({ place: (name) => `tcp://127.0.0.1:${portOf(name)}`, during, spread: "1500 millis" })
        }),
        MemoryTransport.layer
      )
      return { received, found }
    })
  })

const names = ["rep", "secured", "slow", "router", "pub", "forwarder", "push", "pair"]
const portOf = (name: string) => 5000 + names.indexOf(name)

const none = (exit: ReturnType<typeof soak>, least: number) => {
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  assert.deepStrictEqual(exit.value.found.map(Doctor.render), [])
  assert.isAbove(exit.value.received, least)
}

describe("the doctor finds nothing in a healthy system of all socket types", () => {
  it("that is started and closed in any order, twenty times", () => {
    for (let seed = 1; seed <= 20; seed++) none(soak(seed, "3 seconds"), 300)
  })

  it("that works for a minute", () => none(soak(1, "1 minute"), 10_000))
})

const system = <A, E>(
  program: Effect.Effect<A, E, Transport | Doctor.Doctor | Scope.Scope>,
  options?: Doctor.Options
) => run(watched(program, MemoryTransport.layer, options))

/** What was found until the program ended, by tag. */
const tagsOf = <E>(program: Effect.Effect<unknown, E, Transport | Doctor.Doctor | Scope.Scope>) => {
  const tags: Array<string> = []
  const listening = Stream.runForEach(Doctor.findings, ({ _tag }) => Effect.sync(() => void tags.push(_tag)))
  system(Effect.andThen(Effect.forkDetach(listening, { startImmediately: true }), Effect.scoped(program)))
  return tags
}

const nobody = "tcp://127.0.0.1:5555"

const tags = (all: ReadonlyArray<Doctor.Finding>) => all.map(({ _tag, socket }) => `${_tag} ${socket.type}`)

describe("a finding", () => {
  it("is told when it has lasted for the grace period, and not before", () => {
    const late = (after: Duration.Input) =>
      Effect.gen(function* () {
        const push = yield* Push.make({ connect: nobody, reconnect: { initial: "10 millis", maximum: "10 millis" } })
        yield* Effect.sleep(after)
        yield* Pull.make({ bind: nobody })
        yield* Socket.awaitConnected(push)
      })
    assert.deepStrictEqual(tagsOf(late("1900 millis")), [])
    assert.deepStrictEqual(tagsOf(late("2100 millis")), ["NobodyBound"])
  })

  it("is told as soon as it is seen, where there is no grace period", () => {
    const brief = Effect.andThen(Push.make({ connect: nobody }), Effect.sleep("20 millis"))
    const tags: Array<string> = []
    system(
      Effect.gen(function* () {
        const listening = Stream.runForEach(Doctor.findings, ({ _tag }) => Effect.sync(() => void tags.push(_tag)))
        yield* Effect.forkScoped(listening, { startImmediately: true })
        yield* brief
      }),
      { grace: 0 }
    )
    assert.deepStrictEqual(tags, ["NobodyBound"])
  })

  it("is told once, however long it lasts, and again when it has passed and comes again", () => {
    const again = Effect.gen(function* () {
      const push = yield* Push.make({ connect: nobody, reconnect: { initial: "10 millis", maximum: "10 millis" } })
      yield* Effect.sleep("1 minute")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Pull.make({ bind: nobody })
          yield* Socket.awaitConnected(push)
          yield* Effect.sleep("1 minute")
        })
      )
      yield* Effect.sleep("1 minute")
    })
    assert.deepStrictEqual(tagsOf(again), ["NobodyBound", "NobodyBound"])
  })

  it("is a warning in the log, annotated, with what was seen, why, and the fix", () => {
    const logged: Array<{ readonly message: unknown; readonly annotations: unknown }> = []
    const logger = Logger.make(({ fiber, message }) => {
      logged.push({ message, annotations: fiber.getRef(References.CurrentLogAnnotations) })
    })
    const program = Effect.andThen(Push.make({ connect: nobody, name: "tasks" }), Effect.sleep("10 seconds")).pipe(
      Effect.scoped,
      Effect.provide(Doctor.layer.pipe(Layer.provideMerge(MemoryTransport.layer)), { local: true }),
      Effect.provide(Logger.layer([logger]))
    )
    run(program)
    assert.strictEqual(logged.length, 1)
    assert.match(
      String(logged[0]?.message),
      /^tasks: Nobody is bound: tcp:\/\/127.0.0.1:5555 was tried \d+ times; .+\. Fix: yield\* Pull\.make\(/
    )
    assert.deepStrictEqual(logged[0]?.annotations, {
      "zmq.finding": "NobodyBound",
      "zmq.type": "PUSH",
      "zmq.name": "tasks"
    })
  })
})

describe("diagnose", () => {
  it("tells at once of a socket that a doctor watches", () =>
    system(
      Effect.gen(function* () {
        const push = yield* Push.make({ connect: nobody })
        assert.deepStrictEqual(yield* Doctor.diagnose(push), [])
        yield* Effect.sleep("5 seconds")
        const before = yield* Clock.currentTimeMillis
        const [finding, ...more] = yield* Doctor.diagnose(push)
        assert.strictEqual(yield* Clock.currentTimeMillis, before)
        assert.deepInclude(finding, { _tag: "NobodyBound", endpoint: nobody })
        assert.strictEqual(more.length, 0)
      })
    ))

  it("watches any other for the grace period first, and is done with it then", () => {
    const program = Effect.gen(function* () {
      const push = yield* Push.make({ connect: nobody })
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const found = yield* Doctor.diagnose(push)
      assert.deepStrictEqual(
        found.map(({ _tag }) => _tag),
        ["NobodyBound"]
      )
      assert.deepStrictEqual(yield* Doctor.diagnose(pull, { grace: 0 }), [])
      return yield* Clock.currentTimeMillis
    })
    assert.strictEqual(run(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))), 2002)
  })

  it("sees several sockets as connected with each other", () => {
    const program = Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: nobody })
      const sub = yield* Sub.make({ connect: nobody, subscribe: "b" })
      yield* Effect.forkScoped(Sub.receive(sub))
      yield* Effect.forkScoped(Effect.repeat(Pub.send(pub, "a"), Schedule.spaced("100 millis")))
      assert.deepStrictEqual(tags(yield* Doctor.diagnose(sub)), [])
      assert.deepStrictEqual(tags(yield* Doctor.diagnose([pub, sub])), ["NoMatchingSubscription SUB"])
      // In memory a PUB knows it by itself.
      assert.deepStrictEqual(tags(yield* Doctor.diagnose(pub)), ["NoMatchingSubscription PUB"])
    })
    run(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
  })

  it("is not told any more of who was not let in, and has given up; and again of who comes again", () => {
    const authenticate = Security.passwords({ ada: Redacted.make("right") })
    const eve = Security.plain({ username: "eve", password: Redacted.make("wrong") })
    const program = Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: nobody, security: Security.plain({ authenticate }) })
      const denied = Effect.map(Doctor.diagnose(pull), (findings) =>
        findings.map((finding) => finding._tag === "Denied" && finding.since.epochMilliseconds)
      )
      const came = Effect.scoped(
        Effect.gen(function* () {
          const from = yield* Clock.currentTimeMillis
          yield* Push.make({ connect: nobody, security: eve })
          yield* Effect.sleep("20 seconds")
          // Also between two of its attempts, which are five seconds apart by then.
          for (let n = 0; n < 10; n++) {
            assert.deepStrictEqual(yield* denied, [from])
            yield* Effect.sleep("1 second")
          }
        })
      )
      yield* came
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual(yield* denied, [])
      yield* came
    })
    run(watched(program, MemoryTransport.layer))
  })

  it("is not told of who was not let in where nothing is bound any more", () => {
    const security = Security.plain({ authenticate: Security.passwords({}) })
    const eve = Security.plain({ username: "eve", password: Redacted.make("wrong") })
    const program = Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: nobody, security })
      yield* Push.make({ connect: nobody, security: eve })
      yield* Effect.sleep("5 seconds")
      assert.deepStrictEqual(tags(yield* Doctor.diagnose(pull)), ["Denied PULL"])
      yield* Socket.unbind(pull, nobody)
      assert.deepStrictEqual(yield* Doctor.diagnose(pull), [])
      yield* Socket.bind(pull, nobody)
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual(tags(yield* Doctor.diagnose(pull)), ["Denied PULL"])
    })
    run(watched(program, MemoryTransport.layer))
  })

  it("finds that a SUB has no subscription left", () => {
    const program = Effect.gen(function* () {
      yield* Pub.make({ bind: nobody })
      const sub = yield* Sub.make({ connect: nobody, subscribe: "a" })
      yield* Effect.forkScoped(Sub.receive(sub))
      assert.deepStrictEqual(yield* Doctor.diagnose(sub), [])
      yield* Sub.unsubscribe(sub, "a")
      const [finding] = yield* Doctor.diagnose(sub)
      assert.deepInclude(finding, { _tag: "NoMatchingSubscription", subscriptions: [] })
    })
    run(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
  })

  it("tells of a request that was lost also when its peer is back", () =>
    system(
      Effect.gen(function* () {
        const req = yield* Req.make({ connect: nobody, reconnect: { initial: "10 millis", maximum: "10 millis" } })
        const asked = yield* Deferred.make<void>()
        const serve = (rep: Rep.Rep) =>
          Rep.serve(rep, () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
        yield* Effect.forkScoped(Req.request(req, "?"))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.forkScoped(serve(yield* Rep.make({ bind: nobody })))
            yield* Deferred.await(asked)
          })
        )
        yield* Effect.forkScoped(serve(yield* Rep.make({ bind: nobody })))
        yield* Effect.sleep("10 seconds")
        const [finding] = yield* Doctor.diagnose(req)
        assert.deepInclude(finding, { _tag: "DeadPeer", isBack: true })
      })
    ))

  it("finds no fault with a client that asks again in time", () =>
    system(
      Effect.gen(function* () {
        const req = yield* Req.make({ connect: nobody })
        yield* Effect.forkScoped(
          Rep.serve(yield* Rep.make({ bind: nobody }), (message) => Effect.delay(Effect.succeed(message), "4 seconds"))
        )
        yield* Req.request(req, "?").pipe(Effect.timeoutOption("1 second"))
        yield* Req.request(req, "?").pipe(Effect.timeoutOption("3900 millis"))
        assert.deepStrictEqual(yield* Doctor.diagnose(req), [])
      })
    ))
})

/** Small systems that are close to a fault, and have none. */
const healthyOnes: Readonly<Record<string, Effect.Effect<unknown, unknown, Transport | Scope.Scope>>> = {
  "a handshake that takes long": Effect.gen(function* () {
    const authenticate = () => Effect.delay(Effect.succeed({ id: "ada" }), "10 seconds")
    yield* Pull.make({ bind: nobody, security: Security.plain({ authenticate }) })
    const security = Security.plain({ username: "ada", password: Redacted.make("open sesame") })
    yield* Push.make({ connect: nobody, security })
    yield* Effect.sleep("9 seconds")
  }),
  "a worker that came late, when all was done": Effect.gen(function* () {
    const push = yield* Push.make({ bind: nobody })
    const ada = yield* Pull.make({ connect: nobody })
    yield* Effect.forkScoped(Pull.runForEach(ada, () => Effect.void))
    yield* Push.sendAll(push, Array(20).fill("task"))
    const bob = yield* Pull.make({ connect: nobody })
    yield* Effect.forkScoped(Pull.receive(bob))
    yield* Effect.sleep("10 seconds")
  }),
  "a queue that is always full, and moves": Effect.gen(function* () {
    const pull = yield* Pull.make({ bind: nobody, highWaterMark: { receive: 1 } })
    const push = yield* Push.make({ connect: nobody, highWaterMark: { send: 1 }, linger: 0 })
    yield* Effect.forkScoped(Push.sendAll(push, Array(100).fill("task")))
    yield* Effect.forkScoped(Pull.runForEach(pull, () => Effect.sleep("400 millis")))
    yield* Effect.sleep("20 seconds")
    yield* Pull.runForEach(pull, () => Effect.void).pipe(Effect.timeoutOption("1 minute"))
  }),
  "a publisher that goes on when all have left": Effect.gen(function* () {
    const pub = yield* Pub.make({ bind: nobody })
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* Sub.make({ connect: nobody, subscribe: "" })
        yield* Socket.awaitPeers(pub, 1)
      })
    )
    yield* Effect.repeat(Pub.send(pub, "news"), Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 10 })))
  }),
  "a subscriber that takes its time": Effect.gen(function* () {
    const pub = yield* Pub.make({ bind: nobody })
    yield* Sub.make({ connect: nobody, subscribe: "news" })
    yield* Socket.awaitPeers(pub, 1)
    yield* Effect.repeat(Pub.send(pub, "news"), Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 10 })))
  }),
  "a subscriber that came when all was said": Effect.gen(function* () {
    const pub = yield* Pub.make({ bind: nobody })
    const listen = Effect.gen(function* () {
      const sub = yield* Sub.make({ connect: nobody, subscribe: "" })
      yield* Effect.forkScoped(Sub.runForEach(sub, () => Effect.void))
    })
    yield* listen
    yield* Socket.awaitPeers(pub, 1)
    yield* Pub.sendAll(pub, ["a", "b"])
    yield* listen
    yield* Effect.sleep("10 seconds")
  }),
  "a subscriber whose first message comes a little later than another's": Effect.gen(function* () {
    const pub = yield* Pub.make({ bind: nobody })
    const sub = yield* Sub.make({ connect: nobody, subscribe: "b" })
    yield* Effect.forkScoped(Sub.runForEach(sub, () => Effect.void))
    yield* Effect.sleep("10 seconds")
    yield* Pub.send(pub, "a")
    yield* Effect.sleep("1 second")
    yield* Pub.send(pub, "b")
    yield* Effect.sleep("10 seconds")
  }),
  "a ventilator that waits for its first worker": Effect.gen(function* () {
    const push = yield* Push.make({ bind: nobody })
    yield* Effect.forkScoped(Push.send(push, "task"))
    yield* Effect.sleep("10 seconds")
    yield* Pull.receive(yield* Pull.make({ connect: nobody }))
  }),
  "a server that is restarted now and then": Effect.gen(function* () {
    const sub = yield* Sub.make({ connect: nobody, subscribe: "", reconnect: { initial: "10 millis" } })
    for (let n = 0; n < 5; n++) {
      yield* Effect.scoped(Effect.andThen(Pub.make({ bind: nobody }), Effect.sleep("6 seconds")))
      yield* Effect.sleep("1 second")
    }
    yield* Socket.disconnect(sub, nobody)
  }),
  "a client that connects and disconnects": Effect.gen(function* () {
    yield* Pub.make({ bind: nobody })
    const sub = yield* Sub.make({ subscribe: "" })
    for (let n = 0; n < 5; n++) {
      yield* Socket.connect(sub, nobody)
      yield* Socket.awaitConnected(sub)
      yield* Socket.disconnect(sub, nobody)
      yield* Effect.sleep("1 second")
    }
  })
}

describe("the doctor finds no fault with", () => {
  for (const [what, program] of Object.entries(healthyOnes)) {
    it(what, () => assert.deepStrictEqual(tagsOf(program), []))
  }

  it("a routing id that is taken over, where the ROUTER allows it; and sees it by itself where not", () => {
    const twice = (handover: boolean) =>
      Effect.gen(function* () {
        const router = yield* Router.make({ bind: nobody, handover })
        yield* Effect.forkScoped(Router.runForEach(router, () => Effect.void))
        for (let n = 0; n < 2; n++) yield* Dealer.make({ connect: nobody, routingId: "ada" })
        return (yield* Doctor.diagnose(router)).map(({ _tag }) => _tag)
      }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
    assert.deepStrictEqual(run(twice(true)), [])
    assert.deepStrictEqual(run(twice(false)), ["DuplicateRoutingId"])
  })
})

describe("a program that stands still", () => {
  it("is not told what it finds in its first round afterwards, when it has not heard yet what happened meanwhile", () => {
    const told: Array<string> = []
    const practice = new Practice({ grace: 2000, brief: 5000 }, ({ _tag }) => Effect.sync(() => void told.push(_tag)))
    const program = Effect.gen(function* () {
      yield* practice.admit(yield* Push.make({ connect: nobody }))
      yield* practice.round
      yield* Effect.sleep("10 seconds")
      yield* practice.round
      assert.deepStrictEqual(told, [])
      yield* Effect.sleep("500 millis")
      yield* practice.round
      assert.deepStrictEqual(told, ["NobodyBound"])
    })
    run(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
  })
})

describe("what the doctor cannot see", () => {
  it("it does not guess: of workers of which not all are watched, who has the tasks", () => {
    const program = Effect.gen(function* () {
      const push = yield* Push.make({ bind: nobody })
      yield* Pull.make({ connect: nobody })
      yield* Socket.awaitPeers(push, 1)
      yield* Push.sendAll(push, Array(20).fill("task"))
      const others = yield* Effect.forEach(["ada", "bob"], (name) => Pull.make({ connect: nobody, name }))
      for (const other of others) yield* Effect.forkScoped(Pull.receive(other))
      return yield* Doctor.diagnose([push, ...others])
    })
    assert.deepStrictEqual(run(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))), [])
  })
})

describe("the doctor's layer", () => {
  it("can be a layer over another that watches, and both see every socket", () => {
    const seen: Array<string> = []
    const watching = Layer.effect(
      Transport,
      Effect.map(Transport, (transport) =>
        Transport.of({ ...transport, watch: (socket) => Effect.sync(() => void seen.push(socket.name)) })
      )
    ).pipe(Layer.provide(MemoryTransport.layer))
    const program = Effect.andThen(
      Push.make({ connect: nobody }),
      Doctor.findings.pipe(Stream.take(1), Stream.runDrain)
    )
    run(watched(program, watching))
    assert.deepStrictEqual(seen, [`PUSH ${nobody}`])
  })

  it("ends its findings with it, and has given those of the last sockets that were closed", () => {
    const found = run(
      Effect.gen(function* () {
        const told = yield* Deferred.make<ReadonlyArray<string>>()
        yield* watched(
          Effect.gen(function* () {
            const all = Effect.map(Stream.runCollect(Doctor.findings), (findings) => findings.map(({ _tag }) => _tag))
            yield* Effect.forkDetach(
              Effect.flatMap(all, (tags) => Deferred.succeed(told, tags)),
              {
                startImmediately: true
              }
            )
            const push = yield* Push.make({ connect: nobody, linger: "1 millis" })
            yield* Push.send(push, "lost")
          }),
          MemoryTransport.layer
        )
        return yield* Deferred.await(told)
      })
    )
    assert.deepStrictEqual(found, ["ClosedUnsent"])
  })
})
