/** XPUB, as RFC 29 has it, and as libzmq tests it. */

import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import {
  aWhile,
  come,
  connected,
  endpointOf,
  failsWith,
  numbered,
  plain,
  pub,
  receives,
  rest,
  silent,
  sorts,
  sub,
  texts,
  xpub,
  xsub
} from "../steps.ts"
import { confirmed, publish, told, toldMany, toldNothing } from "../subscriptions.ts"
import { suite } from "../suite.ts"

export const xpubs = suite(
  "XPUB (RFC 29)",
  (test) => {
    test("XPUB SHALL not modify outgoing messages in any way, XSUB SHALL not modify incoming messages in any way", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const subscriber = yield* xsub({ connect: yield* endpointOf(publisher), subscribe: "" })
        assert.strictEqual(yield* told(publisher), "+")
        yield* publish(publisher, sorts)
        for (const sent of sorts) assert.deepStrictEqual(plain(yield* XSub.receive(subscriber)), plain(sent))
      }))

    test("XPUB SHALL deliver subscribe and unsubscribe requests to its calling application", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: "A" })
        assert.strictEqual(yield* told(publisher), "+A")
        yield* Sub.subscribe(subscriber, Uint8Array.of(0, 1, 255))
        const event = yield* XPub.receive(publisher)
        assert.strictEqual(event._tag, "Subscribe")
        if (event._tag === "Subscribe") assert.deepStrictEqual(plain([event.topic]), ["0001ff"])
        yield* Sub.unsubscribe(subscriber, "A")
        assert.strictEqual(yield* told(publisher), "-A")
        yield* Sub.subscribe(subscriber, "")
        assert.strictEqual(yield* told(publisher), "+")
      }))

    test("XPUB normalizes requests, so that multiple identical subscriptions result in a single one", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const address = yield* endpointOf(publisher)
        const one = yield* sub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* told(publisher), "+A")
        const other = yield* sub({ connect: address, subscribe: ["A", "B", "A"] })
        assert.strictEqual(yield* told(publisher), "+B")
        yield* Sub.unsubscribe(one, "A")
        yield* toldNothing(publisher) // for the other has it
        yield* Sub.unsubscribe(other, "A")
        yield* toldNothing(publisher) // once more
        yield* Sub.unsubscribe(other, "A")
        assert.strictEqual(yield* told(publisher), "-A")
      }))

    test('with verbosity "subscriptions", an XPUB tells of every subscription, and of the last end', (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), verbosity: "subscriptions" })
        const address = yield* endpointOf(publisher)
        const one = yield* sub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* told(publisher), "+A")
        const other = yield* sub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* told(publisher), "+A")
        yield* Sub.subscribe(other, "A")
        assert.strictEqual(yield* told(publisher), "+A")
        yield* Sub.unsubscribe(one, "A")
        yield* toldNothing(publisher)
        yield* Sub.unsubscribe(other, "A")
        yield* Sub.unsubscribe(other, "A")
        assert.strictEqual(yield* told(publisher), "-A")
        yield* toldNothing(publisher)
      }))

    test('with verbosity "all", an XPUB tells of every subscription and of every end', (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), verbosity: "all" })
        const address = yield* endpointOf(publisher)
        const one = yield* sub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* told(publisher), "+A")
        const scope = yield* Scope.make()
        yield* Scope.provide(sub({ connect: address, subscribe: "A" }), scope)
        assert.strictEqual(yield* told(publisher), "+A")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* told(publisher), "-A")
        yield* Sub.unsubscribe(one, "A")
        assert.strictEqual(yield* told(publisher), "-A")
      }))

    test("XPUB SHALL, if the subscriber peer disconnects prematurely, generate a suitable unsubscribe request for the calling application", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const address = yield* endpointOf(publisher)
        const staying = yield* sub({ connect: address, subscribe: ["both", "mine"] })
        assert.sameMembers(yield* toldMany(publisher, 2), ["+both", "+mine"])
        const scope = yield* Scope.make()
        yield* Scope.provide(sub({ connect: address, subscribe: ["both", "alone", "a"] }), scope)
        assert.sameMembers(yield* toldMany(publisher, 2), ["+alone", "+a"])
        yield* Scope.close(scope, Exit.void)
        assert.sameMembers(yield* toldMany(publisher, 2), ["-alone", "-a"])
        yield* toldNothing(publisher)
        yield* publish(publisher, ["alone", "both"])
        yield* receives(staying, ["both"])
      }))

    test("XPUB SHALL perform a binary comparison of the subscription against the start of the first frame of the message", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const address = yield* endpointOf(publisher)
        const subscriber = yield* sub({ connect: address, subscribe: Uint8Array.of(0, 255) })
        const other = yield* xsub({ connect: address, subscribe: "10001 " })
        yield* toldMany(publisher, 2)
        const bytes = (...all: ReadonlyArray<number>) => Uint8Array.from(all)
        yield* publish(publisher, [bytes(0), bytes(255, 0, 255), ["", bytes(0, 255)], [bytes(0, 255, 7), "body"]])
        assert.deepStrictEqual(plain(yield* Sub.receive(subscriber)), ["00ff07", "626f6479"])
        yield* silent(subscriber)
        yield* publish(publisher, ["10001", "100010 a", "1000 a", "10001 a"])
        yield* receives(other, ["10001 a"])
      }))

    test("XPUB SHALL maintain a double queue for each connected subscriber", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), highWaterMark: { send: 100 } })
        const address = yield* endpointOf(publisher)
        const slow = yield* sub({ connect: address, subscribe: "", highWaterMark: { receive: 10 } })
        yield* toldMany(publisher, 1)
        const quick = yield* xsub({ connect: address, subscribe: "quick", highWaterMark: { receive: 10 } })
        assert.strictEqual(yield* told(publisher), "+quick")
        // One reads nothing, the other everything, and is heard.
        for (const text of numbered("quick ", 400)) {
          yield* XPub.send(publisher, [text, new Uint8Array(100_000), text])
          assert.deepStrictEqual(yield* texts(quick, 1), [text])
          yield* XSub.send(quick, `re ${text}`)
          assert.strictEqual(yield* told(publisher), `re ${text}`)
        }
        assert.isBelow((yield* rest(slow)).length, 400)
      }))

    test("XPUB SHALL create a double queue when initiating an outgoing connection to a subscriber, and SHALL maintain the double queue whether or not the connection is established", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const publisher = yield* xpub({ connect: address })
        yield* publish(publisher, ["before"]) // nobody has subscribed to it yet
        const subscriber = yield* sub({ bind: address, subscribe: "" })
        assert.strictEqual(yield* told(publisher), "+")
        yield* publish(publisher, ["after"])
        yield* receives(subscriber, ["after"])
      }))

    test("XPUB SHALL create a double queue when a subscriber connects to it. If this subscriber disconnects, the XPUB socket SHALL destroy its double queue and SHALL discard any messages it contains", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const address = yield* endpointOf(publisher)
        const scope = yield* Scope.make()
        yield* Scope.provide(sub({ connect: address, subscribe: "" }), scope)
        assert.strictEqual(yield* told(publisher), "+")
        yield* publish(publisher, numbered("old ", 50))
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* told(publisher), "-")
        const subscriber = yield* sub({ connect: address, subscribe: "" })
        assert.strictEqual(yield* told(publisher), "+")
        yield* publish(publisher, ["new"])
        yield* receives(subscriber, ["new"])
      }))

    test("XPUB SHALL silently drop the message if the queue for a subscriber is full, and SHALL NOT block on sending", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), highWaterMark: { send: 5 } })
        const subscriber = yield* sub({
          connect: yield* endpointOf(publisher),
          subscribe: "",
          highWaterMark: { receive: 5 }
        })
        assert.strictEqual(yield* told(publisher), "+")
        const all = numbered("", 400).map((text) => [text, new Uint8Array(100_000), text] as const)
        const sent = yield* Effect.timeoutOption(publish(publisher, all), "5 seconds")
        assert.isTrue(Option.isSome(sent), "it had to wait")
        const received = yield* rest(subscriber, 5)
        assert.isAtLeast(received.length, 5)
        assert.isBelow(received.length, 400)
        assert.deepStrictEqual(received.slice(0, 5), numbered("", 5))
      }))

    test("with noDrop, an XPUB waits for a subscriber whose queue is full, and loses nothing", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), noDrop: true, highWaterMark: { send: 5 } })
        const subscriber = yield* sub({
          connect: yield* endpointOf(publisher),
          subscribe: "",
          highWaterMark: { receive: 5 }
        })
        assert.strictEqual(yield* told(publisher), "+")
        const all = numbered("", 300)
        const bytes = new Uint8Array(100_000)
        const sending = yield* Effect.forkChild(
          publish(
            publisher,
            all.map((text) => [text, bytes, text] as const)
          )
        )
        yield* Effect.sleep("300 millis")
        assert.isUndefined(sending.pollUnsafe(), "it did not wait")
        assert.deepStrictEqual(yield* texts(subscriber, 300), all)
        yield* Fiber.join(sending)
      }))

    test("XPUB SHALL receive incoming messages from its subscribers using a fair-queuing strategy", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const address = yield* endpointOf(publisher)
        const subscribers = yield* Effect.forEach([0, 1, 2], () => xsub({ connect: address }))
        yield* connected(place, publisher, 3)
        for (const round of [0, 1, 2]) {
          for (const [index, subscriber] of subscribers.entries()) yield* XSub.send(subscriber, `${round} of ${index}`)
        }
        yield* come
        for (let round = 0; round < 3; round++) {
          const received = yield* toldMany(publisher, 3)
          assert.sameMembers(
            received.map((text) => text.slice(-1)),
            ["0", "1", "2"]
          )
        }
      }))

    test("XPUB SHALL deliver these messages to its calling application, and PUB SHALL silently discard any messages that subscribers send it", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const deaf = yield* pub({ bind: place.any() })
        const subscriber = yield* xsub({
          connect: [yield* endpointOf(publisher), yield* endpointOf(deaf)],
          subscribe: "a"
        })
        assert.strictEqual(yield* told(publisher), "+a")
        for (const sent of sorts.filter(([first]) => first.length === 0 || (first[0] ?? 0) > 1)) {
          yield* XSub.send(subscriber, sent)
          const event = yield* XPub.receive(publisher)
          assert.deepStrictEqual(event._tag === "Message" && plain(event.message), plain(sent))
        }
        yield* Effect.sleep(aWhile) // for the subscription at the other
        yield* Pub.send(deaf, "a is heard all the same")
        assert.deepStrictEqual(yield* texts(subscriber, 1), ["a is heard all the same"])
      }))

    test("what an XSUB sends is told in its order: what came before a subscription, and what came after it", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any() })
        const subscriber = yield* xsub({ connect: yield* endpointOf(publisher) })
        yield* connected(place, subscriber)
        for (const round of numbered("", 20)) {
          yield* XSub.send(subscriber, `before ${round}`)
          yield* XSub.subscribe(subscriber, round)
          yield* XSub.send(subscriber, `during ${round}`)
          yield* XSub.unsubscribe(subscriber, round)
          yield* XSub.send(subscriber, `after ${round}`)
        }
        const all = numbered("", 20).flatMap((round) => [
          `before ${round}`,
          `+${round}`,
          `during ${round}`,
          `-${round}`,
          `after ${round}`
        ])
        assert.deepStrictEqual(yield* toldMany(publisher, 100), all)
      }))

    // -------------------------------------------------------------------------
    // XPUB: manual, welcome
    // -------------------------------------------------------------------------

    test("with manual, no subscription holds but what was confirmed for its subscriber", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), manual: true })
        const address = yield* endpointOf(publisher)
        const one = yield* xsub({ connect: address, subscribe: "A" })
        // Of B instead.
        assert.strictEqual(yield* confirmed(publisher, "B"), "+A")
        const other = yield* xsub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* told(publisher), "+A")
        yield* publish(publisher, ["A", "B"])
        yield* receives(one, ["B"])
        yield* silent(other)
        yield* XSub.unsubscribe(one, "A")
        assert.strictEqual(yield* confirmed(publisher, "B"), "-A")
        yield* publish(publisher, ["A", "B"])
        yield* silent(one)
      }))

    test("with manual, subscriptions end one by one, and those of a subscriber that leaves are told", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), manual: true })
        const scope = yield* Scope.make()
        const options = { connect: yield* endpointOf(publisher), subscribe: ["A", "B"] }
        const subscriber = yield* Scope.provide(xsub(options), scope)
        for (let i = 0; i < 2; i++) {
          const event = yield* XPub.receive(publisher)
          if (event._tag !== "Subscribe") return assert.fail(event._tag)
          yield* XPub.confirm(publisher, event, { topic: `X${Message.text([event.topic])}` })
        }
        yield* XSub.unsubscribe(subscriber, "A")
        assert.strictEqual(yield* confirmed(publisher, "XA"), "-A")
        yield* publish(publisher, ["XA", "XB"])
        yield* receives(subscriber, ["XB"])
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* confirmed(publisher, "XB"), "-B") // of nobody, which is no error
        yield* toldNothing(publisher)
      }))

    test("with manual, every subscription is told, and every end of a subscriber that leaves", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), manual: true })
        const address = yield* endpointOf(publisher)
        const scope = yield* Scope.make()
        for (let i = 0; i < 2; i++) {
          const subscriber = yield* Scope.provide(sub({ connect: address, subscribe: "1" }), scope)
          assert.strictEqual(yield* confirmed(publisher), "+1")
          yield* publish(publisher, ["1"])
          assert.deepStrictEqual(yield* texts(subscriber, 1), ["1"])
        }
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual([yield* confirmed(publisher), yield* confirmed(publisher)], ["-1", "-1"])
        yield* toldNothing(publisher)
      }))

    test("a subscription is confirmed before the next is received, on a socket that is manual", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), manual: true })
        const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: ["A", "B"] })
        const first = yield* XPub.receive(publisher)
        const second = yield* XPub.receive(publisher)
        if (first._tag === "Message" || second._tag === "Message") return assert.fail("a message")
        yield* failsWith("InvalidState", XPub.confirm(publisher, first))
        yield* XPub.confirm(publisher, second)
        yield* publish(publisher, ["A", "B"])
        yield* receives(subscriber, [Message.text([second.topic])])
        const other = yield* xpub({ bind: place.any() })
        yield* Socket.connect(subscriber, yield* endpointOf(other))
        const event = yield* XPub.receive(other)
        if (event._tag === "Message") return assert.fail("a message")
        yield* failsWith("InvalidState", XPub.confirm(other, event))
      }))

    test("with lastValue, what is sent next after a subscription goes to its subscriber alone, and then to all again", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), manual: true, lastValue: true })
        const address = yield* endpointOf(publisher)
        const one = yield* sub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* confirmed(publisher), "+A")
        yield* publish(publisher, ["A last", "A 1"])
        const other = yield* sub({ connect: address, subscribe: "A" })
        assert.strictEqual(yield* confirmed(publisher), "+A")
        // What it has not subscribed to is for nobody.
        yield* publish(publisher, ["A last", "A 2"])
        yield* Sub.subscribe(other, "B")
        assert.strictEqual(yield* confirmed(publisher), "+B")
        yield* publish(publisher, ["C", "A 3", "B"])
        yield* receives(one, ["A last", "A 1", "A 2", "A 3"])
        yield* receives(other, ["A last", "A 2", "A 3", "B"])
      }))

    test("a welcome message is what every subscriber gets first, once", (place) =>
      Effect.gen(function* () {
        const publisher = yield* xpub({ bind: place.any(), welcomeMessage: "W" })
        const address = yield* endpointOf(publisher)
        const subscriber = yield* sub({ connect: address, subscribe: "W" })
        assert.strictEqual(yield* told(publisher), "+W")
        assert.deepStrictEqual(yield* texts(subscriber, 1), ["W"])
        const all = yield* xsub({ connect: address, subscribe: "a" })
        assert.strictEqual(yield* told(publisher), "+a")
        yield* publish(publisher, ["a"])
        yield* receives(all, ["W", "a"])
        yield* silent(subscriber)
      }))
  },
  ["XPUB", "XSUB"]
)
