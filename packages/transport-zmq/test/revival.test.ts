import { assert, describe } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import type { Input } from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as zeromq from "zeromq"
import { anyPort, endpointOf, live, naively } from "./sockets.ts"

const reconnect = { initial: 20, maximum: 20 } as const

/** Opens something that is closed by hand, or with the test. */
const forNow = <A, E, R>(open: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return { value: yield* Scope.provide(open, scope), close: Scope.close(scope, Exit.void) }
  })

const told = (socket: Socket.Socket, tag: SocketEvent["_tag"], count: number) =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === tag),
    Stream.take(count),
    Stream.runDrain
  )

/** An address that was bound to a socket of another type, which is gone. */
const refused = Effect.gen(function* () {
  const wrong = yield* forNow(Rep.make({ bind: anyPort, linger: 0 }))
  return { address: yield* endpointOf(wrong.value), close: wrong.close }
})

describe("a client that libzmq has given up", () => {
  naively("the addon as it is: it never connects again", () =>
    Effect.gen(function* () {
      const wrong = yield* Effect.acquireRelease(
        Effect.sync(() => new zeromq.Reply({ linger: 0 })),
        (socket) => Effect.sync(() => socket.close())
      )
      yield* Effect.promise(() => wrong.bind(anyPort))
      const address = wrong.lastEndpoint ?? ""
      const push = yield* Effect.acquireRelease(
        Effect.sync(() => new zeromq.Push({ linger: 0, reconnectInterval: 10, sendTimeout: 300 })),
        (socket) => Effect.sync(() => socket.close())
      )
      push.connect(address)
      yield* Effect.sleep(50)
      yield* Effect.promise(() => wrong.unbind(address))
      const pull = yield* Effect.acquireRelease(
        Effect.sync(() => new zeromq.Pull({ linger: 0, receiveTimeout: 300 })),
        (socket) => Effect.sync(() => socket.close())
      )
      yield* Effect.promise(() => pull.bind(address))
      yield* Effect.promise(() => push.send("anybody?"))
      yield* Effect.promise(() => pull.receive())
    })
  )

  live("is told what it lost with its connection, where that was its only one", () =>
    Effect.gen(function* () {
      const { address } = yield* refused
      const push = yield* Push.make({ connect: address, reconnect, linger: 0 })
      let sent = 0
      const sending = Effect.forever(Effect.tap(Push.send(push, "lost"), () => Effect.sync(() => sent++)))
      yield* Effect.forkChild(sending, { startImmediately: true })
      yield* told(push, "Reconnecting", 3)
      assert.isAbove(sent, 0)
      const { losses } = yield* Socket.drain(push, 0)
      assert.deepInclude(losses ?? {}, { disconnected: sent })
    })
  )

  live("of another endpoint keeps its messages", () =>
    Effect.gen(function* () {
      const { address } = yield* refused
      const pull = yield* Pull.make({ bind: anyPort, linger: 0 })
      const push = yield* Push.make({ connect: [yield* endpointOf(pull), address], reconnect, linger: 0 })
      yield* told(push, "Reconnecting", 2)
      for (let n = 0; n < 200; n++) {
        yield* Push.send(push, `${n}`)
        assert.strictEqual(Message.text(yield* Pull.receive(pull)), `${n}`)
        if (n % 20 === 0) yield* Effect.sleep(10)
      }
    })
  )

  live("survives it again and again that its server comes, goes, and is another one, for each type that queues", () =>
    Effect.gen(function* () {
      const fresh = Effect.flatMap(refused, ({ address, close }) => Effect.as(close, address))
      // Each with a type that it talks to, and one that it does not.
      const pull = (bind: Input) => Pull.make({ bind, linger: 0 })
      const rep = (bind: Input) => Rep.make({ bind, linger: 0 })
      const types = [
        { client: (connect: Input) => Push.make({ connect, reconnect, linger: 0 }), right: pull, wrong: rep },
        { client: (connect: Input) => Dealer.make({ connect, reconnect, linger: 0 }), right: rep, wrong: pull },
        { client: (connect: Input) => Req.make({ connect, reconnect, linger: 0 }), right: rep, wrong: pull },
        {
          client: (connect: Input) => Pair.make({ connect, reconnect, linger: 0 }),
          right: (bind: Input) => Pair.make({ bind, linger: 0 }),
          wrong: pull
        }
      ]
      const becomes = (socket: Socket.Socket, status: string) =>
        Stream.runDrain(Stream.takeUntil(Socket.changes(socket), (state) => state.status === status))
      yield* Effect.forEach(
        types,
        (type) =>
          Effect.gen(function* () {
            const address = yield* fresh
            const open = (make: (bind: Input) => Effect.Effect<Socket.Socket, ZmqError, Transport | Scope.Scope>) =>
              forNow(make(address))
            const client: Socket.Socket = yield* type.client(address)
            for (let round = 0; round < 5; round++) {
              const wrong = yield* open(type.wrong)
              yield* becomes(client, "HandshakeFailed")
              yield* wrong.close
              const right = yield* open(type.right)
              yield* Socket.awaitConnected(client)
              yield* right.close
              yield* becomes(client, "Reconnecting")
            }
          }),
        { concurrency: "unbounded" }
      )
    })
  )

  live("and was named by connectAs keeps its name, however often it is tried", () =>
    Effect.gen(function* () {
      const { address, close } = yield* refused
      const router = yield* Router.make({ reconnect: { initial: 1, maximum: 1 }, linger: 0 })
      // A REP takes from a ROUTER: so the wrong one is a PULL.
      yield* close
      const wrong = yield* forNow(Pull.make({ bind: address, linger: 0 }))
      yield* Router.connectAs(router, address, "worker")
      yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.ignore(Router.send(router, { to: "worker", message: "lost" })),
        { discard: true }
      )
      yield* told(router, "Reconnecting", 20)
      yield* wrong.close
      const dealer = yield* Dealer.make({ bind: address, linger: 0 })
      yield* Socket.awaitConnected(router)
      yield* Router.send(router, { to: "worker", message: "work" })
      assert.strictEqual(Message.text(yield* Dealer.receive(dealer)), "work")
    })
  )

  live("is no longer tried once it is disconnected, or its socket is closed", () =>
    Effect.gen(function* () {
      const { address } = yield* refused
      const push = yield* Push.make({ connect: address, reconnect, linger: 0 })
      yield* told(push, "Reconnecting", 2)
      yield* Socket.disconnect(push, address)
      const before = yield* Socket.state(push)
      yield* Effect.sleep(60)
      assert.deepStrictEqual(yield* Socket.state(push), before)
      assert.strictEqual(before.status, "Idle")
      yield* Socket.connect(push, address)
      yield* told(push, "Reconnecting", 4)
      yield* Socket.drain(push, 0)
      yield* Effect.sleep(60)
      assert.strictEqual((yield* Socket.state(push)).status, "Closed")
    })
  )
})

describe("connection state", () => {
  live("names endpoints as they were given, whatever libzmq resolves them to", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://0.0.0.0:*", linger: 0 })
      const [bound = ""] = yield* Socket.endpoints(pull)
      const port = bound.slice(bound.lastIndexOf(":") + 1)
      const addresses = [`tcp://localhost:${port}`, `tcp://127.0.0.1:0;127.0.0.1:${port}`] as const
      for (const [index, connect] of addresses.entries()) {
        const push = yield* Push.make({ connect: connect as Input, reconnect, linger: 0 }) // as TypeScript cannot see
        yield* Socket.awaitConnected(push)
        yield* Socket.awaitPeers(pull, index + 1)
        assert.deepStrictEqual(
          (yield* Socket.state(push)).endpoints.map(({ _tag, endpoint }) => `${_tag} ${endpoint}`),
          (yield* Socket.endpoints(push)).map((endpoint) => `Connected ${endpoint}`)
        )
      }
      assert.deepStrictEqual(
        (yield* Socket.state(pull)).endpoints.map(({ endpoint }) => endpoint),
        [bound]
      )
    })
  )

  live("over inproc knows the sockets of this thread, and that libzmq does not connect them again", () =>
    Effect.gen(function* () {
      const push = yield* Push.make({ connect: "inproc://state", linger: 0 })
      assert.strictEqual((yield* Socket.state(push)).status, "Connecting")
      const pull = yield* forNow(Pull.make({ bind: "inproc://state", linger: 0 }))
      yield* Socket.awaitConnected(push)
      yield* Socket.awaitPeers(pull.value, 1)
      yield* pull.close
      assert.deepInclude(yield* Socket.state(push), { status: "Idle", peers: 0 })
    })
  )
})
