import * as Net from "node:net"
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import * as Curve from "@effect-zmq/core/Curve"
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as SocketOptions from "@effect-zmq/core/SocketOptions"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as zeromq from "zeromq"
import { ZmqTransport } from "../src/index.ts"
import { type Native, set, sharedContext } from "../src/internal/addon.ts"
import { prepare } from "../src/internal/security.ts"
import { anyPort, awaitEvent, endpointOf, live, reasonOf } from "./sockets.ts"

const zap = "inproc://zeromq.zap.01"

/** Keys of a server and of two clients. */
const keys = Effect.all({ server: Curve.keyPair, alice: Curve.keyPair, bob: Curve.keyPair })

const password = Redacted.make("correct horse")

/** The client of the given name, with the one password. */
const named = (username: string) => Security.plain({ username, password })

/** Lets everybody in who has a name, by their name. */
const byName: Security.Authenticate<Security.PlainRequest> = ({ username }) => Effect.succeed({ id: username })

/** The first event of this kind that fits. */
const awaitFailure = (socket: Socket.Socket, detail?: string): Effect.Effect<SocketEvent | undefined> =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === "HandshakeFailed" && (detail === undefined || event.detail === detail)),
    Stream.runHead,
    Effect.map((event) => (event._tag === "Some" ? event.value : undefined))
  )

const plainPull = (authenticate: Security.Authenticate<Security.PlainRequest>, options: Partial<Pull.Options> = {}) =>
  Pull.make({ bind: anyPort, linger: 0, security: Security.plain({ authenticate }), ...options })

const push = (endpoint: Push.Options["connect"], security: Security.Security) =>
  Push.make({ connect: endpoint, linger: 0, security })

describe("the ZAP handler", () => {
  live("an authenticate that takes its time keeps nobody else waiting", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      const pull = yield* plainPull(({ username }) =>
        Effect.as(
          username === "slow"
            ? Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))
            : Effect.void,
          { id: username }
        )
      )
      const endpoint = yield* endpointOf(pull)
      yield* Push.send(yield* push(endpoint, named("slow")), "slow")
      yield* Deferred.await(asked)
      for (const name of ["a", "b", "c"]) {
        yield* Push.send(yield* push(endpoint, named(name)), name)
        assert.strictEqual(Message.text(yield* Pull.receive(pull)), name)
      }
      yield* Deferred.succeed(answer, undefined)
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "slow")
    })
  )

  live("300 clients that come at once are all let in", () =>
    Effect.gen(function* () {
      const pull = yield* plainPull(byName, { backlog: 300 })
      const endpoint = yield* endpointOf(pull)
      const raw = Array.from({ length: 300 }, (_, i) => {
        const client = new zeromq.Push({ linger: 0, plainUsername: `${i}`, plainPassword: "x" })
        client.connect(`${endpoint}`)
        void client.send(`${i}`)
        return client
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => raw.forEach((client) => client.close())))
      const from = new Set<string>()
      while (from.size < raw.length) from.add(Message.text(yield* Pull.receive(pull)))
    })
  )

  const failing: ReadonlyArray<readonly [string, Security.Authenticate<Security.PlainRequest>]> = [
    ["dies", () => Effect.die(new TypeError("a defect"))],
    [
      "throws",
      () => {
        throw new TypeError("thrown")
      }
    ],
    ["never answers", () => Effect.never],
    [
      "never answers, and cannot be interrupted",
      () => Effect.as(Effect.uninterruptible(Effect.sleep("2 seconds")), { id: "late" })
    ],
    ["gives a user without an id", () => Effect.succeed({ id: "" })]
  ]
  for (const [how, authenticate] of failing) {
    live(`where authenticate ${how}, both sides are told within the handshake interval`, () =>
      Effect.gen(function* () {
        const pull = yield* plainPull(authenticate, { handshakeInterval: "1500 millis" })
        const client = yield* push(yield* endpointOf(pull), named("a"))
        const start = performance.now()
        assert.include(yield* awaitFailure(client), { problem: "authentication" })
        assert.isBelow(performance.now() - start, 1500)
        assert.include(yield* awaitFailure(pull), { problem: "authentication" })
      })
    )
  }

  live("what denies a client is in the server's event, and only there", () =>
    Effect.gen(function* () {
      const pull = yield* plainPull(() => Security.denied("it is past its bedtime"))
      const client = yield* push(yield* endpointOf(pull), named("a"))
      assert.include(yield* awaitFailure(pull), { problem: "authentication", detail: "it is past its bedtime" })
      assert.include(yield* awaitFailure(client), { detail: "the peer does not let it in (400)" })
    })
  )

  live("servers of one context are told apart, and each by its own domain", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const server = (domain: string) =>
        Pull.make({
          bind: anyPort,
          security: Security.plain({
            domain,
            authenticate: (request) => {
              asked.push(request.domain)
              return request.username === domain ? Effect.succeed({ id: domain }) : Security.denied(domain)
            }
          })
        })
      const one = yield* server("one")
      const two = yield* server("two")
      yield* push(yield* endpointOf(one), named("two"))
      assert.include(yield* awaitFailure(one), { detail: "one" })
      yield* Push.send(yield* push(yield* endpointOf(two), named("two")), "hello")
      assert.strictEqual(Message.text(yield* Pull.receive(two)), "hello")
      assert.deepStrictEqual(asked, ["one", "two"])
    })
  )

  live("it is there as long as a server is, and then its address is free", () =>
    Effect.gen(function* () {
      const rep = new zeromq.Reply({ linger: 0 })
      yield* Effect.addFinalizer(() => Effect.sync(() => rep.close()))
      const taken = () => {
        try {
          rep.bindSync(zap)
          rep.disconnect(zap)
          return false
        } catch {
          return true
        }
      }
      assert.isFalse(taken())
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* plainPull(byName)
          yield* Effect.scoped(plainPull(byName))
          assert.isTrue(taken())
          yield* Push.send(yield* push(yield* endpointOf(pull), named("a")), "hello")
          assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
        })
      )
      assert.isFalse(taken())
      for (let i = 0; i < 50; i++) yield* Effect.scoped(plainPull(byName))
    })
  )

  live("a server whose handler cannot be there is not opened, and told why; in a context of its own it is", () =>
    Effect.gen(function* () {
      const foreign = new zeromq.Reply({ linger: 0 })
      yield* Effect.addFinalizer(() => Effect.sync(() => foreign.close()))
      foreign.bindSync(zap)
      const { server } = yield* keys
      const security = Security.curve({ keyPair: server, authenticate: () => Effect.succeed({ id: "anybody" }) })
      const reason = yield* reasonOf(Pull.make({ bind: anyPort, security }))
      assert.strictEqual(reason._tag, "InvalidState")
      assert.include(String(reason.message), zap)
      assert.include(String(reason.message), "isolated: true")
      yield* Effect.scoped(Pull.make({ bind: anyPort, security })).pipe(
        Effect.provide(ZmqTransport.layerWith({ isolated: true }))
      )
      // Those who are no servers need no handler.
      yield* Pull.make({ bind: anyPort })
      foreign.disconnect(zap)
      yield* Pull.make({ bind: anyPort, security })
    })
  )

  live("a server whose handler is not there lets nobody in", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* keys
      const authenticate = Security.allow(alice.publicKey)
      for (const security of [
        Security.curve({ keyPair: server, authenticate }),
        Security.plain({ authenticate: byName }),
        Security.null({ authenticate: () => Effect.succeed({ id: "anybody" }) })
      ]) {
        const options = yield* Effect.fromResult(SocketOptions.resolve({ security }, false))
        const { settings } = yield* Effect.scoped(prepare(sharedContext, "PULL", options))
        const pull = new zeromq.Pull({ linger: 0 })
        const { events } = pull
        yield* Effect.addFinalizer(() => Effect.sync(() => pull.close()))
        // What every class of the addon has at run time.
        for (const setting of settings()) set(pull as unknown as Native, setting)
        pull.bindSync(anyPort)
        const client = {
          Curve: Security.curve({ keyPair: alice, serverKey: server.publicKey }),
          Plain: named("alice"),
          Null: undefined
        }[security._tag]
        // It is bound to one.
        const endpoint = `${pull.lastEndpoint}` as "tcp://127.0.0.1:*"
        yield* Push.make({ connect: endpoint, linger: 0, security: client })
        const told = yield* Effect.promise(async () => {
          for await (const { type } of events) if (type.startsWith("handshake")) return type
          return "nothing"
        })
        assert.strictEqual(told, "handshake:error:other")
      }
    })
  )

  live("server sockets of several threads are those of one context, each with its own authenticate", () =>
    Effect.gen(function* () {
      const worker = new Worker(new URL("./securedWorker.ts", import.meta.url))
      const told = Effect.callback<unknown>((resume) => void worker.once("message", (m) => resume(Effect.succeed(m))))
      const ended = yield* Effect.forkChild(
        Effect.callback<void>((resume) => void worker.once("exit", () => resume(Effect.void))),
        { startImmediately: true }
      )
      // It is bound to one, and lets in who is called thread.
      const endpoint = `${yield* told}` as "tcp://127.0.0.1:*"
      yield* plainPull(byName)
      const push = yield* Push.make({ connect: endpoint, linger: 0, security: named("thread") })
      yield* Push.send(push, "hello")
      assert.strictEqual(yield* told, "hello")
      const stranger = yield* Push.make({ connect: endpoint, linger: 0, security: named("stranger") })
      assert.deepInclude(yield* awaitEvent(stranger, "HandshakeFailed"), { problem: "authentication" })
      worker.postMessage("close")
      yield* Fiber.join(ended)
    })
  )

  it.live("it does not count as a socket", () =>
    Effect.gen(function* () {
      const pull = yield* plainPull(byName)
      yield* push(yield* endpointOf(pull), named("a"))
      assert.strictEqual((yield* reasonOf(Pull.make({})))._tag, "LimitReached")
    }).pipe(Effect.scoped, Effect.provide(ZmqTransport.layerWith({ maxSockets: 2, isolated: true })))
  )

  live("who of this process asks what libzmq would not ask gets no access, and does no harm", () =>
    Effect.gen(function* () {
      const pull = yield* plainPull(byName)
      const ask = (...frames: ReadonlyArray<string>) =>
        Effect.acquireUseRelease(
          Effect.sync(() => new zeromq.Request({ linger: 0 })),
          (socket) =>
            Effect.promise(async () => {
              socket.connect(zap)
              await socket.send([...frames])
              return (await socket.receive()).map((frame) => `${frame}`)
            }),
          (socket) => Effect.sync(() => socket.close())
        )
      const refusal = (status: string, id: string) => ["1.0", id, status, "", "", ""]
      assert.deepStrictEqual(yield* ask("2.0", "1", "x", "", "", "PLAIN", "u", "p"), refusal("500", "1"))
      assert.deepStrictEqual(yield* ask("1.0", "2"), refusal("500", "2"))
      assert.deepStrictEqual(yield* ask("1.0", "3", "no such", "", "", "NULL"), refusal("400", "3"))
      const dealer = new zeromq.Dealer({ linger: 0 })
      yield* Effect.addFinalizer(() => Effect.sync(() => dealer.close()))
      dealer.connect(zap)
      yield* Effect.promise(() => dealer.send(["no", "envelope"]))
      yield* Push.send(yield* push(yield* endpointOf(pull), named("a")), "hello")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
    })
  )

  live("a socket that would end the process there is not bound", () =>
    Effect.gen(function* () {
      assert.include(yield* reasonOf(Pull.make({ bind: zap })), { _tag: "AddressUnavailable", endpoint: zap })
    })
  )
})

/** Passes on what comes, over connections that can be cut. */
const relay = (to: Endpoint.Input) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly endpoint: Endpoint.Input; readonly cut: Effect.Effect<void>; readonly end: () => void }>(
      (resume) => {
        const open = new Set<Net.Socket>()
        const cut = () => open.forEach((socket) => socket.destroy())
        const server = Net.createServer((near) => {
          const far = Net.connect(Number(/\d+$/.exec(`${to}`)), "127.0.0.1")
          for (const socket of [near, far]) {
            open.add(socket)
            socket.on("error", () => undefined).once("close", () => open.delete(socket))
          }
          near.pipe(far).pipe(near)
        })
        server.listen(0, "127.0.0.1", () => {
          // It listens on a port.
          const { port } = server.address() as Net.AddressInfo
          const end = () => {
            server.close()
            cut()
          }
          resume(Effect.succeed({ endpoint: `tcp://127.0.0.1:${port}` as const, cut: Effect.sync(cut), end }))
        })
      }
    ),
    ({ end }) => Effect.sync(end)
  )

describe("who sent it", () => {
  /** A CURVE ROUTER, and how to be a client of it. */
  const routing = (options: Partial<Router.Options> = {}) =>
    Effect.gen(function* () {
      const { server, ...users } = yield* keys
      const security = Security.curve({
        keyPair: server,
        authenticate: Security.allow({ alice: users.alice.publicKey, bob: users.bob.publicKey })
      })
      const router = yield* Router.make({ bind: anyPort, linger: 0, security, ...options })
      const [endpoint] = yield* Socket.endpoints(router)
      const client = (user: keyof typeof users, options: Partial<Dealer.Options> = {}) =>
        Dealer.make({
          ...(endpoint && { connect: endpoint }),
          linger: 0,
          security: Security.curve({ keyPair: users[user], serverKey: server.publicKey }),
          ...options
        })
      return { client, router, security, server, users }
    })

  const says = (dealer: Dealer.Dealer, router: Router.Router, body: string) =>
    Effect.gen(function* () {
      yield* Dealer.send(dealer, body)
      const received = yield* Router.receive(router)
      assert.strictEqual(Message.text(received.message), body)
      return received
    })

  live("a ROUTER tells which user of CURVE has sent a message, and answers that very client", () =>
    Effect.gen(function* () {
      const { client, router } = yield* routing()
      for (const name of ["alice", "bob", "alice"] as const) {
        const dealer = yield* client(name)
        const { from, user } = yield* says(dealer, router, `I am ${name}`)
        assert.deepStrictEqual(user, { id: name })
        yield* Router.send(router, { to: from, message: `hello ${name}` })
        assert.strictEqual(Message.text(yield* Dealer.receive(dealer)), `hello ${name}`)
      }
    })
  )

  live("who announces another's routing id, or what another is called, is told as itself, and takes nothing over", () =>
    Effect.gen(function* () {
      const { client, router } = yield* routing()
      const alice = yield* client("alice", { routingId: "alice" })
      const first = yield* says(alice, router, "from alice")
      assert.deepStrictEqual(first.user, { id: "alice" })
      for (const routingId of ["alice", first.from]) {
        const bob = yield* client("bob", { routingId })
        const { from, user } = yield* says(bob, router, "from bob")
        assert.deepStrictEqual(user, { id: "bob" })
        assert.notDeepEqual(from, first.from)
      }
      yield* Router.send(router, { to: first.from, message: "to alice" })
      assert.strictEqual(Message.text(yield* Dealer.receive(alice)), "to alice")
      assert.deepStrictEqual((yield* says(alice, router, "still alice")).user, { id: "alice" })
    })
  )

  /** Clients that come at once, and all announce the same id. */
  const crowd = (count: number) =>
    Effect.gen(function* () {
      const { router, server, users } = yield* routing({ backlog: count })
      const endpoint = yield* endpointOf(router)
      const secretKeys = { alice: Redacted.value(users.alice.secretKey), bob: Redacted.value(users.bob.secretKey) }
      const raw = Array.from({ length: count }, (_, i) => {
        const name = i % 2 === 0 ? "alice" : "bob"
        const client = new zeromq.Dealer({
          linger: 0,
          routingId: "the same",
          curveServerKey: server.publicKey,
          curvePublicKey: users[name].publicKey,
          curveSecretKey: secretKeys[name]
        })
        client.connect(`${endpoint}`)
        void client.send([name, `${i}`])
        return client
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => raw.forEach((client) => client.close())))
      const seen = new Set<string>()
      while (seen.size < raw.length) {
        const { message, user } = yield* Router.receive(router)
        assert.strictEqual(user?.id, Message.text([message[0]]))
        seen.add(Message.text(message))
      }
    })

  live("of 200 clients that come at once, and all announce the same id, each is told", () => crowd(200))

  it.live("it is told where several threads deal with the clients", () =>
    crowd(100).pipe(Effect.scoped, Effect.provide(ZmqTransport.layerWith({ ioThreads: 3, isolated: true })))
  )

  live("after a reconnection it is told anew", () =>
    Effect.gen(function* () {
      const { client, router } = yield* routing()
      const between = yield* relay(yield* endpointOf(router))
      const alice = yield* client("alice", { connect: between.endpoint, reconnect: { initial: 10, maximum: 10 } })
      const first = yield* says(alice, router, "one")
      yield* between.cut
      yield* awaitEvent(alice, "Disconnected")
      const second = yield* says(alice, router, "two")
      assert.notDeepEqual(second.from, first.from)
      assert.deepStrictEqual([first.user, second.user], [{ id: "alice" }, { id: "alice" }])
      assert.strictEqual((yield* reasonOf(Router.send(router, { to: first.from, message: "?" })))._tag, "Unroutable")
    })
  )

  live("a message that waits is told as its sender's, who may have left by then", () =>
    Effect.gen(function* () {
      const { client, router } = yield* routing()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const alice = yield* client("alice", { linger: "1 second" })
          yield* Dealer.sendAll(alice, ["1", "2", "3"])
        })
      )
      yield* awaitEvent(router, "Disconnected")
      for (let i = 0; i < 3; i++) assert.deepStrictEqual((yield* Router.receive(router)).user, { id: "alice" })
    })
  )

  live("it is not told where it would be a guess: of PLAIN, with handover, or to who was connected to", () =>
    Effect.gen(function* () {
      const plain = yield* Router.make({ bind: anyPort, security: Security.plain({ authenticate: byName }) })
      const alice = yield* Dealer.make({ connect: yield* endpointOf(plain), security: named("a"), routingId: "a" })
      const told = yield* says(alice, plain, "plain")
      assert.deepStrictEqual([Message.text([told.from]), told.user], ["a", undefined])

      const { client, router } = yield* routing({ handover: true })
      const announced = yield* says(yield* client("alice", { routingId: "a" }), router, "handover")
      assert.deepStrictEqual([Message.text([announced.from]), announced.user], ["a", undefined])
    })
  )

  live("a ROUTER that connects says nothing of who is there: it may be another one after a reconnection", () =>
    Effect.gen(function* () {
      const { client, security } = yield* routing()
      const connecting = yield* Router.make({ linger: 0, security, reconnect: { initial: 10, maximum: 10 } })
      const place = yield* Effect.scoped(
        Effect.gen(function* () {
          const alice = yield* client("alice", { bind: anyPort, connect: [] })
          const endpoint = yield* endpointOf(alice)
          yield* Socket.connect(connecting, endpoint)
          assert.strictEqual((yield* says(alice, connecting, "alice was here")).user, undefined)
          return endpoint
        })
      )
      const bob = yield* client("bob", { bind: place, connect: [] })
      assert.strictEqual((yield* says(bob, connecting, "bob is here")).user, undefined)
    })
  )
})

describe("who is denied", () => {
  live("sends nothing, and is sent nothing: what comes after it by one who is let in is all there is", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* keys
      const authenticate = Security.allow({ alice: alice.publicKey })
      const curve = (keyPair: Curve.KeyPair, serverKey = server.publicKey) => Security.curve({ keyPair, serverKey })
      const denied = [curve(bob), curve(alice, bob.publicKey), named("alice"), undefined]
      const pull = yield* Pull.make({ bind: anyPort, security: Security.curve({ keyPair: server, authenticate }) })
      const xpub = yield* XPub.make({ bind: anyPort, security: Security.curve({ keyPair: server, authenticate }) })
      const [toPull, toXPub] = [yield* endpointOf(pull), yield* endpointOf(xpub)]
      const subs: Array<Sub.Sub> = []
      for (const security of denied) {
        const client = yield* Push.make({ connect: toPull, linger: 0, security })
        yield* Push.send(client, "denied")
        const sub = yield* Sub.make({ connect: toXPub, subscribe: "denied", security })
        yield* Effect.all([awaitFailure(client), awaitFailure(sub)], { concurrency: "unbounded" })
        subs.push(sub)
      }
      yield* Push.send(yield* push(toPull, curve(alice)), "let in")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "let in")
      const sub = yield* Sub.make({ connect: toXPub, subscribe: "let in", security: curve(alice) })
      assert.strictEqual((yield* XPub.receive(xpub))._tag, "Subscribe")
      yield* XPub.sendAll(xpub, ["denied", "let in"])
      assert.strictEqual(Message.text(yield* Sub.receive(sub)), "let in")
      for (const sub of subs) assert.isTrue(Option.isNone(yield* Sub.poll(sub)))
      assert.isTrue(Option.isNone(yield* Pull.poll(pull)))
    })
  )
})

describe("inproc", () => {
  live("a socket that has security is neither bound nor connected there, where it would have none", () =>
    Effect.gen(function* () {
      const security = Security.plain({ authenticate: byName })
      const expected = { _tag: "Unsupported", feature: "security over inproc" }
      assert.include(yield* reasonOf(Pull.make({ bind: "inproc://secured", security })), expected)
      assert.include(yield* reasonOf(push("inproc://secured", named("a"))), expected)
    })
  )
})

describe("clients of PLAIN", () => {
  live("a name or a password may be empty, but not both", () =>
    Effect.gen(function* () {
      const asked: Array<readonly [string, string]> = []
      const pull = yield* plainPull(({ password, username }) => {
        asked.push([username, Redacted.value(password)])
        return Effect.succeed({ id: "somebody" })
      })
      const endpoint = yield* endpointOf(pull)
      const pairs = [
        ["", "p"],
        ["u", ""],
        ["ü\0u", "p\0ß"]
      ] as const
      for (const [username, password] of pairs) {
        const security = Security.plain({ username, password: Redacted.make(password) })
        yield* Push.send(yield* push(endpoint, security), "in")
        yield* Pull.receive(pull)
      }
      assert.deepStrictEqual(asked, [...pairs])
      const nobody = Security.plain({ username: "", password: Redacted.make("") })
      assert.strictEqual((yield* reasonOf(push(endpoint, nobody)))._tag, "Unsupported")
    })
  )
})

describe("each pair of types", () => {
  live("publishes, and asks and answers, with CURVE", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* keys
      const security = Security.curve({ keyPair: server, authenticate: Security.allow(alice.publicKey) })
      const client = Security.curve({ keyPair: alice, serverKey: server.publicKey })
      const rep = yield* Rep.make({ bind: anyPort, security })
      yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(`${Message.text(request)}!`)))
      const req = yield* Req.make({ connect: yield* endpointOf(rep), security: client })
      assert.strictEqual(Message.text(yield* Req.request(req, "hello")), "hello!")
      // Who connects may be the server, too.
      const sub = yield* Sub.make({ bind: anyPort, subscribe: "", security: client })
      const pub = yield* XPub.make({ connect: yield* endpointOf(sub), security })
      yield* XPub.receive(pub)
      yield* XPub.send(pub, "news")
      assert.strictEqual(Message.text(yield* Sub.receive(sub)), "news")
    })
  )
})
