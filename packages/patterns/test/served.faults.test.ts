/** Servers that refuse, leave slowly or come and go, beside others; and clients that leave while they are served. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Router from "@effect-zmq/core/Router"
import * as RoutingId from "@effect-zmq/core/RoutingId"
import * as Simulation from "@effect-zmq/core/Simulation"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMessage from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"
import { headerSize, Kind, Packer, packHello, read } from "../src/internal/records.ts"
import { Client, Link } from "../src/internal/rpc/client.ts"
import { Drops } from "../src/internal/rpc/drops.ts"
import { Outbox, Turn } from "../src/internal/rpc/outbox.ts"
import { Server } from "../src/internal/rpc/server.ts"
import * as ZmqRpcClient from "../src/ZmqRpcClient.ts"
import * as ZmqRpcServer from "../src/ZmqRpcServer.ts"

const Group = RpcGroup.make(
  Rpc.make("Echo", { payload: { n: Schema.Int }, success: Schema.Int }),
  Rpc.make("Count", { success: Schema.Int, stream: true }),
  Rpc.make("Hold", { success: Schema.Int }),
  Rpc.make("Large", { payload: { n: Schema.Int }, success: Schema.String }),
  Rpc.make("Die")
)

/** How long an answer is. */
const large = 100_000

const first = "tcp://127.0.0.1:6001"
const second = "tcp://127.0.0.1:6002"

/** A server, and how it is ended. */
const serve = Effect.fnUntraced(function* (
  bind: typeof first | typeof second,
  {
    count = Stream.range(1, 100),
    isFatal = false,
    serialization = RpcSerialization.layerJson,
    ...options
  }: Omit<ZmqRpcServer.Options, "bind"> & {
    /** Whether a defect ends all calls of its client. */
    readonly isFatal?: boolean
    readonly count?: Stream.Stream<number>
    readonly serialization?: Layer.Layer<RpcSerialization.RpcSerialization>
  } = {}
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* (isFatal ? RpcServer.layer(Group) : ZmqRpcServer.layer(Group)).pipe(
    Layer.provide(
      Group.toLayer({
        Echo: ({ n }) => Effect.succeed(n),
        Count: () => Rpc.uninterruptible(Stream.rechunk(count, 1)),
        Hold: () => Effect.never,
        Large: ({ n }) => Effect.succeed(`${n}`.padEnd(large)),
        Die: () => Effect.die("a defect")
      })
    ),
    Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind, ...options })),
    Layer.provide(serialization),
    Layer.buildWithScope(scope)
  )
  return { server: Context.get(context, ZmqRpcServer.ZmqRpcServer), end: Scope.close(scope, Exit.void) }
})

const clientOf = Effect.fnUntraced(function* (connect: ZmqRpcClient.Options["connect"]) {
  const protocol = ZmqRpcClient.layerProtocol({ connect })
  const context = yield* Layer.build(Layer.provide(protocol, RpcSerialization.layerJson))
  return yield* Effect.provideContext(RpcClient.make(Group), context)
})

const run = (program: Effect.Effect<unknown, unknown, Transport | Scope.Scope>) => {
  const exit = Simulation.run({
    seed: 1,
    program: Effect.provide(Effect.scoped(program), MemoryTransport.layer, { local: true })
  })
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
}

const whyOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>) => {
  const error = Exit.findErrorOption(exit)
  // The calls of the group have no errors of their own.
  return error._tag === "Some" ? ZmqRpcClient.serverLost(error.value as never)?.why : undefined
}

describe("one of several servers", () => {
  it("that refuses a client gets none of its calls, and is not asked again and again", () => {
    run(
      Effect.gen(function* () {
        const { server } = yield* serve(second, { serialization: RpcSerialization.layerSchemaBinary() })
        const client = yield* clientOf([first, second])
        const early = yield* Effect.forkChild(client.Echo({ n: 0 }))
        yield* Effect.sleep("1 second")
        yield* serve(first)
        assert.strictEqual(yield* Fiber.join(early), 0)
        for (let n = 1; n < 20; n++) assert.strictEqual(yield* client.Echo({ n }), n)
        assert.strictEqual((yield* server.status).calls, 0)
      })
    )
  })

  it("says why, where all of them refuse a client", () => {
    run(
      Effect.gen(function* () {
        const serialization = RpcSerialization.layerSchemaBinary()
        for (const bind of [first, second] as const) yield* serve(bind, { serialization })
        const client = yield* clientOf([first, second])
        for (let n = 0; n < 3; n++) {
          const [waited, exit] = yield* Effect.timed(Effect.exit(client.Echo({ n })))
          assert.strictEqual(whyOf(exit), "refused")
          assert.isBelow(Duration.toMillis(waited), 1_000)
        }
      })
    )
  })

  it("that leaves, and takes its time, gets no call any more", () => {
    run(
      Effect.gen(function* () {
        yield* serve(first)
        const leaving = yield* serve(second, { count: Stream.fromEffect(Effect.as(Effect.sleep("5 seconds"), 1)) })
        const client = yield* clientOf([first, second])
        const streams = yield* Effect.forEach([1, 2], () =>
          Effect.forkChild(Effect.exit(Stream.runDrain(client.Count())), { startImmediately: true })
        )
        yield* Effect.sleep("100 millis")
        const end = yield* Effect.forkChild(leaving.end)
        yield* Effect.sleep("100 millis")
        const late = yield* clientOf([first, second])
        for (let n = 0; n < 20; n++) {
          assert.strictEqual(yield* client.Echo({ n }), n)
          assert.strictEqual(yield* late.Echo({ n }), n)
        }
        yield* Fiber.join(end)
        yield* Effect.forEach(streams, Fiber.join)
        yield* serve(second)
      })
    )
  })
})

describe("a client that closes", () => {
  for (const { connect, servers } of [
    { connect: first, servers: "a server" },
    { connect: [first, second], servers: "several servers" }
  ] as const) {
    it(`fails what it was asked, and what it is asked later, where ${servers} may come: thousands of calls, too`, () => {
      run(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const protocol = yield* ZmqRpcClient.layerProtocol({ connect, maxInFlight: 1 }).pipe(
            Layer.provide(RpcSerialization.layerJson),
            Layer.buildWithScope(scope)
          )
          const client = yield* Effect.provideContext(RpcClient.make(Group, { disableTracing: true }), protocol)
          const early = yield* Effect.forEach(Array.from({ length: 4_000 }), (_, n) =>
            Effect.forkChild(Effect.exit(client.Echo({ n })), { startImmediately: true })
          )
          yield* Scope.close(scope, Exit.void)
          for (const fiber of early) assert.strictEqual(whyOf(yield* Fiber.join(fiber)), "closed")
          const late = Effect.timeout(Effect.exit(client.Echo({ n: 1 })), "1 minute")
          assert.strictEqual(whyOf(yield* late), "closed")
        })
      )
    })
  }
})

describe("two clients of one protocol", () => {
  it("may number their calls alike: each has its own answers, interrupts its own, and gives its places back", () => {
    run(
      Effect.gen(function* () {
        const { server } = yield* serve(first)
        const protocol = yield* ZmqRpcClient.layerProtocol({ connect: first, maxInFlight: 2 }).pipe(
          Layer.provide(RpcSerialization.layerJson),
          Layer.build
        )
        const numbering = Effect.suspend(() => {
          let last = 0
          return RpcClient.make(Group, { generateRequestId: () => RpcMessage.RequestId(++last) })
        }).pipe(Effect.provideContext(protocol))
        const clients = [yield* numbering, yield* numbering]
        for (let round = 0; round < 3; round++) {
          const held = yield* Effect.forEach(clients, (client) =>
            Effect.forkChild(client.Hold(), { startImmediately: true })
          )
          yield* Effect.sleep("1 second")
          assert.strictEqual((yield* server.status).calls, 2)
          yield* Effect.forEach(held, Fiber.interrupt)
          yield* Effect.sleep("1 second")
          assert.strictEqual((yield* server.status).calls, 0)
          const echoes = Effect.forEach(clients, (client, n) => client.Echo({ n }), { concurrency: "unbounded" })
          assert.deepStrictEqual(yield* Effect.timeout(echoes, "1 second"), [0, 1])
        }
      })
    )
  })
})

describe("a server whose connection has ended", () => {
  it("gets no call any more, though what it had answered is still heard", () => {
    const asked: Array<string> = []
    const failed = () => assert.fail("nothing fails here")
    const dispatcher = new Scheduler.MixedScheduler().makeDispatcher()
    const client = new Client(
      {
        write: () => Effect.void,
        start: Effect.runFork,
        drops: new Drops("client", Context.empty()),
        errorOf: failed,
        decodeDefect: failed,
        encodeDefect: failed
      },
      dispatcher,
      2,
      { codec: "application/json", bytes: false, instance: 1, ping: 1_000, looks: 1, maxInFlight: 10 }
    )
    const say = (link: Link, kind: Kind, id = 0, body = "") => {
      const packer = new Packer()
      packer.add({ kind, id, epoch: 1 }, "", body)
      link.receive([[packer.take() ?? assert.fail()]])
    }
    for (const endpoint of [first, second]) {
      const link = new Link(client, endpoint, 1, (message) =>
        Effect.sync(() => {
          for (const { kind } of read([message]).records) if (kind === Kind.Request) asked.push(endpoint)
        })
      )
      client.links.push(link)
      say(link, Kind.Pong)
    }
    let last = 0
    const ask = () => {
      const request = { _tag: "Request", id: ++last, tag: "Echo", payload: { n: 1 }, headers: [] } as const
      const asking = Effect.runFork(client.send(1, request))
      dispatcher.flush()
      return asking
    }
    const asking = [ask(), ask()]
    assert.sameMembers(asked, [first, second])
    const gone = client.links[0] ?? assert.fail()
    gone.disconnected()
    say(gone, Kind.Exit, 1, `{"_tag":"Success","value":1}`)
    for (let n = 0; n < 4; n++) asking.push(ask())
    assert.deepStrictEqual(asked.slice(2), [second, second, second, second])
    for (const one of asking) one.interruptUnsafe()
  })
})

describe("who has to wait", () => {
  // Between the step that says so and the one in which it begins to wait, a fiber may yield.
  it("for room in an outbox does not, where that has come by then", () => {
    const dispatcher = new Scheduler.MixedScheduler().makeDispatcher()
    let go = (): void => assert.fail("nothing was sent")
    const send = () => Effect.callback<void>((resume) => void (go = () => resume(Effect.void)))
    const outbox = new Outbox(new Turn(dispatcher), send, Effect.runFork, () => assert.fail("nothing fails here"))
    for (let n = 0; n < 20; n++) {
      outbox.packer.add({ kind: Kind.Exit }, "", new Uint8Array(large))
      outbox.touch()
    }
    const { awaitRoom } = outbox
    assert.isTrue(outbox.isFull)
    while (outbox.unsent > 0) go()
    assert.isDefined(Effect.runFork(awaitRoom).pollUnsafe())
  })

  it("for an acknowledgement does not, where that has come by then, nor where its call has been dropped", () => {
    run(
      Effect.gen(function* () {
        const router = yield* Router.make({ bind: first })
        const from = RoutingId.make("a client") ?? assert.fail()
        for (const [kind, epoch] of [
          [Kind.Ack, 1],
          [Kind.Hello, 2]
        ] as const) {
          const server = new Server({
            disconnects: yield* Queue.make<number>(),
            router,
            write: () => Effect.void,
            start: Effect.runFork,
            dispatcher: new Scheduler.MixedScheduler().makeDispatcher(),
            drops: new Drops("server", Context.empty()),
            options: { window: 1, maxInFlight: 1, looks: 4, codec: "application/json", bytes: false },
            epoch: 1
          })
          const hear = (kind: Kind, epoch: number) => {
            const packer = new Packer()
            packer.add({ kind, id: 1, epoch }, "Count")
            server.receive([{ from, message: [packer.take() ?? assert.fail()], user: undefined }])
          }
          hear(Kind.Request, 1)
          const [clientId] = server.clientIds
          const sent = server.send(clientId ?? assert.fail(), { _tag: "Chunk", requestId: 1, values: [1] })
          hear(kind, epoch)
          assert.isDefined(Effect.runFork(sent).pollUnsafe())
        }
      })
    )
  })
})

describe("a server", () => {
  it("that never comes is waited for as long as a server may be silent, and no longer", () => {
    run(
      Effect.gen(function* () {
        for (const connect of [first, [first, second]] as const) {
          const client = yield* clientOf(connect)
          const [waited, exit] = yield* Effect.timed(Effect.exit(client.Echo({ n: 1 })))
          assert.strictEqual(whyOf(exit), "silent")
          assert.strictEqual(Duration.toMillis(waited), 20_000)
        }
      })
    )
  })

  it("begins nothing for a client any more that turns out to have left in the middle of a message", () => {
    run(
      Effect.gen(function* () {
        const asked: Array<string> = []
        const server: Server = new Server({
          disconnects: yield* Queue.make<number>(),
          router: yield* Router.make({ bind: first }),
          write: (clientId, message) => {
            if (message._tag !== "Request") return Effect.void
            asked.push(message.tag)
            const exit = { _tag: "Success", value: "".padEnd(large) } as const
            return server.send(clientId, { _tag: "Exit", requestId: message.id, exit })
          },
          start: Effect.runFork,
          dispatcher: new Scheduler.MixedScheduler().makeDispatcher(),
          drops: new Drops("server", Context.empty()),
          options: { window: 1, maxInFlight: 10, looks: 4, codec: "application/json", bytes: false },
          epoch: 1
        })
        const packer = new Packer()
        for (const [id, tag] of [
          [1, "Large"],
          [2, "Hold"]
        ] as const) {
          packer.add({ kind: Kind.Request, id, epoch: 1 }, tag)
        }
        const from = RoutingId.make("who has left") ?? assert.fail()
        server.receive([{ from, message: [packer.take() ?? assert.fail()], user: undefined }])
        assert.deepStrictEqual(asked, ["Large"])
        assert.strictEqual(server.clientIds.size, 0)
      })
    )
  })

  it("that has gone is waited for anew each time, for as long as a server may be silent", () => {
    run(
      Effect.gen(function* () {
        const client = yield* clientOf([first, second])
        const early = yield* Effect.forkChild(client.Echo({ n: 1 }))
        yield* Effect.sleep("1 second")
        const { end } = yield* serve(first)
        assert.strictEqual(yield* Fiber.join(early), 1)
        yield* Effect.sleep("18 seconds")
        yield* end
        const [waited, exit] = yield* Effect.timed(Effect.exit(client.Echo({ n: 2 })))
        assert.strictEqual(whyOf(exit), "silent")
        assert.isAtLeast(Duration.toMillis(waited), 20_000)
      })
    )
  })

  it("ends, though the client of a stream that cannot be interrupted has gone, or is still there", () => {
    run(
      Effect.gen(function* () {
        const { end } = yield* serve(first)
        const scope = yield* Scope.make()
        const open = Effect.gen(function* () {
          const client = yield* clientOf(first)
          return yield* client.Count(undefined, { asQueue: true, streamBufferSize: 1 })
        })
        yield* open
        yield* Scope.provide(open, scope)
        yield* Effect.sleep("1 second")
        yield* Scope.close(scope, Exit.void)
        yield* Effect.sleep("1 second")
        yield* Effect.timeout(end, "10 seconds")
      })
    )
  })

  it("takes nothing of a client whose version it does not speak, nor keeps one by what it said before it left", () => {
    run(
      Effect.gen(function* () {
        const { server } = yield* serve(first)
        const dealer = yield* Dealer.make({ connect: first })
        const packer = new Packer()
        packHello(packer, { epoch: 1 }, { role: "client", codec: "application/json", credit: 0 })
        packer.add({ kind: Kind.Request, id: 1, epoch: 1 }, "Echo", `{"n":1}`)
        const message = packer.take() ?? assert.fail()
        message[headerSize] = 99
        yield* Dealer.send(dealer, message)
        const answers = read(yield* Dealer.receive(dealer)).records.map(({ id, kind }) => [kind, id])
        assert.deepStrictEqual(answers, [
          [Kind.Refused, 0],
          [Kind.Refused, 1]
        ])
        for (const kind of [Kind.Bye, Kind.Ack, Kind.Interrupt, Kind.Bye]) packer.add({ kind, id: 1, epoch: 1 })
        yield* Dealer.send(dealer, packer.take() ?? assert.fail())
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* server.status).clients, 0)
      })
    )
  })

  for (const { maxInFlight, most } of [
    { maxInFlight: 4, most: 4 },
    // By the bytes of the answers to those that came before.
    { maxInFlight: Number.POSITIVE_INFINITY, most: 16 }
  ]) {
    it(`has no more than ${most} calls under way for a client that does not read, and begins the others when it does`, () => {
      run(
        Effect.gen(function* () {
          const { server } = yield* serve(first, { maxInFlight, highWaterMark: { send: 1, receive: 1000 } })
          const dealer = yield* Dealer.make({ connect: first, highWaterMark: { send: 1000, receive: 1 } })
          const count = 200
          const packer = new Packer()
          for (let id = 1; id <= count; id++) {
            packer.add({ kind: Kind.Request, id, epoch: 1 }, "Large", `{"n":${id}}`)
            yield* Dealer.send(dealer, packer.take() ?? assert.fail())
            yield* Effect.sleep("1 milli")
          }
          const other = yield* clientOf(first)
          yield* Effect.sleep("1 second")
          for (let n = 0; n < 20; n++) assert.strictEqual(yield* other.Echo({ n }), n)
          const { calls, waiting } = yield* server.status
          // And those that the sockets and the network have.
          assert.isAtMost(count - waiting, most + 4)
          assert.isAtMost(calls - waiting, most)
          // One that has not begun.
          packer.add({ kind: Kind.Interrupt, id: count - 1, epoch: 1 })
          yield* Dealer.send(dealer, packer.take() ?? assert.fail())
          yield* Effect.sleep("1 second")
          assert.deepStrictEqual(yield* server.status, {
            clients: 2,
            calls: calls - 1,
            waiting: waiting - 1,
            drops: new Map()
          })
          const answers: Array<number> = []
          while (answers.length < count - 1) {
            const { records } = read(yield* Effect.timeout(Dealer.receive(dealer), "10 seconds"))
            for (const { id, kind } of records) if (kind === Kind.Exit) answers.push(id)
          }
          const asked = Array.from({ length: count }, (_, i) => i + 1).filter((id) => id !== count - 1)
          assert.deepStrictEqual(answers, asked)
          assert.deepInclude(yield* server.status, { calls: 0, waiting: 0 })
        })
      )
    })
  }

  it("has a call wait while its client has as many as it may, and begins it when one of them is interrupted", () => {
    run(
      Effect.gen(function* () {
        const { server } = yield* serve(first, { maxInFlight: 2, streamWindow: 2 })
        const client = yield* clientOf(first)
        const held = yield* Effect.forkChild(client.Hold(), { startImmediately: true })
        // Its chunks are acknowledged, though it is at its limit.
        assert.lengthOf(yield* Stream.runCollect(client.Count()), 100)
        yield* Effect.forkChild(client.Hold(), { startImmediately: true })
        const gone = yield* Effect.forkChild(client.Echo({ n: 1 }), { startImmediately: true })
        const echo = yield* Effect.forkChild(client.Echo({ n: 2 }), { startImmediately: true })
        yield* Effect.sleep("1 second")
        assert.deepInclude(yield* server.status, { calls: 4, waiting: 2 })
        yield* Fiber.interrupt(gone)
        yield* Effect.sleep("1 second")
        assert.deepInclude(yield* server.status, { calls: 3, waiting: 1 })
        assert.strictEqual(yield* (yield* clientOf(first)).Echo({ n: 3 }), 3)
        yield* Fiber.interrupt(held)
        assert.strictEqual(yield* Effect.timeout(Fiber.join(echo), "1 second"), 2)
        assert.deepInclude(yield* server.status, { calls: 1, waiting: 0 })
      })
    )
  })

  it("whose defects end all calls of their client has none of them under way any more", () => {
    run(
      Effect.gen(function* () {
        const { server } = yield* serve(first, { isFatal: true, maxInFlight: 2 })
        const client = yield* clientOf(first)
        for (let n = 0; n < 3; n++) {
          const held = yield* Effect.forkChild(Effect.exit(client.Hold()), { startImmediately: true })
          assert.isTrue(Exit.isFailure(yield* Effect.timeout(Effect.exit(client.Die()), "1 second")))
          yield* Fiber.join(held)
          assert.deepInclude(yield* server.status, { clients: 1, calls: 0, waiting: 0 })
        }
        assert.strictEqual(yield* Effect.timeout(client.Echo({ n: 1 }), "1 second"), 1)
      })
    )
  })
})
