/** The in-process link, as a transport has it beside a link of its own. */
import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Inproc from "../../src/engine/Inproc.ts"
import * as Patterns from "../../src/engine/patterns/index.ts"
import * as SocketEngine from "../../src/engine/SocketEngine.ts"
import * as SocketOptions from "../../src/SocketOptions.ts"
import type { SocketType } from "../../src/SocketType.ts"
import { options } from "./pipes.ts"
import { accepts, at, receive, send, virtually } from "./sockets.ts"

const endpoint = at("inproc://a")

describe("the in-process link of another transport", () => {
  virtually(
    "counts what is lost in it with the sockets that lose it",
    Effect.gen(function* () {
      const inproc = yield* Inproc.make
      const open = Effect.fnUntraced(function* (type: SocketType, own: SocketOptions.DuplexOptions) {
        const resolved = Result.getOrThrow(SocketOptions.resolve(own, false))
        return yield* SocketEngine.make(type, resolved, Patterns.make(type, options), yield* inproc.open(type))
      })
      const pull = yield* open("PULL", { highWaterMark: { receive: 2 }, maxMessageSize: 8 })
      const push = yield* open("PUSH", { highWaterMark: { send: 2 } })
      yield* pull.bind(endpoint)
      yield* push.connect(endpoint)
      assert.isTrue(inproc.has(endpoint))
      assert.strictEqual(accepts(push), 4)
      assert.strictEqual(yield* receive(pull), "0")
      const closed = yield* pull.drain(Duration.zero)
      assert.deepStrictEqual(closed, { flushed: true, dropped: 0, losses: { unread: 3 } })
      assert.isFalse(inproc.has(endpoint))
      yield* send(push, "late")
      const report = yield* push.drain(Duration.zero)
      assert.deepStrictEqual(report, { flushed: false, dropped: 1, losses: { unsent: 1 } })
      const second = yield* open("PULL", { maxMessageSize: 8 })
      const other = yield* open("PUSH", {})
      yield* second.bind(endpoint)
      yield* other.connect(endpoint)
      yield* send(other, "123456789")
      assert.deepStrictEqual(second.losses.losses, { tooLarge: 1 })
    })
  )
})
