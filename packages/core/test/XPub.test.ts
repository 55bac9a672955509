import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Message from "../src/Message.ts"
import * as Poller from "../src/Poller.ts"
import * as XPub from "../src/XPub.ts"
import * as XSub from "../src/XSub.ts"
import type { ZmqError } from "../src/ZmqError.ts"
import { open } from "./ScriptedTransport.ts"

const openXPub = (options: XPub.Options = {}) =>
  Effect.map(open(XPub.make(options)), ({ handle, socket }) => ({ handle, xpub: socket }))

const word = XPub.Event.$match({
  Subscribe: ({ topic }) => `+${Message.text([topic])}`,
  Unsubscribe: ({ topic }) => `-${Message.text([topic])}`,
  Message: ({ message }) => message.map((frame) => Message.text([frame])).join("|")
})

const reasonOf = <A>(effect: Effect.Effect<A, ZmqError>) => Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe("XPub", () => {
  it.effect("tells subscriptions and messages apart, in every form", () =>
    Effect.gen(function* () {
      const { handle, xpub } = yield* openXPub()
      const arrive = () => handle.deliver("\x01a", "\x00", "text", ["user", "\x01b"], "", ["\x01a", "b"])
      const all = ["+a", "-", "text", "user|\x01b", "", "\x01a|b"]
      arrive()
      assert.strictEqual(word(yield* XPub.receive(xpub)), "+a")
      assert.deepStrictEqual(Option.map(yield* XPub.poll(xpub), word), Option.some("-"))
      assert.deepStrictEqual((yield* Stream.runCollect(Stream.take(XPub.stream(xpub), 4))).map(word), all.slice(2))
      arrive()
      const [batch = []] = yield* Stream.runCollect(Stream.take(XPub.batches(xpub), 1))
      assert.deepStrictEqual(batch.map(word), all)
      arrive()
      const polled = yield* Stream.runCollect(Stream.take(Poller.merge({ xpub }), 6))
      assert.deepStrictEqual(
        polled.map(({ value }) => word(value)),
        all
      )
    })
  )

  it.effect("confirms what was received last, by its topic or another one, and nothing else", () =>
    Effect.gen(function* () {
      const { handle, xpub } = yield* openXPub({ manual: true })
      handle.deliver("\x01a", "\x00b", "\x01c", "message")
      const [a, b, c] = [yield* XPub.receive(xpub), yield* XPub.receive(xpub), undefined]
      assert.isUndefined(c)
      if (a._tag === "Message" || b._tag === "Message") return assert.fail("a message")
      const reason = yield* reasonOf(XPub.confirm(xpub, a))
      assert.strictEqual(reason._tag, "InvalidState")
      assert.include(reason.message, "before receiving the next")
      yield* XPub.confirm(xpub, b)
      yield* xpub.pipe(XPub.confirm(b, { topic: Uint8Array.of(66) }))
      const third = yield* XPub.receive(xpub)
      if (third._tag === "Message") return assert.fail("a message")
      yield* XPub.confirm(xpub, third, { topic: "C" })
      yield* XPub.receive(xpub)
      assert.strictEqual((yield* reasonOf(XPub.confirm(xpub, third)))._tag, "InvalidState")
      assert.deepStrictEqual(handle.done, ["unsubscribe b", "unsubscribe B", "subscribe C"])
    })
  )

  it.effect("confirms nothing on a socket that is not manual", () =>
    Effect.gen(function* () {
      const { handle, xpub } = yield* openXPub()
      handle.deliver("\x01a")
      const event = yield* XPub.receive(xpub)
      if (event._tag === "Message") return assert.fail("a message")
      assert.strictEqual((yield* reasonOf(XPub.confirm(xpub, event)))._tag, "InvalidState")
      assert.deepStrictEqual(handle.done, [])
    })
  )

  it.effect("gives its options to the transport", () =>
    Effect.gen(function* () {
      const { handle } = yield* openXPub({ verbosity: "all", manual: true, welcomeMessage: "hi", noDrop: true })
      const { manual, noDrop, verbosity, welcomeMessage } = handle.options
      assert.deepStrictEqual([verbosity, manual, noDrop], ["all", true, true])
      assert.deepStrictEqual(welcomeMessage, Uint8Array.of(104, 105))
    })
  )
})

describe("XSub", () => {
  it.effect("subscribes to what its options say, and later; and sends", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(
        XSub.make({ subscribe: ["a", Uint8Array.of(98)], verboseUnsubscribe: true })
      )
      assert.deepStrictEqual(handle.options.subscribe, [Uint8Array.of(97), Uint8Array.of(98)])
      assert.isTrue(handle.options.verboseUnsubscribe)
      yield* XSub.subscribe(socket, "c")
      yield* socket.pipe(XSub.unsubscribe(Uint8Array.of(99)))
      assert.deepStrictEqual(handle.done, ["subscribe c", "unsubscribe c"])
      yield* XSub.send(socket, ["user", "message"])
      yield* XSub.sendAll(socket, ["", ["", "\x01"]])
      yield* Stream.run(Stream.make("\x02"), XSub.sink(socket))
      assert.deepStrictEqual(handle.sentTexts, ["user|message", "", "|\x01", "\x02"])
      for (const wrong of ["\x00", "\x01topic", ["\x01", "b"]] as const) {
        assert.strictEqual((yield* reasonOf(XSub.send(socket, wrong)))._tag, "InvalidMessage")
        assert.strictEqual((yield* reasonOf(XSub.sendAll(socket, ["good", wrong])))._tag, "InvalidMessage")
      }
      assert.strictEqual(handle.sent.length, 4)
    })
  )
})
