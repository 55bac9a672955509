import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Endpoint from "../src/Endpoint.ts"
import * as Message from "../src/Message.ts"
import * as Pub from "../src/Pub.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Rep from "../src/Rep.ts"
import * as Req from "../src/Req.ts"
import * as Socket from "../src/Socket.ts"
import * as Sub from "../src/Sub.ts"
import * as Transport from "../src/Transport.ts"
import { AddressInUse, type Reason, Unexpected, ZmqError } from "../src/ZmqError.ts"
import { make, numbered, open, range, type Script } from "./ScriptedTransport.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

/** Makes what must fail, and gives why, and what had become of the handles by then. */
const failing = <A>(socket: Effect.Effect<A, ZmqError, Transport.Transport | Scope.Scope>, script: Script = {}) =>
  Effect.gen(function* () {
    const { handles, transport } = make(script)
    const error = yield* Effect.flip(Effect.provideService(socket, Transport.Transport, transport))
    assert.instanceOf(error, ZmqError)
    return { error, done: handles.map((handle) => handle.done) }
  })

describe("make", () => {
  it.effect("opens a socket of its type, binds, and connects, in the order of its options", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(
        Push.make({
          connect: "inproc://c",
          bind: ["tcp://127.0.0.1:*", Endpoint.ipc("/tmp/feed"), Endpoint.inproc("b")],
          highWaterMark: { send: 7 }
        })
      )
      assert.strictEqual(socket.type, "PUSH")
      assert.strictEqual(handle.type, "PUSH")
      assert.strictEqual(socket.transport.name, "scripted")
      assert.isTrue(Socket.isSocket(socket))
      assert.deepInclude(handle.options.highWaterMark, { send: 7, receive: 1000 })
      assert.deepStrictEqual(handle.done, [
        "bind tcp://127.0.0.1:*",
        "bind ipc:///tmp/feed",
        "bind inproc://b",
        "connect inproc://c"
      ])
      assert.deepStrictEqual(yield* Socket.endpoints(socket), [
        "tcp://127.0.0.1:49152",
        "ipc:///tmp/feed",
        "inproc://b",
        "inproc://c"
      ])
    })
  )

  it.effect("opens every type as what it is", () =>
    Effect.gen(function* () {
      const sockets = [
        yield* open(Push.make({})),
        yield* open(Pull.make({})),
        yield* open(Pub.make({})),
        yield* open(Sub.make({ subscribe: "" })),
        yield* open(Req.make({})),
        yield* open(Rep.make({}))
      ]
      assert.deepStrictEqual(
        sockets.map(({ socket }) => socket.type),
        ["PUSH", "PULL", "PUB", "SUB", "REQ", "REP"]
      )
      assert.deepStrictEqual(
        sockets.map(({ handle }) => handle.type),
        ["PUSH", "PULL", "PUB", "SUB", "REQ", "REP"]
      )
    })
  )

  it.effect("closes with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { handle, socket } = yield* Scope.provide(open(Push.make({ bind: "inproc://a" })), scope)
      assert.isFalse(handle.closed)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(handle.closed)
      assert.strictEqual((yield* Effect.flip(Push.send(socket, "x"))).reason._tag, "Closed")
    })
  )

  const inUse: Script = {
    refuse: (what, endpoint) =>
      what === "bind" && endpoint === "inproc://2" ? new AddressInUse({ endpoint }) : undefined
  }

  it.effect("closes what it had opened when it fails half-way, before the failure is seen", () =>
    Effect.gen(function* () {
      const { done, error } = yield* failing(Pull.make({ bind: ["inproc://1", "inproc://2", "inproc://3"] }), inUse)
      assert.deepStrictEqual(done, [["bind inproc://1", "close"]])
      assert.deepStrictEqual([error.module, error.method], ["Pull", "make"])
      assert.deepStrictEqual(error.reason, new AddressInUse({ endpoint: "inproc://2" }))
      assert.include(error.message, "Pull.make: inproc://2 is in use already")
    })
  )

  it.effect("leaves nothing in the scope for a socket that could not be made", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { transport, handles } = make(inUse)
      const making = Pull.make({ bind: "inproc://2" }).pipe(Effect.provideService(Transport.Transport, transport))
      for (const _ of range(0, 3)) yield* Effect.flip(Scope.provide(making, scope))
      assert.deepStrictEqual(
        handles.map((handle) => handle.done),
        [["close"], ["close"], ["close"]]
      )
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(handles.flatMap((handle) => handle.done).length, 3)
    })
  )

  it.effect("closes what it had opened when it is interrupted half-way", () =>
    Effect.gen(function* () {
      const { transport, handles } = make()
      const reached = yield* Deferred.make<void>()
      const stuck: Transport.Transport["Service"] = {
        ...transport,
        open: (type, options) =>
          Effect.map(transport.open(type, options), (handle) => ({
            ...handle,
            bind: () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
          }))
      }
      const fiber = yield* start(Effect.provideService(Pull.make({ bind: "inproc://a" }), Transport.Transport, stuck))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(
        handles.map((handle) => handle.done),
        [["close"]]
      )
    })
  )

  it.effect("closes what it had opened when the transport dies", () =>
    Effect.gen(function* () {
      const script: Script = {
        refuse: (what) => {
          if (what === "connect") throw new Error("bug")
          return undefined
        }
      }
      const { transport, handles } = make(script)
      const exit = yield* Effect.exit(
        Effect.provideService(Pull.make({ connect: "inproc://a" }), Transport.Transport, transport)
      )
      assert.isTrue(Exit.isFailure(exit) && String(Cause.squash(exit.cause)) === "Error: bug")
      assert.deepStrictEqual(
        handles.map((handle) => handle.done),
        [["close"]]
      )
    })
  )

  it.effect("refuses bad endpoints before the transport sees any", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [Pull.Options, string]> = [
        [{ bind: "tcp://127.0.0.1:99999" }, "the port 99999 is above 65535"],
        [{ bind: ["inproc://fine", "ipc://"] }, "it has no path"],
        [{ bind: "tcp://127.0.0.1:1;127.0.0.1:2" }, "a source address in what is to be bound"],
        [{ connect: "tcp://*:5555" }, "a wildcard cannot be connected to"],
        [{ connect: "tcp://127.0.0.1:*" }, "no port to connect to"],
        [{ bind: Endpoint.tcp("127.0.0.1", 70_000) }, "the port 70000 is above 65535"],
        [{ bind: Endpoint.tcp("[::1]", 5555) }, "after the bracket"]
      ]
      for (const [options, said] of bad) {
        const { done, error } = yield* failing(Pull.make(options))
        assert.strictEqual(error.reason._tag, "InvalidEndpoint")
        assert.include(error.message, said)
        assert.deepStrictEqual(done, [])
      }
    })
  )

  it.effect("refuses bad options before the transport sees any", () =>
    Effect.gen(function* () {
      const { done, error } = yield* failing(Pull.make({ bind: "inproc://a", linger: -1 }))
      assert.strictEqual(error.reason._tag, "InvalidOption")
      assert.include(error.message, "Pull.make: the option linger cannot be -1")
      assert.deepStrictEqual(done, [])
    })
  )

  it.effect("fails Unsupported, by name, for a scheme or a type that the transport lacks", () =>
    Effect.gen(function* () {
      const udp: Endpoint.Endpoint = { _tag: "Other", scheme: "udp", address: "239.0.0.1:5555" }
      const scheme = yield* failing(Pull.make({ bind: udp }))
      assert.include(
        scheme.error.message,
        "the scripted transport does not support udp:// endpoints; use tcp://host:port"
      )
      const capabilities: Script = { capabilities: ["PUSH", "inproc"] }
      const tcp = yield* failing(Push.make({ bind: "tcp://127.0.0.1:*" }), capabilities)
      assert.include(tcp.error.message, "does not support tcp:// endpoints")
      const type = yield* failing(Pull.make({}), capabilities)
      assert.include(type.error.message, "does not support PULL sockets; it has PUSH, inproc")
      for (const { done, error } of [scheme, tcp, type]) {
        assert.strictEqual(error.reason._tag, "Unsupported")
        assert.deepStrictEqual(done, [])
      }
    })
  )

  it.effect("says what the transport said when it cannot open a socket", () =>
    Effect.gen(function* () {
      const reason = new Unexpected({ code: "EMFILE", cause: new Error("too many") })
      const { error } = yield* failing(Pull.make({}), { refuse: () => reason })
      assert.strictEqual(error.reason, reason)
      assert.strictEqual(error.message, "Pull.make: unexpected error EMFILE: too many")
    })
  )

  it.effect("allows IPv6 where an endpoint has an IPv6 address", () =>
    Effect.gen(function* () {
      const four = yield* open(Pull.make({ bind: "tcp://127.0.0.1:*", connect: "tcp://localhost:5555" }))
      const six = yield* open(Pull.make({ bind: "tcp://127.0.0.1:*", connect: "tcp://[::1]:5555" }))
      const source = yield* open(Pull.make({ connect: Endpoint.tcp("localhost", 5555, { host: "::1", port: 0 }) }))
      assert.deepStrictEqual(
        [four, six, source].map(({ handle }) => handle.options.ipv6),
        [false, true, true]
      )
    })
  )
})

describe("Socket", () => {
  it.effect("bind answers with the resolved endpoint; unbind, connect and disconnect follow", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      assert.strictEqual(yield* Socket.bind(socket, "tcp://127.0.0.1:*"), "tcp://127.0.0.1:49152")
      yield* Socket.connect(socket, Endpoint.inproc("a"))
      assert.deepStrictEqual(yield* Socket.endpoints(socket), ["tcp://127.0.0.1:49152", "inproc://a"])
      yield* Socket.unbind(socket, "tcp://127.0.0.1:49152")
      yield* socket.pipe(Socket.disconnect("inproc://a"))
      assert.deepStrictEqual(yield* Socket.endpoints(socket), [])
      assert.deepStrictEqual(handle.done.slice(2), ["unbind tcp://127.0.0.1:49152", "disconnect inproc://a"])
    })
  )

  it.effect("says which function failed", () =>
    Effect.gen(function* () {
      const { socket } = yield* open(Push.make({}), { capabilities: ["PUSH", "tcp"] })
      const failures = {
        bind: Socket.bind(socket, "inproc://a"),
        unbind: Socket.unbind(socket, "tcp://a:1;b:2"),
        connect: Socket.connect(socket, "tcp://*:1"),
        disconnect: Socket.disconnect(socket, "tcp://a:99999")
      }
      for (const [method, effect] of Object.entries(failures)) {
        const error = yield* Effect.flip(effect as Effect.Effect<unknown, ZmqError>)
        assert.deepStrictEqual([error.module, error.method], ["Push", method])
      }
      yield* Socket.drain(socket, 0)
      const error = yield* Effect.flip(Socket.connect(socket, "tcp://a:1"))
      assert.strictEqual(error.message, "Push.connect: the socket is closed: its scope has ended, or it was drained")
    })
  )

  it.effect("drain closes early, and gives the same report again", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      const report = yield* Socket.drain(socket, "1 second")
      assert.deepStrictEqual(yield* socket.pipe(Socket.drain("1 second")), report)
      assert.deepStrictEqual(handle.done, ["close"])
    })
  )

  it.effect("events tells all from the first bind on, and ends after Closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { socket } = yield* Scope.provide(
        open(Push.make({ bind: "tcp://127.0.0.1:*", connect: "inproc://a" })),
        scope
      )
      const fiber = yield* start(Stream.runCollect(Socket.events(socket)))
      yield* Scope.close(scope, Exit.void)
      const tags = (yield* Fiber.join(fiber)).map((event) => event._tag)
      assert.deepStrictEqual(tags, ["Listening", "Connecting", "Closed"])
    })
  )

  it("isSocket tells sockets from everything else", () => {
    for (const no of [undefined, null, 1, "PUSH", {}, [], { type: "PUSH" }]) assert.isFalse(Socket.isSocket(no))
  })
})

describe("sending", () => {
  it.effect("sends one message, of whatever form", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      yield* Push.send(socket, "text")
      yield* Push.send(Uint8Array.of(65))(socket)
      yield* Push.send(socket, ["topic", Uint8Array.of(66)])
      assert.deepStrictEqual(handle.sentTexts, ["text", "A", "topic|B"])
    })
  )

  it.effect("waits while there is no room, first come first served", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      handle.room = 1
      for (const n of range(0, 4)) yield* start(Push.send(socket, String(n)))
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, ["0"])
      handle.grant(2)
      yield* settle
      yield* start(Push.send(socket, "4"))
      assert.deepStrictEqual(handle.sentTexts, ["0", "1", "2"])
      handle.grant(2)
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, numbered(0, 5))
    })
  )

  it.effect("an interrupted send has sent nothing; the others go on", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      handle.room = 0
      const first = yield* start(Push.send(socket, "1"))
      const second = yield* start(Push.send(socket, "2"))
      yield* settle
      yield* Fiber.interrupt(first)
      handle.grant(10)
      yield* Fiber.join(second)
      assert.deepStrictEqual(handle.sentTexts, ["2"])
    })
  )

  it.effect("sendAll sends several messages in order; interrupted, the first so many", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      yield* Push.sendAll(socket, new Set(["a", "b"]))
      yield* Push.sendAll([])(socket)
      handle.room = 2
      const fiber = yield* start(Push.sendAll(socket, numbered(0, 5)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(handle.sentTexts, ["a", "b", "0", "1"])
    })
  )

  it.effect("sendAll sends nothing where one of the messages is none", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      const error = yield* Effect.flip(Push.sendAll(socket, ["a", 7 as never]))
      assert.strictEqual(error.message.startsWith("Push.sendAll: not a message: a number"), true, error.message)
      assert.deepStrictEqual(handle.sentTexts, [])
    })
  )

  it.effect("fails with InvalidMessage for what is no message, and with Closed on a closed socket", () =>
    Effect.gen(function* () {
      const { socket } = yield* open(Pub.make({}))
      for (const bad of [1, [], [["nested"]], undefined]) {
        const error = yield* Effect.flip(Pub.send(socket, bad as never))
        assert.deepStrictEqual([error.module, error.method, error.reason._tag], ["Pub", "send", "InvalidMessage"])
      }
      yield* Socket.drain(socket, 0)
      const sends = [Pub.send(socket, "x"), Pub.sendAll(socket, ["x"]), Stream.run(Stream.make("x"), Pub.sink(socket))]
      for (const send of sends) assert.strictEqual((yield* Effect.flip(send)).reason._tag, "Closed")
    })
  )

  it.effect("sinks send each element, and arrays of messages", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      yield* Stream.run(Stream.fromIterable(numbered(0, 3)), Push.sink(socket))
      yield* Stream.run(Stream.make(["3", "4"], [], ["5"]), Push.sinkBatches(socket))
      assert.deepStrictEqual(handle.sentTexts, numbered(0, 6))
    })
  )

  it.effect("a sink waits for room, and fails with the socket", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Push.make({}))
      handle.room = 3
      const fiber = yield* start(Effect.flip(Stream.run(Stream.fromIterable(numbered(0, 10)), Push.sink(socket))))
      yield* settle
      assert.deepStrictEqual(handle.sentTexts, numbered(0, 3))
      yield* Socket.drain(socket, 0)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
    })
  )
})

const Report = Message.frames([Message.Utf8, Message.json(Schema.Struct({ celsius: Schema.Finite }))])

describe("schemas", () => {
  it.effect("sendSchema sends values as messages, and fails for what does not fit", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Pub.make({}))
      const send = Pub.sendSchema(socket, Report)
      yield* send(["10001", { celsius: 3 }])
      yield* Pub.sendSchema(Report)(socket)(["10002", { celsius: 4 }])
      assert.deepStrictEqual(handle.sentTexts, ['10001|{"celsius":3}', '10002|{"celsius":4}'])
      const error = yield* Effect.flip(send(["10001", { celsius: Number.NaN }]))
      assert.strictEqual(error._tag, "SchemaError")
    })
  )

  const malformed = (name: string) =>
    Effect.map(Metric.snapshot, (all) =>
      all.flatMap(({ attributes, id, state }) =>
        id === "zmq_messages_dropped" && attributes?.cause === "malformed" && attributes.name === name ? [state] : []
      )
    )

  it.effect("streamSchema drops what does not fit, counts it, and goes on", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Sub.make({ subscribe: "", name: "reports" }))
      handle.deliver(["1", '{"celsius":1}'], "2", ["3", "?"], ["4", '{"celsius":4}', ""], ["5", '{"celsius":5}'])
      const fiber = yield* start(Stream.runCollect(Sub.streamSchema(socket, Report)))
      yield* settle
      yield* Socket.drain(socket, 0)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [
        ["1", { celsius: 1 }],
        ["5", { celsius: 5 }]
      ])
      assert.deepStrictEqual(yield* malformed("reports"), [{ count: 3, incremental: true }] as never)
    })
  )

  it.effect("streamSchema with onMalformed: fail fails with what did not fit, and leaves the rest", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Pull.make({}))
      handle.deliver(["1", '{"celsius":1}'], "2", ["3", '{"celsius":3}'])
      const seen: Array<unknown> = []
      const error = yield* Pull.streamSchema(socket, Report, { onMalformed: "fail" }).pipe(
        Stream.runForEach((value) => Effect.sync(() => seen.push(value))),
        Effect.flip
      )
      assert.strictEqual(error._tag, "SchemaError")
      assert.deepStrictEqual(seen, [["1", { celsius: 1 }]])
      const [next] = yield* Stream.runCollect(Stream.take(Pull.streamSchema(Report)(socket), 1))
      assert.deepStrictEqual(next, ["3", { celsius: 3 }])
    })
  )

  it.effect("streamSchema with a function gives it what does not fit and why, counts it, and goes on", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Pull.make({}))
      handle.deliver(["1", '{"celsius":1}'], "two", ["3", '{"celsius":3}'])
      const malformed: Array<string> = []
      const stream = Pull.streamSchema(socket, Report, {
        onMalformed: (message, error) => Effect.sync(() => malformed.push(`${Message.inspect(message)}: ${error._tag}`))
      })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(stream, 2)), [
        ["1", { celsius: 1 }],
        ["3", { celsius: 3 }]
      ])
      assert.deepStrictEqual(malformed, ['"two": SchemaError'])
    })
  )

  it.effect("streamSchema takes nothing before it is asked", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Pull.make({}))
      handle.deliver("bad", ["1", '{"celsius":1}'], ["2", '{"celsius":2}'])
      yield* Stream.runDrain(Stream.take(Pull.streamSchema(socket, Report), 1))
      assert.strictEqual(handle.left, 1)
    })
  )
})

describe("Sub", () => {
  it.effect("hands its subscriptions to the transport as bytes", () =>
    Effect.gen(function* () {
      const subscriptions = (subscribe: Sub.Options["subscribe"]) =>
        Effect.map(open(Sub.make({ subscribe })), ({ handle }) =>
          handle.options.subscribe.map((one) => Array.from(one))
        )
      assert.deepStrictEqual(yield* subscriptions(""), [[]])
      assert.deepStrictEqual(yield* subscriptions("ü"), [[0xc3, 0xbc]])
      assert.deepStrictEqual(yield* subscriptions(Uint8Array.of(0, 1)), [[0, 1]])
      assert.deepStrictEqual(yield* subscriptions(["a", Uint8Array.of(2)]), [[97], [2]])
      assert.deepStrictEqual(yield* subscriptions([]), [])
    })
  )

  it.effect("subscribes and unsubscribes later, and says which failed", () =>
    Effect.gen(function* () {
      const { handle, socket } = yield* open(Sub.make({ subscribe: [] }))
      yield* Sub.subscribe(socket, "a")
      yield* socket.pipe(Sub.unsubscribe(Uint8Array.of(97)))
      assert.deepStrictEqual(handle.done, ["subscribe a", "unsubscribe a"])
      yield* Socket.drain(socket, 0)
      const error = yield* Effect.flip(Sub.unsubscribe(socket, "a"))
      assert.deepStrictEqual([error.module, error.method, error.reason._tag], ["Sub", "unsubscribe", "Closed"])
    })
  )
})

describe("ZmqError", () => {
  it.effect("is told apart by its reason, which carries what a person needs", () =>
    Effect.gen(function* () {
      const reason: Reason = new AddressInUse({ endpoint: "tcp://127.0.0.1:5555" })
      const taken = Effect.fail(new ZmqError({ module: "Pull", method: "make", reason }))
      const endpoint = yield* taken.pipe(
        Effect.catchReason("ZmqError", "AddressInUse", (reason) => Effect.succeed(reason.endpoint))
      )
      assert.strictEqual(endpoint, "tcp://127.0.0.1:5555")
    })
  )
})
