import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import { TestClock } from "effect/testing"
import * as Message from "../src/Message.ts"
import * as Req from "../src/Req.ts"
import * as Socket from "../src/Socket.ts"
import { makeDice, open, range } from "./ScriptedTransport.ts"

const openReq = Effect.map(open(Req.make({})), ({ handle, socket }) => ({ handle, req: socket }))

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

const withdrawals = (handle: { readonly done: ReadonlyArray<string> }) =>
  handle.done.filter((one) => one === "withdraw").length

describe("Req.request", () => {
  it.effect("sends a request, and gives its reply", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      handle.onSend = (message) => handle.deliver(["re", ...message] as never)
      assert.strictEqual(Message.text(yield* Req.request(req, "Hello")), "Hello")
      assert.strictEqual((yield* Req.request("World")(req)).length, 2)
      assert.deepStrictEqual(handle.sentTexts, ["Hello", "World"])
      assert.strictEqual(withdrawals(handle), 0)
    })
  )

  it.effect("lets the requests of several fibers wait in line: one is under way at a time", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      const replies: Array<string> = []
      for (const n of range(0, 5)) {
        yield* start(Effect.map(Req.request(req, `${n}`), (reply) => void replies.push(`${n}: ${Message.text(reply)}`)))
      }
      for (const n of range(0, 5)) {
        yield* settle
        assert.deepStrictEqual(handle.sentTexts, range(0, n + 1).map(String))
        handle.deliver(`re ${n}`)
      }
      yield* settle
      assert.deepStrictEqual(
        replies,
        range(0, 5).map((n) => `${n}: re ${n}`)
      )
    })
  )

  it.effect("withdraws a request that is interrupted, exactly once", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      const first = yield* start(Req.request(req, "1"))
      yield* settle
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(handle.done, ["withdraw"])
      const second = yield* start(Req.request(req, "2"))
      yield* settle
      handle.deliver("re 2")
      assert.strictEqual(Message.text(yield* Fiber.join(second)), "re 2")
      assert.deepStrictEqual(handle.done, ["withdraw"])
    })
  )

  it.effect("withdraws a request that is timed out, before the next one is sent", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      handle.onSend = (message) => handle.done.push(`send ${Message.text(message)}`)
      const first = yield* start(Effect.timeoutOption(Req.request(req, "1"), "1 second"))
      const second = yield* start(Req.request(req, "2"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(first), Option.none())
      yield* settle
      assert.deepStrictEqual(handle.done, ["send 1", "withdraw", "send 2"])
      handle.deliver("re 2")
      assert.strictEqual(Message.text(yield* Fiber.join(second)), "re 2")
    })
  )

  it.effect("withdraws nothing for a request that was interrupted in line", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      const first = yield* start(Req.request(req, "1"))
      const second = yield* start(Req.request(req, "2"))
      yield* settle
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(handle.sentTexts, ["1"])
      assert.deepStrictEqual(handle.done, [])
      handle.deliver("re 1")
      yield* Fiber.join(first)
    })
  )

  it.effect("interrupted while it waits for a peer, has sent nothing", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      handle.room = 0
      const first = yield* start(Req.request(req, "1"))
      yield* settle
      yield* Fiber.interrupt(first)
      handle.grant(1)
      handle.onSend = (message) => handle.deliver(message)
      assert.strictEqual(Message.text(yield* Req.request(req, "2")), "2")
      assert.deepStrictEqual(handle.sentTexts, ["2"])
    })
  )

  it.effect("withdraws nothing for what is no message, and leaves the socket usable", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      const error = yield* Effect.flip(Req.request(req, 7 as never))
      assert.deepStrictEqual([error.module, error.method, error.reason._tag], ["Req", "request", "InvalidMessage"])
      handle.onSend = (message) => handle.deliver(message)
      assert.strictEqual(Message.text(yield* Req.request(req, "2")), "2")
      assert.deepStrictEqual(handle.done, [])
    })
  )

  it.effect("fails with Closed when the socket closes, in line too", () =>
    Effect.gen(function* () {
      const { handle, req } = yield* openReq
      const fibers = [
        yield* start(Effect.flip(Req.request(req, "1"))),
        yield* start(Effect.flip(Req.request(req, "2")))
      ]
      yield* settle
      yield* Socket.drain(req, 0)
      for (const fiber of fibers) {
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.method, error.reason._tag], ["request", "Closed"])
      }
      assert.strictEqual(withdrawals(handle), 0)
    })
  )

  for (const operations of [3, 5, 8, 13, 50, 130, 2048]) {
    it.effect(
      `is never stuck, and gives nobody another's reply, whenever it is interrupted (${operations} operations)`,
      () =>
        Effect.gen(function* () {
          const { handle, req } = yield* openReq
          const dice = makeDice(operations)
          // A peer that answers now, soon, or never; a withdrawn request is not answered.
          let pending: string | undefined
          handle.onSend = (message) => {
            pending = Message.text(message)
            if (dice(3) === 0) answer()
          }
          const answer = () => {
            if (pending !== undefined) handle.deliver(`re ${pending}`)
            pending = undefined
          }
          const handleWithdraw = handle as { withdraw: Effect.Effect<void> }
          const { withdraw } = handle
          handleWithdraw.withdraw = Effect.andThen(
            withdraw,
            Effect.sync(() => {
              pending = undefined
              handle.receiveUnsafe(10)
            })
          )
          let answered = 0
          const request = (n: number) =>
            Effect.map(Req.request(req, String(n)), (reply) => {
              answered++
              assert.strictEqual(Message.text(reply), `re ${n}`)
            })
          const fibers: Array<Fiber.Fiber<void, unknown>> = []
          for (const n of range(0, 2000)) {
            fibers.push(yield* start(Effect.provideService(request(n), Scheduler.MaxOpsBeforeYield, operations)))
            if (dice(2) === 0) yield* Effect.yieldNow
            if (dice(3) === 0) answer()
            while (fibers.length > 4) {
              const [fiber] = fibers.splice(dice(fibers.length), 1)
              if (fiber === undefined) continue
              yield* Fiber.interrupt(fiber)
              const exit = fiber.pollUnsafe()
              assert.isTrue(
                exit !== undefined && (exit._tag === "Success" || !String(exit).includes("AssertionError")),
                String(exit)
              )
            }
          }
          yield* Fiber.interruptAll(fibers)
          assert.isAbove(answered, 50)
          handle.onSend = (message) => handle.deliver(`re ${Message.text(message)}`)
          yield* request(9999)
        })
    )
  }
})
