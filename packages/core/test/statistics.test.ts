/** What a socket knows of itself, and to whom a transport shows its sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import {
  Dealer,
  MemoryTransport,
  Message,
  Pub,
  Pull,
  Push,
  Router,
  Socket,
  Sub,
  Transport,
  XPub,
  type ZmqError
} from "../src/index.ts"

const endpoint = "tcp://127.0.0.1:5555"

const virtually = <E>(title: string, body: Effect.Effect<void, E, Transport.Transport | Scope.Scope>) =>
  it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))

describe("the statistics of a socket", () => {
  virtually(
    "tell what it has sent and received, what it has lost, and what is queued",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: endpoint })
      const push = yield* Push.make({ connect: endpoint })
      yield* Push.sendAll(push, ["ab", ["c", "de"]])
      yield* Pull.receive(pull)
      const { peers, received, sent } = yield* Socket.statistics(push)
      assert.deepStrictEqual(
        { peers, received, sent },
        { peers: 1, received: { messages: 0, bytes: 0 }, sent: { messages: 2, bytes: 5 } }
      )
      const other = yield* Socket.statistics(pull)
      assert.deepStrictEqual(other.received, { messages: 1, bytes: 2 })
      assert.strictEqual(other.queued.receive, 1)
      const pub = yield* Pub.make({ bind: "tcp://127.0.0.1:5556" })
      yield* Pub.send(pub, "news")
      assert.deepStrictEqual((yield* Socket.statistics(pub)).losses, { noSubscriber: 1 })
    })
  )

  virtually(
    "tell how many sends wait, and whether anybody waits to receive",
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: endpoint, highWaterMark: { receive: 1 } })
      const push = yield* Push.make({ connect: endpoint, highWaterMark: { send: 1 } })
      const waiting = Effect.all([Socket.statistics(push), Socket.statistics(pull)]).pipe(
        Effect.map(([sender, receiver]) => [sender.waiting.send, receiver.waiting.receive])
      )
      const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })
      assert.deepStrictEqual(yield* waiting, [0, false])
      for (let n = 0; n < 4; n++) yield* fork(Push.send(push, "task"))
      assert.deepStrictEqual(yield* waiting, [2, false])
      for (let n = 0; n < 4; n++) yield* Pull.receive(pull)
      yield* fork(Pull.receive(pull))
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* waiting, [0, true])
    })
  )

  virtually(
    "tell what a SUB is subscribed to: as often as it subscribed, it has to unsubscribe",
    Effect.gen(function* () {
      const sub = yield* Sub.make({ connect: endpoint, subscribe: ["a", "b"] })
      const all = Effect.map(Socket.statistics(sub), ({ subscriptions }) =>
        subscriptions.map((one) => Message.text([one]))
      )
      yield* Sub.subscribe(sub, "b")
      assert.deepStrictEqual(yield* all, ["a", "b"])
      yield* Sub.unsubscribe(sub, "a")
      yield* Sub.unsubscribe(sub, "b")
      assert.deepStrictEqual(yield* all, ["b"])
      yield* Sub.unsubscribe(sub, "b")
      assert.deepStrictEqual(yield* all, [])
    })
  )

  virtually(
    "tell of a subscription of any length, and of none that an XPUB has confirmed for others",
    Effect.gen(function* () {
      const long = new Uint8Array(1_000_000)
      const xpub = yield* XPub.make({ bind: endpoint, manual: true })
      const sub = yield* Sub.make({ connect: endpoint, subscribe: long })
      yield* Sub.subscribe(sub, long)
      const { subscriptions } = yield* Socket.statistics(sub)
      assert.deepStrictEqual(
        subscriptions.map(({ length }) => length),
        [long.length]
      )
      const subscription = yield* XPub.receive(xpub)
      if (subscription._tag !== "Message") yield* XPub.confirm(xpub, subscription)
      yield* XPub.send(xpub, long)
      assert.strictEqual((yield* Sub.receive(sub))[0], long)
      assert.lengthOf((yield* Socket.statistics(xpub)).subscriptions, 0)
    })
  )

  virtually(
    "tell what its functions have failed with, how often, and with what data",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: endpoint })
      const other = yield* Router.make({})
      for (const to of ["ada", "bob"]) yield* Effect.flip(Router.send(router, { to, message: "?" }))
      yield* Effect.flip(Socket.bind(other, endpoint))
      const { failures } = yield* Socket.statistics(router)
      assert.strictEqual(failures.get("Unroutable")?.count, 2)
      assert.deepInclude(failures.get("Unroutable")?.last, { routingId: "626f62" })
      assert.deepInclude((yield* Socket.statistics(other)).failures.get("AddressInUse")?.last, { endpoint })
    })
  )

  virtually(
    "tell of no failure where a ROUTER drops what a full peer has no room for: no call has failed",
    Effect.gen(function* () {
      const sendAll = Effect.fnUntraced(function* (onFull: "drop" | "fail", bind: `inproc://${string}`) {
        const router = yield* Router.make({ bind, onFull, highWaterMark: { send: 1 } })
        yield* Dealer.make({ connect: bind, routingId: "slow", highWaterMark: { receive: 1 } })
        const sends = Array.from({ length: 5 }, () => Effect.exit(Router.send(router, { to: "slow", message: "x" })))
        const failed = (yield* Effect.all(sends)).filter(Exit.isFailure).length
        const { failures, losses } = yield* Socket.statistics(router)
        return [failed, failures.get("PeerFull")?.count ?? 0, losses.queueFull ?? 0]
      })
      assert.deepStrictEqual(yield* sendAll("drop", "inproc://drop"), [0, 0, 3])
      assert.deepStrictEqual(yield* sendAll("fail", "inproc://fail"), [3, 3, 0])
    })
  )

  virtually(
    "go with its options, defaults filled in, and with its name",
    Effect.gen(function* () {
      const push = yield* Push.make({ connect: endpoint, highWaterMark: { send: 7 } })
      assert.deepInclude(Socket.options(push).highWaterMark, { send: 7, receive: 1000 })
      assert.isFalse(Socket.options(push).noDrop)
      assert.strictEqual(push.name, `PUSH ${endpoint}`)
    })
  )
})

describe("a transport that watches", () => {
  /** Notes what it is shown, and when that ends. */
  const watching = (seen: Array<string>) =>
    Effect.provideServiceEffect(
      Transport.Transport,
      Effect.map(Transport.Transport, (transport) =>
        Transport.Transport.of({
          ...transport,
          watch: (socket) =>
            Effect.gen(function* () {
              seen.push(`${socket.name}: ${(yield* Socket.state(socket)).status}`)
              yield* Effect.addFinalizer(() =>
                Effect.map(Socket.state(socket), ({ status }) => seen.push(`${socket.name}: ${status}`))
              )
            })
        })
      )
    )

  virtually(
    "is shown each socket before it is bound or connected, until it is closed",
    Effect.gen(function* () {
      const seen: Array<string> = []
      const scope = yield* Scope.make()
      yield* Push.make({ name: "one", connect: endpoint, linger: 0 }).pipe(watching(seen), Scope.provide(scope))
      assert.deepStrictEqual(seen, ["one: Idle"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(seen, ["one: Idle", "one: Closed"])
    })
  )

  virtually(
    "is shown also who cannot be bound, with the reason",
    Effect.gen(function* () {
      yield* Pull.make({ bind: endpoint })
      let failed: ZmqError.Reason | undefined
      const watch = (socket: Socket.Socket) =>
        Effect.addFinalizer(() =>
          Effect.map(Socket.statistics(socket), ({ failures }) => {
            failed = failures.get("AddressInUse")?.last
          })
        )
      const transport = yield* Transport.Transport
      yield* Pull.make({ bind: endpoint }).pipe(
        Effect.provideService(Transport.Transport, Transport.Transport.of({ ...transport, watch })),
        Effect.flip
      )
      assert.deepInclude(failed, { _tag: "AddressInUse", endpoint })
    })
  )
})
