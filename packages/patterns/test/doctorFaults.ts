/**
 * The faults of the chart (docs/missing-messages.md), each as a small system that has it: run in memory by Doctor.test.ts, and on
 * libzmq by test/patterns/doctor.
 */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import * as Doctor from "../src/Doctor.ts"

type Tag = Doctor.Finding["_tag"]

export interface Fault {
  readonly tag: Tag
  readonly title: string
  /** Sets it up, and gives what is to be in the finding. */
  readonly provoke: (place: Endpoint.Text) => Effect.Effect<object, unknown, Transport | Scope.Scope>
  /** What else is rightly found of it. */
  readonly also?: ReadonlyArray<Tag>
  /** Why libzmq cannot show it. */
  readonly gap?: string
}

/** Where a socket is bound: the places of tests are tcp's and have one. */
const at = (socket: Socket.Socket): Effect.Effect<Endpoint.Text, ZmqError> => Socket.endpoint(socket)

/** An address that was bound, and is free. */
const unbound = (place: Endpoint.Text) => Effect.scoped(Effect.flatMap(Pull.make({ bind: place }), at))

const forever = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkScoped(Effect.repeat(effect, Schedule.spaced("20 millis")))

const passwords = Security.plain({ authenticate: Security.passwords({ ada: Redacted.make("open sesame") }) })

export const faults: ReadonlyArray<Fault> = [
  {
    tag: "NoMatchingSubscription",
    title: "a SUB without a subscription that matches: what it subscribed to, and how much passed it by",
    provoke: Effect.fnUntraced(function* (place) {
      const pub = yield* Pub.make({ bind: place, name: "weather" })
      const sub = yield* Sub.make({ connect: yield* at(pub), subscribe: "wether/" })
      yield* Effect.forkScoped(Sub.receive(sub))
      yield* Socket.awaitPeers(pub, 1)
      yield* forever(Pub.send(pub, "weather/10001"))
      return { subscriptions: ["wether/"], publisher: "weather" }
    })
  },
  {
    tag: "SentTooEarly",
    title: "a PUB that sent before anyone subscribed: how much is gone",
    provoke: Effect.fnUntraced(function* (place) {
      const pub = yield* Pub.make({ bind: place })
      yield* Pub.sendAll(pub, ["1", "2", "3"])
      return { lost: 3, endpoints: [yield* at(pub)] }
    })
  },
  {
    tag: "IncompatiblePeer",
    title: "an incompatible peer: of which type it is",
    provoke: Effect.fnUntraced(function* (place) {
      const pull = yield* Pull.make({ bind: place })
      yield* Sub.make({ connect: yield* at(pull), subscribe: "" })
      return { peer: "PULL", endpoint: yield* at(pull) }
    })
  },
  {
    tag: "HandshakeFailed",
    title: "a failed handshake: the two sides have other mechanisms",
    provoke: Effect.fnUntraced(function* (place) {
      const pull = yield* Pull.make({ bind: place, security: passwords })
      yield* Push.make({ connect: yield* at(pull) })
      return { endpoint: yield* at(pull) }
    })
  },
  {
    tag: "Denied",
    title: "a failed handshake: a client that is denied, and why, as its server says",
    provoke: Effect.fnUntraced(function* (place) {
      const pull = yield* Pull.make({ bind: place, security: passwords })
      const security = Security.plain({ username: "eve", password: Redacted.make("x") })
      yield* Push.make({ connect: yield* at(pull), security })
      return { endpoint: yield* at(pull) }
    })
  },
  {
    tag: "NobodyBound",
    title: "an endpoint that nobody has bound",
    provoke: Effect.fnUntraced(function* (place) {
      const endpoint = yield* unbound(place)
      yield* Push.make({ connect: endpoint })
      return { endpoint, wasConnected: false }
    })
  },
  {
    tag: "NobodyBound",
    title: "an endpoint that nobody has bound any more",
    provoke: Effect.fnUntraced(function* (place) {
      const endpoint = yield* unbound(place)
      const push = yield* Push.make({ connect: endpoint, reconnect: { initial: "10 millis" } })
      yield* Effect.scoped(Effect.andThen(Pull.make({ bind: endpoint }), Socket.awaitConnected(push)))
      return { endpoint, wasConnected: true }
    })
  },
  {
    tag: "AddressTaken",
    title: "two binders of one address: who has it",
    provoke: Effect.fnUntraced(function* (place) {
      const pull = yield* Pull.make({ bind: place, name: "sink" })
      const endpoint = yield* at(pull)
      yield* Effect.flip(Effect.scoped(Pull.make({ bind: endpoint })))
      return { endpoint, holder: "sink" }
    })
  },
  {
    tag: "HighWaterMark",
    title: "a high-water mark at which sends wait: for which peer",
    provoke: Effect.fnUntraced(function* (place) {
      const pull = yield* Pull.make({ bind: place, highWaterMark: { receive: 1 } })
      const push = yield* Push.make({ connect: yield* at(pull), highWaterMark: { send: 1 } })
      const large = new Uint8Array(100_000)
      yield* Effect.forkScoped(Push.sendAll(push, Array(1000).fill(large)))
      return { peer: yield* at(pull), mark: 1, dropped: 0, waiting: 1 }
    })
  },
  {
    tag: "HighWaterMark",
    title: "a high-water mark at which a PUB drops: for which peer",
    gap: "libzmq drops what a subscriber has no room for, and tells nobody",
    provoke: Effect.fnUntraced(function* (place) {
      const pub = yield* Pub.make({ bind: place, highWaterMark: { send: 1 } })
      yield* Sub.make({ connect: yield* at(pub), subscribe: "", highWaterMark: { receive: 1 } })
      yield* Pub.sendAll(pub, Array(5).fill("news"))
      return { mark: 1, dropped: 3 }
    })
  },
  {
    tag: "HighWaterMark",
    title: "a high-water mark at which a ROUTER refuses: for which peer",
    provoke: Effect.fnUntraced(function* (place) {
      const router = yield* Router.make({ bind: place, onFull: "fail", highWaterMark: { send: 1 } })
      yield* Dealer.make({ connect: yield* at(router), routingId: "ada", highWaterMark: { receive: 1 } })
      yield* Effect.forkScoped(Router.runForEach(router, () => Effect.void))
      yield* Socket.awaitPeers(router, 1)
      const send = Router.send(router, { to: "ada", message: new Uint8Array(100_000) })
      const isFull = (error: ZmqError) => error.reason._tag === "PeerFull"
      // Until there is no room; she may not be known at first.
      yield* Effect.repeat(
        Effect.catchIf(
          send,
          (error) => !isFull(error),
          () => Effect.sleep(1)
        ),
        { times: 2000 }
      ).pipe(Effect.catchIf(isFull, () => Effect.void))
      return { peer: "616461", mark: 1, dropped: 0, refused: 1 }
    }),
    also: ["Unroutable"]
  },
  {
    tag: "Unroutable",
    title: "no route: a ROUTER that sends to who is not there",
    provoke: Effect.fnUntraced(function* (place) {
      const router = yield* Router.make({ bind: place })
      yield* Effect.flip(Router.send(router, { to: "nobody", message: "news" }))
      return { routingId: "6e6f626f6479", count: 1 }
    })
  },
  {
    tag: "Unroutable",
    title: "no route: a REP whose client has left before the reply",
    gap: "libzmq drops such a reply, and tells nobody",
    provoke: Effect.fnUntraced(function* (place) {
      const scope = yield* Effect.scope
      const rep = yield* Rep.make({ bind: place })
      const connect = yield* at(rep)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const req = yield* Req.make({ connect })
          const asked = yield* Effect.forkScoped(Req.request(req, "?"))
          // What happens while a program starts may be over soon.
          const late = Effect.as(Effect.andThen(Effect.sleep("3 seconds"), Fiber.interrupt(asked)), "!")
          yield* Effect.forkIn(
            Rep.serve(rep, () => late),
            scope
          )
          yield* Fiber.await(asked)
        })
      )
      return { count: 1 }
    })
  },
  {
    tag: "DuplicateRoutingId",
    title: "a duplicate routing id: which one",
    provoke: Effect.fnUntraced(function* (place) {
      const router = yield* Router.make({ bind: place })
      yield* Effect.forkScoped(Router.runForEach(router, () => Effect.void))
      const connect = yield* at(router)
      for (let n = 0; n < 2; n++) yield* Dealer.make({ connect, routingId: "worker-1" })
      return { routingId: "776f726b65722d31", unheard: 1 }
    })
  },
  {
    tag: "DeadPeer",
    title: "a REQ that waits for a dead peer",
    provoke: Effect.fnUntraced(function* (place) {
      const endpoint = yield* unbound(place)
      const scope = yield* Effect.scope
      const req = yield* Req.make({ connect: endpoint, reconnect: { initial: "10 millis" } })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const rep = yield* Rep.make({ bind: endpoint })
          const asked = yield* Deferred.make<void>()
          yield* Effect.forkScoped(
            Rep.serve(rep, () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
          )
          yield* Effect.forkIn(Req.request(req, "?"), scope)
          yield* Deferred.await(asked)
        })
      )
      return { endpoint, isBack: false }
    })
  },
  {
    tag: "UnevenShare",
    title: "a PULL that takes everything because it was connected first: who, and who has none",
    provoke: Effect.fnUntraced(function* (place) {
      const push = yield* Push.make({ bind: place })
      const connect = yield* at(push)
      const ada = yield* Pull.make({ connect, name: "ada" })
      yield* Socket.awaitPeers(push, 1)
      yield* Push.sendAll(push, Array(20).fill("task"))
      yield* Pull.receive(ada) // and is busy with it
      const bob = yield* Pull.make({ connect, name: "bob" })
      yield* Effect.forkScoped(Pull.receive(bob))
      return { sent: 20, ahead: 19, first: "ada", idle: "bob" }
    })
  },
  {
    tag: "ClosedUnsent",
    title: "a close with messages queued: how many, where the transport can tell",
    provoke: Effect.fnUntraced(function* (place) {
      const connect = yield* unbound(place)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const push = yield* Push.make({ connect, linger: "20 millis" })
          yield* Push.sendAll(push, ["1", "2", "3"])
        })
      )
      return { endpoints: [connect] }
    })
  },
  {
    tag: "ShortLivedBinder",
    title: "a short-lived side that binds: how often it came and went",
    provoke: Effect.fnUntraced(function* (place) {
      const endpoint = yield* unbound(place)
      const sub = yield* Sub.make({ connect: endpoint, subscribe: "", reconnect: { initial: "10 millis" } })
      for (let n = 0; n < 3; n++) {
        yield* Effect.scoped(Effect.andThen(Pub.make({ bind: endpoint }), Socket.awaitConnected(sub)))
        yield* sub.pipe(
          Socket.changes,
          Stream.takeUntil(({ peers }) => peers === 0),
          Stream.runDrain
        )
      }
      return { endpoint, times: 3 }
    })
  }
]

/** The system, watched by a doctor over a transport, whose log says nothing. */
export const watched = <A, E, R>(
  system: Effect.Effect<A, E, R>,
  transport: Layer.Layer<Transport>,
  options: Doctor.Options = {}
) =>
  system.pipe(
    Effect.scoped,
    Effect.provide(Doctor.layerWith(options).pipe(Layer.provideMerge(transport)), { local: true }),
    Effect.provide(Logger.layer([]))
  )

/** Provokes a fault, and waits until it is found: and nothing else is found before. */
export const isFound = (fault: Fault, place: Endpoint.Text) =>
  Effect.gen(function* () {
    const expected = yield* fault.provoke(place)
    const found = yield* Doctor.findings.pipe(
      Stream.takeUntil(({ _tag }) => _tag === fault.tag),
      Stream.runCollect
    )
    const finding = found.at(-1)
    assert.deepInclude(finding, { _tag: fault.tag, ...expected })
    const others = found.slice(0, -1).filter(({ _tag }) => !fault.also?.includes(_tag))
    assert.deepStrictEqual(others, [])
    const shown = Option.getOrThrow(Option.map(Option.fromUndefinedOr(finding), Doctor.render))
    assert.match(shown, /^✗ .+\n {2}socket {2}.+\n {2}since {3}.+\n {2}seen {4}.+\n {2}why {5}.+\n {2}fix {5}.+$/)
    assert.notMatch(shown, /undefined|NaN|\[object/)
    return shown
  })
