/** Handlers in worker threads: the thread has no socket, and a thread that is lost loses nothing but time. */
import { Worker } from "node:worker_threads"
import { NodeWorker } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Socket } from "@effect-zmq/core"
import { WorkerPool, ZmqRpcClient } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Layer } from "effect"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Jobs } from "./poolJobs.ts"

const thread = new URL("programs/poolThread.ts", import.meta.url)

describe("a worker pool of threads", { timeout: 40_000 }, () => {
  it.live("has threads do it, under the names of the calls, and gives the calls of a lost one to another", () =>
    Effect.gen(function* () {
      const bind = "tcp://127.0.0.1:*"
      const pool = yield* WorkerPool.make(Jobs, { frontend: bind, backend: bind })
      const started: Array<number> = []
      yield* Layer.build(
        WorkerPool.layerWorker(Jobs, { connect: yield* Socket.endpoint(pool.backend), credit: 8 }).pipe(
          Layer.provide(WorkerPool.layerThreads(Jobs, { size: 2 })),
          Layer.provide(
            NodeWorker.layer((id) => {
              started.push(id)
              return new Worker(thread)
            })
          )
        )
      )
      const protocol = yield* Layer.build(
        ZmqRpcClient.layerProtocol({ connect: yield* Socket.endpoint(pool.frontend) })
      )
      const { Do } = yield* RpcClient.make(Jobs).pipe(Effect.provideContext(protocol))
      const numbers = Array.from({ length: 8 }, (_, n) => n)
      const results = yield* Effect.forEach(numbers, (n) => Do({ n, millis: 10 }), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        results.map(({ n }) => n),
        numbers
      )
      assert.strictEqual(new Set(results.map(({ pid }) => pid)).size, 2)
      assert.deepStrictEqual(started.toSorted(), [0, 1])
      // The names that the dispatcher knows them by.
      for (const { requestId } of results) assert.match(requestId, /^[0-9a-z]+-\d+$/)
      assert.strictEqual(new Set(results.map(({ requestId }) => requestId)).size, 8)

      const [lost, other] = yield* Effect.all([Do({ n: -1, millis: 20 }), Do({ n: 1, millis: 200 })], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([lost.n, other.n], [-1, 1])
      const { deaths, redone } = yield* pool.status
      assert.strictEqual(deaths, 0)
      assert.isAtLeast(redone, 1)
    }).pipe(Effect.scoped, Effect.provide([ZmqTransport.layer, RpcSerialization.layerJson]))
  )
})
