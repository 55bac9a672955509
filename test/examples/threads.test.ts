import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Pair, Req } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { client } from "../../examples/hello/client.ts"
import { start } from "../../examples/thread.ts"
import { relay } from "../../examples/threads/relay.ts"
import { replier } from "../../examples/threads/replier.ts"
import { service } from "../../examples/threads/service.ts"
import { type Step, step } from "../../examples/threads/step.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, run } from "./program.ts"

const signals = [
  "Waiting for step 2, which waits for step 1",
  "Step 1 is ready, and signals to step 2",
  "Step 2 is ready, and signals to step 3",
  "Step 3 is ready: all have signalled"
]

describe("threads/relay", () => {
  it.live("the signal goes from thread to thread", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* run("threads/relay")
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.strictEqual(stdout, signals.map((line) => `${line}\n`).join(""))
    })
  )

  it.live("Ctrl-C while the threads start ends it in peace", () =>
    Effect.gen(function* () {
      const program = yield* example("threads/relay")
      yield* program.prints(/^Waiting/)
      yield* program.signal("SIGINT")
      const { code, stderr } = yield* program.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    })
  )

  it.live("its steps may be fibers", () =>
    Effect.gen(function* () {
      const start = (number: Step): Effect.Effect<Effect.Effect<void, unknown>, never, Needs> =>
        Effect.map(Effect.forkScoped(step({ step: number, start })), Fiber.join)
      yield* relay({ start })
      assert.deepStrictEqual(yield* printed, signals)
    }).pipe(inMemory)
  )

  it.live("a step that fails ends it", () =>
    Effect.gen(function* () {
      const start = () => Effect.succeed(Effect.fail("no luck"))
      assert.strictEqual(yield* Effect.flip(relay({ start })), "no luck")
    }).pipe(inMemory)
  )
})

type Needs = Scope.Scope | Effect.Services<ReturnType<typeof Pair.make>>

describe("threads/service", () => {
  const listening = /^Listening on (.+), with 5 threads$/m

  it.live(
    "five clients at once are answered by five threads; its port is taken; Ctrl-C in the middle of the work ends it in peace",
    () =>
      Effect.gen(function* () {
        const service = yield* example("threads/service", "--bind", "tcp://127.0.0.1:*")
        const endpoint = yield* Effect.fromResult(Endpoint.parse((yield* service.prints(listening))[1] ?? ""))
        yield* service.prints(/(?:^Thread \d started\n(?:Listening.*\n)?){5}/m)
        const request = Effect.scoped(Effect.flatMap(Req.make({ connect: endpoint }), Req.request("Hello")))
        const five = Effect.all(
          Array.from({ length: 5 }, () => request),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual((yield* five).map(Message.text), ["World", "World", "World", "World", "World"])
        const [all] = yield* service.prints(/(?:^Thread \d got "Hello"\n){5}/m)
        assert.strictEqual(new Set(all.match(/\d/g)).size, 5, all)

        const taken = yield* run("threads/service", "--bind", Endpoint.format(endpoint))
        assert.deepStrictEqual({ code: taken.code, stdout: taken.stdout }, { code: 1, stdout: "" })
        assert.match(taken.stderr, new RegExp(`^${Endpoint.format(endpoint)} is in use already.*\n$`))

        yield* Effect.forkScoped(five)
        yield* service.prints(/(?:^Thread \d got "Hello"\n){6}/m)
        yield* service.signal("SIGINT")
        const { code, stderr } = yield* service.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.effect("as many are answered at once as there are threads, or fibers", () =>
    Effect.gen(function* () {
      const at = Endpoint.tcp("127.0.0.1", 1)
      const start = (options: Parameters<typeof replier>[0]) =>
        Effect.map(Effect.forkScoped(replier(options)), Fiber.join)
      yield* Effect.forkScoped(service({ bind: at, threads: 3, delay: "1 second", start }))
      yield* prints(/^Listening/)
      for (let i = 0; i < 4; i++) yield* Effect.forkScoped(client({ connect: at, count: 1 }))
      yield* prints(/^Thread \d got "Hello"$/, 3)
      yield* TestClock.adjust("1 second")
      yield* prints(/^1: World$/, 3)
      yield* TestClock.adjust("1 second")
      yield* prints(/^1: World$/, 4)
    }).pipe(inMemory)
  )
})

describe("a thread", () => {
  const file = path.join(import.meta.dirname, "programs/thread.ts")

  it.live("that fails, or dies, says how, and in which file; one that ends has ended", () =>
    Effect.gen(function* () {
      const ends = Effect.as(Effect.flatten(start(file, "ends")), "")
      const says = (what: "fails" | "dies") =>
        Effect.map(Effect.flip(Effect.flatten(start(file, what))), ({ message }) => message)
      assert.deepStrictEqual(yield* Effect.all([ends, says("fails"), says("dies")], { concurrency: "unbounded" }), [
        "",
        "A thread of thread.ts failed: no luck",
        "A thread of thread.ts failed: a defect"
      ])
    })
  )

  it.live("that a socket failed in says the reason", () =>
    Effect.gen(function* () {
      yield* Pair.make({ bind: "inproc://thread" })
      const error = yield* Effect.flip(Effect.flatten(start(file, "fails to bind")))
      assert.match(error.message, /^A thread of thread.ts failed: inproc:\/\/thread is in use already/)
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.live("closes its sockets before it ends, whatever they wait for, also while it starts", () =>
    Effect.gen(function* () {
      const pair = yield* Pair.make({ bind: "inproc://thread" })
      const echoed = yield* Deferred.make<string>()
      yield* Effect.forkScoped(Pair.runForEach(pair, (message) => Deferred.succeed(echoed, Message.text(message))))
      yield* Effect.gen(function* () {
        yield* start(file, "echoes")
        yield* Pair.send(pair, "hello")
        assert.strictEqual(yield* Deferred.await(echoed), "hello")
      }).pipe(Effect.scoped)
      yield* Effect.scoped(start(file, "echoes"))
    }).pipe(Effect.provide(ZmqTransport.layer))
  )
})
