/** Who leaves too early is a line, and nobody waits for it without a word. */
import { readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Pull, Push, Rep, Req, Sub, XPub } from "@effect-zmq/core"
import { Cause, Effect, Fiber, Scope, Terminal } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import { publisher as fast } from "../../examples/high-water-mark/publisher.ts"
import { subscriber as slow } from "../../examples/high-water-mark/subscriber.ts"
import { warnings } from "../../examples/main.ts"
import { sink } from "../../examples/pipeline/sink.ts"
import { publisher } from "../../examples/sync-pubsub/publisher.ts"
import { subscriber } from "../../examples/sync-pubsub/subscriber.ts"
import { inMemory, printed, prints } from "./inMemory.ts"

const at = (port: number): Endpoint.Tcp => Endpoint.tcp("127.0.0.1", port)
const both = [at(1), at(2)] as const

describe("sync-pubsub", () => {
  it.live("a publisher says who left, and counts those who are there", () =>
    Effect.gen(function* () {
      const ends = yield* Effect.forkScoped(publisher({ bind: both, subscribers: 2, messages: 10_000 }))
      const killed = yield* Scope.make()
      // It takes nothing: the publisher waits for room.
      yield* Sub.make({ connect: at(1), subscribe: "" }).pipe(Scope.provide(killed))
      const req = yield* Req.make({ connect: at(2) })
      yield* Req.request(req, "")
      yield* Effect.forkScoped(subscriber({ connect: both }))
      yield* prints(/^All are there: publishing$/)
      yield* Scope.close(killed, yield* Effect.exit(Effect.void))
      yield* Fiber.join(ends)
      yield* prints(/^Received 10,000 updates$/)
      yield* prints(/^A subscriber has left: 1 is still there$/)
      yield* prints(/^Published 10,000 updates to 1 subscriber in \d+ ms$/)
    }).pipe(Effect.scoped, inMemory)
  )

  it.live("a publisher that everybody has left fails", () =>
    Effect.gen(function* () {
      const ends = yield* Effect.forkScoped(publisher({ bind: both, subscribers: 1, messages: 10_000 }))
      const killed = yield* Scope.make()
      yield* Sub.make({ connect: at(1), subscribe: "" }).pipe(Scope.provide(killed))
      const req = yield* Req.make({ connect: at(2) })
      yield* Req.request(req, "")
      yield* prints(/^All are there: publishing$/)
      yield* Scope.close(killed, yield* Effect.exit(Effect.void))
      const error = yield* Effect.flip(Fiber.join(ends))
      assert.strictEqual(error.message, "All subscribers left before the end")
    }).pipe(Effect.scoped, inMemory)
  )

  it.live("a subscriber whose publisher leaves before its end fails, with what had come", () =>
    Effect.gen(function* () {
      const killed = yield* Scope.make()
      const pub = yield* XPub.make({ bind: at(1) }).pipe(Scope.provide(killed))
      const rep = yield* Rep.make({ bind: at(2) })
      const ends = yield* Effect.forkScoped(subscriber({ connect: both }))
      yield* XPub.receive(pub)
      yield* Rep.receive(rep)
      yield* Rep.reply(rep, "")
      yield* XPub.sendAll(pub, ["Rhubarb", "Rhubarb", "Rhubarb"])
      yield* prints(/^Ready$/)
      yield* Scope.close(killed, yield* Effect.exit(Effect.void))
      const error = yield* Effect.flip(Fiber.join(ends))
      assert.strictEqual(error.message, "The publisher left before its end: 3 updates had come")
    }).pipe(Effect.scoped, inMemory)
  )
})

describe("high-water-mark", () => {
  it.live("a publisher whose subscriber leaves fails", () =>
    Effect.gen(function* () {
      const ends = yield* Effect.forkScoped(fast({ bind: both, messages: 5000, size: 10, highWaterMark: 20 }))
      const killed = yield* Scope.make()
      yield* Sub.make({ connect: at(2), subscribe: "" }).pipe(Scope.provide(killed))
      const pull = yield* Pull.make({ connect: at(1) }).pipe(Scope.provide(killed))
      yield* Pull.receive(pull)
      yield* Scope.close(killed, yield* Effect.exit(Effect.void))
      const error = yield* Effect.flip(Fiber.join(ends))
      assert.strictEqual(error.message, "The subscriber left before it had taken all")
    }).pipe(Effect.scoped, inMemory)
  )

  it.live("a subscriber whose publisher leaves fails", () =>
    Effect.gen(function* () {
      const ends = yield* Effect.forkScoped(slow({ connect: both, rate: 5000, highWaterMark: 10 }))
      const killed = yield* Scope.make()
      yield* XPub.make({ bind: at(2) }).pipe(Scope.provide(killed))
      const push = yield* Push.make({ bind: at(1) }).pipe(Scope.provide(killed))
      yield* Push.send(push, Message.make("x"))
      yield* prints(/^Taking 5000/)
      yield* Scope.close(killed, yield* Effect.exit(Effect.void))
      const error = yield* Effect.flip(Fiber.join(ends))
      assert.strictEqual(error.message, "The publisher left before it had said that all was sent")
    }).pipe(Effect.scoped, inMemory)
  )
})

describe("pipeline/sink", () => {
  const terminal = Terminal.make({
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    size: Effect.never,
    readInput: Effect.never,
    readLine: Effect.never,
    display: () => Effect.void
  })

  it.effect("says once that nothing comes any more, and goes on", () =>
    Effect.gen(function* () {
      const ends = yield* Effect.forkScoped(sink({ bind: both, tasks: 3 }))
      const results = yield* Push.make({ connect: at(1) })
      yield* Push.sendAll(results, ["0", ""])
      for (let i = 0; i < 5; i++) yield* TestClock.adjust("3 seconds")
      const missing = "Nothing has come for 3 seconds: 2 of 3 results are missing, with 1 connected."
      assert.lengthOf(
        (yield* printed).filter((line) => line.startsWith(missing)),
        1
      )
      yield* Push.sendAll(results, ["", ""])
      yield* Fiber.join(ends)
    }).pipe(Effect.provideService(Terminal.Terminal, terminal), Effect.scoped, inMemory)
  )
})

describe("examples/main", () => {
  it.effect("a warning is one plain line on stderr, without a time and a fiber", () =>
    Effect.gen(function* () {
      yield* Effect.logWarning("not everything may have been delivered").pipe(Effect.annotateLogs({ name: "x" }))
      yield* Effect.logError("it has ended", Cause.fail(new Error("why")))
      assert.deepStrictEqual(yield* TestConsole.errorLines, [
        "not everything may have been delivered",
        "it has ended: why"
      ])
      assert.deepStrictEqual(yield* printed, [])
    }).pipe(Effect.provide(warnings), inMemory)
  )
})

describe("the READMEs of packages", () => {
  const packages = path.join(import.meta.dirname, "../../packages")
  it("have no relative links, which lead nowhere on the page of a registry", () => {
    for (const name of readdirSync(packages)) {
      const links = readFileSync(path.join(packages, name, "README.md"), "utf8").match(/\]\((?!https?:|#)[^)]*\)/g)
      assert.deepStrictEqual([name, links], [name, null])
    }
  })
})

describe("multipart-file/receiver", () => {
  it("git ignores its default directory", () => {
    const root = path.join(import.meta.dirname, "../..")
    assert.include(readFileSync(path.join(root, ".gitignore"), "utf8").split("\n"), "/received/")
  })
})
