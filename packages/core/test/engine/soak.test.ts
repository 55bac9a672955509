import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Dealer from "../../src/Dealer.ts"
import * as Message from "../../src/Message.ts"
import * as Pub from "../../src/Pub.ts"
import * as Rep from "../../src/Rep.ts"
import * as Req from "../../src/Req.ts"
import * as Router from "../../src/Router.ts"
import * as Sub from "../../src/Sub.ts"
import { here, open, openAlone, send, start, virtually } from "./sockets.ts"

const sleepUpTo = (millis: number) => Effect.flatMap(Random.nextIntBetween(0, millis), (time) => Effect.sleep(time))

describe("sockets whose peers come and go at random", () => {
  for (const endpoint of ["tcp://127.0.0.1:5555", "inproc://a"] as const) {
    virtually(
      `over ${endpoint.slice(0, endpoint.indexOf(":"))}, nothing is given twice or out of order, and what is sent last arrives`,
      Effect.gen(function* () {
        const push = yield* open("PUSH", { connect: endpoint, highWaterMark: { send: 5, receive: 5 } })
        const sending = yield* start(
          Effect.forEach(Array.from({ length: 300 }), (_, i) => Effect.andThen(send(push, `${i}`), sleepUpTo(5)), {
            discard: true
          })
        )
        const got: Array<number> = []
        while (got[got.length - 1] !== 299) {
          const pull = yield* openAlone("PULL", { bind: endpoint, highWaterMark: { send: 5, receive: 5 } })
          const isLast = sending.pollUnsafe() !== undefined
          for (let i = yield* Random.nextIntBetween(0, 20); i > 0 || (isLast && got[got.length - 1] !== 299); i--) {
            yield* sleepUpTo(20)
            got.push(...here(pull.handle).map(Number))
          }
          yield* pull.close
          yield* sleepUpTo(200)
        }
        for (let i = 1; i < got.length; i++) assert.isAbove(got[i] ?? 0, got[i - 1] ?? 0)
        yield* Fiber.join(sending)
      }),
      30
    )
  }

  virtually(
    "each reply is that of its request, under time-outs, late replies and servers that are killed",
    Effect.gen(function* () {
      const endpoints = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"] as const
      for (const bind of endpoints) {
        yield* Effect.forkScoped(
          Effect.forever(
            Effect.gen(function* () {
              const rep = yield* Rep.make({ bind, linger: 0 })
              const answer = (request: Message.Message) => Effect.as(sleepUpTo(60), `re ${Message.text(request)}`)
              yield* Effect.timeoutOption(Rep.serve(rep, answer), yield* Random.nextIntBetween(50, 500))
              yield* sleepUpTo(100)
            }).pipe(Effect.scoped)
          )
        )
      }
      const req = yield* Req.make({ connect: endpoints })
      let answered = 0
      for (let i = 0; i < 200; i++) {
        const reply = yield* Effect.timeoutOption(Req.request(req, `${i}`), 40)
        if (reply._tag === "None") continue
        assert.strictEqual(Message.text(reply.value), `re ${i}`)
        answered++
      }
      assert.isAbove(answered, 20)
      assert.isBelow(answered, 180)
    }),
    10
  )

  virtually(
    "a subscriber hears what it subscribes to, and nothing else, whatever it subscribed to before and whoever publishes",
    Effect.gen(function* () {
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.gen(function* () {
            const pub = yield* Pub.make({ bind: "tcp://127.0.0.1:5555" })
            for (let i = yield* Random.nextIntBetween(1, 50); i > 0; i--) {
              yield* Pub.sendAll(pub, ["a", "ab", "b"])
              yield* Effect.sleep(10)
            }
          }).pipe(Effect.scoped, Effect.andThen(sleepUpTo(100)))
        )
      )
      const sub = yield* Sub.make({ connect: "tcp://127.0.0.1:5555", subscribe: "zero" })
      for (let i = 0; i < 100; i++) {
        const topic = yield* Random.choice(["a", "ab", "b"])
        yield* Sub.subscribe(sub, topic)
        const heard = Message.text(yield* Sub.receive(sub))
        assert.isTrue(heard.startsWith(topic))
        yield* Sub.unsubscribe(sub, topic)
      }
    }),
    10
  )

  virtually(
    "each reply of a ROUTER goes to who asked, by name and without, whoever leaves and comes again",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: "tcp://127.0.0.1:5555", highWaterMark: { send: 3, receive: 3 } })
      yield* Effect.forkScoped(
        Router.runForEach(router, ({ from, message }) =>
          Router.send(router, { to: from, message: `re ${Message.text(message)}` }).pipe(
            Effect.catchReason("ZmqError", "Unroutable", () => Effect.void),
            Effect.forkChild
          )
        )
      )
      let answered = 0
      const client = (name: string) =>
        Effect.gen(function* () {
          const dealer = yield* Dealer.make({
            connect: "tcp://127.0.0.1:5555",
            linger: 0,
            ...(name.length === 1 && { routingId: name }),
            highWaterMark: { send: 3, receive: 3 }
          })
          const rounds = yield* Random.nextIntBetween(1, 20)
          for (let i = 0; i < rounds; i++) {
            const id = `${name} ${yield* Random.nextIntBetween(0, 1_000_000)}`
            yield* Dealer.send(dealer, id)
            if (yield* Random.nextBoolean) yield* sleepUpTo(5)
            assert.strictEqual(Message.text(yield* Dealer.receive(dealer)), `re ${id}`)
            answered++
          }
          // And one whose reply it does not wait for.
          yield* Dealer.send(dealer, "I leave")
        }).pipe(Effect.scoped, Effect.andThen(sleepUpTo(10)))
      yield* Effect.forEach(["a", "b", "c", "none", "none"], (name) => Effect.repeat(client(name), { times: 20 }), {
        concurrency: "unbounded"
      })
      assert.isAbove(answered, 200)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(yield* Router.peers(router), [])
    }),
    10
  )
})
