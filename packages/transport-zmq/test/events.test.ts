import { assert, describe } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as zeromq from "zeromq"
import { anyPort, awaitEvent, endpointOf, live, naively, pipeline } from "./sockets.ts"

const tags = (events: ReadonlyArray<SocketEvent>) => events.map(({ _tag }) => _tag)

describe("events", () => {
  live("none is missed, from before the first bind or connect to Closed, whenever one begins to listen", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* Effect.scoped(
        Effect.gen(function* () {
          const sockets = yield* pipeline()
          yield* Push.send(sockets.push, "a")
          yield* Pull.receive(sockets.pull)
          yield* awaitEvent(sockets.push, "HandshakeSucceeded")
          return sockets
        })
      )
      const pushed = yield* Stream.runCollect(Socket.events(push))
      assert.deepStrictEqual(tags(pushed), ["Connecting", "Connected", "HandshakeSucceeded", "Closed"])
      const pulled = yield* Stream.runCollect(Socket.events(pull))
      assert.deepStrictEqual(tags(pulled), [
        "Listening",
        "Accepted",
        "HandshakeSucceeded",
        "Disconnected",
        "Unbound",
        "Closed"
      ])
    })
  )

  naively("the addon as it is: what happened before one looked at its events is lost", () =>
    Effect.gen(function* () {
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => new zeromq.Pull()),
        (socket) => Effect.sync(() => socket.close())
      )
      yield* Effect.promise(() => socket.bind("tcp://127.0.0.1:*"))
      const event = yield* Effect.timeout(
        Effect.promise(() => socket.events.receive()),
        100
      )
      assert.strictEqual(event.type, "bind")
    })
  )

  live("a peer that leaves and comes back is told of, with the time until the next attempt", () =>
    Effect.gen(function* () {
      const endpoint = yield* Effect.scoped(Effect.flatMap(Pull.make({ bind: anyPort }), endpointOf))
      const push = yield* Push.make({ connect: endpoint, reconnect: { initial: 10, maximum: 20 }, linger: 0 })
      const seen = yield* Effect.forkChild(
        Stream.runCollect(Stream.takeUntil(Socket.events(push), (event) => event._tag === "Disconnected"))
      )
      yield* awaitEvent(push, "Reconnecting")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Pull.make({ bind: endpoint })
          yield* awaitEvent(push, "HandshakeSucceeded")
        })
      )
      const events = yield* Fiber.join(seen)
      assert.deepStrictEqual(tags(events).slice(-3), ["Connected", "HandshakeSucceeded", "Disconnected"])
      assert.include(tags(events), "Reconnecting")
      assert.notInclude(tags(events), "Unbound")
    })
  )

  live("a peer of an incompatible type is refused, and the socket says so", () =>
    Effect.gen(function* () {
      const { endpoint, pull } = yield* pipeline()
      yield* Req.make({ connect: endpoint, linger: 0 })
      yield* awaitEvent(pull, "Disconnected")
    })
  )

  live("a failed bind is told of", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* pipeline()
      const pull = yield* Pull.make({})
      yield* Effect.exit(Socket.bind(pull, endpoint))
      const event = yield* awaitEvent(pull, "BindFailed")
      assert.deepInclude(event ?? {}, { endpoint: `${endpoint}` })
    })
  )

  live("over inproc, whose peers are sockets of this thread, they are told of, too", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "inproc://told" })
      const push = yield* Push.make({ connect: "inproc://told" })
      yield* Push.send(push, "a")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "a")
      yield* Socket.unbind(pull, "inproc://told")
      yield* Socket.drain(pull, 0)
      const pulled = ["Listening", "Accepted", "HandshakeSucceeded", "Unbound", "Closed"]
      assert.deepStrictEqual(tags(yield* Stream.runCollect(Socket.events(pull))), pulled)
      yield* Socket.drain(push, 0)
      const pushed = ["Connecting", "Connected", "HandshakeSucceeded", "Disconnected", "Abandoned", "Closed"]
      assert.deepStrictEqual(tags(yield* Stream.runCollect(Socket.events(push))), pushed)
    })
  )
})
