/** PUB and SUB, as RFC 29 has them. */
import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Sub from "@effect-zmq/core/Sub"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import {
  come,
  connected,
  disconnected,
  endpointOf,
  numbered,
  plain,
  pub,
  receives,
  rest,
  silent,
  sorts,
  sub,
  subscribed,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

const publish = (socket: Pub.Pub, all: ReadonlyArray<Message.Input>) =>
  Effect.forEach(all, (message) => Pub.send(socket, message), { discard: true })

export const publishSubscribe = suite("publish-subscribe (RFC 29)", (test) => {
  test("PUB SHALL maintain a single outgoing message queue for each connected subscriber", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), highWaterMark: { send: 100 } })
      const address = yield* endpointOf(publisher)
      const slow = yield* sub({ connect: address, subscribe: "", highWaterMark: { receive: 10 } })
      const quick = yield* sub({ connect: address, subscribe: "", highWaterMark: { receive: 10 } })
      yield* subscribed(publisher, slow)
      yield* rest(slow)
      yield* subscribed(publisher, quick)
      yield* rest(quick)
      const all = numbered("", 400)
      // One reads nothing, the other everything.
      for (const text of all) {
        yield* Pub.send(publisher, [text, new Uint8Array(100_000), text])
        assert.deepStrictEqual(yield* texts(quick, 1), [text])
      }
      assert.isBelow((yield* rest(slow)).length, all.length)
    }))

  test("PUB SHALL create a queue when initiating an outgoing connection to a subscriber, and SHALL maintain the queue whether or not the connection is established", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const publisher = yield* pub({ connect: address })
      yield* publish(publisher, ["before"]) // nobody has subscribed to it yet
      const subscriber = yield* sub({ bind: address, subscribe: "" })
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["after"])
      yield* receives(subscriber, ["after"])
    }))

  test("PUB SHALL create a queue when a subscriber connects to it. If this subscriber disconnects, the PUB socket SHALL destroy its queue and SHALL discard any messages it contains", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const address = yield* endpointOf(publisher)
      const scope = yield* Scope.make()
      const leaving = yield* Scope.provide(sub({ connect: address, subscribe: "" }), scope)
      yield* subscribed(publisher, leaving)
      yield* publish(publisher, numbered("old ", 50))
      yield* Scope.close(scope, Exit.void)
      yield* disconnected(place, publisher)
      const subscriber = yield* sub({ connect: address, subscribe: "" })
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["new"])
      yield* receives(subscriber, ["new"])
    }))

  test("PUB and SUB SHALL not modify messages in any way", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: "" })
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, sorts)
      for (const sent of sorts) assert.deepStrictEqual(plain(yield* Sub.receive(subscriber)), plain(sent))
    }))

  test("PUB SHALL perform a binary comparison of the subscription against the start of the first frame of the message", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const address = yield* endpointOf(publisher)
      const bytes = (...all: ReadonlyArray<number>) => Uint8Array.from(all)
      const matching: ReadonlyArray<Message.Input> = [
        bytes(0, 255, 1),
        bytes(0, 255, 1, 0),
        [bytes(0, 255, 1, 7), "body"]
      ]
      const others: ReadonlyArray<Message.Input> = [
        bytes(),
        bytes(0),
        bytes(0, 255),
        bytes(0, 255, 2),
        bytes(1, 0, 255, 1),
        ["x", bytes(0, 255, 1)]
      ]
      const subscriber = yield* sub({ connect: address, subscribe: bytes(0, 255, 1) })
      const text = yield* sub({ connect: address, subscribe: "10001 " })
      yield* subscribed(publisher, subscriber)
      yield* subscribed(publisher, text)
      yield* publish(publisher, others)
      yield* publish(publisher, matching)
      yield* publish(publisher, ["10001", "100010 a", "1000 a", "10001 a"])
      for (const sent of matching) {
        assert.deepStrictEqual(plain(yield* Sub.receive(subscriber)), plain(Message.make(sent)))
      }
      yield* receives(text, ["10001 a"])
      yield* silent(subscriber)
    }))

  test("PUB SHALL silently drop the message if the queue for a subscriber is full", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), highWaterMark: { send: 5 } })
      const subscriber = yield* sub({
        connect: yield* endpointOf(publisher),
        subscribe: "",
        highWaterMark: { receive: 5 }
      })
      yield* connected(place, publisher)
      yield* Effect.sleep("200 millis") // for the subscription: a probe would take from the room that is counted here
      yield* Effect.forEach(numbered("", 400), (text) => Pub.send(publisher, [text, new Uint8Array(100_000), text]), {
        discard: true
      })
      const received = yield* rest(subscriber, 5)
      assert.isAtLeast(received.length, 5)
      assert.isBelow(received.length, 400)
      // What was dropped is what had no room: the first ones are all there.
      assert.deepStrictEqual(received.slice(0, 5), numbered("", 5))
      if (place.scheme === "inproc") assert.strictEqual(received.length, 10)
    }))

  test("PUB SHALL NOT block on sending", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), highWaterMark: { send: 1 } })
      const full = yield* sub({ connect: yield* endpointOf(publisher), subscribe: "", highWaterMark: { receive: 1 } })
      yield* subscribed(publisher, full)
      yield* Effect.scoped(Effect.flatMap(pub({}), (alone) => publish(alone, numbered("", 100))))
      const sent = yield* Effect.timeoutOption(publish(publisher, numbered("", 2000)), "5 seconds")
      assert.isTrue(Option.isSome(sent), "it had to wait")
    }))

  test("PUB SHALL receive subscribe and unsubscribe requests from subscribers", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: [] })
      yield* subscribed(publisher, subscriber)
      const round = ["a1", "b1", "c1"]
      yield* publish(publisher, round)
      yield* silent(subscriber)
      yield* Sub.subscribe(subscriber, "a")
      yield* Sub.subscribe(subscriber, "b")
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, round)
      yield* receives(subscriber, ["a1", "b1"])
      yield* Sub.unsubscribe(subscriber, "a")
      yield* Sub.unsubscribe(subscriber, "never subscribed to")
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, round)
      yield* receives(subscriber, ["b1"])
    }))

  test("SUB SHALL maintain a single incoming message queue for each connected publisher", (place) =>
    Effect.gen(function* () {
      const loud = yield* pub({ bind: place.any(), highWaterMark: { send: 5 } })
      const soft = yield* pub({ bind: place.any(), highWaterMark: { send: 5 } })
      const subscriber = yield* sub({
        connect: [yield* endpointOf(loud), yield* endpointOf(soft)],
        subscribe: "",
        highWaterMark: { receive: 5 }
      })
      yield* subscribed(soft, subscriber)
      yield* subscribed(loud, subscriber)
      yield* publish(
        loud,
        numbered("loud ", 300).map((text) => [text, new Uint8Array(50_000), text] as const)
      )
      yield* publish(soft, ["soft"])
      // The queue of the loud one is full, which is nothing to the soft one.
      assert.include(yield* rest(subscriber), "soft")
    }))

  test("SUB SHALL create a queue when initiating an outgoing connection to a publisher, and SHALL maintain the queue whether or not the connection is established", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const subscriber = yield* sub({ connect: address, subscribe: "a" })
      yield* silent(subscriber)
      const publisher = yield* pub({ bind: address })
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["a", "b", "aa"])
      yield* receives(subscriber, ["a", "aa"])
    }))

  test("SUB SHALL create a queue when a publisher connects to it", (place) =>
    Effect.gen(function* () {
      const subscriber = yield* sub({ bind: place.any(), subscribe: "a" })
      const waiting = yield* suspended(Sub.receive(subscriber))
      const publisher = yield* pub({ connect: yield* endpointOf(subscriber) })
      yield* connected(place, publisher)
      const publishing = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Pub.send(publisher, "a"), Effect.sleep("5 millis")))
      )
      assert.strictEqual(Message.text(yield* Fiber.join(waiting)), "a")
      yield* Fiber.interrupt(publishing)
    }))

  test("a SUB still gives what a publisher that has left had delivered", (place) =>
    Effect.gen(function* () {
      const subscriber = yield* sub({ bind: place.any(), subscribe: "" })
      const scope = yield* Scope.make()
      const leaving = pub({ connect: yield* endpointOf(subscriber), linger: "1 second" })
      const publisher = yield* Scope.provide(leaving, scope)
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, numbered("", 100))
      yield* Scope.close(scope, Exit.void)
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(yield* texts(subscriber, 100), numbered("", 100))
    }))

  test("SUB SHALL silently discard messages if the queue for a publisher is full", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), highWaterMark: { send: 1 } })
      const subscriber = yield* sub({
        connect: yield* endpointOf(publisher),
        subscribe: "",
        highWaterMark: { receive: 3 }
      })
      yield* subscribed(publisher, subscriber)
      yield* publish(
        publisher,
        numbered("", 400).map((text) => [text, new Uint8Array(100_000), text] as const)
      )
      // When it has room again it gets what is published then: nothing is wrong with the connection.
      const again = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(publish(publisher, ["again"]), Effect.sleep(5)))
      )
      const received: Array<string> = []
      for (let text = ""; text !== "again"; received.push(text)) text = (yield* texts(subscriber, 1))[0] ?? ""
      yield* Fiber.interrupt(again)
      const numbers = received.slice(0, -1).map(Number)
      assert.isNotEmpty(numbers)
      assert.isBelow(numbers.length, 400)
      assert.deepStrictEqual(
        numbers,
        [...numbers].sort((a, b) => a - b)
      )
    }))

  test("SUB SHALL receive incoming messages from its publishers using a fair-queuing strategy", (place) =>
    Effect.gen(function* () {
      const publishers = yield* Effect.forEach([0, 1, 2], () => pub({ bind: place.any() }))
      const addresses = yield* Effect.forEach(publishers, (publisher) => endpointOf(publisher))
      const subscriber = yield* sub({ connect: addresses, subscribe: "" })
      for (const publisher of publishers) yield* subscribed(publisher, subscriber)
      for (const [index, publisher] of publishers.entries())
        yield* publish(publisher, [`${index}`, `${index}`, `${index}`])
      yield* come
      const received = yield* texts(subscriber, 9)
      for (const round of [0, 3, 6]) {
        assert.sameMembers(received.slice(round, round + 3), ["0", "1", "2"], received.join(" "))
      }
    }))

  test("SUB SHALL deliver messages to its calling application", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const address = yield* endpointOf(publisher)
      const subscribers = yield* Effect.forEach([0, 1, 2], () => sub({ connect: address, subscribe: "" }))
      for (const subscriber of subscribers) yield* subscribed(publisher, subscriber)
      for (const subscriber of subscribers) yield* rest(subscriber)
      yield* publish(publisher, numbered("", 500))
      for (const subscriber of subscribers) {
        assert.deepStrictEqual(yield* texts(subscriber, 500), numbered("", 500))
      }
    }))

  test("a SUB gets a message once, however many of its subscriptions match", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const nested = ["", "a", "aa", "aaa", "ab", "b"]
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: nested })
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["aaa", "c"])
      yield* receives(subscriber, ["aaa", "c"])
      // Prefixes of one another end one by one.
      for (const prefix of ["", "aa", "b"]) yield* Sub.unsubscribe(subscriber, prefix)
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["aaa", "aa", "ab", "a", "b", "c"])
      yield* receives(subscriber, ["aaa", "aa", "ab", "a"])
      yield* Sub.unsubscribe(subscriber, "a")
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["aaa", "aa", "ab", "a", "b", "c"])
      yield* receives(subscriber, ["aaa", "ab"])
    }))

  test("what was subscribed to twice ends with the second unsubscribe", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: ["a", "a"] })
      yield* Sub.unsubscribe(subscriber, "a")
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["a"])
      yield* receives(subscriber, ["a"])
      yield* Sub.unsubscribe(subscriber, "a")
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, ["a"])
      yield* silent(subscriber)
    }))

  test("a subscription may be long, and differ only at its end", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const long = "x".repeat(5000)
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: `${long}1` })
      yield* subscribed(publisher, subscriber)
      yield* publish(publisher, [long, `${long}0`, `${long}1`, `${long}10`])
      assert.deepStrictEqual(
        (yield* rest(subscriber)).map((text) => text.slice(5000)),
        ["1", "10"]
      )
    }))
})
