/** Servers that refuse, leave slowly or come and go, beside others; and clients that leave while they are served. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Simulation from "@effect-zmq/core/Simulation"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMessage from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"
import { headerSize, Kind, Packer, packHello, read } from "../src/internal/records.ts"
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

describe("a server", () => {
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
