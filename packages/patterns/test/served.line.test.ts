/** Clients that ask for more than a server keeps for them. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Simulation from "@effect-zmq/core/Simulation"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { assert, describe, it } from "vitest"
import { Kind, Packer, read } from "../src/internal/records.ts"
import * as ZmqRpcServer from "../src/ZmqRpcServer.ts"

const Group = RpcGroup.make(
  Rpc.make("Large", { payload: { n: Schema.Int }, success: Schema.String }),
  Rpc.make("Hold", { payload: { n: Schema.Int } })
)

const bind = "tcp://127.0.0.1:6001"

const serve = Effect.map(
  ZmqRpcServer.layer(Group).pipe(
    Layer.provide(Group.toLayer({ Large: ({ n }) => Effect.succeed(`${n}`.padEnd(10_000)), Hold: () => Effect.never })),
    Layer.provideMerge(
      ZmqRpcServer.layerProtocol({ bind, maxInFlight: 4, highWaterMark: { send: 1, receive: 1_000 } })
    ),
    Layer.provide(RpcSerialization.layerJson),
    Layer.build
  ),
  (context) => Context.get(context, ZmqRpcServer.ZmqRpcServer)
)

const clientOf = Dealer.make({ connect: bind, highWaterMark: { send: 1_000, receive: 1 }, linger: 0 })

const request = (tag: "Large" | "Hold", id: number, size: number, epoch = 1) => {
  const packer = new Packer()
  packer.add({ kind: Kind.Request, id, epoch }, tag, `{"n":${id},"more":"${"x".repeat(size)}"}`)
  return packer.take() ?? assert.fail()
}

const run = (program: Effect.Effect<unknown, unknown, Transport | Scope.Scope>) => {
  const exit = Simulation.run({
    seed: 1,
    program: Effect.provide(Effect.scoped(program), MemoryTransport.layer, { local: true })
  })
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
}

describe("a server", () => {
  it("refuses what a client asks for beyond 16 MiB that wait, and says so", () => {
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const client = yield* clientOf
        const [count, size] = [250, 100_000]
        for (let id = 1; id <= count; id++) yield* Dealer.send(client, request("Hold", id, size))
        yield* Effect.sleep("1 second")
        const { calls, waiting } = yield* server.status
        assert.strictEqual(calls - waiting, 4)
        assert.isAtMost(waiting * size, 17_000_000)
        const refused: Array<number> = []
        while (refused.length < count - calls) {
          for (const record of read(yield* Dealer.receive(client)).records) {
            assert.strictEqual(record.kind, Kind.Refused)
            assert.include(new TextDecoder().decode(record.body), "too many of its calls wait")
            refused.push(record.id)
          }
        }
        assert.deepStrictEqual(
          refused,
          Array.from({ length: count - calls }, (_, i) => calls + 1 + i)
        )
      })
    )
  })

  it("gives up a client that asks on and on and does not read, serves others, and takes it back when it begins anew", () => {
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const [hostile, other] = [yield* clientOf, yield* clientOf]
        let id = 0
        let most = 0
        const ask = Effect.gen(function* () {
          yield* Dealer.send(other, request("Large", id, 0))
          const [answer] = read(yield* Dealer.receive(other)).records
          assert.deepStrictEqual([answer?.kind, answer?.id], [Kind.Exit, id])
        })
        const askOn = Effect.gen(function* () {
          for (let i = 0; i < 200; i++) yield* Dealer.send(hostile, request("Large", ++id, 2_000))
          yield* Effect.sleep("10 millis")
          yield* ask
        })
        // Those that are refused take their time, too, until nobody can be told.
        for (;;) {
          yield* askOn
          const { waiting } = yield* server.status
          if (most > 0 && waiting === 0) break
          most = Math.max(most, waiting)
          assert.isBelow(id, 60_000)
        }
        assert.isAtMost(most * 2_000, 17_000_000)
        yield* askOn
        assert.deepInclude(yield* server.status, { clients: 2, waiting: 0 })
        let last: number = Kind.Exit
        while (last !== Kind.Stale) for (const { kind } of read(yield* Dealer.receive(hostile)).records) last = kind
        yield* Dealer.send(hostile, request("Large", 1, 0, 2))
        const [answer] = read(yield* Dealer.receive(hostile)).records
        assert.deepInclude(
          { id: answer?.id, epoch: answer?.epoch, kind: answer?.kind },
          { id: 1, epoch: 2, kind: Kind.Exit }
        )
      })
    )
  })
})
