/** Endpoints, connections, and what is told of them. */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import {
  connected,
  disconnected,
  endpoint,
  endpointOf,
  eventsSoFar,
  failsWith,
  fill,
  happened,
  numbered,
  portOf,
  pub,
  pull,
  push,
  receives,
  rest,
  silent,
  sub,
  subscribed,
  suspended,
  textOf,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

/** The names of events, of one kind in a row once. */
const names = (events: Iterable<SocketEvent>): Array<string> => {
  const all = Array.from(events, ({ _tag }) => _tag)
  return all.filter((tag, index) => tag !== all[index - 1])
}

export const lifecycle = suite("endpoints and connections", (test) => {
  test("endpoints tells what the socket is bound and connected to, resolved, in the order of the calls", (place) =>
    Effect.gen(function* () {
      const there = textOf(place.nobody())
      const receiver = yield* pull({ bind: place.any(), connect: endpoint(there) })
      const second = yield* Socket.bind(receiver, place.any())
      const all = yield* Socket.endpoints(receiver)
      assert.strictEqual(all.length, 3)
      assert.notMatch(all.join(), /\*/)
      assert.deepStrictEqual(all.slice(1), [there, second])
      yield* Socket.unbind(receiver, endpoint(second))
      yield* Socket.disconnect(receiver, endpoint(there))
      assert.deepStrictEqual(yield* Socket.endpoints(receiver), all.slice(0, 1))
    }))

  test("a socket may be bound to several endpoints, and be connected to several", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: [place.any(), place.any()] })
      const senders = [
        yield* push({ connect: yield* endpointOf(receiver, 0) }),
        yield* push({ connect: yield* endpointOf(receiver, 1) })
      ]
      const other = yield* push({ bind: place.any() })
      yield* Socket.connect(receiver, yield* endpointOf(other))
      for (const [index, sender] of [...senders, other].entries()) yield* Push.send(sender, `${index}`)
      assert.sameMembers(yield* texts(receiver, 3), ["0", "1", "2"])
    }))

  test("peers that are connected stay so when their endpoint is unbound", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const address = yield* endpointOf(receiver)
      const sender = yield* push({ connect: address })
      yield* Push.send(sender, "before")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["before"])
      yield* Socket.unbind(receiver, address)
      yield* Push.send(sender, "after")
      assert.deepStrictEqual(yield* Effect.timeout(texts(receiver, 1), "500 millis"), ["after"])
    }))

  test("unbind frees the address, and accepts no more peers there", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const receiver = yield* pull({ bind: address })
      yield* Socket.unbind(receiver, address)
      const next = yield* pull({ bind: address })
      const late = yield* push({ connect: address })
      yield* Push.send(late, "to the next")
      assert.deepStrictEqual(yield* texts(next, 1), ["to the next"])
      yield* silent(receiver)
    }))

  test("disconnect ends the connection", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const address = yield* endpointOf(receiver)
      const sender = yield* push({ connect: address })
      yield* Push.send(sender, "before")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["before"])
      yield* Socket.disconnect(sender, address)
      const waiting = yield* suspended(Push.send(sender, "kept"))
      yield* silent(receiver)
      yield* Socket.connect(sender, address)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* texts(receiver, 1), ["kept"])
    }))

  test("unbind and disconnect of what the socket does not have fail UnknownEndpoint", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const strange = place.nobody()
      for (const operation of [Socket.unbind(receiver, strange), Socket.disconnect(receiver, strange)]) {
        const reason = yield* failsWith("UnknownEndpoint", operation)
        assert.strictEqual(reason.endpoint, textOf(strange))
        assert.deepStrictEqual(reason.endpoints, yield* Socket.endpoints(receiver))
      }
    }))

  test("a make that fails leaves nothing behind", (place) =>
    Effect.gen(function* () {
      const taken = yield* endpointOf(yield* pull({ bind: place.any() }))
      const free = place.nobody()
      yield* failsWith("AddressInUse", pull({ bind: [free, taken] }))
      yield* pull({ bind: free })
    }))

  test(
    "a host may be given by its name, as an IPv6 address, or as any",
    () =>
      Effect.gen(function* () {
        const four = yield* pull({ bind: "tcp://127.0.0.1:*" })
        const byName = yield* push({ connect: Endpoint.tcp("localhost", yield* portOf(four)) })
        yield* Push.send(byName, "by name")
        assert.deepStrictEqual(yield* texts(four, 1), ["by name"])

        const six = yield* Effect.option(pull({ bind: "tcp://[::1]:*" })) // not every machine has IPv6
        if (Option.isSome(six)) {
          const bySix = yield* push({ connect: yield* endpointOf(six.value) })
          yield* Push.send(bySix, "by IPv6")
          assert.deepStrictEqual(yield* texts(six.value, 1), ["by IPv6"])
        }

        const any = yield* pull({ bind: "tcp://*:*" })
        const toAny = yield* push({ connect: Endpoint.tcp("127.0.0.1", yield* portOf(any)) })
        yield* Push.send(toAny, "to any")
        assert.deepStrictEqual(yield* texts(any, 1), ["to any"])
      }),
    ["tcp"]
  )

  test("several sockets may connect before the bind, and each is reached", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const senders = yield* Effect.forEach(numbered("", 10), () => push({ connect: address }))
      for (const [index, sender] of senders.entries()) yield* Push.send(sender, `${index}`)
      const receiver = yield* pull({ bind: address })
      assert.sameMembers(yield* texts(receiver, 10), numbered("", 10))
    }))

  test("a socket with nothing to deliver closes at once, whether it is connected or not", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      for (const address of [place.nobody(), yield* endpointOf(receiver)]) {
        const sender = push({ connect: address, linger: "2 seconds" })
        const [took] = yield* Effect.timed(Effect.scoped(Effect.asVoid(sender)))
        assert.isBelow(Duration.toMillis(took), 400)
      }
    }))

  test("a receive that times out takes the time that it was given", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const [took, none] = yield* Effect.timed(Effect.timeoutOption(Pull.receive(receiver), "150 millis"))
      assert.isTrue(Option.isNone(none))
      assert.isAtLeast(Duration.toMillis(took), 149)
      assert.isBelow(Duration.toMillis(took), 400)
      const sender = yield* push({ connect: yield* endpointOf(receiver) })
      yield* Push.send(sender, "Hello")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["Hello"])
    }))

  test(
    "messages sent while the peer is away are kept for its return",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* push({ connect: address, reconnect: { initial: "20 millis" } })
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(pull({ bind: address }), scope)
        yield* Push.send(sender, "one")
        assert.deepStrictEqual(yield* texts(first, 1), ["one"])
        yield* Scope.close(scope, Exit.void)
        yield* disconnected(place, sender)
        yield* Push.sendAll(sender, ["two", "three"])
        const second = yield* pull({ bind: address })
        assert.deepStrictEqual(yield* texts(second, 2), ["two", "three"])
      }),
    ["tcp", "ipc"]
  )

  test(
    "messages that are still queued when the connection is lost go to the peer that comes next",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* push({
          connect: address,
          highWaterMark: { send: 10 },
          reconnect: { initial: "20 millis" }
        })
        const scope = yield* Scope.make()
        yield* Scope.provide(pull({ bind: address, highWaterMark: { receive: 1 } }), scope)
        yield* connected(place, sender)
        const sent = yield* fill(sender, { size: 500_000, most: 200 })
        yield* Scope.close(scope, Exit.void)
        yield* disconnected(place, sender)
        const receiver = yield* pull({ bind: address })
        const received = yield* Effect.timeout(texts(receiver, 8), "2 seconds")
        // In their order, up to the last: what had left for the first peer is gone with it.
        const numbers = [...received, ...(yield* rest(receiver))].map(Number)
        assert.deepStrictEqual(
          numbers,
          numbers.map((_, index) => (numbers[0] ?? 0) + index)
        )
        assert.isAtLeast(numbers.at(-1) ?? 0, sent - 1)
      }),
    ["tcp", "ipc"]
  )

  test(
    "a socket that shall not reconnect does not",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const receiver = yield* pull({ bind: address })
        const sender = yield* push({ connect: address, reconnect: false })
        yield* Push.send(sender, "before")
        assert.deepStrictEqual(yield* texts(receiver, 1), ["before"])
        yield* Socket.drain(receiver, 0)
        yield* disconnected(place, sender)
        const again = yield* pull({ bind: address })
        yield* Effect.sleep("300 millis")
        assert.notInclude(names(yield* eventsSoFar(again)), "Accepted")
        assert.notInclude(names(yield* eventsSoFar(sender)), "Reconnecting")
      }),
    ["tcp", "ipc"]
  )

  test(
    "the time to the next attempt begins with `initial` and doubles up to `maximum`",
    (place) =>
      Effect.gen(function* () {
        const expected = [
          { waits: [20, 40, 80, 80, 80], reconnect: { initial: "20 millis", maximum: "80 millis" } },
          { waits: [100, 200], reconnect: undefined } // the default
        ] as const
        for (const { reconnect, waits } of expected) {
          const sender = yield* push({ connect: place.nobody(), reconnect })
          const retries = yield* Socket.events(sender).pipe(
            Stream.filter((event) => event._tag === "Reconnecting"),
            Stream.map(({ after }) => Duration.toMillis(after)),
            Stream.take(waits.length),
            Stream.runCollect
          )
          for (const [index, wait] of waits.entries()) {
            // Jitter, where there is any, is a quarter at most.
            assert.isAtLeast(retries[index] ?? 0, wait * 0.75, retries.join())
            assert.isAtMost(retries[index] ?? 0, wait * 1.25, retries.join())
          }
        }
      }),
    ["tcp", "ipc"]
  )

  test(
    "the events of a bound socket come in their order",
    (place) =>
      Effect.gen(function* () {
        const receiver = yield* pull({ bind: place.any() })
        const address = yield* endpointOf(receiver)
        yield* Effect.scoped(Effect.flatMap(push({ connect: address }), (sender) => connected(place, sender)))
        yield* happened(receiver, "Disconnected")
        yield* Socket.unbind(receiver, address)
        yield* Socket.drain(receiver, 0)
        const events = yield* Stream.runCollect(Socket.events(receiver))
        assert.deepStrictEqual(names(events), [
          "Listening",
          "Accepted",
          "HandshakeSucceeded",
          "Disconnected",
          "Unbound",
          "Closed"
        ])
        for (const event of events) {
          if (event._tag === "Listening" || event._tag === "Unbound")
            assert.strictEqual(event.endpoint, textOf(address))
        }
      }),
    ["tcp", "ipc"]
  )

  test(
    "the events of a connecting socket come in their order",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* push({ connect: address, reconnect: { initial: "20 millis" } })
        yield* happened(sender, "Reconnecting")
        yield* Effect.scoped(Effect.flatMap(pull({ bind: address }), () => connected(place, sender)))
        yield* disconnected(place, sender)
        yield* happened(sender, "Reconnecting", 2)
        yield* Effect.scoped(Effect.flatMap(pull({ bind: address }), () => connected(place, sender, 2)))
        yield* Socket.drain(sender, 0)
        const events = yield* Stream.runCollect(Socket.events(sender))
        // Of each attempt that found nobody, and of its beginning, some transports tell more than others.
        const milestones = names(events.filter(({ _tag }) => _tag !== "Connecting" && _tag !== "Reconnecting"))
        assert.deepStrictEqual(milestones.slice(0, 5), [
          "Connected",
          "HandshakeSucceeded",
          "Disconnected",
          "Connected",
          "HandshakeSucceeded"
        ])
        assert.strictEqual(milestones.at(-1), "Closed")
        const all = names(events)
        assert.isBelow(all.indexOf("Reconnecting"), all.indexOf("Connected"))
        assert.isAbove(all.lastIndexOf("Reconnecting"), all.indexOf("Disconnected"))
      }),
    ["tcp", "ipc"]
  )

  test(
    "a bind that fails is an event too",
    (place) =>
      Effect.gen(function* () {
        const taken = yield* endpointOf(yield* pull({ bind: place.any() }))
        const receiver = yield* pull({})
        yield* failsWith("AddressInUse", Socket.bind(receiver, taken))
        const [event] = yield* eventsSoFar(receiver)
        assert.deepInclude(event, { _tag: "BindFailed", endpoint: textOf(taken) })
        // And events go on to be told.
        yield* Socket.bind(receiver, place.any())
        const sender = yield* push({ connect: yield* endpointOf(receiver) })
        yield* connected(place, sender)
        yield* Effect.timeout(connected(place, receiver), "1 second")
      }),
    ["tcp", "ipc"]
  )

  test("sockets of types that do not talk to each other are refused", (place) =>
    Effect.gen(function* () {
      const subscriber = yield* sub({ bind: place.any(), subscribe: "" })
      const address = yield* endpointOf(subscriber)
      const sender = yield* push({ connect: address, reconnect: false })
      yield* Effect.forkChild(Push.send(sender, "not for a SUB"))
      yield* silent(subscriber)
      assert.notInclude(names(yield* eventsSoFar(sender)), "HandshakeSucceeded")
      assert.notInclude(names(yield* eventsSoFar(subscriber)), "HandshakeSucceeded")
      // Those who do are served as ever.
      const publisher = yield* pub({ connect: address })
      yield* subscribed(publisher, subscriber)
      yield* Pub.send(publisher, "for a SUB")
      yield* receives(subscriber, ["for a SUB"])
    }))

  test(
    "a SUB that connects twice to one endpoint gets each message once",
    (place) =>
      Effect.gen(function* () {
        const publisher = yield* pub({ bind: place.any() })
        const address = yield* endpointOf(publisher)
        const subscriber = yield* sub({ connect: [address, address], subscribe: "" })
        yield* subscribed(publisher, subscriber)
        yield* rest(subscriber)
        yield* Pub.send(publisher, "once")
        yield* receives(subscriber, ["once"])
      }),
    ["tcp", "ipc"]
  )
})
