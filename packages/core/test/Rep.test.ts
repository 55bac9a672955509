import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Message from "../src/Message.ts"
import * as Rep from "../src/Rep.ts"
import * as Socket from "../src/Socket.ts"
import { makeDice, numbered, open, range } from "./ScriptedTransport.ts"

const openRep = Effect.map(open(Rep.make({})), ({ handle, socket }) => ({ handle, rep: socket }))

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

const echo = (request: Message.Message) => Effect.succeed(`re ${Message.text(request)}`)

describe("Rep.serve", () => {
  it.effect("answers requests, one after the other, in their order", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1", "2")
      yield* start(Rep.serve(rep, echo))
      yield* settle
      handle.deliver("3")
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, ["re 1", "re 2", "re 3"])
    })
  )

  it.effect("takes no request before the last one is answered", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1", "2")
      yield* start(Rep.serve(rep, () => Effect.never))
      yield* settle
      assert.strictEqual(handle.left, 1)
      assert.deepStrictEqual(handle.sentTexts, [])
    })
  )

  it.effect("ends in peace when the socket closes, while it waits and while it handles", () =>
    Effect.gen(function* () {
      for (const requests of [[], ["1"]]) {
        const { handle, rep } = yield* openRep
        const serving = yield* start(Rep.serve(rep, (request) => Effect.andThen(settle, echo(request))))
        yield* settle
        handle.deliver(...requests)
        yield* Effect.yieldNow
        yield* Socket.drain(rep, 0)
        yield* Fiber.join(serving)
        assert.deepStrictEqual(handle.sentTexts, [])
      }
    })
  )

  it.effect("leaves a request to the next serve when its handler is interrupted", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1", "2")
      const first = yield* start(Rep.serve(rep, () => Effect.never))
      yield* settle
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(handle.sentTexts, [])
      yield* start(Rep.serve(rep, echo))
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, ["re 1", "re 2"])
    })
  )

  it.effect("leaves a request to the next receive, too", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      const first = yield* start(Rep.serve(rep, () => Effect.never))
      yield* settle
      yield* Fiber.interrupt(first)
      assert.strictEqual(Message.text(yield* Rep.receive(rep)), "1")
      yield* Rep.reply(rep, "late")
      assert.deepStrictEqual(handle.sentTexts, ["late"])
    })
  )

  it.effect("dies with a defect of its handler, thrown or not, and leaves the request", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      for (const bug of [
        () => Effect.die("bug"),
        () => {
          throw "bug"
        }
      ]) {
        const exit = yield* Effect.exit(Rep.serve(rep, bug))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "bug")
      }
      yield* start(Rep.serve(rep, echo))
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, ["re 1"])
    })
  )

  it.effect("makes a reply of failures and of defects by onError, and goes on", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("fail", "die", "throw", "interrupt", "fine")
      const handler = (request: Message.Message): Effect.Effect<string, string> => {
        const text = Message.text(request)
        if (text === "throw") throw new Error("thrown")
        // Such as a handler that joins a fiber which was interrupted.
        if (text === "interrupt") return Effect.interrupt
        return text === "fail" ? Effect.fail("failed") : text === "die" ? Effect.die("died") : Effect.succeed(text)
      }
      yield* start(
        Rep.serve(rep, handler, {
          onError: (cause) =>
            Effect.succeed(Cause.hasInterrupts(cause) ? "interrupted" : ["error", String(Cause.squash(cause))])
        })
      )
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, [
        "error|failed",
        "error|died",
        "error|Error: thrown",
        "interrupted",
        "fine"
      ])
    })
  )

  it.effect("does not take an interruption for an error", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      const serving = yield* start(Rep.serve(rep, () => Effect.never, { onError: () => Effect.succeed("error") }))
      yield* settle
      yield* Fiber.interrupt(serving)
      assert.deepStrictEqual(handle.sentTexts, [])
    })
  )

  it.effect("fails with InvalidMessage for a handler that gives none, and leaves the request", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      const error = yield* Effect.flip(Rep.serve(rep, () => Effect.succeed(7 as never)))
      assert.deepStrictEqual([error.method, error.reason._tag], ["serve", "InvalidMessage"])
      assert.strictEqual(Message.text(yield* Rep.receive(rep)), "1")
    })
  )

  it.effect("may be run by two fibers: each request is answered once", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      const by: Array<string> = []
      const serve = (who: string) =>
        start(
          Rep.serve(rep, (request) => {
            by.push(who)
            return Effect.andThen(Effect.yieldNow, echo(request))
          })
        )
      yield* serve("a")
      yield* serve("b")
      handle.deliver(...numbered(0, 20))
      while (handle.sent.length < 20) yield* Effect.yieldNow
      yield* settle
      assert.deepStrictEqual(
        handle.sentTexts,
        range(0, 20).map((n) => `re ${n}`)
      )
      assert.includeMembers(by, ["a", "b"])
    })
  )

  for (const operations of [3, 5, 8, 13, 50, 130, 2048]) {
    it.effect(`answers every request once, whenever it is interrupted (${operations} operations)`, () =>
      Effect.gen(function* () {
        const { handle, rep } = yield* openRep
        const dice = makeDice(operations)
        let sent = 0
        const handler = (request: Message.Message) =>
          dice(3) === 0 ? Effect.andThen(Effect.yieldNow, echo(request)) : echo(request)
        const serving = Effect.provideService(Rep.serve(rep, handler), Scheduler.MaxOpsBeforeYield, operations)
        for (const _ of range(0, 1000)) {
          const fiber = yield* start(serving)
          for (const _ of range(0, dice(4))) handle.deliver(String(sent++))
          for (const _ of range(0, dice(8))) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }
        yield* start(Rep.serve(rep, echo))
        for (let i = 0; i < 10_000 && handle.sent.length < sent; i++) yield* Effect.yieldNow
        assert.deepStrictEqual(
          handle.sentTexts,
          range(0, sent).map((n) => `re ${n}`)
        )
      })
    )
  }
})

describe("Rep.receive and Rep.reply", () => {
  it.effect("answer one request after the other", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver(["1", "a"], "2")
      assert.strictEqual((yield* Rep.receive(rep)).length, 2)
      yield* Rep.reply(rep, ["one", "two"])
      yield* Rep.receive(rep)
      yield* Rep.reply("three")(rep)
      assert.deepStrictEqual(handle.sentTexts, ["one|two", "three"])
    })
  )

  it.effect("receive fails with InvalidState while its last request is unanswered", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1", "2")
      yield* Rep.receive(rep)
      const error = yield* Effect.flip(Rep.receive(rep))
      assert.deepStrictEqual([error.module, error.method, error.reason._tag], ["Rep", "receive", "InvalidState"])
      assert.include(error.message, "answer it by Rep.reply first")
      yield* Rep.reply(rep, "1")
      assert.strictEqual(Message.text(yield* Rep.receive(rep)), "2")
    })
  )

  it.effect("reply fails with InvalidState where there is no request", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      for (const _ of range(0, 2)) {
        const error = yield* Effect.flip(Rep.reply(rep, "x"))
        assert.deepStrictEqual([error.module, error.method, error.reason._tag], ["Rep", "reply", "InvalidState"])
        handle.deliver("1")
        yield* Rep.receive(rep)
        yield* Rep.reply(rep, "1")
      }
      assert.deepStrictEqual(handle.sentTexts, ["1", "1"])
    })
  )

  it.effect("a reply that is no message leaves the request to be answered", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      yield* Rep.receive(rep)
      const error = yield* Effect.flip(Rep.reply(rep, [] as never))
      assert.strictEqual(error.reason._tag, "InvalidMessage")
      yield* Rep.reply(rep, "good")
      assert.deepStrictEqual(handle.sentTexts, ["good"])
    })
  )

  it.effect("of two replies at once, one is sent", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      yield* Rep.receive(rep)
      handle.room = 0 // so that the first reply takes its time
      const first = yield* start(Rep.reply(rep, "first"))
      const error = yield* Effect.flip(Rep.reply(rep, "second"))
      assert.strictEqual(error.reason._tag, "InvalidState")
      handle.grant(10)
      yield* Fiber.join(first)
      assert.deepStrictEqual(handle.sentTexts, ["first"])
    })
  )

  it.effect("a receive that is interrupted leaves the socket to others", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      for (const _ of range(0, 100)) {
        const fiber = yield* start(Rep.receive(rep))
        yield* settle
        handle.deliver("1")
        yield* Fiber.interrupt(fiber)
        yield* Rep.receive(rep)
        yield* Rep.reply(rep, "re")
      }
      assert.strictEqual(handle.sent.length, 100)
    })
  )

  it.effect("receivers wait in line while a request is dealt with", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      const log: Array<string> = []
      const client = (who: string) =>
        start(
          Effect.gen(function* () {
            const request = yield* Rep.receive(rep)
            log.push(`${who} ${Message.text(request)}`)
            yield* settle
            yield* Rep.reply(rep, who)
          })
        )
      for (const who of ["a", "b", "c"]) yield* client(who)
      handle.deliver("1", "2", "3")
      while (handle.sent.length < 3) yield* Effect.yieldNow
      assert.deepStrictEqual(log, ["a 1", "b 2", "c 3"])
      assert.deepStrictEqual(handle.sentTexts, ["a", "b", "c"])
    })
  )

  it.effect("both fail with Closed once the socket is closed", () =>
    Effect.gen(function* () {
      const { handle, rep } = yield* openRep
      handle.deliver("1")
      yield* Rep.receive(rep)
      yield* Socket.drain(rep, 0)
      const late = yield* Effect.flip(Rep.reply(rep, "x"))
      assert.deepStrictEqual([late.method, late.reason._tag], ["reply", "Closed"])
      const other = yield* openRep
      const waiting = yield* start(Effect.flip(Rep.receive(other.rep)))
      yield* Socket.drain(other.rep, 0)
      const error = yield* Fiber.join(waiting)
      assert.deepStrictEqual([error.method, error.reason._tag], ["receive", "Closed"])
    })
  )
})
