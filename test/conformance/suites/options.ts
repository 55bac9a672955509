/** The options that change what a socket does with its messages. */
import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Sub from "@effect-zmq/core/Sub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { assert } from "vitest"
import {
  ask,
  aWhile,
  connected,
  disconnected,
  endpointOf,
  eventsSoFar,
  failsWith,
  happened,
  numbered,
  pub,
  pull,
  push,
  receives,
  rep,
  req,
  rest,
  sendTexts,
  silent,
  sub,
  subscribed,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

export const options = suite("options", (test) => {
  test("conflate keeps only the newest message", (place) =>
    Effect.gen(function* () {
      // Where a sender conflates, libzmq can lose the newest message to a race (`dbuffer_t::write`).
      const sender = yield* push({ bind: place.any() })
      const receiver = yield* pull({ connect: yield* endpointOf(sender), conflate: true })
      yield* connected(place, sender)
      yield* sendTexts(sender, numbered("", 10))
      yield* Effect.sleep(aWhile)
      yield* receives(receiver, ["9"])
      yield* Push.send(sender, "10")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["10"])
    }))

  test("a PUSH that conflates keeps the newest message for who comes", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const sender = yield* push({ connect: address, conflate: true, highWaterMark: { send: 1 } })
      yield* sendTexts(sender, numbered("", 10))
      const receiver = yield* pull({ bind: address, conflate: true })
      assert.deepStrictEqual(yield* Effect.timeout(texts(receiver, 1), "1 second"), ["9"])
      yield* silent(receiver)
    }))

  test("a SUB that conflates sees the newest publication", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: "", conflate: true })
      // A probe would be a second subscription.
      const heard = Effect.andThen(
        Pub.send(publisher, "ping"),
        Effect.timeoutOption(Sub.receive(subscriber), "5 millis")
      )
      yield* Effect.repeat(heard, { until: Option.isSome })
      yield* rest(subscriber)
      yield* Effect.forEach(numbered("", 10), (text) => Pub.send(publisher, text), { discard: true })
      yield* Effect.sleep(aWhile)
      const received = yield* rest(subscriber)
      // Who waited may have got one more.
      assert.isAtMost(received.length, 2)
      assert.strictEqual(received.at(-1), "9")
    }))

  test("a SUB that conflates may have several subscriptions", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any() })
      const address = yield* endpointOf(publisher)
      const subscriber = yield* sub({ connect: address, subscribe: ["a", "b", "c"], conflate: true })
      yield* connected(place, publisher)
      yield* Effect.sleep(aWhile)
      for (const topic of ["a", "b", "c"]) {
        yield* Pub.send(publisher, topic)
        yield* receives(subscriber, [topic])
      }
    }))

  test("invertMatching gives each subscriber what does not match its subscriptions", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), invertMatching: true })
      const address = yield* endpointOf(publisher)
      const one = yield* sub({ connect: address, subscribe: "prefix1", invertMatching: true })
      const two = yield* sub({ connect: address, subscribe: "p2", invertMatching: true })
      yield* connected(place, publisher, 2)
      yield* Effect.sleep(aWhile) // for the subscriptions: a probe would match none
      yield* Pub.send(publisher, "prefix1")
      yield* Pub.send(publisher, "p2")
      yield* Pub.send(publisher, "other")
      yield* receives(one, ["p2", "other"])
      yield* receives(two, ["prefix1", "other"])
    }))

  test("without immediate, messages are queued for peers that are not there", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const sender = yield* push({ connect: [place.nobody(), yield* endpointOf(receiver)] })
      yield* connected(place, sender)
      yield* sendTexts(sender, numbered("", 10))
      yield* receives(receiver, ["1", "3", "5", "7", "9"])
    }))

  test(
    "with immediate, messages go only to peers that are connected",
    (place) =>
      Effect.gen(function* () {
        const receiver = yield* pull({ bind: place.any() })
        const sender = yield* push({ connect: [place.nobody(), yield* endpointOf(receiver)], immediate: true })
        yield* sendTexts(sender, numbered("", 10))
        assert.deepStrictEqual(yield* texts(receiver, 10), numbered("", 10))
      }),
    ["tcp", "ipc"]
  )

  test(
    "with immediate, a send waits while no peer is connected, and goes on when one is again",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* push({ connect: address, immediate: true, reconnect: { initial: "20 millis" } })
        const first = yield* suspended(Push.send(sender, "first"))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const receiver = yield* pull({ bind: address })
            assert.deepStrictEqual(yield* texts(receiver, 1), ["first"])
          })
        )
        yield* Fiber.join(first)
        yield* disconnected(place, sender)
        yield* Effect.sleep(aWhile) // until the socket knows what the event told
        const second = yield* suspended(Push.send(sender, "second"))
        const receiver = yield* pull({ bind: address })
        assert.deepStrictEqual(yield* texts(receiver, 1), ["second"])
        yield* Fiber.join(second)
      }),
    ["tcp", "ipc"]
  )

  test("with noDrop, a PUB waits for a subscriber whose queue is full, and loses nothing", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), noDrop: true, highWaterMark: { send: 5 } })
      const subscriber = yield* sub({
        connect: yield* endpointOf(publisher),
        subscribe: "",
        highWaterMark: { receive: 5 }
      })
      yield* subscribed(publisher, subscriber)
      yield* rest(subscriber)
      const all = numbered("", 300)
      const bytes = new Uint8Array(100_000)
      const sending = yield* Effect.forkChild(Effect.forEach(all, (text) => Pub.send(publisher, [text, bytes, text])))
      yield* Effect.sleep("300 millis")
      assert.isUndefined(sending.pollUnsafe(), "it did not wait")
      assert.deepStrictEqual(yield* texts(subscriber, 300), all)
      yield* Fiber.join(sending)
    }))

  test("with correlate, a stale reply on the same connection is refused", (place) =>
    Effect.gen(function* () {
      const server = yield* rep({ bind: place.any() })
      const client = yield* req({ connect: yield* endpointOf(server), correlate: true })
      const asked = Effect.map(Rep.receive(server), Message.text)
      for (const round of numbered("", 10)) {
        const abandoned = yield* Effect.forkChild(ask(client, `abandoned ${round}`))
        assert.strictEqual(yield* asked, `abandoned ${round}`)
        yield* Fiber.interrupt(abandoned)
        const current = yield* Effect.forkChild(ask(client, `current ${round}`))
        yield* Effect.sleep("5 millis")
        // Both are under way, the current one behind the abandoned one.
        yield* Rep.reply(server, `stale ${round}`)
        assert.strictEqual(yield* asked, `current ${round}`)
        yield* Rep.reply(server, `fresh ${round}`)
        assert.strictEqual(yield* Fiber.join(current), `fresh ${round}`)
      }
    }))

  test(
    "a frame that is larger than maxMessageSize ends its connection",
    (place) =>
      Effect.gen(function* () {
        const receiver = yield* pull({ bind: place.any(), maxMessageSize: 1000 })
        const sender = yield* push({ connect: yield* endpointOf(receiver), reconnect: { initial: "20 millis" } })
        yield* Push.send(sender, new Uint8Array(1000).fill(65))
        assert.deepStrictEqual(yield* texts(receiver, 1), ["A".repeat(1000)])
        yield* Push.send(sender, new Uint8Array(1001))
        yield* happened(sender, "Disconnected")
        yield* connected(place, sender, 2)
        yield* Push.send(sender, "after")
        assert.deepStrictEqual(yield* texts(receiver, 1), ["after"])
        yield* silent(receiver)
      }),
    ["tcp", "ipc"]
  )

  test(
    "heartbeats keep a quiet connection",
    (place) =>
      Effect.gen(function* () {
        const heartbeat = { interval: "20 millis", timeout: "200 millis", timeToLive: "300 millis" } as const
        const receiver = yield* pull({ bind: place.any(), heartbeat })
        const sender = yield* push({ connect: yield* endpointOf(receiver), heartbeat })
        yield* connected(place, sender)
        yield* Effect.sleep("700 millis")
        for (const socket of [receiver, sender]) {
          assert.notInclude(
            (yield* eventsSoFar(socket)).map(({ _tag }) => _tag),
            "Disconnected"
          )
        }
        yield* Push.send(sender, "alive")
        assert.deepStrictEqual(yield* texts(receiver, 1), ["alive"])
      }),
    ["tcp", "ipc"]
  )

  test("an option that cannot have its value fails InvalidOption, naming it", () =>
    Effect.gen(function* () {
      const wrong = [
        ["highWaterMark.send", push({ highWaterMark: { send: -1 } })],
        ["highWaterMark.send", push({ highWaterMark: { send: 0 } })],
        ["highWaterMark.receive", pull({ highWaterMark: { receive: 1.5 } })],
        ["linger", pull({ linger: "100 days" })],
        ["typeOfService", pull({ typeOfService: 256 })],
        ["maxMessageSize", pull({ maxMessageSize: 0 })],
        ["heartbeat.interval", pull({ heartbeat: { interval: 0 } })]
      ] as const
      for (const [option, make] of wrong) {
        const reason = yield* failsWith("InvalidOption", make as (typeof wrong)[0][1])
        assert.strictEqual(reason.option, option)
      }
    }))
})
