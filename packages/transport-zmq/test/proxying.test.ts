import { assert, describe } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Proxy from "@effect-zmq/core/Proxy"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as SocketOptions from "@effect-zmq/core/SocketOptions"
import { type Progress, Transport } from "@effect-zmq/core/Transport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { anyPort, endpointOf, live } from "./sockets.ts"

const all = Array.from({ length: 10_000 }, (_, i) => `${i}`)

const texts = (pull: Pull.Pull) => Stream.map(Pull.stream(pull), Message.text)

/** So many microtasks on. A `Schedule` would give the event loop a turn. */
const microtasks = (count: number) =>
  Effect.promise(async () => {
    for (let n = 0; n < count; n++) await undefined
  })

describe("what a proxy asks of the addon", () => {
  // The addon takes a message at once, and says so a moment later: in between it is not known whether it was sent.
  for (const type of ["PUSH", "ROUTER"] as const) {
    live(
      `a send of a ${type} that is interrupted at any moment tells how many messages it has sent`,
      Effect.fnUntraced(function* () {
        const transport = yield* Transport
        const handle = yield* transport.open(
          type,
          yield* Effect.fromResult(SocketOptions.resolve({ linger: 0, highWaterMark: { send: 100 } }, false))
        )
        const options = yield* Effect.fromResult(
          SocketOptions.resolve(type === "ROUTER" ? { routingId: new Uint8Array([65]) } : {}, false)
        )
        const peer = yield* transport.open(type === "PUSH" ? "PULL" : "DEALER", options)
        yield* handle.connect(yield* peer.bind(yield* endpoint))
        const received: Array<string> = []
        const receiving = yield* Effect.forkChild(
          Effect.gen(function* () {
            while (received.length < all.length) {
              yield* peer.readable
              for (const message of peer.receiveUnsafe(64)) received.push(Message.text(message))
            }
          })
        )
        if (type === "ROUTER") {
          yield* peer.send([Message.make("here")])
          yield* handle.readable
        }

        const messages = all.map((text) => (type === "PUSH" ? Message.make(text) : Message.make(["A", text])))
        const progress: Progress = { sent: 0 }
        let sent = 0
        let cut = 0
        let told = 0
        for (let round = 0; sent < messages.length; round++) {
          const [first, ...others] = messages.slice(sent, sent + 60)
          if (first === undefined) break
          // Looked at as soon as the send has ended.
          const send = Effect.onExit(handle.send([first, ...others], progress), () =>
            Effect.sync(() => (told = progress.sent))
          )
          const sending = yield* Effect.forkChild(send, { startImmediately: true })
          yield* microtasks(round % 30)
          if (round % 10 === 0) yield* Effect.yieldNow
          yield* Fiber.interrupt(sending)
          sent += told
          if (told > 0 && told <= others.length) cut++
        }
        yield* Fiber.join(receiving)
        assert.deepStrictEqual(received, all)
        assert.isAbove(cut, 20)
      })
    )
  }

  live(
    "a proxy that is interrupted time and again doubles nothing, loses nothing and keeps the order",
    Effect.fnUntraced(function* () {
      const from = yield* Pull.make({ bind: anyPort })
      const to = yield* Push.make({ bind: anyPort, highWaterMark: { send: 50 }, linger: 0 })
      const source = yield* Push.make({ connect: yield* endpointOf(from), linger: 0 })
      const sink = yield* Pull.make({ connect: yield* endpointOf(to), highWaterMark: { receive: 50 } })
      yield* Effect.forkChild(Push.sendAll(source, all))
      const received = yield* Effect.forkChild(Stream.runCollect(Stream.take(texts(sink), all.length)))
      for (let round = 0; received.pollUnsafe() === undefined; round++) {
        const running = yield* Effect.forkChild(Proxy.run(from, to), { startImmediately: true })
        yield* microtasks(round % 7)
        if (round % 3 === 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(running)
      }
      assert.deepStrictEqual(yield* Fiber.join(received), all)
    })
  )

  live(
    "a queue that is drained under load gives every reply to what it has passed on",
    Effect.fnUntraced(function* () {
      const router = yield* Router.make({ bind: anyPort, linger: 0 })
      const dealer = yield* Dealer.make({ bind: anyPort, linger: 0 })
      const proxy = yield* Proxy.make(router, dealer)
      const served = { begun: 0, answered: 0 }
      for (let worker = 0; worker < 3; worker++) {
        const rep = yield* Rep.make({ connect: yield* endpointOf(dealer), linger: 0 })
        const work = (request: Message.Message) =>
          Effect.as(
            Effect.delay(
              Effect.sync(() => served.begun++),
              2
            ),
            request
          )
        yield* Effect.forkScoped(Rep.serve(rep, work))
      }
      const connect = yield* endpointOf(router)
      const client = Effect.gen(function* () {
        const req = yield* Req.make({ connect, linger: 0 })
        for (;;) {
          yield* Req.request(req, "request")
          served.answered++
        }
      })
      yield* Effect.forkScoped(Effect.replicateEffect(client, 8, { concurrency: "unbounded" }))
      while (served.answered < 100) yield* Effect.sleep(5)
      assert.deepStrictEqual(yield* Proxy.drain(proxy, "20 seconds"), { unanswered: 0, unsent: 0 })
      const { backend, frontend } = yield* Proxy.statistics(proxy)
      assert.deepStrictEqual([served.begun, frontend.sent.messages], [backend.sent.messages, backend.sent.messages])
      while (served.answered < served.begun) yield* Effect.sleep(5) // on their way
    })
  )

  live(
    "a streamer that is drained sends on what it has taken, whatever the addon has of it",
    Effect.fnUntraced(function* () {
      const from = yield* Pull.make({ bind: anyPort })
      const to = yield* Push.make({ bind: anyPort, highWaterMark: { send: 50 }, linger: 0 })
      const source = yield* Push.make({ connect: yield* endpointOf(from), linger: 0 })
      const sink = yield* Pull.make({ connect: yield* endpointOf(to), highWaterMark: { receive: 50 } })
      yield* Effect.forkChild(Push.sendAll(source, all))
      const received: Array<string> = []
      yield* Effect.forkScoped(Stream.runForEach(texts(sink), (text) => Effect.sync(() => received.push(text))))
      for (let round = 1; received.length < all.length; round++) {
        const proxy = yield* Proxy.make(from, to)
        while (received.length < Math.min(all.length, round * 1000)) yield* Effect.sleep(1)
        assert.deepStrictEqual(yield* Proxy.drain(proxy, "20 seconds"), { unanswered: 0, unsent: 0 })
      }
      assert.deepStrictEqual(received, all)
    })
  )
})

const endpoint = Effect.fromResult(Endpoint.parseBind(anyPort))
