import { assert, describe } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Router from "@effect-zmq/core/Router"
import type { Transport } from "@effect-zmq/core/Transport"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { anyPort, endpointOf, live } from "./sockets.ts"

/** Two sockets that are connected, and how one sends text that the other receives. */
interface Ends {
  readonly send: (body: string) => Effect.Effect<void, ZmqError>
  readonly receive: Effect.Effect<string, ZmqError>
  readonly poll: Effect.Effect<Option.Option<string>, ZmqError>
}

type Make = Effect.Effect<Ends, ZmqError, Transport | Scope.Scope>

const dealers: Make = Effect.gen(function* () {
  const to = yield* Dealer.make({ bind: anyPort })
  const from = yield* Dealer.make({ connect: yield* endpointOf(to) })
  return {
    send: (body) => Dealer.send(from, body),
    receive: Effect.map(Dealer.receive(to), Message.text),
    poll: Effect.map(Dealer.poll(to), Option.map(Message.text))
  }
})

const toRouter: Make = Effect.gen(function* () {
  const to = yield* Router.make({ bind: anyPort })
  const from = yield* Dealer.make({ connect: yield* endpointOf(to) })
  return {
    send: (body) => Dealer.send(from, body),
    receive: Effect.map(Router.receive(to), ({ message }) => Message.text(message)),
    poll: Effect.map(
      Router.poll(to),
      Option.map(({ message }) => Message.text(message))
    )
  }
})

const fromRouter: Make = Effect.gen(function* () {
  const from = yield* Router.make({ bind: anyPort })
  const to = yield* Dealer.make({ connect: yield* endpointOf(from), routingId: "to", probeRouter: true })
  yield* Router.receive(from)
  return {
    send: (body) => Router.send(from, { to: "to", message: body }),
    receive: Effect.map(Dealer.receive(to), Message.text),
    poll: Effect.map(Dealer.poll(to), Option.map(Message.text))
  }
})

const pairs: Make = Effect.gen(function* () {
  const to = yield* Pair.make({ bind: anyPort })
  const from = yield* Pair.make({ connect: yield* endpointOf(to) })
  return {
    send: (body) => Pair.send(from, body),
    receive: Effect.map(Pair.receive(to), Message.text),
    poll: Effect.map(Pair.poll(to), Option.map(Message.text))
  }
})

const toXSub: Make = Effect.gen(function* () {
  const from = yield* XPub.make({ bind: anyPort, noDrop: true })
  const to = yield* XSub.make({ connect: yield* endpointOf(from), subscribe: "" })
  yield* XPub.receive(from)
  return {
    send: (body) => XPub.send(from, body),
    receive: Effect.map(XSub.receive(to), Message.text),
    poll: Effect.map(XSub.poll(to), Option.map(Message.text))
  }
})

const all = { dealers, toRouter, fromRouter, pairs, toXSub } as const

describe("interruption", () => {
  for (const [name, make] of Object.entries(all)) {
    live(`${name}: 300 receives that are interrupted or timed out lose nothing, and order is kept`, () =>
      Effect.gen(function* () {
        const { poll, receive, send } = yield* make
        const received: Array<string> = []
        let sent = 0
        for (let i = 0; i < 300; i++) {
          const fiber = yield* Effect.forkChild(
            Effect.map(i % 3 === 0 ? Effect.timeoutOption(receive, 0) : Effect.asSome(receive), (body) => {
              if (Option.isSome(body)) received.push(body.value)
            }),
            { startImmediately: true }
          )
          if (i % 2 === 0) yield* send(`${sent++}`)
          if (i % 5 === 0) yield* Effect.yieldNow
          if (i % 7 === 0) yield* Effect.sleep(1)
          if (i % 11 === 0)
            yield* Effect.map(
              poll,
              Option.map((body) => received.push(body))
            )
          yield* Fiber.interrupt(fiber)
        }
        while (received.length < sent) received.push(yield* receive)
        assert.deepStrictEqual(
          received,
          Array.from({ length: sent }, (_, index) => `${index}`)
        )
        assert.deepStrictEqual(yield* poll, Option.none())
      })
    )

    live(`${name}: 40 fibers that send and 8 that receive at once, each message once, in order for each sender`, () =>
      Effect.gen(function* () {
        const { receive, send } = yield* make
        const received: Array<string> = []
        const receivers = yield* Effect.forEach(Array.from({ length: 8 }), () =>
          Effect.forkChild(Effect.forever(Effect.map(receive, (body) => received.push(body))))
        )
        yield* Effect.forEach(
          Array.from({ length: 40 }, (_, index) => index),
          (sender) =>
            Effect.gen(function* () {
              for (let i = 0; i < 50; i++) yield* send(`${sender}:${i}`)
            }),
          { concurrency: "unbounded", discard: true }
        )
        while (received.length < 2000) yield* Effect.sleep(1)
        yield* Fiber.interruptAll(receivers)
        for (let sender = 0; sender < 40; sender++) {
          assert.deepStrictEqual(
            received.filter((body) => body.startsWith(`${sender}:`)),
            Array.from({ length: 50 }, (_, index) => `${sender}:${index}`)
          )
        }
      })
    )
  }
})
