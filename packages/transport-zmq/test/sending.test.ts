import { assert, describe } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Naive from "./naive.ts"
import { anyPort, awaitEvent, endpointOf, live, naively, pipeline, reasonOf } from "./sockets.ts"

describe("sending", () => {
  live("a send that waits for a peer goes out when connect gives it one", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: anyPort })
      const push = yield* Push.make({ linger: 0 })
      const sending = yield* Effect.forkChild(Push.send(push, "waited"), { startImmediately: true })
      yield* Effect.sleep(5)
      assert.isUndefined(sending.pollUnsafe())
      yield* Socket.connect(push, yield* endpointOf(pull))
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "waited")
      yield* Fiber.join(sending)
    })
  )

  live("a send that waits has room as soon as there is a connection, before its peer exists", () =>
    Effect.gen(function* () {
      const push = yield* Push.make({ linger: 0 })
      const sending = yield* Effect.forkChild(Push.send(push, "queued"), { startImmediately: true })
      yield* Effect.sleep(1)
      yield* Socket.connect(push, "inproc://not-yet-there")
      yield* Effect.timeout(Fiber.join(sending), 1000)
    })
  )

  naively("the addon as it is: what is parked does not hear of a new connection", () =>
    Effect.gen(function* () {
      const push = yield* Naive.push()
      const sending = yield* Effect.forkChild(push.send("queued"), { startImmediately: true })
      push.socket.connect("inproc://not-yet-there")
      yield* Effect.timeout(Fiber.join(sending), 1000)
    })
  )

  live("a send that is interrupted while it waits is never sent, and those behind it keep their order", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: anyPort })
      const push = yield* Push.make({ linger: 0 })
      const fibers: Array<Fiber.Fiber<void, unknown>> = []
      for (let i = 0; i < 10; i++)
        fibers.push(yield* Effect.forkChild(Push.send(push, `${i}`), { startImmediately: true }))
      for (const i of [0, 4, 9]) {
        const fiber = fibers[i]
        if (fiber !== undefined) yield* Fiber.interrupt(fiber)
      }
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Push.send(push, "timed out"), 5)))
      yield* Socket.connect(push, yield* endpointOf(pull))
      yield* Push.send(push, "last")
      const bodies = yield* Stream.runCollect(
        Stream.takeUntil(Stream.map(Pull.stream(pull), Message.text), (body) => body === "last")
      )
      assert.deepStrictEqual(bodies, ["1", "2", "3", "5", "6", "7", "8", "last"])
    })
  )

  live("sendAll that is interrupted has sent a prefix of whole messages", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({
        pull: { highWaterMark: { receive: 1 } },
        push: { highWaterMark: { send: 1 }, linger: 0 }
      })
      const body = new Uint8Array(32 * 1024)
      const messages = Array.from({ length: 2000 }, (_, i) => [`${i}`, body, "end"] as const)
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Push.sendAll(push, messages), 200)))
      const after = yield* Effect.forkChild(Push.send(push, "after"))
      const received: Array<string> = []
      yield* Stream.runForEach(
        Stream.takeUntil(Pull.stream(pull), (message) => message.length === 1),
        (message) => {
          if (message.length > 1) assert.strictEqual(message.length, 3)
          received.push(Message.text([message[0]]))
          return Effect.void
        }
      )
      yield* Fiber.join(after)
      assert.strictEqual(received.pop(), "after")
      assert.isAbove(received.length, 0)
      assert.isBelow(received.length, 2000)
      assert.deepStrictEqual(
        received,
        received.map((_, i) => `${i}`)
      )
    })
  )

  live("nothing is lost to a slow receiver: the sender waits, and goes on", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({
        pull: { highWaterMark: { receive: 5 } },
        push: { highWaterMark: { send: 5 } }
      })
      const body = new Uint8Array(8 * 1024)
      const count = 3000
      yield* Effect.forkChild(
        Push.sendAll(
          push,
          Array.from({ length: count }, (_, i) => [`${i}`, body] as const)
        )
      )
      let next = 0
      yield* Stream.runForEach(Stream.take(Pull.stream(pull), count), (message) => {
        assert.strictEqual(Message.text([message[0]]), `${next++}`)
        return next % 100 === 0 ? Effect.sleep(1) : Effect.void
      })
    })
  )

  live("a PUB never waits: without subscribers, and for a slow one, which loses whole messages", () =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: anyPort, highWaterMark: { send: 5 }, linger: 0 })
      yield* Pub.send(pub, "nobody")
      const sub = yield* Sub.make({
        connect: yield* endpointOf(pub),
        subscribe: "",
        highWaterMark: { receive: 5 }
      })
      yield* subscribed(pub, sub)
      const body = new Uint8Array(32 * 1024)
      for (let i = 0; i < 2000; i++) yield* Pub.send(pub, [`${i}`, body])
      const received: Array<number> = []
      let message = yield* Effect.timeoutOption(Sub.receive(sub), 200)
      while (Option.isSome(message)) {
        if (message.value.length === 2) received.push(Number(Message.text([message.value[0]])))
        message = yield* Effect.timeoutOption(Sub.receive(sub), 200)
      }
      assert.isAbove(received.length, 0)
      assert.isBelow(received.length, 2000)
      assert.deepStrictEqual(
        received,
        received.toSorted((a, b) => a - b)
      )
    })
  )

  live("a subscriber that keeps up loses nothing, however fast it goes", () =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: "inproc://keeps-up", highWaterMark: { send: 50 }, linger: 0 })
      const sub = yield* Sub.make({ connect: "inproc://keeps-up", subscribe: "n", highWaterMark: { receive: 50 } })
      while (Option.isNone(yield* Sub.poll(sub))) yield* Pub.send(pub, "n are you there")
      while (Option.isSome(yield* Sub.poll(sub)));
      for (let i = 0; i < 20_000; i += 10) {
        for (let j = i; j < i + 10; j++) yield* Pub.send(pub, `n${j}`)
        for (let j = i; j < i + 10; j++) {
          assert.strictEqual(Message.text(yield* Effect.timeout(Sub.receive(sub), 1000)), `n${j}`)
        }
      }
    })
  )

  live("a PUB with noDrop waits for a slow subscriber, and loses nothing", () =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: anyPort, highWaterMark: { send: 5 }, noDrop: true, linger: 0 })
      const sub = yield* Sub.make({
        connect: yield* endpointOf(pub),
        subscribe: "",
        highWaterMark: { receive: 5 }
      })
      yield* subscribed(pub, sub)
      const body = new Uint8Array(32 * 1024)
      const sending = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 500 }, (_, i) => `n${i}`),
          (n) => Pub.send(pub, [n, body]),
          { discard: true }
        )
      )
      yield* Effect.sleep(50)
      assert.isUndefined(sending.pollUnsafe())
      for (let i = 0; i < 500; ) {
        const message = yield* Sub.receive(sub)
        if (message.length === 2) assert.strictEqual(Message.text([message[0]]), `n${i++}`)
      }
      yield* Fiber.join(sending)
    })
  )

  live("frames of every kind arrive as they were: empty, views of larger buffers, small and large", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      const large = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
      const frames = [
        new Uint8Array(0),
        large.subarray(3, 9),
        large.subarray(100, 100_000),
        Buffer.from("pooled"),
        large
      ] as const
      yield* Push.send(push, frames)
      yield* Push.send(push, new Uint8Array(0))
      const received = yield* Pull.receive(pull)
      assert.deepStrictEqual(
        received.map((frame) => [...frame]),
        frames.map((frame) => [...frame])
      )
      assert.deepStrictEqual(
        (yield* Pull.receive(pull)).map((frame) => frame.length),
        [0]
      )
    })
  )

  live("with conflate a message of several frames is refused, for libzmq would keep one of them", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ push: { conflate: true, linger: 0 } })
      yield* Push.send(push, "whole")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "whole")
      assert.strictEqual((yield* reasonOf(Push.send(push, ["two", "frames"])))._tag, "InvalidMessage")
    })
  )

  live("what libzmq lacks for a type of socket is Unsupported at open, and named", () =>
    Effect.gen(function* () {
      const untyped: { readonly make: (options: object) => ReturnType<typeof Push.make> } = Push
      for (const option of ["noDrop", "invertMatching", "correlate"]) {
        const reason = yield* reasonOf(untyped.make({ [option]: true }))
        assert.strictEqual(reason._tag, "Unsupported")
        assert.include(String(reason.message), option)
      }
    })
  )

  live("what libzmq cannot keep to is Unsupported at open: a mark in bytes, a zero byte in metadata", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [Push.Options, string]> = [
        [{ highWaterMark: { sendBytes: 1_000_000 } }, "a high-water mark in bytes"],
        [{ metadata: { "X-Bytes": Uint8Array.of(65, 0) } }, "a zero byte in metadata"]
      ]
      for (const [options, feature] of bad) {
        const reason = yield* reasonOf(Push.make(options))
        assert.strictEqual(reason._tag, "Unsupported")
        assert.include(String(reason.message), feature)
      }
      yield* Push.make({ highWaterMark: { sendBytes: "unlimited" }, metadata: { "X-Room": "blue" } })
    })
  )

  live("every option reaches libzmq without a warning", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const onWarning = (warning: Error) => warnings.push(warning.message)
      process.on("warning", onWarning)
      const common = {
        linger: "1 second",
        immediate: false,
        reconnect: { initial: "10 millis", maximum: "1 second" },
        connectTimeout: "2 seconds",
        handshakeInterval: "3 seconds",
        heartbeat: { interval: "1 second", timeout: "3 seconds", timeToLive: "2 seconds" },
        maxMessageSize: 1_000_000,
        backlog: 50,
        tcpKeepalive: { idle: "10 seconds", interval: "5 seconds", count: 3 },
        typeOfService: 16,
        ipv6: true
      } as const
      const { pull, push, endpoint } = yield* pipeline({
        pull: { ...common, highWaterMark: { receive: 7 } },
        push: { ...common, highWaterMark: { send: "unlimited" } }
      })
      yield* awaitEvent(push, "HandshakeSucceeded")
      yield* Push.send(push, "a")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "a")
      const pub = yield* Pub.make({
        bind: anyPort,
        noDrop: true,
        invertMatching: true,
        linger: Number.POSITIVE_INFINITY
      })
      const sub = yield* Sub.make({
        connect: yield* endpointOf(pub),
        subscribe: "a",
        invertMatching: true,
        reconnect: false
      })
      yield* Sub.subscribe(sub, "late")
      yield* Socket.disconnect(push, endpoint)
      yield* Socket.drain(push, 0)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      process.off("warning", onWarning)
      assert.deepStrictEqual(warnings, [])
    })
  )
})

/** Publishes until a subscriber has got something, and what it has got is received. */
const subscribed = (pub: Pub.Pub, sub: Sub.Sub) =>
  Effect.gen(function* () {
    for (;;) {
      yield* Pub.send(pub, "are you there")
      if (Option.isSome(yield* Effect.timeoutOption(Sub.receive(sub), 5))) return
    }
  })
