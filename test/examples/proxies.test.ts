import { assert, describe, it } from "@effect/vitest"
import { Message, Pull, Push, Sub, XPub } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Stream } from "effect"
import { proxy as forwarder } from "../../examples/forwarder/proxy.ts"
import { proxy as streamer } from "../../examples/streamer/proxy.ts"
import { inMemory, prints } from "./inMemory.ts"
import { example, type Program, run } from "./program.ts"

/** Ctrl-C ends it in peace. */
const interrupt = Effect.fnUntraced(function* (program: Program) {
  yield* program.signal("SIGINT")
  const { stdout, ...ended } = yield* program.ended
  assert.deepStrictEqual(ended, { code: 130, signal: null, stderr: "" })
  return stdout
})

const anyPort = "tcp://127.0.0.1:*"

describe("forwarder/proxy", () => {
  it.live("the weather reaches a subscriber that knows the proxy only", () =>
    Effect.gen(function* () {
      const publisher = yield* example("weather/publisher", "--bind", anyPort)
      const [, inside = ""] = yield* publisher.prints(/^Publishing the weather on (.+)$/m)
      const proxy = yield* example("forwarder/proxy", "--connect", inside, "--bind", anyPort)
      const [, from, outside = ""] = yield* proxy.prints(/^Forwarding (\S+) to (\S+)$/m)
      assert.strictEqual(from, inside)
      const flags = ["--connect", outside, "--zip", "90210", "--count", "1"]
      const { stdout, ...ended } = yield* run("weather/subscriber", ...flags)
      assert.deepStrictEqual(ended, { code: 0, signal: null, stderr: "" })
      assert.match(stdout, /^The average temperature in 90210 was -?\d+ °F, over 1 reports?$/m)
      yield* interrupt(proxy)
      yield* interrupt(publisher)
    })
  )

  it.effect("in memory: only what is subscribed to leaves the publisher", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(forwarder({ connect: "inproc://inside", bind: "inproc://outside" }))
      yield* prints(/^Forwarding/)
      const publisher = yield* XPub.make({ bind: "inproc://inside" })
      const subscriber = yield* Sub.make({ connect: "inproc://outside", subscribe: "10001 " })
      const told = yield* XPub.receive(publisher)
      assert.strictEqual(told._tag === "Subscribe" ? Message.text([told.topic]) : told._tag, "10001 ")
      yield* XPub.sendAll(publisher, ["10002 1 1", "10001 2 2"])
      assert.strictEqual(Message.text(yield* Sub.receive(subscriber)), "10001 2 2")
    }).pipe(inMemory)
  )
})

describe("streamer/proxy", () => {
  it.live("tasks of two ventilators reach two workers, each once, and Ctrl-C says how many they were", () =>
    Effect.gen(function* () {
      const proxy = yield* example("streamer/proxy", "--bind", anyPort, "--bind", anyPort)
      const [, sources = "", workers = ""] = yield* proxy.prints(/^Ventilators connect to (\S+), workers to (\S+)$/m)
      // What a program has printed is an endpoint.
      const [front, back] = [sources, workers] as [`tcp://${string}:${string}`, `tcp://${string}:${string}`]
      const pulls = [yield* Pull.make({ connect: back }), yield* Pull.make({ connect: back })]
      for (const name of ["a", "b"]) {
        const push = yield* Push.make({ connect: front })
        yield* Push.sendAll(
          push,
          Array.from({ length: 50 }, (_, i) => [name, `${i}`] as const)
        )
      }
      const tasks = yield* Stream.runCollect(
        Stream.take(Stream.mergeAll(pulls.map(Pull.stream), { concurrency: "unbounded" }), 100)
      )
      const expected = ["a", "b"].flatMap((name) => Array.from({ length: 50 }, (_, i) => `${name}${i}`))
      assert.sameMembers(
        tasks.map(([name, number]) => `${Message.text([name])}${Message.text([number ?? name])}`),
        expected
      )
      assert.match(yield* interrupt(proxy), /^Passed on 100 tasks of 280 bytes in all$/m)
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.live(
    "two ventilators of the pipeline give their tasks by way of it to two workers, and the sink has all results",
    () =>
      Effect.gen(function* () {
        const proxy = yield* example("streamer/proxy", "--bind", anyPort, "--bind", anyPort)
        const [, sources = "", workers = ""] = yield* proxy.prints(/^Ventilators connect to (\S+), workers to (\S+)$/m)
        const sink = yield* example("pipeline/sink", "--bind", anyPort, "--tasks", "10")
        const [, results = ""] = yield* sink.prints(/^Collecting results on (.+)$/m)
        yield* Effect.replicateEffect(example("pipeline/worker", "--connect", workers, "--connect", results), 2)
        const flags = ["--streamer", sources, "--tasks", "5", "--yes"]
        for (let i = 0; i < 2; i++) {
          const ventilator = yield* example("pipeline/ventilator", "--connect", results, ...flags)
          yield* ventilator.prints(new RegExp(`^Handing out tasks by way of ${sources}$`, "m"))
          assert.strictEqual((yield* ventilator.ended).code, 0)
        }
        const { code, stderr, stdout } = yield* sink.ended
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.match(stdout, /Total elapsed time: \d+ ms\n$/)
        assert.match(yield* interrupt(proxy), /^Passed on 10 tasks of \d+ bytes in all$/m)
      })
  )

  it.effect("in memory: the same program, without a network", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(streamer({ bind: ["inproc://sources", "inproc://workers"] }))
      yield* prints(/^Ventilators connect/)
      const push = yield* Push.make({ connect: "inproc://sources" })
      const pull = yield* Pull.make({ connect: "inproc://workers" })
      yield* Push.send(push, ["task", "1"])
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "1")
    }).pipe(inMemory)
  )
})
