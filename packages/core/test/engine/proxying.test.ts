import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Progress } from "../../src/Transport.ts"
import { frames, here, isDone, open, receive, receiveMany, send, settle, start, virtually } from "./sockets.ts"

const endpoint = "inproc://proxying"

describe("what a proxy asks of a socket", () => {
  virtually(
    "messages that are put back are taken next, in their order, before all others",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: endpoint })
      const push = yield* open("PUSH", { connect: endpoint })
      yield* send(push, "1", "2", "3", "4")
      yield* settle
      const taken = pull.receiveUnsafe(3)
      pull.putBackUnsafe(taken.slice(1))
      pull.putBackUnsafe(taken.slice(0, 1))
      assert.strictEqual(pull.receiveUnsafe(2).length, 2)
      assert.deepStrictEqual(here(pull), ["3", "4"])
    })
  )

  virtually(
    "putting back wakes who waits",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: endpoint })
      const waiting = yield* start(receive(pull))
      pull.putBackUnsafe([frames("1")])
      assert.strictEqual(yield* Fiber.join(waiting), "1")
    })
  )

  virtually(
    "a REP whose request is put back can be asked for it again",
    Effect.gen(function* () {
      const rep = yield* open("REP", { bind: endpoint })
      const req = yield* open("REQ", { connect: endpoint })
      yield* send(req, "1")
      yield* rep.readable
      rep.putBackUnsafe(rep.receiveUnsafe(1))
      assert.strictEqual(yield* receive(rep), "1")
      yield* send(rep, "2")
      assert.strictEqual(yield* receive(req), "2")
    })
  )

  virtually(
    "a send tells how far it came: done, interrupted, failed",
    Effect.gen(function* () {
      const highWaterMark = { send: 2, receive: 2 }
      const pull = yield* open("PULL", { bind: endpoint, highWaterMark })
      const push = yield* open("PUSH", { connect: endpoint, highWaterMark })
      const progress: Progress = { sent: 7 }
      yield* push.send([frames("1")], progress)
      assert.strictEqual(progress.sent, 1)
      const sending = yield* start(
        push.send([frames("2"), frames("3"), frames("4"), frames("5"), frames("6")], progress)
      )
      assert.strictEqual(progress.sent, 3)
      assert.strictEqual(yield* receive(pull), "1")
      yield* settle
      assert.isFalse(isDone(sending))
      yield* Fiber.interrupt(sending)
      const rest = here(pull)
      assert.strictEqual(progress.sent, rest.length)
      const router = yield* open("ROUTER", { bind: "inproc://router" })
      yield* open("DEALER", { connect: "inproc://router", routingId: new TextEncoder().encode("a") })
      yield* settle
      yield* Effect.flip(router.send([frames("a|1"), frames("b|2"), frames("a|3")], progress))
      assert.strictEqual(progress.sent, 1)
    })
  )

  virtually(
    "what was put back is received by any number of takes",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: endpoint })
      const all = Array.from({ length: 1000 }, (_, i) => `${i}`)
      pull.putBackUnsafe(all.map(frames))
      assert.deepStrictEqual(yield* receiveMany(pull, 1000), all)
    })
  )
})
