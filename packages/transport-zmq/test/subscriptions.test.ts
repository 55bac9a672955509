import { assert, describe } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as zeromq from "zeromq"
import { anyPort, endpointOf, live, naively, reasonOf } from "./sockets.ts"

const word = (event: XPub.Event): string => {
  if (event._tag === "Message") return Message.text(event.message)
  return `${event._tag === "Subscribe" ? "+" : "-"}${Message.text([event.topic])}`
}

/** The next one, which is a subscription or the end of one. */
const subscription = (socket: XPub.XPub) =>
  Effect.flatMap(XPub.receive(socket), (event) =>
    event._tag === "Message" ? Effect.die("a message") : Effect.succeed(event)
  )

const publisher = (options: XPub.Options = {}) =>
  Effect.gen(function* () {
    const xpub = yield* XPub.make({ bind: anyPort, linger: 0, ...options })
    return { xpub, endpoint: yield* endpointOf(xpub) }
  })

describe("XPUB", () => {
  live("a subscriber is welcomed though nobody uses the publisher", () =>
    Effect.gen(function* () {
      for (const bind of [anyPort, "inproc://welcoming"] as const) {
        const { endpoint } = yield* publisher({ bind, welcomeMessage: Uint8Array.of(0, 87, 0) })
        const sub = yield* Sub.make({ connect: endpoint, subscribe: Uint8Array.of(0) })
        const message = yield* Effect.timeout(Sub.receive(sub), "5 seconds")
        assert.deepStrictEqual([...message[0]], [0, 87, 0])
      }
    })
  )

  naively("the addon as it is: it waits until the publisher does something", () =>
    Effect.gen(function* () {
      const open = <A extends { close(): void }>(make: () => A) =>
        Effect.acquireRelease(Effect.sync(make), (socket) => Effect.sync(() => socket.close()))
      const xpub = yield* open(() => new zeromq.XPublisher({ linger: 0, welcomeMessage: "W" }))
      xpub.bindSync("tcp://127.0.0.1:*")
      const sub = yield* open(() => new zeromq.Subscriber({ linger: 0, receiveTimeout: 200 }))
      sub.subscribe("W")
      sub.connect(`${xpub.lastEndpoint}`)
      yield* Effect.tryPromise(() => sub.receive())
    })
  )

  live("with manual, a confirmation is never for another subscriber, also where several fibers receive", () =>
    Effect.gen(function* () {
      const { endpoint, xpub } = yield* publisher({ manual: true })
      const names = Array.from({ length: 50 }, (_, index) => `${index}.`)
      const confirmed: Array<string> = []
      // While one confirms, the other waits.
      const serve = XPub.runForEach(xpub, (event) =>
        event._tag === "Subscribe"
          ? Effect.map(XPub.confirm(xpub, event), () => confirmed.push(Message.text([event.topic])))
          : Effect.void
      )
      yield* Effect.forkChild(serve)
      yield* Effect.forkChild(serve)
      const subs = yield* Effect.forEach(names, (subscribe) =>
        Sub.make({ connect: endpoint, subscribe: [subscribe, "end"] })
      )
      const all = yield* Effect.forEach(subs, (sub) =>
        Effect.forkChild(
          Effect.map(
            Stream.runCollect(Stream.takeUntil(Stream.map(Sub.stream(sub), Message.text), (text) => text === "end")),
            (received) => received.slice(0, -1)
          )
        )
      )
      while (confirmed.length < 100) yield* Effect.sleep(1)
      for (const name of [...names, "end"]) yield* XPub.send(xpub, name)
      const received = yield* Fiber.joinAll(all)
      assert.deepStrictEqual(
        received,
        names.map((name) => [name])
      )
    })
  )

  live("with manual, a confirmation that libzmq would give another subscriber is refused: messages came between", () =>
    Effect.gen(function* () {
      const { endpoint, xpub } = yield* publisher({ manual: true })
      const a = yield* XSub.make({ connect: endpoint, subscribe: "ready a" })
      yield* XPub.confirm(xpub, yield* subscription(xpub))
      const b = yield* XSub.make({ connect: endpoint, subscribe: "ready b" })
      yield* XPub.confirm(xpub, yield* subscription(xpub))
      yield* XSub.send(a, "message")
      yield* XSub.subscribe(a, "A")
      yield* Effect.sleep(30)
      yield* XSub.subscribe(b, "B")
      yield* Effect.sleep(30)
      assert.strictEqual(word(yield* XPub.receive(xpub)), "message")
      const first = yield* subscription(xpub)
      assert.strictEqual(word(first), "+A")
      assert.include(yield* reasonOf(XPub.confirm(xpub, first)), { _tag: "InvalidState" })
      const second = yield* subscription(xpub)
      assert.strictEqual(word(second), "+B")
      yield* XPub.confirm(xpub, second)
      yield* XPub.send(xpub, "A")
      yield* XPub.send(xpub, "B")
      assert.strictEqual(Message.text(yield* XSub.receive(b)), "B")
      assert.deepStrictEqual(yield* Effect.timeoutOption(XSub.receive(a), 30), Option.none())
      // All was read: it is right again.
      yield* XSub.subscribe(a, "again")
      yield* XPub.confirm(xpub, yield* subscription(xpub))
      yield* XPub.send(xpub, "again")
      assert.strictEqual(Message.text(yield* XSub.receive(a)), "again")
    })
  )
})

describe("XSUB", () => {
  live("after a reconnection it is subscribed to what it was subscribed to, and to nothing else", () =>
    Effect.gen(function* () {
      const endpoint = yield* Effect.scoped(Effect.flatMap(publisher(), ({ endpoint }) => Effect.succeed(endpoint)))
      const xsub = yield* XSub.make({ connect: endpoint, subscribe: ["a", "b"], reconnect: { initial: 5, maximum: 5 } })
      for (let round = 0; round < 4; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { xpub } = yield* publisher({ bind: endpoint })
            const told: Array<string> = []
            while (!told.includes("+a") || (round === 0 && !told.includes("+b"))) {
              told.push(word(yield* XPub.receive(xpub)))
            }
            if (round === 0) yield* XSub.unsubscribe(xsub, "b")
            else if (told.length === 1) assert.deepStrictEqual(told, ["+a"])
            yield* XPub.send(xpub, "a")
            assert.strictEqual(Message.text(yield* XSub.receive(xsub)), "a")
            if (round > 0) {
              yield* XPub.send(xpub, "b")
              assert.deepStrictEqual(yield* Effect.timeoutOption(XSub.receive(xsub), 20), Option.none())
            }
          })
        )
      }
    })
  )
})
