/** A pool in memory: its dispatcher, workers and clients over sockets, with whatever faults the simulation draws. */
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Network from "@effect-zmq/core/Network"
import * as Simulation from "@effect-zmq/core/Simulation"
import { Effect, Exit, Fiber, Layer, Logger, Schema, Scope } from "effect"
import { Rpc, RpcClient, RpcGroup, RpcSerialization } from "effect/rpc"
import * as WorkerPool from "../src/WorkerPool.ts"
import * as ZmqRpcClient from "../src/ZmqRpcClient.ts"

const Count = { payload: { n: Schema.Number }, success: Schema.Number }

class Jobs extends RpcGroup.make(
  Rpc.make("Many", Count),
  Rpc.make("Once", Count).annotate(WorkerPool.Idempotent, false)
) {}

const frontend = "tcp://127.0.0.1:5559"
const backend = "tcp://127.0.0.1:5560"

interface Outcome {
  readonly calls: number
  readonly ended: number
  readonly wrong: number
  readonly overdone: number
  readonly open: number
  readonly outstanding: number
  readonly unbalanced: number
}

const program = Effect.gen(function* () {
  const begun = new Map<number, number>()
  const begin = (n: number) => begun.set(n, (begun.get(n) ?? 0) + 1)
  const handlers = (millis: number) =>
    Jobs.toLayer({
      Many: ({ n }) => Effect.delay(Effect.succeed(-n), millis),
      Once: ({ n }) =>
        Effect.suspend(() => {
          begin(n)
          return Effect.delay(Effect.succeed(-n), millis)
        })
    })
  const pool = yield* WorkerPool.make(Jobs, {
    frontend,
    backend,
    heartbeat: "100 millis",
    silence: "500 millis",
    idleTimeout: "2 seconds",
    maxAttempts: 100,
    drain: "100 millis"
  })
  const worker = (index: number) =>
    Layer.build(
      WorkerPool.layerWorker(Jobs, {
        connect: backend,
        credit: 3,
        heartbeat: "100 millis",
        drain: "50 millis",
        name: `worker ${index}`
      }).pipe(Layer.provide(handlers(1 + index * 40)), Layer.provide(RpcSerialization.layerJson))
    )
  const workers: Array<Scope.Closeable> = []
  for (let index = 0; index < 3; index++) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    workers.push(scope)
    yield* Scope.provide(Network.on(worker(index), `worker-${index}`), scope)
  }
  const protocol = yield* Network.on(
    Layer.build(
      ZmqRpcClient.layerProtocol({ connect: frontend, ping: "200 millis", timeout: "1 second" }).pipe(
        Layer.provide(RpcSerialization.layerJson)
      )
    ),
    "client"
  )
  const client = yield* RpcClient.make(Jobs).pipe(Effect.provideContext(protocol))
  const calls = 60
  const running = yield* Effect.forkScoped(
    Effect.forEach(
      Array.from({ length: calls }, (_, n) => n),
      (n) => {
        const call = n % 5 === 0 ? client.Once({ n }) : client.Many({ n })
        const exit = Effect.exit<unknown, unknown, never>(n % 7 === 0 ? Effect.timeoutOption(call, "40 millis") : call)
        return Effect.delay(exit, (n >> 2) * 20)
      },
      { concurrency: "unbounded" }
    )
  )
  // One of them is gone before the others are through, and another is new.
  yield* Effect.sleep("250 millis")
  if (workers[0] !== undefined) yield* Scope.close(workers[0], Exit.void)
  yield* worker(3)
  const exits = yield* Fiber.join(running)
  // Until the last connection is well again, and what was given up is taken back.
  const { workers: there, ...status } = yield* pool.awaitStatus(
    ({ queued, running, waiting, workers }) =>
      queued + running + waiting === 0 && workers.length === 3 && workers.every(({ busy }) => busy === 0)
  )
  return {
    calls,
    ended: exits.length,
    wrong: exits.filter((exit, n) => Exit.isSuccess(exit) && typeof exit.value === "number" && exit.value !== -n)
      .length,
    overdone: [...begun.values()].filter((count) => count > 1).length,
    open: status.queued + status.running + status.waiting,
    outstanding: there.reduce((sum, { busy }) => sum + busy, 0),
    unbalanced: status.submitted - status.answered - status.cancelled - status.dead - status.refused
  } satisfies Outcome
}).pipe(Effect.scoped, Effect.provide([MemoryTransport.layer, Logger.layer([])], { local: true }))

/** So many runs, each with other faults, after one without. */
export const check = (runs: number) =>
  Simulation.check({
    program,
    invariant: ({ calls, ended, open, outstanding, overdone, unbalanced, wrong }) =>
      ended === calls && wrong === 0 && overdone === 0 && open === 0 && outstanding === 0 && unbalanced === 0,
    runs,
    seed: 6
  })
