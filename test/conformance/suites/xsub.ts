/** XSUB, as RFC 29 has it, and as libzmq tests it. */

import * as Message from "@effect-zmq/core/Message"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { assert } from "vitest"
import {
  come,
  connected,
  disconnected,
  endpointOf,
  failsWith,
  happened,
  numbered,
  plain,
  receives,
  rest,
  silent,
  sub,
  suspended,
  texts,
  xpub,
  xsub
} from "../steps.ts"
import { publish, told, toldMany, toldNothing } from "../subscriptions.ts"
import { suite } from "../suite.ts"

export const xsubs = suite(
  "XSUB (RFC 29)",
  (test) => {
    test("XSUB SHALL accept subscription commands from its calling application, and SHALL send subscribe and unsubscribe requests to publishers", (place) =>
      Effect.gen(function* () {
        const one = yield* xpub({ bind: place.any() })
        const other = yield* xpub({ bind: place.any() })
        const subscriber = yield* xsub({ connect: [yield* endpointOf(one), yield* endpointOf(other)] })
        yield* XSub.subscribe(subscriber, "A")
        for (const publisher of [one, other]) assert.strictEqual(yield* told(publisher), "+A")
        for (const publisher of [one, other]) yield* publish(publisher, ["A", "B"])
        yield* receives(subscriber, ["A", "A"])
        yield* XSub.unsubscribe(subscriber, "A")
        for (const publisher of [one, other]) {
          assert.strictEqual(yield* told(publisher), "-A")
          yield* publish(publisher, ["A"])
        }
        yield* silent(subscriber)
      }))

    test("with verboseUnsubscribe, an XSUB tells of every unsubscribe, and otherwise of the last of a topic", (place) =>
      Effect.gen(function* () {
        for (const verboseUnsubscribe of [false, true]) {
          const publisher = yield* xpub({ bind: place.any(), verbosity: "all" })
          const subscriber = yield* xsub({ connect: yield* endpointOf(publisher), verboseUnsubscribe })
          yield* connected(place, subscriber)
          const unsubscribe = XSub.unsubscribe(subscriber, "A")
          yield* unsubscribe // what is not there
          if (verboseUnsubscribe) assert.strictEqual(yield* told(publisher), "-A")
          for (let i = 0; i < 2; i++) {
            yield* XSub.subscribe(subscriber, "A")
            assert.strictEqual(yield* told(publisher), "+A")
          }
          yield* unsubscribe
          if (verboseUnsubscribe) assert.strictEqual(yield* told(publisher), "-A")
          else yield* toldNothing(publisher)
          yield* unsubscribe
          assert.strictEqual(yield* told(publisher), "-A")
        }
      }))

    test(
      "an XSUB sends all subscriptions to every publisher that comes, and again after a reconnection",
      (place) =>
        Effect.gen(function* () {
          const address = place.nobody()
          const subscriber = yield* xsub({
            connect: address,
            subscribe: ["a", "b"],
            reconnect: { initial: "20 millis" }
          })
          yield* XSub.unsubscribe(subscriber, "b")
          yield* XSub.subscribe(subscriber, "c")
          for (let round = 1; round <= 3; round++) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const publisher = yield* xpub({ bind: address })
                assert.sameMembers(yield* toldMany(publisher, 2), ["+a", "+c"])
                yield* publish(publisher, [`a${round}`, `b${round}`])
                yield* receives(subscriber, [`a${round}`])
              })
            )
            yield* happened(subscriber, "Disconnected", round)
          }
        }),
      ["tcp", "ipc"]
    )

    test("XSUB SHALL not modify outgoing messages in any way, and SHALL send all messages to all connected publishers", (place) =>
      Effect.gen(function* () {
        const publishers = yield* Effect.forEach([0, 1, 2], () => xpub({ bind: place.any() }))
        const addresses = yield* Effect.forEach(publishers, (publisher) => endpointOf(publisher))
        const subscriber = yield* xsub({ connect: addresses })
        yield* connected(place, subscriber, 3)
        for (const sent of [["user", "", "message"], "text", ""] as const) {
          yield* XSub.send(subscriber, sent)
          for (const publisher of publishers) {
            const event = yield* XPub.receive(publisher)
            assert.deepStrictEqual(event._tag === "Message" && plain(event.message), plain(Message.make(sent)))
          }
        }
      }))

    test("an XSUB sends no message that would be taken for a subscription", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const subscriber = yield* xsub({ connect: yield* endpointOf(publisher) })
        for (const byte of [0, 1]) {
          yield* failsWith("InvalidMessage", XSub.send(subscriber, Uint8Array.of(byte, 65)))
          yield* failsWith("InvalidMessage", XSub.sendAll(subscriber, ["good", [Uint8Array.of(byte), "body"]]))
        }
        yield* XSub.send(subscriber, ["", Uint8Array.of(1, 65)])
        assert.deepStrictEqual((yield* XPub.receive(publisher))._tag, "Message")
      }))

    test("XSUB SHALL silently drop the message if the outgoing queue for a publisher is full, and SHALL NOT block on sending", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), highWaterMark: { receive: 5 } })
        const address = yield* endpointOf(publisher)
        const subscriber = yield* xsub({ connect: [address, place.nobody()], highWaterMark: { send: 5 } })
        yield* connected(place, subscriber)
        const bytes = new Uint8Array(100_000)
        const sending = Effect.forEach(numbered("", 400), (text) => XSub.send(subscriber, ["user", bytes, text]))
        assert.isTrue(Option.isSome(yield* Effect.timeoutOption(sending, "5 seconds")), "it had to wait")
        assert.deepStrictEqual(yield* toldMany(publisher, 5), numbered("", 5))
      }))

    test("XSUB SHALL maintain a double queue for each connected publisher, and SHALL silently discard messages if the incoming queue for a publisher is full", (place) =>
      Effect.gen(function* () {
        const loud = yield* xpub({ bind: place.any(), highWaterMark: { send: 5 } })
        const soft = yield* xpub({ bind: place.any(), highWaterMark: { send: 5 } })
        const subscriber = yield* xsub({
          connect: [yield* endpointOf(loud), yield* endpointOf(soft)],
          subscribe: "",
          highWaterMark: { receive: 5 }
        })
        for (const publisher of [loud, soft]) assert.strictEqual(yield* told(publisher), "+")
        yield* publish(
          loud,
          numbered("loud ", 300).map((text) => [text, new Uint8Array(100_000), text] as const)
        )
        yield* publish(soft, ["soft"])
        const received = yield* rest(subscriber, 1)
        assert.include(received, "soft")
        assert.isBelow(received.length, 301)
        yield* publish(loud, ["again"])
        assert.deepStrictEqual(yield* texts(subscriber, 1), ["again"])
      }))

    test("XSUB SHALL create a double queue when initiating an outgoing connection to a publisher, and SHALL maintain the double queue whether or not the connection is established", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const subscriber = yield* xsub({ connect: address, subscribe: "a" })
        yield* XSub.send(subscriber, "early")
        const publisher = yield* xpub({ bind: address })
        assert.sameMembers(yield* toldMany(publisher, 2), ["+a", "early"])
        yield* publish(publisher, ["a", "b"])
        yield* receives(subscriber, ["a"])
      }))

    test("XSUB SHALL create a double queue when a publisher connects to it", (place) =>
      Effect.gen(function* () {
        const subscriber = yield* xsub({ bind: place.any(), subscribe: "a" })
        const waiting = yield* suspended(XSub.receive(subscriber))
        const publisher = yield* xpub({ connect: yield* endpointOf(subscriber) })
        assert.strictEqual(yield* told(publisher), "+a")
        yield* publish(publisher, ["a"])
        assert.strictEqual(Message.text(yield* Fiber.join(waiting)), "a")
      }))

    test("an XSUB and an XPUB still give what a peer that has left had delivered", (place) =>
      Effect.gen(function* () {
        const subscriber = yield* xsub({ bind: place.any(), subscribe: "" })
        const address = yield* endpointOf(subscriber)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const publisher = yield* xpub({ connect: address, linger: "1 second" })
            assert.strictEqual(yield* told(publisher), "+")
            yield* publish(publisher, numbered("", 100))
          })
        )
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* texts(subscriber, 100), numbered("", 100))
        const publisher = yield* xpub({ bind: place.any() })
        const back = yield* endpointOf(publisher)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const leaving = yield* xsub({ connect: back, subscribe: "a", linger: "1 second" })
            yield* Effect.forEach(numbered("", 100), (text) => XSub.send(leaving, text))
          })
        )
        yield* disconnected(place, publisher)
        const events = yield* toldMany(publisher, 102)
        assert.deepStrictEqual(events.at(-1), "-a")
        assert.deepStrictEqual(
          events.filter((event) => !event.endsWith("a")),
          numbered("", 100)
        )
      }))

    test("XSUB SHALL receive incoming messages from its publishers using a fair-queuing strategy", (place) =>
      Effect.gen(function* () {
        const publishers = yield* Effect.forEach([0, 1, 2], () => xpub({ bind: place.any() }))
        const addresses = yield* Effect.forEach(publishers, (publisher) => endpointOf(publisher))
        const subscriber = yield* xsub({ connect: addresses, subscribe: "" })
        for (const publisher of publishers) yield* told(publisher)
        for (const [index, publisher] of publishers.entries())
          yield* publish(publisher, [`${index}`, `${index}`, `${index}`])
        yield* come
        const received = yield* texts(subscriber, 9)
        for (const round of [0, 3, 6]) {
          assert.sameMembers(received.slice(round, round + 3), ["0", "1", "2"], received.join(" "))
        }
      }))

    test("XSUB SHALL deliver messages to its calling application", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const subscriber = yield* xsub({ connect: yield* endpointOf(publisher), subscribe: "" })
        yield* told(publisher)
        yield* publish(publisher, numbered("", 500))
        assert.deepStrictEqual(yield* texts(subscriber, 500), numbered("", 500))
      }))

    test("a proxy of an XSUB and an XPUB passes subscriptions up and messages down", (place) =>
      Effect.gen(function* () {
        const up = yield* xsub({ bind: place.any() })
        const down = yield* xpub({ bind: place.any() })
        yield* Effect.forkChild(XSub.runForEach(up, (message) => XPub.send(down, message)))
        yield* Effect.forkChild(
          XPub.runForEach(down, (event) => {
            if (event._tag === "Message") return XSub.send(up, event.message)
            return event._tag === "Subscribe" ? XSub.subscribe(up, event.topic) : XSub.unsubscribe(up, event.topic)
          })
        )
        const publisher = yield* xpub({ connect: yield* endpointOf(up) })
        const address = yield* endpointOf(down)
        const subscriber = yield* sub({ connect: address, subscribe: "1" })
        assert.strictEqual(yield* told(publisher), "+1")
        yield* publish(publisher, [
          ["1", "X"],
          ["2", "Y"]
        ])
        yield* receives(subscriber, ["X"])
        const other = yield* sub({ connect: address, subscribe: ["1", "2"] })
        assert.strictEqual(yield* told(publisher), "+2")
        yield* Sub.unsubscribe(subscriber, "1")
        yield* Sub.unsubscribe(other, "1")
        assert.strictEqual(yield* told(publisher), "-1")
      }))
  },
  ["XPUB", "XSUB"]
)
