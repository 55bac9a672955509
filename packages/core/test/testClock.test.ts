import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TestClock } from "effect/testing"
import * as MemoryTransport from "../src/MemoryTransport.ts"
import * as Message from "../src/Message.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"

describe("under the test clock", () => {
  it.effect("a receive with a timeout gets what is there, however soon the clock moves", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "inproc://tasks" })
      const push = yield* Push.make({ connect: "inproc://tasks" })
      yield* Push.sendAll(push, ["1", "2", "3"])
      const receive = Effect.timeoutOption(Effect.map(Pull.receive(pull), Message.text), "1 second")
      const fiber = yield* Effect.forkChild(Effect.all([receive, receive, receive, receive]))
      yield* Effect.yieldNow
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(Option.getOrUndefined), ["1", "2", "3", undefined])
    }).pipe(Effect.provide(MemoryTransport.layer))
  )
})
