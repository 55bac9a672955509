/**
 * A system of all socket types in which nothing is wrong: every socket is in a scope of its own, and they are started in any
 * order, work for a time, come to rest, and are closed in any order.
 */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Proxy from "@effect-zmq/core/Proxy"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Sub from "@effect-zmq/core/Sub"
import type { Transport } from "@effect-zmq/core/Transport"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"

type Part = Effect.Effect<unknown, unknown, Transport | Scope.Scope>

export interface Options {
  /** Where a name is bound: the same each time. */
  readonly place: (name: string) => Endpoint.Text
  readonly during: Duration.Input
  /** Starts and closes are spread over this time. */
  readonly spread: Duration.Input
}

/** Runs it, and answers with how many messages were received. */
export const healthy = (options: Options) =>
  Effect.gen(function* () {
    const { place } = options
    let isWorking = true
    let received = 0
    let [pushed, pulled] = [0, 0]
    const atRest = yield* Deferred.make<void>()

    /** Does something every so many milliseconds, as long as the system works. */
    const every = <A, E, R>(millis: number, step: Effect.Effect<A, E, R>) =>
      Effect.whileLoop({
        while: () => isWorking,
        body: () => Effect.andThen(step, Effect.sleep(millis)),
        step: () => {}
      })
    const count = Effect.sync(() => void received++)
    const task = Effect.andThen(
      count,
      Effect.sync(() => void pulled++)
    )
    const open = <A, E, R>(background: Effect.Effect<A, E, R>) =>
      Effect.andThen(Effect.forkScoped(background), Effect.void)

    const secret = Redacted.make("open sesame")
    const serverSecurity = Security.plain({ authenticate: Security.passwords({ ada: secret }) })
    const clientSecurity = Security.plain({ username: "ada", password: secret })

    const parts: ReadonlyArray<Part> = [
      // Requests, one of them by a password.
      Effect.flatMap(Rep.make({ bind: place("rep") }), (rep) => open(Rep.serve(rep, Effect.succeed))),
      Effect.flatMap(Req.make({ connect: place("rep") }), (req) =>
        every(20, Effect.andThen(Req.request(req, "?"), count))
      ),
      Effect.flatMap(Rep.make({ bind: place("secured"), security: serverSecurity }), (rep) =>
        open(Rep.serve(rep, Effect.succeed))
      ),
      Effect.flatMap(Req.make({ connect: place("secured"), security: clientSecurity }), (req) =>
        every(30, Effect.andThen(Req.request(req, "?"), count))
      ),
      // A server that is slow, but within the grace period, and a client that gives up now and then.
      Effect.flatMap(Rep.make({ bind: place("slow") }), (rep) =>
        open(Rep.serve(rep, (message) => Effect.delay(Effect.succeed(message), 40)))
      ),
      Effect.flatMap(Req.make({ connect: place("slow") }), (req) =>
        every(10, Effect.timeoutOption(Req.request(req, "?"), 60))
      ),
      // Any number at once.
      Effect.flatMap(Router.make({ bind: place("router") }), (router) =>
        open(Router.runForEach(router, ({ from, message }) => Router.send(router, { to: from, message })))
      ),
      ...["ada", "bob"].map((routingId) =>
        Effect.flatMap(Dealer.make({ connect: place("router"), routingId }), (dealer) =>
          every(20, Dealer.send(dealer, "?").pipe(Effect.andThen(Dealer.receive(dealer)), Effect.andThen(count)))
        )
      ),
      // Publishers, and who hears half of what they say; also through a forwarder.
      Effect.flatMap(Pub.make({ bind: place("pub") }), (pub) => every(10, Pub.sendAll(pub, ["a/1", "b/1"]))),
      ...["a/", "b/"].map((subscribe) =>
        Effect.flatMap(Sub.make({ connect: place("pub"), subscribe }), (sub) => open(Sub.runForEach(sub, () => count)))
      ),
      Effect.gen(function* () {
        const xsub = yield* XSub.make({ connect: place("pub") })
        const xpub = yield* XPub.make({ bind: place("forwarder") })
        yield* open(Proxy.run(xsub, xpub))
      }),
      Effect.flatMap(Sub.make({ connect: place("forwarder"), subscribe: "a/" }), (sub) =>
        open(Sub.runForEach(sub, () => count))
      ),
      // Work for two, one of whom is slow, and queues that are full now and then.
      Effect.flatMap(Push.make({ bind: place("push"), highWaterMark: { send: 2 } }), (push) =>
        every(
          10,
          Effect.andThen(
            Push.send(push, "task"),
            Effect.sync(() => pushed++)
          )
        )
      ),
      ...[5, 50].map((millis) =>
        Effect.flatMap(Pull.make({ connect: place("push"), highWaterMark: { receive: 2 } }), (pull) =>
          open(Pull.runForEach(pull, () => Effect.andThen(task, Effect.sleep(millis))))
        )
      ),
      Effect.flatMap(Pair.make({ bind: place("pair") }), (pair) =>
        open(Pair.runForEach(pair, (message) => Pair.send(pair, message)))
      ),
      Effect.flatMap(Pair.make({ connect: place("pair") }), (pair) =>
        every(
          20,
          Pair.send(pair, "?").pipe(
            Effect.andThen(Pair.receive(pair)),
            Effect.tap((message) => (Message.text(message) === "?" ? count : Effect.die("another message")))
          )
        )
      )
    ]

    const some = Effect.flatMap(Random.nextIntBetween(0, Duration.toMillis(options.spread)), Effect.sleep)
    /** Comes to rest when it is told to, and stays open until all have. */
    const idle: Array<Deferred.Deferred<void>> = []
    const fibers = yield* Effect.forEach(parts, (part) =>
      Effect.gen(function* () {
        const rests = yield* Deferred.make<void>()
        idle.push(rests)
        return yield* some.pipe(
          Effect.andThen(part),
          Effect.andThen(Deferred.succeed(rests, undefined)),
          Effect.andThen(Deferred.await(atRest)),
          Effect.andThen(some),
          Effect.scoped,
          Effect.forkChild
        )
      })
    )
    yield* Effect.sleep(options.during)
    isWorking = false
    yield* Effect.forEach(idle, Deferred.await, { discard: true }).pipe(
      // A part that fails never rests.
      Effect.raceFirst(Effect.andThen(Fiber.joinAll(fibers), Effect.never))
    )
    while (pulled < pushed) yield* Effect.sleep(10)
    yield* Deferred.succeed(atRest, undefined)
    yield* Fiber.joinAll(fibers)
    return received
  })
