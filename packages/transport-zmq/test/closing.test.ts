import { assert, describe } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { anyPort, awaitEvent, endpointOf, live, pipeline, reasonOf } from "./sockets.ts"

const freePort = Effect.scoped(Effect.flatMap(Pull.make({ bind: anyPort }), endpointOf))

const millisOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([duration, value]) => [Duration.toMillis(duration), value] as const)

describe("closing", () => {
  live("a suspended receive ends with Closed at once, and a stream ends, though messages are still to be flushed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pull = yield* Scope.provide(Pull.make({ bind: anyPort }), scope)
      const receiving = yield* Effect.forkChild(reasonOf(Pull.receive(pull)), { startImmediately: true })
      const streaming = yield* Effect.forkChild(Stream.runDrain(Pull.stream(pull)), { startImmediately: true })
      const req = yield* Scope.provide(Req.make({ connect: yield* freePort, linger: 300 }), scope)
      const requesting = yield* Effect.forkChild(reasonOf(Req.request(req, "to nobody")), { startImmediately: true })
      const start = yield* Clock.currentTimeMillis
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.strictEqual((yield* Fiber.join(requesting))._tag, "Closed")
      assert.isBelow((yield* Clock.currentTimeMillis) - start, 100)
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Fiber.join(receiving))._tag, "Closed")
      yield* Fiber.join(streaming)
      for (const effect of [
        Pull.receive(pull),
        Pull.poll(pull),
        Socket.bind(pull, anyPort),
        Socket.connect(pull, "inproc://x")
      ]) {
        assert.strictEqual((yield* reasonOf(effect as Effect.Effect<unknown, ZmqError>))._tag, "Closed")
      }
    })
  )

  live("a linger of a month is a long one", () =>
    Effect.gen(function* () {
      const push = yield* Push.make({ connect: yield* freePort })
      yield* Push.send(push, "to who comes")
      const draining = yield* Effect.forkChild(Socket.drain(push, "30 days"), { startImmediately: true })
      yield* Effect.sleep("50 millis")
      const [endpoint] = yield* Socket.endpoints(push)
      const pull = yield* Pull.make({ bind: endpoint as typeof anyPort })
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "to who comes")
      assert.isTrue((yield* Fiber.join(draining)).flushed)
    })
  )

  live("a suspended send ends within linger: sent, or Closed", () =>
    Effect.gen(function* () {
      for (const peerAppears of [true, false]) {
        const endpoint = yield* freePort
        const push = yield* Push.make({ bind: endpoint })
        const sending = yield* Effect.forkChild(Effect.exit(Push.send(push, "suspended")), { startImmediately: true })
        const draining = yield* Effect.forkChild(millisOf(Socket.drain(push, 300)), { startImmediately: true })
        if (peerAppears) {
          const pull = yield* Pull.make({ connect: endpoint })
          assert.strictEqual(Message.text(yield* Pull.receive(pull)), "suspended")
        }
        const [millis, report] = yield* Fiber.join(draining)
        assert.isBelow(millis, 400)
        assert.strictEqual(report.flushed, true)
        assert.strictEqual(Exit.isSuccess(yield* Fiber.join(sending)), peerAppears)
        assert.strictEqual((yield* reasonOf(Push.send(push, "later")))._tag, "Closed")
      }
    })
  )

  live(
    "what is queued for an absent peer is dropped when linger is over, which Closed says; never later than 100 ms",
    () =>
      Effect.gen(function* () {
        const endpoint = yield* freePort
        for (const linger of [0, 50, 300]) {
          const push = yield* Push.make({ connect: endpoint, linger })
          yield* Push.sendAll(push, ["1", "2", "3"])
          const [millis, report] = yield* millisOf(Socket.drain(push, linger))
          assert.deepStrictEqual(report, { flushed: false, dropped: undefined })
          assert.isAtLeast(millis, linger - 2)
          assert.isBelow(millis, linger + 100)
          assert.deepInclude(yield* awaitEvent(push, "Closed"), { flushed: false, dropped: undefined })
          assert.strictEqual(yield* Socket.drain(push, 1000), report)
        }
      })
  )

  live("a peer that appears inside linger gets all 1,000", () =>
    Effect.gen(function* () {
      const endpoint = yield* freePort
      const push = yield* Push.make({ connect: endpoint, reconnect: { initial: 10, maximum: 10 } })
      yield* Push.sendAll(
        push,
        Array.from({ length: 1000 }, (_, i) => `${i}`)
      )
      const draining = yield* Effect.forkChild(Socket.drain(push, 5000), { startImmediately: true })
      yield* awaitEvent(push, "Reconnecting")
      const pull = yield* Pull.make({ bind: endpoint })
      const received = yield* Stream.runCollect(Stream.take(Pull.stream(pull), 1000))
      assert.deepStrictEqual(
        received.map((message) => Number(Message.text(message))),
        Array.from({ length: 1000 }, (_, i) => i)
      )
      assert.deepStrictEqual(yield* Fiber.join(draining), { flushed: true, dropped: 0 })
    })
  )

  live("who has nothing to flush closes at once, whatever the linger", () =>
    Effect.gen(function* () {
      const absent = yield* freePort
      const sockets = [
        yield* Push.make({ connect: absent, linger: "1 minute" }),
        yield* Pull.make({ connect: absent, linger: "1 minute" }),
        yield* Sub.make({ connect: absent, subscribe: "queued for the absent", linger: "1 minute" }),
        yield* Pub.make({ bind: anyPort, linger: "1 minute" })
      ]
      yield* Effect.tap(pipeline(), ({ push }) => Push.send(push, "delivered"))
      for (const socket of sockets) {
        const [millis, report] = yield* millisOf(Socket.drain(socket, "1 minute"))
        assert.isBelow(millis, 90)
        assert.deepStrictEqual(report, { flushed: true, dropped: 0 })
      }
    })
  )

  live("over inproc too, though its peers are not called meanwhile", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "inproc://idle-peer", linger: 0 })
      const push = yield* Push.make({ connect: "inproc://idle-peer", linger: "1 minute" })
      yield* Push.send(push, "read")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "read")
      const [millis, report] = yield* millisOf(Socket.drain(push, "1 minute"))
      assert.isBelow(millis, 60)
      assert.deepStrictEqual(report, { flushed: true, dropped: 0 })
    })
  )

  live(
    "over inproc, one that was connected to what nobody has bound goes, and one that waits there gets its peer",
    () =>
      Effect.gen(function* () {
        const first = yield* Push.make({ connect: "inproc://bound-later", linger: 0 })
        const second = yield* Push.make({ connect: "inproc://bound-later", linger: 0 })
        const third = yield* Push.make({ connect: "inproc://never-bound", linger: 0 })
        for (const push of [first, second, third]) yield* Push.send(push, "waits")
        for (const push of [first, third]) yield* Socket.drain(push, 0)
        const pull = yield* Pull.make({ bind: "inproc://bound-later" })
        assert.strictEqual(Message.text(yield* Pull.receive(pull)), "waits")
        yield* Pull.make({ bind: "inproc://never-bound" })
      })
  )

  live("a receive that ends by Closed is no unhandled rejection, whatever was pending in the addon", () =>
    Effect.gen(function* () {
      const unhandled: Array<unknown> = []
      const onUnhandled = (reason: unknown) => unhandled.push(reason)
      process.on("unhandledRejection", onUnhandled)
      for (let i = 0; i < 20; i++) {
        const { pull, push } = yield* pipeline({ push: { linger: 0 } })
        const abandoned = yield* Effect.forkChild(Pull.receive(pull), { startImmediately: true })
        if (i % 2 === 0) yield* Fiber.interrupt(abandoned)
        yield* Socket.drain(pull, 0)
        const waiting = yield* Effect.forkChild(Push.send(yield* Push.make({}), "to nobody"), {
          startImmediately: true
        })
        yield* Socket.drain(push, 0)
        yield* Fiber.interrupt(waiting)
      }
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      process.off("unhandledRejection", onUnhandled)
      assert.deepStrictEqual(unhandled, [])
    })
  )
})
