/** Security in memory: what is beside the matrix of test/conformance/security. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Curve from "../../src/Curve.ts"
import * as Dealer from "../../src/Dealer.ts"
import * as MemoryTransport from "../../src/MemoryTransport.ts"
import * as Message from "../../src/Message.ts"
import * as Network from "../../src/Network.ts"
import * as Pull from "../../src/Pull.ts"
import * as Push from "../../src/Push.ts"
import * as Rep from "../../src/Rep.ts"
import * as Req from "../../src/Req.ts"
import * as Router from "../../src/Router.ts"
import * as Security from "../../src/Security.ts"
import * as Simulation from "../../src/Simulation.ts"
import * as Socket from "../../src/Socket.ts"
import type { SocketEvent } from "../../src/SocketEvent.ts"
import type { Transport } from "../../src/Transport.ts"

type Services = Network.Network | Scope.Scope | Transport

const virtually = (title: string, body: Effect.Effect<unknown, unknown, Services>): void =>
  it(title, () => {
    const program = body.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true }))
    const exit = Simulation.run({ seed: 1, program })
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  })

const endpoint = "tcp://127.0.0.1:5555"
const now = Clock.currentTimeMillis

/** Lets everyone run who can, without letting time pass. */
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

const byName: Security.Authenticate<Security.PlainRequest> = ({ username }) => Effect.succeed({ id: username })
const server = (authenticate = byName) => Security.plain({ authenticate })
const client = (username: string) => Security.plain({ username, password: Redacted.make("open sesame") })

const told = (socket: Socket.Socket, tag: SocketEvent["_tag"], count = 1) =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === tag),
    Stream.take(count),
    Stream.runCollect
  )

/** In a scope of its own, which the second one of the pair ends. */
const alone = <A, E, R>(make: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    return [yield* Scope.provide(make, scope), Scope.close(scope, Exit.void)] as const
  })

const users = (received: Iterable<Router.Received>): ReadonlyArray<string> =>
  Array.from(received, ({ message, user }) => `${user?.id}: ${Message.text(message)}`)

// -----------------------------------------------------------------------------
// Handshakes
// -----------------------------------------------------------------------------

describe("a handshake with authentication", () => {
  virtually(
    "that is refused is tried again, and what waits passes once its sender is let in",
    Effect.gen(function* () {
      let isOpen = false
      let asked = 0
      const policy: typeof byName = (request) => {
        asked++
        return isOpen ? byName(request) : Security.denied("closed")
      }
      const pull = yield* Pull.make({ bind: endpoint, security: server(policy) })
      const push = yield* Push.make({
        connect: endpoint,
        security: client("alice"),
        reconnect: { initial: 100, maximum: 100 }
      })
      yield* Push.sendAll(push, ["one", "two"])
      const [atServer] = yield* told(pull, "HandshakeFailed", 3)
      const [atClient] = yield* told(push, "HandshakeFailed", 3)
      assert.deepInclude(atServer, { endpoint, problem: "authentication", detail: "closed" })
      assert.deepInclude(atClient, { endpoint, problem: "authentication", detail: "the peer does not let it in (400)" })
      assert.isTrue(Option.isNone(yield* Pull.poll(pull)))
      assert.strictEqual(asked, 3)
      isOpen = true
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "one")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "two")
      assert.strictEqual(asked, 4)
    })
  )

  virtually(
    "takes the time of the network and of authenticate, and nothing passes before",
    Effect.gen(function* () {
      yield* Network.latency("*", "*", 10)
      const start = yield* now
      let askedAt = 0
      const policy: typeof byName = (request) =>
        Effect.gen(function* () {
          askedAt = (yield* now) - start
          yield* Effect.sleep(7)
          return yield* byName(request)
        })
      const pull = yield* Network.on(Pull.make({ bind: endpoint, security: server(policy) }), "b")
      const push = yield* Network.on(Push.make({ connect: endpoint, security: client("alice") }), "a")
      yield* Push.send(push, "hello")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
      assert.strictEqual(askedAt, 30) // to connect, to be accepted, to say hello
      assert.strictEqual((yield* now) - start, 57) // and to be welcome, and the message
    })
  )

  virtually(
    "keeps nobody else waiting",
    Effect.gen(function* () {
      const policy: typeof byName = (request) => (request.username === "slow" ? Effect.never : byName(request))
      const pull = yield* Pull.make({ bind: endpoint, security: server(policy) })
      const start = yield* now
      const slow = yield* Push.make({ connect: endpoint, security: client("slow") })
      const quick = yield* Push.make({ connect: endpoint, security: client("quick") })
      yield* Push.send(slow, "slow")
      yield* Push.send(quick, "quick")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "quick")
      assert.strictEqual((yield* now) - start, 0)
      const [failed] = yield* told(slow, "HandshakeFailed")
      assert.deepInclude(failed, { problem: "authentication", detail: "the peer does not let it in (500)" })
      assert.strictEqual((yield* now) - start, 24_000) // four fifths of the handshake interval
    }).pipe(Effect.provide(Logger.layer([])))
  )

  for (const who of ["the server", "the client", "the connection", "the client's patience"]) {
    virtually(
      `has its authenticate interrupted where ${who} ends`,
      Effect.gen(function* () {
        let running = 0
        let asked = 0
        const policy = () =>
          Effect.suspend(() => {
            asked++
            running++
            return Effect.onInterrupt(Effect.never, () => Effect.sync(() => running--))
          })
        const reconnect = { initial: 1000, maximum: 1000 }
        const [, closeServer] = yield* alone(Pull.make({ bind: endpoint, security: server(policy) }))
        const [push, closeClient] = yield* alone(
          Push.make({ connect: endpoint, security: client("alice"), reconnect, linger: 0, handshakeInterval: 5000 })
        )
        yield* settle
        assert.deepStrictEqual([asked, running], [1, 1])
        if (who === "the server") yield* closeServer
        else if (who === "the client") yield* closeClient
        else if (who === "the connection") yield* Network.disconnect("*", "*")
        else assert.deepInclude((yield* told(push, "HandshakeFailed"))[0], { problem: "other" })
        yield* settle
        assert.deepStrictEqual([asked, running], [1, 0])
        yield* Effect.sleep(1001)
        const again = who === "the connection" || who === "the client's patience" ? 1 : 0
        assert.deepStrictEqual([asked, running], [1 + again, again])
        yield* closeClient
        yield* closeServer
        yield* settle
        assert.strictEqual(running, 0)
        assert.deepStrictEqual(yield* Network.connections, [])
      })
    )
  }

  virtually(
    "asks with what the client shows, in the world of who made the server",
    Effect.gen(function* () {
      const Realm = Context.Reference<string>("Realm", { defaultValue: () => "nowhere" })
      const seen: Array<unknown> = []
      const see = (request: Security.Request) =>
        Effect.map(Effect.service(Realm), (realm) => {
          seen.push({ realm, ...request })
          return { id: "somebody" }
        })
      const [keys, mine] = [keyPairs[0], keyPairs[1]]
      const all = [
        [Security.null({ authenticate: see }), undefined, { _tag: "Null", domain: "global", routingId: undefined }],
        [
          Security.curve({ keyPair: keys, authenticate: see, domain: "staff" }),
          Security.curve({ keyPair: mine, serverKey: keys.publicKey }),
          { _tag: "Curve", domain: "staff", routingId: Message.make("me")[0], publicKey: mine.publicKey }
        ],
        [
          Security.plain({ authenticate: see }),
          client("alice"),
          { _tag: "Plain", domain: "global", routingId: undefined, username: "alice", password: client("").password }
        ]
      ] as const
      for (const [bind, address] of [
        ["tcp://127.0.0.1:*", "127.0.0.1"],
        ["ipc://*", "localhost"],
        ["inproc://here", ""]
      ] as const) {
        for (const [server, client, request] of all) {
          const [router, close] = yield* alone(
            Router.make({ bind, security: server }).pipe(Effect.provideService(Realm, "somewhere"))
          )
          const connect = yield* Socket.endpoint(router)
          const routingId = request.routingId && "me"
          yield* Effect.scoped(
            Effect.flatMap(Dealer.make({ connect, security: client, routingId }), (dealer) =>
              told(dealer, "HandshakeSucceeded")
            )
          )
          yield* close
          assert.deepStrictEqual(seen.splice(0), [{ realm: "somewhere", address, ...request }])
        }
      }
    })
  )

  it("is the same in simulations, whatever the network does: who is denied gets nothing through, who is not is known", () => {
    const names = ["alice", "mallory", "bob"]
    const program = Effect.gen(function* () {
      const policy: typeof byName = (request) =>
        Effect.andThen(Effect.sleep(3), request.username === "mallory" ? Security.denied() : byName(request))
      const router = yield* Network.on(Router.make({ bind: endpoint, security: server(policy) }), "server")
      const reconnect = { initial: 10, maximum: 40 }
      const handshakeInterval = 100
      for (const name of names) {
        const options = { connect: endpoint, security: client(name), reconnect, handshakeInterval, linger: 0 } as const
        const dealer = yield* Network.on(Dealer.make({ ...options, heartbeat: { interval: 20 } }), name)
        yield* Effect.forkScoped(
          Effect.forever(Effect.andThen(Dealer.send(dealer, name), Effect.sleep(5)), { disableYield: true })
        )
      }
      const wrong: Array<string> = []
      const known = new Set<string>()
      yield* Router.runForEach(router, ({ message, user }) =>
        Effect.sync(() => {
          if (user?.id === Message.text(message) && user.id !== "mallory") known.add(user.id)
          else wrong.push(`${user?.id}: ${Message.text(message)}`)
        })
      ).pipe(Effect.timeoutOption(2000))
      return { wrong, known: [...known].sort() }
    }).pipe(Effect.scoped)
    const report = Effect.runSync(
      Simulation.check({
        program,
        runs: 30,
        invariant: (outcome) => assert.deepStrictEqual(outcome, { wrong: [], known: ["alice", "bob"] })
      })
    )
    assert.isAbove(report.hits, 30)
  })
})

// -----------------------------------------------------------------------------
// Users
// -----------------------------------------------------------------------------

describe("a ROUTER that authenticates", () => {
  virtually(
    "tells with each message who sent it, however it is received, also of those who have left",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: endpoint, security: server() })
      const send = (name: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const dealer = yield* Dealer.make({ connect: endpoint, security: client(name) })
            yield* Dealer.sendAll(dealer, ["1", "2", "3", "4"])
          })
        )
      yield* send("alice")
      yield* send("bob")
      const one = yield* Router.receive(router)
      const two = Option.getOrThrow(yield* Router.poll(router))
      const three = yield* Router.stream(router).pipe(Stream.take(1), Stream.runCollect)
      const four = yield* Router.streamSchema(router, Message.frame(Message.Utf8)).pipe(
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        users([one, two, ...three]).concat(four.map(({ message, user }) => `${user?.id}: ${message}`)),
        ["alice: 1", "bob: 1", "alice: 2", "bob: 2"]
      )
      const rest = yield* Router.batches(router).pipe(Stream.take(1), Stream.runCollect)
      assert.sameMembers([...users(rest.flat())], ["alice: 3", "alice: 4", "bob: 3", "bob: 4"])
    })
  )

  virtually(
    "keeps a routing id for the user who came with it first",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: endpoint, security: server(), handover: true })
      const come = (name: string) =>
        alone(Dealer.make({ connect: endpoint, security: client(name), routingId: "worker", reconnect: false }))
      const [first, leave] = yield* come("alice")
      yield* Dealer.send(first, "mine")
      const [thief] = yield* come("bob")
      assert.deepInclude((yield* told(router, "HandshakeFailed"))[0], {
        problem: "authentication",
        detail: "the routing id is another user's"
      })
      yield* leave
      yield* told(router, "PeerLeft")
      const [late] = yield* come("bob")
      assert.lengthOf(yield* told(router, "HandshakeFailed", 2), 2)
      const [again] = yield* come("alice")
      yield* Dealer.send(again, "mine again")
      assert.deepStrictEqual(users([yield* Router.receive(router), yield* Router.receive(router)]), [
        "alice: mine",
        "alice: mine again"
      ])
      yield* Router.send(router, { to: "worker", message: "yours" })
      assert.strictEqual(Message.text(yield* Dealer.receive(again)), "yours")
      for (const other of [thief, late]) assert.isTrue(Option.isNone(yield* Dealer.poll(other)))
    })
  )

  virtually(
    "that connects does not take the messages of who was there for those of who is there next",
    Effect.gen(function* () {
      const reconnect = { initial: 100, maximum: 100 }
      const router = yield* Router.make({ security: server(), reconnect })
      yield* Router.connectAs(router, endpoint, "there")
      const bind = (name: string) => alone(Dealer.make({ bind: endpoint, security: client(name) }))
      const [alice, leave] = yield* bind("alice")
      yield* Dealer.send(alice, "from alice")
      yield* told(router, "PeerJoined")
      yield* settle
      yield* leave
      const [bob] = yield* bind("bob")
      yield* Effect.forkChild(Dealer.send(bob, "from bob"))
      assert.deepInclude((yield* told(router, "HandshakeFailed"))[0], {
        problem: "authentication",
        detail: "what another user has sent is not read yet"
      })
      assert.deepStrictEqual(users([yield* Router.receive(router)]), ["alice: from alice"])
      assert.deepStrictEqual(users([yield* Router.receive(router)]), ["bob: from bob"])
    })
  )

  virtually(
    "that connects with a pipe for each connection knows both, although it calls them the same",
    Effect.gen(function* () {
      const router = yield* Router.make({ security: server(), reconnect: { initial: 100 }, immediate: true })
      yield* Router.connectAs(router, endpoint, "there")
      const bind = (name: string) => alone(Dealer.make({ bind: endpoint, security: client(name) }))
      const [alice, leave] = yield* bind("alice")
      yield* Dealer.send(alice, "from alice")
      yield* told(router, "PeerJoined")
      yield* settle
      yield* leave
      const [bob] = yield* bind("bob")
      yield* Effect.forkChild(Dealer.send(bob, "from bob"))
      yield* told(router, "PeerJoined", 2)
      yield* settle
      assert.sameMembers(
        [...users([yield* Router.receive(router), yield* Router.receive(router)])],
        ["alice: from alice", "bob: from bob"]
      )
    })
  )

  virtually(
    "says nothing of users where it does not authenticate",
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: endpoint })
      const dealer = yield* Dealer.make({ connect: endpoint })
      yield* Dealer.send(dealer, "hello")
      assert.deepStrictEqual(Object.keys(yield* Router.receive(router)), ["from", "message"])
    })
  )
})

describe("a REP that authenticates", () => {
  virtually(
    "tells its handler who asks, also where it gets a request again, and where the client has left",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: endpoint, security: server() })
      const ask = (name: string) =>
        Effect.scoped(
          Effect.flatMap(Req.make({ connect: endpoint, security: client(name) }), (req) =>
            Req.request(req, "who am I?")
          )
        )
      const asking = yield* Effect.forkChild(ask("alice"))
      const seen: Array<string | undefined> = []
      const stuck = yield* Effect.forkChild(
        Rep.serve(rep, (_, { user }) => {
          seen.push(user?.id)
          return Effect.never
        })
      )
      yield* settle
      yield* Fiber.interrupt(stuck)
      yield* Fiber.interrupt(asking)
      yield* Effect.forkChild(
        Rep.serve(rep, (_, { user }) => {
          seen.push(user?.id)
          return Effect.succeed(`${user?.id}`)
        })
      )
      assert.strictEqual(Message.text(yield* ask("bob")), "bob")
      assert.deepStrictEqual(seen, ["alice", "alice", "bob"])
    })
  )

  virtually(
    "tells who sent the request that was received last",
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: endpoint, security: server() })
      const req = yield* Req.make({ connect: endpoint, security: client("alice") })
      assert.isTrue(Option.isNone(yield* Rep.user(rep)))
      const reply = yield* Effect.forkChild(Req.request(req, "who am I?"))
      yield* Rep.receive(rep)
      assert.deepStrictEqual(yield* Rep.user(rep), Option.some({ id: "alice" }))
      yield* Rep.reply(rep, "alice")
      assert.strictEqual(Message.text(yield* Fiber.join(reply)), "alice")
    })
  )
})

// -----------------------------------------------------------------------------
// Secrets
// -----------------------------------------------------------------------------

const keyPairs = await Effect.runPromise(Effect.all([Curve.keyPair, Curve.keyPair, Curve.keyPair]))

it("no secret is in a log, an event, a trace, an error, a span, a message of the network, or a text made of a socket", () => {
  const [serverKeys, aliceKeys, malloryKeys] = keyPairs
  const secrets = [...keyPairs.map(({ secretKey }) => Redacted.value(secretKey)), "open sesame", "let me in"]
  const output: Array<string> = []
  const print = (...values: ReadonlyArray<unknown>): void => {
    for (const value of values) {
      output.push(inspect(value, { depth: 6 }), JSON.stringify(value) ?? "", String(value))
    }
  }
  const logger = Logger.make((options) => {
    print(options.message, options.cause)
    output.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options), Cause.pretty(options.cause))
  })
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const keys = Security.allow({ alice: aliceKeys.publicKey })
  const passwords = Security.passwords({ alice: Redacted.make("open sesame") })
  const broken = (request: Security.Request) => Effect.die(Object.assign(new Error("broken"), { request }))
  const told = (request: Security.Request) =>
    Effect.andThen(
      Effect.log("asked", request, inspect(request), JSON.stringify(request)),
      Security.denied(inspect(request))
    )
  const curve = (keyPair: Curve.KeyPair, serverKey = serverKeys.publicKey) => Security.curve({ keyPair, serverKey })
  const plain = (text: string) => Security.plain({ username: "alice", password: Redacted.make(text) })
  const pairs: ReadonlyArray<readonly [Security.Security, ReadonlyArray<Security.Security | undefined>]> = [
    ...[keys, broken, told].map(
      (authenticate) =>
        [
          Security.curve({ keyPair: serverKeys, authenticate }),
          [undefined, curve(aliceKeys), curve(malloryKeys), curve(aliceKeys, malloryKeys.publicKey), plain("let me in")]
        ] as const
    ),
    ...[passwords, broken, told].map(
      (authenticate) =>
        [
          Security.plain({ authenticate }),
          [undefined, curve(aliceKeys), plain("open sesame"), plain("let me in")]
        ] as const
    )
  ]
  const one = (server: Security.Security, client: Security.Security | undefined) =>
    Effect.gen(function* () {
      const trace = yield* Network.trace
      const router = yield* Effect.withSpan(Router.make({ bind: "tcp://*:*", security: server }), "server", {
        attributes: { server }
      })
      const connect = yield* Socket.endpoint(router)
      const dealer = yield* Effect.withSpan(Dealer.make({ connect, security: client, linger: 0 }), "client", {
        attributes: { client }
      })
      yield* Dealer.send(dealer, "hello")
      print(server, client, router, dealer, yield* Effect.timeoutOption(Router.receive(router), 500))
      print(yield* Network.connections, yield* Network.sockets, yield* trace)
      yield* Effect.logFatal(router, dealer, server, client)
      for (const socket of [router, dealer]) {
        const events = yield* Effect.forkChild(
          Stream.runForEach(Socket.events(socket), (event) => Effect.sync(() => print(event)))
        )
        yield* Effect.sleep(1000)
        yield* Fiber.interrupt(events)
      }
      print(yield* Effect.exit(Router.make({ security: { ...server, domain: "" } as Security.Security })))
      if (client?._tag === "Curve") {
        print(
          yield* Effect.exit(Router.make({ security: { ...client, serverKey: "" } as unknown as Security.Security }))
        )
      }
    }).pipe(Effect.scoped)
  const program = Effect.forEach(pairs, ([server, clients]) =>
    Effect.forEach(clients, (client) => one(server, client))
  ).pipe(
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.withTracer(tracer),
    Effect.provide(MemoryTransport.layer)
  )
  const exit = Simulation.run({ seed: 1, program })
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  print(...spans.map(({ attributes, name }) => ({ name, attributes: [...attributes] })))

  const all = output.join("\n")
  for (const secret of secrets) assert.notInclude(all, secret)
  // What is looked through is what was meant to be.
  for (const part of [
    "broken",
    "asked",
    "<redacted",
    "HandshakeFailed",
    "tcp://0.0.0.0:",
    "server",
    aliceKeys.publicKey
  ]) {
    assert.include(all, part)
  }
  assert.isAbove(spans.length, 40)
})
