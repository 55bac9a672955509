/** How much is queued, in bytes. */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Push from "@effect-zmq/core/Push"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import { fillPeer, heard } from "../routers.ts"
import {
  connected,
  dealer,
  endpointOf,
  failsWith,
  fill,
  numbered,
  pub,
  pull,
  push,
  rest,
  router,
  sub,
  subscribed,
  texts
} from "../steps.ts"
import { type Place, suite } from "../suite.ts"

const size = 250_000
const bytes = new Uint8Array(size)

/** So many are more than what two marks and the system have room for. */
const most = 80

const marks = { sendBytes: 4 * size, receiveBytes: 4 * size }

/** Between two sockets with these marks there are so many messages, and what the system has, if it has had the time. */
const isBounded = (place: Place, sent: number): void => {
  if (place.scheme === "inproc") assert.strictEqual(sent, 8)
  else assert.isAtLeast(sent, 4)
  assert.isBelow(sent, most)
}

/** A ROUTER, and a DEALER that it knows and that reads nothing. */
const stalled = (place: Place, onFull: "suspend" | "drop" | "fail") =>
  Effect.gen(function* () {
    const server = yield* router({ bind: place.any(), onFull, highWaterMark: marks })
    const client = yield* dealer({ connect: yield* endpointOf(server), routingId: "a", highWaterMark: marks })
    yield* Dealer.send(client, "here")
    yield* heard(server)
    return { server, client }
  })

const toA = (text: string): { readonly to: string; readonly message: Message.Input } => ({
  to: "a",
  message: [bytes, text]
})

export const byteMarks = suite("high-water marks in bytes", (test) => {
  test("a queue takes messages while it has fewer bytes than its mark, and fewer messages than the other", (place) =>
    Effect.gen(function* () {
      const filled = (highWaterMark: Push.Options["highWaterMark"], size: number) =>
        Effect.flatMap(push({ connect: place.nobody(), highWaterMark }), (sender) => fill(sender, { size, most: 100 }))
      assert.strictEqual(yield* filled({ sendBytes: 8_000_000 }, 1_000_000), 8)
      assert.strictEqual(yield* filled({ sendBytes: 8_000_000, send: 3 }, 1_000_000), 3)
      assert.strictEqual(yield* filled({ sendBytes: 8_000_000, send: 3 }, 0), 3)
      assert.strictEqual(yield* filled({ sendBytes: "unlimited", send: 20 }, 20_000_000), 20)
      // By default 64 MiB.
      assert.strictEqual(yield* filled(undefined, 20_000_000), 4)
      assert.strictEqual(yield* filled({ send: "unlimited" }, 20_000_000), 100)
    }))

  test("a message larger than a mark in bytes goes through, one at a time", (place) =>
    Effect.gen(function* () {
      const highWaterMark = { sendBytes: 1, receiveBytes: 1 }
      const receiver = yield* pull({ bind: place.any(), highWaterMark })
      const sender = yield* push({ connect: yield* endpointOf(receiver), highWaterMark })
      const all = numbered("", 5)
      yield* Effect.forkChild(Effect.forEach(all, (text) => Push.send(sender, [bytes, text])))
      assert.deepStrictEqual(yield* texts(receiver, 5), all)
    }))

  test("a PUSH waits when both queues have as many bytes as their marks, and all that it has sent arrives", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any(), highWaterMark: marks })
      const sender = yield* push({ connect: yield* endpointOf(receiver), highWaterMark: marks })
      yield* connected(place, sender)
      const sent = yield* fill(sender, { size, most })
      isBounded(place, sent)
      const { queued } = yield* Socket.statistics(receiver)
      assert.isAtMost(queued.receive ?? 0, place.scheme === "inproc" ? 8 : 4)
      assert.isAtMost((yield* Socket.statistics(sender)).queued.send ?? 0, 4)
      assert.deepStrictEqual(yield* texts(receiver, most), numbered("", most))
    }))

  test("a PUB drops for a subscriber whose queues have as many bytes as their marks, and counts what it drops", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), highWaterMark: marks })
      const subscriber = yield* sub({
        connect: yield* endpointOf(publisher),
        subscribe: "",
        highWaterMark: { receiveBytes: marks.receiveBytes }
      })
      yield* subscribed(publisher, subscriber)
      for (const text of numbered("", most)) yield* Pub.send(publisher, [bytes, text])
      const received = yield* rest(subscriber, 4)
      isBounded(place, received.length)
      const { losses } = yield* Socket.statistics(publisher)
      assert.strictEqual(received.length + (losses.queueFull ?? 0), most)
    }))

  test('a ROUTER with onFull "suspend" waits for a peer whose queues have as many bytes as their marks', (place) =>
    Effect.gen(function* () {
      const { client, server } = yield* stalled(place, "suspend")
      const { sender, sent } = yield* fillPeer(server, "a", size)
      isBounded(place, sent)
      assert.deepStrictEqual(yield* texts(client, sent), numbered("", sent))
      yield* Fiber.interrupt(sender)
    }))

  test('a ROUTER with onFull "fail" refuses, and with "drop" drops and counts, what is for such a peer', (place) =>
    Effect.gen(function* () {
      const refusing = yield* stalled(place, "fail")
      const sending = Effect.forEach(numbered("", most), (text) => Router.send(refusing.server, toA(text)))
      yield* failsWith("PeerFull", Effect.asVoid(sending))
      const { client, server } = yield* stalled(place, "drop")
      yield* Router.sendAll(server, numbered("", most).map(toA))
      const received = yield* rest(client, 4)
      isBounded(place, received.length)
      const { losses } = yield* Socket.statistics(server)
      assert.strictEqual(received.length + (losses.queueFull ?? 0), most)
    }))
})
