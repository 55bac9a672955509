/** What the examples export, in one process and without a network: the same programs on another transport. */

import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, MemoryTransport, Message, Pub, Pull, Push, Rep, Req, Sub, XPub } from "@effect-zmq/core"
import { WorkerPool } from "@effect-zmq/patterns"
import { Context, Deferred, Effect, Fiber, Layer, Schedule, Stream, Terminal } from "effect"
import { TestConsole } from "effect/testing"
import { client } from "../../examples/hello/client.ts"
import { server } from "../../examples/hello/server.ts"
import { poller } from "../../examples/multi-socket/poller.ts"
import { reader } from "../../examples/multi-socket/reader.ts"
import { sink } from "../../examples/pipeline/sink.ts"
import { ventilator } from "../../examples/pipeline/ventilator.ts"
import { worker } from "../../examples/pipeline/worker.ts"
import { envelopePublisher } from "../../examples/weather/envelope-publisher.ts"
import { envelopeSubscriber } from "../../examples/weather/envelope-subscriber.ts"
import { publisher } from "../../examples/weather/publisher.ts"
import { subscriber } from "../../examples/weather/subscriber.ts"
import { count } from "../../examples/word-count/count.ts"
import { textFiles } from "../../examples/word-count/input.ts"
import { verify } from "../../examples/word-count/verify.ts"
import { worker as counter } from "../../examples/word-count/worker.ts"

/** What was shown on the terminal. */
class Shown extends Context.Service<Shown, { text: string }>()("test/Shown") {}

const layer = Layer.effect(Terminal.Terminal)(
  Effect.map(Shown, (shown) =>
    Terminal.make({
      columns: Effect.succeed(80),
      rows: Effect.succeed(24),
      size: Effect.never,
      readInput: Effect.never,
      readLine: Effect.never,
      display: (text) => Effect.sync(() => void (shown.text += text))
    })
  )
).pipe(
  Layer.provideMerge(Layer.sync(Shown, () => ({ text: "" }))),
  Layer.merge(MemoryTransport.layer),
  Layer.merge(TestConsole.layer)
)

/** An endpoint of the memory: nobody else is there. */
const at = (port: number): Endpoint.Tcp => Endpoint.tcp("127.0.0.1", port)

const lines = Effect.map(TestConsole.logLines, (lines) => lines.map(String))

describe("the examples in memory", () => {
  it.live("hello: server and client", () =>
    Effect.gen(function* () {
      yield* Effect.raceFirst(server({ bind: at(1), delay: "1 millis" }), client({ connect: at(1), count: 2 }))
      const printed = yield* lines
      assert.deepStrictEqual(
        printed.filter((line) => /^\d/.test(line)),
        ["1: World", "2: World"]
      )
    }).pipe(Effect.provide(layer))
  )

  it.live("hello: the server answers what it did not expect, and says so", () =>
    Effect.gen(function* () {
      yield* Effect.forkChild(server({ bind: at(1), delay: 0 }))
      const req = yield* Req.make({ connect: at(1) })
      assert.strictEqual(Message.text(yield* Req.request(req, ["Bonjour", "\n"])), "World")
      assert.include(yield* lines, `"Bonjour" + "\\n", not quite Hello`)
    }).pipe(Effect.provide(layer))
  )

  it.live("hello: the client goes on after an answer that it did not expect", () =>
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: at(1) })
      let answers = 0
      yield* Effect.forkChild(Rep.serve(rep, () => Effect.sync(() => (++answers === 1 ? "Monde" : "World"))))
      yield* client({ connect: at(1), count: 2 })
      assert.deepStrictEqual((yield* lines).slice(1), [`1: "Monde", not quite World`, "2: World"])
    }).pipe(Effect.provide(layer))
  )

  it.live("weather: what is published is as the tutorials have it", () =>
    Effect.gen(function* () {
      yield* Effect.forkChild(publisher({ bind: at(1) }))
      const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
      const reports = yield* Sub.stream(sub).pipe(Stream.take(200), Stream.map(Message.text), Stream.runCollect)
      for (const report of reports) {
        const [, zip, temperature, humidity] = /^(\d+) (-?\d+) (\d+)$/.exec(report)?.map(Number) ?? []
        assert.isTrue(zip !== undefined && zip >= 1 && zip <= 99_999, report)
        assert.isTrue(temperature !== undefined && temperature >= -80 && temperature <= 134, report)
        assert.isTrue(humidity !== undefined && humidity >= 10 && humidity <= 59, report)
      }
    }).pipe(Effect.provide(layer))
  )

  it.live("weather: the subscriber passes over what is no report, and averages the rest", () =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: at(1) })
      const reports = [
        "1000 10 20",
        "10001 99 20",
        "1000 hot 20",
        "1000 1e1 20",
        ["1000 10 20", "more"],
        "1000 -20 59"
      ] as const
      yield* Effect.raceFirst(subscriber({ connect: at(1), zip: 1000, count: 2 }), again(Pub.sendAll(pub, reports)))
      assert.deepStrictEqual((yield* lines).slice(1), [
        "10 °F, humidity 20 %",
        `Skipped "1000 hot 20": expected a report: a zip code, a temperature and a humidity`,
        `Skipped "1000 1e1 20": expected a report: a zip code, a temperature and a humidity`,
        `Skipped "1000 10 20" + "more": expected a report: a zip code, a temperature and a humidity`,
        "-20 °F, humidity 59 %",
        "The average temperature in 1000 was -5 °F, over 2 reports"
      ])
    }).pipe(Effect.provide(layer))
  )

  it.live("pipeline: ventilator, two workers and sink", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 2; i++) yield* Effect.forkChild(worker({ connect: [at(1), at(2), at(3)] }))
      yield* Effect.all(
        [
          ventilator({ bind: at(1), connect: at(2), tasks: 10, ready: Effect.void }),
          sink({ bind: [at(2), at(3)], tasks: 10 })
        ],
        { concurrency: "unbounded" }
      )
      const printed = (yield* lines).join("\n")
      assert.match(printed, /Handed out 10 tasks: \d+ ms of work/)
      assert.match(printed, /Total elapsed time: \d+ ms/)
      assert.include((yield* Shown).text.replaceAll(".", ""), ":")
    }).pipe(Effect.provide(layer))
  )

  it.live("pipeline: worker and sink pass over what they did not expect", () =>
    Effect.gen(function* () {
      const push = yield* Push.make({ bind: at(1) })
      const results = yield* Push.make({ connect: at(2) })
      const fiber = yield* Effect.forkChild(sink({ bind: [at(2), at(3)], tasks: 2 }))
      yield* Effect.forkChild(worker({ connect: [at(1), at(2), at(3)] }))
      yield* Push.sendAll(results, ["", "0", "1"])
      yield* Push.sendAll(push, ["1", "0", "101", "ten", "", "2"])
      yield* Fiber.join(fiber)
      const skipped = (yield* lines).filter((line) => line.startsWith("Skipped"))
      const task = "expected a task: a number of milliseconds, 1 to 100"
      assert.sameMembers(skipped, [
        `Skipped "": expected the start of a batch, 0`,
        `Skipped "1": expected a result, which is empty`,
        `Skipped "0": ${task}`,
        `Skipped "101": ${task}`,
        `Skipped "ten": ${task}`,
        `Skipped "": ${task}`
      ])
    }).pipe(Effect.provide(layer))
  )

  it.live("pipeline: the kill signal comes before the tasks that are left, and nothing else stops a worker", () =>
    Effect.gen(function* () {
      const tasks = yield* Push.make({ bind: at(1) })
      const results = yield* Pull.make({ bind: at(2) })
      const control = yield* XPub.make({ bind: at(3) })
      const working = yield* Effect.forkScoped(worker({ connect: [at(1), at(2), at(3)], killSignal: true }))
      yield* XPub.receive(control)
      yield* Push.sendAll(tasks, ["1", "ten", "100", "100", "100"])
      yield* Pull.receive(results)
      yield* XPub.send(control, "STOP")
      yield* Pull.receive(results)
      yield* XPub.send(control, "KILL")
      yield* Fiber.join(working)
      const printed = yield* lines
      assert.include(printed, `Skipped "ten": expected a task: a number of milliseconds, 1 to 100`)
      assert.include(printed, `Skipped "STOP": expected the kill signal, KILL`)
      assert.strictEqual(printed.at(-1), "\nTold to stop")
      assert.isBelow((yield* Shown).text.length, 4)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("weather: in envelopes, a zip code is not the beginning of another one", () =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: at(1) })
      const reports = [
        ["10001/", "99 20"],
        ["1000/", "10 20"],
        ["1000/", "hot 20"],
        ["1000/"],
        ["1000/", "-20 59"]
      ] as const
      yield* Effect.raceFirst(
        envelopeSubscriber({ connect: at(1), zip: 1000, count: 2 }),
        again(Pub.sendAll(pub, reports))
      )
      const skipped = "expected a report in an envelope: a zip code and /, then a temperature and a humidity"
      assert.deepStrictEqual((yield* lines).slice(1), [
        "10 °F, humidity 20 %",
        `Skipped "1000/" + "hot 20": ${skipped}`,
        `Skipped "1000/": ${skipped}`,
        "-20 °F, humidity 59 %",
        "The average temperature in 1000 was -5 °F, over 2 reports"
      ])
    }).pipe(Effect.provide(layer))
  )

  it.live("weather: in envelopes, a topic frame and a body, for any place", () =>
    Effect.gen(function* () {
      yield* Effect.forkChild(envelopePublisher({ bind: at(1) }))
      const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
      const reports = yield* Sub.stream(sub).pipe(Stream.take(200), Stream.runCollect)
      for (const [topic, body, ...more] of reports) {
        assert.match(Message.text([topic]), /^[1-9]\d{0,4}\/$/)
        assert.match(Message.text([body ?? new Uint8Array(0)]), /^-?\d{1,3} [1-5]\d$/)
        assert.deepStrictEqual(more, [])
      }
    }).pipe(Effect.provide(layer))
  )

  for (const [name, program] of [
    ["reader", reader],
    ["poller --tasks-first", (options: Parameters<typeof reader>[0]) => poller({ ...options, tasksFirst: true })]
  ] as const) {
    it.live(`multi-socket: with the ${name}, all tasks that are there come before the weather`, () =>
      Effect.gen(function* () {
        const tasks = yield* Push.make({ bind: at(1) })
        const weather = yield* XPub.make({ bind: at(2) })
        yield* Effect.forkScoped(program({ connect: [at(1), at(2)] }))
        yield* XPub.receive(weather)
        // In one step: what wakes the program finds all of it.
        yield* XPub.sendAll(weather, ["10001 1 10", "10001 2 10"])
        yield* Push.sendAll(tasks, ["1", "2", "3"])
        const printed = yield* Effect.repeat(lines, {
          until: (lines) => lines.length >= 6,
          schedule: Schedule.spaced("1 millis")
        })
        const expected = [`task: "1"`, `task: "2"`, `task: "3"`, `weather: "10001 1 10"`, `weather: "10001 2 10"`]
        assert.deepStrictEqual(printed.slice(1), expected)
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
  }

  for (const [name, program] of [
    ["reader", reader],
    ["poller", poller]
  ] as const) {
    it.live(`multi-socket: the ${name} gets tasks and the weather of 10001`, () =>
      Effect.gen(function* () {
        const tasks = yield* Push.make({ bind: at(1) })
        const weather = yield* Pub.make({ bind: at(2) })
        yield* Effect.forkChild(program({ connect: [at(1), at(2)] }))
        yield* Push.send(tasks, "7")
        const publish = again(Pub.sendAll(weather, ["10002 1 10", "10001 2 20"]))
        const printed = Effect.repeat(lines, {
          until: (lines) => lines.length >= 3,
          schedule: Schedule.spaced("1 millis")
        })
        yield* Effect.raceFirst(publish, printed)
        assert.sameMembers((yield* lines).slice(1, 3), [`task: "7"`, `weather: "10001 2 20"`])
      }).pipe(Effect.provide(layer))
    )
  }

  it.live("word count: workers as fibers; what is verified is every figure", () =>
    Effect.gen(function* () {
      const files = yield* textFiles(import.meta.dirname)
      const counted = yield* count({
        files,
        workers: 3,
        start: Effect.fnUntraced(function* (_, backend) {
          const connect = yield* Effect.fromResult(Endpoint.parse(backend))
          const fibers = yield* Effect.forEach([1, 2, 3], (index) => Effect.forkScoped(counter({ index, connect })))
          return { names: [], failed: Effect.andThen(Fiber.joinAll(fibers), Effect.never) }
        }),
        onStart: () => Effect.void,
        onProgress: () => Effect.void
      })
      assert.strictEqual(counted.all.files, files.length)
      assert.isAbove(counted.all.words, 1000)
      assert.deepStrictEqual(counted.redone, [])
      for (const { files } of counted.workers) assert.isAtLeast(files, 1)
      yield* verify(files, counted)

      counted.counts.set("effect", (counted.counts.get("effect") ?? 0) + 1)
      const error = yield* Effect.flip(verify(files, { ...counted, all: { ...counted.all, files: 1 } }))
      assert.strictEqual(error._tag, "FiguresDiffer")
      assert.match(
        error.message,
        /^The figures differ: files 1 by the workers, \d+ here; "effect" \d+ by the workers, \d+ here$/
      )
    }).pipe(Effect.provide(layer), Effect.provide(NodeServices.layer))
  )

  it.live("word count: what a worker has that leaves is given to another one, and every figure is right", () =>
    Effect.gen(function* () {
      const files = yield* textFiles(import.meta.dirname)
      const counted = yield* count({
        files,
        workers: 2,
        start: Effect.fnUntraced(function* (_, backend) {
          const connect = yield* Effect.fromResult(Endpoint.parse(backend))
          // Takes what it gets, and is gone with it.
          const robbed = yield* Deferred.make<void>()
          let taken = 0
          const robber = WorkerPool.workBytes({
            connect,
            credit: 3,
            drain: "1 milli",
            handler: () =>
              ++taken < 3 ? Effect.never : Effect.andThen(Deferred.succeed(robbed, undefined), Effect.never)
          })
          yield* Effect.forkScoped(Effect.raceFirst(robber, Deferred.await(robbed)))
          const ended = yield* Effect.forkScoped(counter({ index: 1, connect }))
          return { names: [], failed: Effect.andThen(Fiber.join(ended), Effect.never) }
        }),
        onStart: () => Effect.void,
        onProgress: () => Effect.void
      })
      assert.lengthOf(counted.redone, 3)
      assert.strictEqual(counted.all.redone, 3)
      yield* verify(files, counted)
    }).pipe(Effect.provide(layer), Effect.provide(NodeServices.layer))
  )
})

/** Does something again and again: what is published before a subscription has arrived is lost. */
const again = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<never, E, R> =>
  Effect.andThen(Effect.repeat(effect, Schedule.spaced("1 millis")), Effect.never)
