/** Receiving from several sockets at once. */
import * as Message from "@effect-zmq/core/Message"
import * as Poller from "@effect-zmq/core/Poller"
import * as Pub from "@effect-zmq/core/Pub"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import {
  aWhile,
  connected,
  endpointOf,
  numbered,
  pub,
  pull,
  push,
  rest,
  sendTexts,
  sub,
  subscribed,
  suspended
} from "../steps.ts"
import { type Place, suite } from "../suite.ts"

/** Two PULL sockets, `a` and `b`, each with its PUSH. */
const two = (place: Place) =>
  Effect.gen(function* () {
    const [a, b] = [yield* pull({ bind: place.any() }), yield* pull({ bind: place.any() })]
    const toA = yield* push({ connect: yield* endpointOf(a) })
    const toB = yield* push({ connect: yield* endpointOf(b) })
    yield* connected(place, toA)
    yield* connected(place, toB)
    return { a, b, toA, toB }
  })

const shown = (polled: { readonly _tag: string; readonly value: Message.Message }) =>
  `${polled._tag}: ${Message.text(polled.value)}`

export const poller = suite("poller", (test) => {
  test("merge gives the messages of several sockets, each by the name of its socket", (place) =>
    Effect.gen(function* () {
      const tasks = yield* pull({ bind: place.any() })
      const ventilator = yield* push({ connect: yield* endpointOf(tasks) })
      const server = yield* pub({ bind: place.any() })
      const weather = yield* sub({ connect: yield* endpointOf(server), subscribe: "10001" })
      yield* subscribed(server, weather)
      const polling = yield* Effect.forkChild(
        Stream.runCollect(Poller.merge({ task: tasks, weather }).pipe(Stream.map(shown), Stream.take(4)))
      )
      yield* Effect.sleep(aWhile)
      for (const round of ["1", "2"]) {
        yield* Push.send(ventilator, `task ${round}`)
        yield* Effect.sleep(aWhile)
        yield* Pub.send(server, `10001 sun ${round}`)
        yield* Pub.send(server, `10002 rain ${round}`)
        yield* Effect.sleep(aWhile)
      }
      assert.deepStrictEqual(yield* Fiber.join(polling), [
        "task: task 1",
        "weather: 10001 sun 1",
        "task: task 2",
        "weather: 10001 sun 2"
      ])
    }))

  test("while several sockets have messages, they take turns", (place) =>
    Effect.gen(function* () {
      const { a, b, toA, toB } = yield* two(place)
      yield* sendTexts(toA, numbered("", 900))
      yield* sendTexts(toB, numbered("", 100))
      yield* Effect.sleep(aWhile)
      const order = yield* Stream.runCollect(Poller.merge({ a, b }).pipe(Stream.map(shown), Stream.take(1000)))
      const of = (name: string) => order.filter((text) => text.startsWith(name))
      assert.deepStrictEqual(of("b"), numbered("b: ", 100))
      assert.deepStrictEqual(of("a"), numbered("a: ", 900))
      // The few of one are not behind the many of the other, but for what was read ahead at once.
      assert.isBelow(order.indexOf("b: 99"), 600)
    }))

  test("prioritize gives a message of a later socket only when the earlier ones have nothing", (place) =>
    Effect.gen(function* () {
      const { a, b, toA, toB } = yield* two(place)
      yield* sendTexts(toB, numbered("", 20))
      yield* sendTexts(toA, numbered("", 20))
      yield* Effect.sleep(aWhile)
      const prioritized = Poller.prioritize([
        ["a", a],
        ["b", b]
      ])
      const order: Array<string> = []
      yield* prioritized.pipe(
        Stream.take(41),
        Stream.runForEach((polled) =>
          Effect.gen(function* () {
            order.push(shown(polled))
            if (order.length !== 25) return
            yield* Push.send(toA, "urgent")
            yield* Effect.sleep(aWhile)
          })
        )
      )
      assert.deepStrictEqual(order, [
        ...numbered("a: ", 20),
        ...numbered("b: ", 5),
        "a: urgent",
        ...numbered("b: ", 20).slice(5)
      ])
    }))

  test("a merge that is interrupted loses nothing: a second consumer gets the rest", (place) =>
    Effect.gen(function* () {
      const { a, b, toA, toB } = yield* two(place)
      const sending = yield* Effect.forkChild(
        Effect.forEach(numbered("", 200), (text) =>
          Effect.andThen(
            sendTexts(Number(text) % 2 === 0 ? toA : toB, [text]),
            Number(text) % 5 === 0 ? Effect.sleep(1) : Effect.void
          )
        )
      )
      const received: Array<string> = []
      for (let round = 0; round < 30; round++) {
        const polls =
          round % 2 === 0
            ? Poller.merge({ a, b })
            : Poller.prioritize([
                ["a", a],
                ["b", b]
              ])
        const polling = yield* Effect.forkChild(
          Stream.runForEach(polls, ({ value }) => Effect.sync(() => received.push(Message.text(value))))
        )
        if (round % 3 !== 0) yield* Effect.sleep(round % 3)
        yield* Fiber.interrupt(polling)
      }
      yield* Fiber.join(sending)
      received.push(...(yield* rest(a)), ...(yield* rest(b)))
      const sorted = received.map(Number).sort((x, y) => x - y)
      assert.deepStrictEqual(sorted.map(String), numbered("", 200))
      for (const parity of [0, 1]) {
        const ofOne = received.map(Number).filter((number) => number % 2 === parity)
        assert.deepStrictEqual(
          ofOne,
          [...ofOne].sort((x, y) => x - y)
        )
      }
    }))

  test("a merge goes on when one of its sockets closes, and ends when all have", (place) =>
    Effect.gen(function* () {
      const { a, b, toB } = yield* two(place)
      const seen: Array<string> = []
      const polling = yield* suspended(
        Stream.runForEach(Poller.merge({ a, b }), (polled) => Effect.sync(() => seen.push(shown(polled))))
      )
      yield* Socket.drain(a, 0)
      yield* Push.send(toB, "still here")
      yield* Effect.sleep(aWhile)
      assert.deepStrictEqual(seen, ["b: still here"])
      assert.isUndefined(polling.pollUnsafe())
      yield* Socket.drain(b, 0)
      yield* Fiber.join(polling)
    }))
})
