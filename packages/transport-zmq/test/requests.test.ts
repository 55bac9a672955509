import { assert, describe } from "@effect/vitest"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import * as SocketOptions from "@effect-zmq/core/SocketOptions"
import { Transport } from "@effect-zmq/core/Transport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as zeromq from "zeromq"
import * as Naive from "./naive.ts"
import { anyPort, endpointOf, live, naively, reasonOf } from "./sockets.ts"

/** A raw ROUTER, which shows what is on the wire. */
const rawRouter = Effect.gen(function* () {
  const router = yield* Effect.acquireRelease(
    Effect.sync(() => new zeromq.Router({ linger: 0 })),
    (router) => Effect.sync(() => router.close())
  )
  router.bindSync("tcp://127.0.0.1:*")
  // A bound socket has a last endpoint, which is one.
  return { router, endpoint: router.lastEndpoint as Endpoint.Input }
})

const received = (router: zeromq.Router) => Effect.promise(() => router.receive())

/** Answers each request `n` by `reply to n`, after as many milliseconds as the request says. */
const slowServer = Effect.gen(function* () {
  const { endpoint, router } = yield* rawRouter
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        const [id, empty, body] = yield* received(router)
        const [n, millis] = `${body}`.split(" ")
        const answer = () => {
          if (!router.closed)
            sends = sends.then(() => router.send([id, empty, `reply to ${n}`] as Array<zeromq.MessageLike>))
        }
        setTimeout(answer, Number(millis))
      })
    )
  )
  let sends = Promise.resolve()
  return endpoint
})

/** The answers to `count` requests, half of which come after their time is up: how many came late, and what was wrong. */
const lateReplies = <E>(count: number, request: (body: string) => Effect.Effect<string, E>) =>
  Effect.gen(function* () {
    const wrong: Array<string> = []
    let late = 0
    for (let i = 0; i < count; i++) {
      const delay = i % 2 === 0 ? 4 : 0
      const reply = yield* Effect.timeoutOption(request(`${i} ${delay}`), delay === 0 ? 5000 : 2)
      if (Option.isNone(reply)) late++
      else if (reply.value !== `reply to ${i}`) wrong.push(`${reply.value} as the reply to ${i}`)
    }
    return { late, wrong }
  })

describe("requests", () => {
  live("1,000 requests under a timeout, half of them answered late: never a stale reply, never stuck", () =>
    Effect.gen(function* () {
      const req = yield* Req.make({ connect: yield* slowServer, linger: 0 })
      const { late, wrong } = yield* lateReplies(1000, (body) => Effect.map(Req.request(req, body), Message.text))
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(late, 400)
    })
  )

  live("the same with correlate", () =>
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: anyPort, linger: 0 })
      yield* Effect.forkScoped(
        Rep.serve(rep, (request) => {
          const [n, millis] = Message.text(request).split(" ")
          return Effect.as(Effect.sleep(Number(millis)), `reply to ${n}`)
        })
      )
      const req = yield* Req.make({ connect: yield* endpointOf(rep), correlate: true, linger: 0 })
      const { late, wrong } = yield* lateReplies(400, (body) => Effect.map(Req.request(req, body), Message.text))
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(late, 150)
    })
  )

  naively("the addon as it is, relaxed: EBUSY after the first timeout", () =>
    Effect.gen(function* () {
      const req = yield* Naive.request(`${yield* slowServer}`)
      const { wrong } = yield* lateReplies(20, (body) => Effect.andThen(req.send(body), req.receive))
      assert.deepStrictEqual(wrong, [])
    })
  )

  live("requests interrupted at once, before and after they are sent, do no harm to those that follow", () =>
    Effect.gen(function* () {
      const req = yield* Req.make({ connect: yield* slowServer, linger: 0 })
      for (let i = 0; i < 300; i++) {
        const fiber = yield* Effect.forkChild(Req.request(req, `${i} 0`), { startImmediately: true })
        for (let turns = i % 4; turns > 0; turns--) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        if (i % 10 === 0) assert.strictEqual(Message.text(yield* Req.request(req, `x${i} 0`)), `reply to x${i}`)
      }
    })
  )

  live("a ROUTER sees exactly [id][empty][body], also of a request that follows a withdrawn one", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* rawRouter
      const req = yield* Req.make({ connect: endpoint, linger: 0 })
      for (const body of ["first", "second"]) {
        const fiber = yield* Effect.forkChild(Req.request(req, [body, "rest"]))
        const frames = yield* received(router)
        assert.deepStrictEqual(frames.slice(1).map(String), ["", body, "rest"])
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  live("with correlate a ROUTER sees [id][4-byte number][empty][body]", () =>
    Effect.gen(function* () {
      const { endpoint, router } = yield* rawRouter
      const req = yield* Req.make({ connect: endpoint, correlate: true, linger: 0 })
      yield* Effect.forkScoped(Req.request(req, "body"))
      const frames = yield* received(router)
      assert.deepStrictEqual(
        frames.map((frame) => frame.length),
        [5, 4, 0, 4]
      )
    })
  )

  live("after a withdrawn request the next one goes to another endpoint, of two and of three", () =>
    Effect.gen(function* () {
      for (const count of [2, 3]) {
        const asked: Array<string> = []
        const endpoints: Array<Endpoint.Input> = []
        for (let server = 0; server < count; server++) {
          const { router, endpoint } = yield* rawRouter
          endpoints.push(endpoint)
          yield* Effect.forkScoped(
            Effect.forever(
              Effect.gen(function* () {
                const [id, empty, body] = yield* received(router)
                asked.push(`${server}`)
                if (`${body}` === "answer") yield* Effect.promise(() => router.send([id, empty, "ok"] as Array<Buffer>))
              })
            )
          )
        }
        const req = yield* Req.make({ connect: endpoints, linger: 0 })
        for (const body of ["answer", "lose", "lose", "lose", "answer", "lose", "lose"]) {
          yield* Effect.timeoutOption(Req.request(req, body), body === "lose" ? 60 : 5000)
        }
        // 0 answers, 1 does not, so the next one gets the next request, and so on. After an answer the round begins with
        // who gave it.
        assert.deepStrictEqual(asked, count === 2 ? [..."0101001"] : [..."0120112"])
      }
    })
  )

  live("a request that waits for its server to appear is answered, and one that was withdrawn is never sent", () =>
    Effect.gen(function* () {
      const reserved = yield* Effect.scoped(Effect.flatMap(Rep.make({ bind: anyPort }), endpointOf))
      const req = yield* Req.make({ connect: reserved, reconnect: { initial: 10 } })
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Req.request(req, "withdrawn"), 20)))
      const fiber = yield* Effect.forkChild(Req.request(req, "waiting"))
      const rep = yield* Rep.make({ bind: reserved, linger: 0 })
      const requests: Array<string> = []
      yield* Effect.forkScoped(
        Rep.serve(rep, (request) => {
          requests.push(Message.text(request))
          return Effect.succeed("ok")
        })
      )
      yield* Fiber.join(fiber)
      // Of what does not happen there is no event: ten times as long as a connection takes to be made.
      yield* Effect.sleep(100)
      assert.deepStrictEqual(requests, ["waiting"])
    })
  )

  live("a call in the wrong state fails with InvalidState rather than hang", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const options = Result.getOrThrow(SocketOptions.resolve({ linger: 0 }, false))
      const rep = yield* transport.open("REP", options)
      const req = yield* transport.open("REQ", options)
      yield* req.connect(yield* rep.bind(Endpoint.tcp("127.0.0.1", 0)))
      const invalid = (effect: Effect.Effect<unknown, { readonly _tag: string }>) =>
        Effect.map(Effect.flip(effect), ({ _tag }) => assert.strictEqual(_tag, "InvalidState"))

      yield* invalid(req.readable)
      yield* invalid(rep.send(Message.make("unasked").map((f) => [f] as const) as never))
      yield* req.send([Message.make("1")])
      yield* invalid(req.send([Message.make("2")]))
      yield* rep.readable
      assert.isDefined(rep.receiveOneUnsafe())
      yield* invalid(rep.readable)
      yield* rep.send([Message.make("answer")])
      yield* req.readable
      assert.isDefined(req.receiveOneUnsafe())
      yield* invalid(req.readable)
    })
  )

  live("a REQ that does not correlate cannot be bound; one that does can", () =>
    Effect.gen(function* () {
      const req = yield* Req.make({})
      assert.strictEqual((yield* reasonOf(Socket.bind(req, anyPort)))._tag, "Unsupported")
      const bound = yield* Req.make({ bind: anyPort, correlate: true, linger: 0 })
      const rep = yield* Rep.make({ connect: yield* endpointOf(bound), linger: 0 })
      yield* Effect.forkScoped(Rep.serve(rep, () => Effect.succeed("pong")))
      assert.strictEqual(Message.text(yield* Req.request(bound, "ping")), "pong")
    })
  )
})
