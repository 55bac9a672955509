/** Entities over ZeroMQ: reached by ordinary clients, on every transport, and served again when their process was killed. */
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Socket from "@effect-zmq/core/Socket"
import * as ZmqRpcClient from "@effect-zmq/patterns/ZmqRpcClient"
import * as ZmqRpcServer from "@effect-zmq/patterns/ZmqRpcServer"
import * as ZmqRunner from "@effect-zmq/patterns/ZmqRunner"
import * as Context from "effect/Context"
import * as Sharding from "effect/cluster/Sharding"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"
import { Counters, front, runner } from "./runner/counters.ts"
import { killOne } from "./runner/kill.ts"
import { suite } from "./targets.ts"

const ids = Array.from({ length: 24 }, (_, n) => `counter-${n}`)

suite("two runners, and a client that knows neither", {
  "share the entities: each is one, with streams and errors": (place) =>
    Effect.gen(function* () {
      const storage = yield* Layer.build(ZmqRunner.layerStorageServer({ bind: place() }))
      const { endpoint } = Context.get(storage, ZmqRunner.StorageServer)
      // One with the storage of its own process, one by the network.
      const runners = yield* Effect.forEach(
        [Layer.succeedContext(storage), ZmqRunner.layerStorageClient({ connect: endpoint })],
        (storage) => Layer.build(runner(place()).pipe(Layer.provide(storage)))
      )
      const fronted = yield* Layer.build(front(place()).pipe(Layer.provide(Layer.succeedContext(storage))))
      const connect = yield* Socket.endpoint(Context.get(fronted, ZmqRpcServer.ZmqRpcServer).socket)
      yield* Effect.gen(function* () {
        const counters = yield* RpcClient.make(Counters)
        const each = <A, E>(f: (id: string) => Effect.Effect<A, E>) =>
          Effect.forEach(ids, f, { concurrency: "unbounded" })
        const entities = Effect.forEach(runners, (runner) => Context.get(runner, Sharding.Sharding).activeEntityCount)
        // While the second one takes its share, counters move to it and begin anew.
        yield* Effect.repeat(
          Effect.andThen(
            each((id) => counters.Where({ id })),
            entities
          ),
          {
            until: (counts) => counts.every((count) => count > 0) && counts.reduce((a, b) => a + b) === ids.length,
            schedule: Schedule.spaced("20 millis")
          }
        )
        const born = yield* each((id) => counters.Where({ id }))
        for (const total of [1, 2, 3]) {
          assert.deepStrictEqual(
            yield* each((id) => counters.Add({ id, by: 1 })),
            ids.map(() => total)
          )
        }
        assert.deepStrictEqual(yield* each((id) => counters.Where({ id })), born)
        const error = yield* Effect.flip(counters.Add({ id: "counter-0", by: -1 }))
        assert.strictEqual(error._tag, "Negative")
        const upwards = Stream.runCollect(counters.Upwards({ id: "counter-1", count: 100 }))
        assert.strictEqual((yield* upwards).length, 100)
      }).pipe(
        Effect.provide(
          // What a socket says that it is bound to.
          ZmqRpcClient.layerProtocol({ connect: connect as Endpoint.Text }).pipe(
            Layer.provide(RpcSerialization.layerSchemaBinary())
          )
        )
      )
    })
})

describe("two processes", () => {
  it("one of which is killed: its entities are served again within three times the lock's expiration", async () => {
    const expiration = Duration.seconds(2)
    const { elsewhere, restarted, theirs, took } = await Effect.runPromise(killOne(expiration))
    assert.isAbove(theirs, 0)
    assert.deepStrictEqual({ elsewhere, restarted }, { elsewhere: 0, restarted: 0 })
    assert.isBelow(Duration.toMillis(took), 3 * Duration.toMillis(expiration))
  })
})
