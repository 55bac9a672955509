/** A pool: its dispatcher, which measures, its workers, and an RPC client, a process each. */
import * as path from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { type Endpoint, Socket } from "@effect-zmq/core"
import { WorkerPool, ZmqRpcClient } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Layer, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { Rpc, RpcClient, RpcGroup, RpcSerialization } from "effect/rpc"

export interface PoolTask {
  readonly role: "dispatcher" | "worker" | "client"
  readonly measure: "bytes" | "rpc"
  readonly workers: number
  /** How many calls are under way at once, and how many there are. */
  readonly width: number
  readonly count: number
  /** Where a worker, or a client, connects. */
  readonly connect?: string
}

/** What is printed: how long the calls took, and how many of them each worker did. */
export interface Pooled {
  readonly seconds: number
  readonly count: number
  readonly done: ReadonlyArray<number>
}

// What ../pool.ts hands over.
const task = JSON.parse(process.argv[2] ?? "{}") as PoolTask
const { connect, count, measure, role, width } = task

const Group = RpcGroup.make(Rpc.make("Add", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int }))

const handlers = Group.toLayer({ Add: ({ a, b }) => Effect.succeed(a + b) })

const program = (task: PoolTask) =>
  ChildProcess.make(process.execPath, [path.join(import.meta.dirname, "pool.ts"), JSON.stringify(task)], {
    stderr: "inherit"
  })

/** So many calls, so many of them at once; a tenth of them before it is measured. */
const run = <E>(call: Effect.Effect<unknown, E>) => {
  const times = (count: number) => {
    let left = count
    const one = Effect.whileLoop({ while: () => left-- > 0, body: () => call, step: () => {} })
    return Effect.all(
      Array.from({ length: width }, () => one),
      { concurrency: "unbounded", discard: true }
    )
  }
  return Effect.gen(function* () {
    yield* times(count / 10)
    const since = performance.now()
    yield* times(count)
    return (performance.now() - since) / 1_000
  })
}

const client = (connect: Endpoint.Text) =>
  Effect.gen(function* () {
    const protocol = yield* Layer.build(ZmqRpcClient.layerProtocol({ connect }))
    const { Add } = yield* RpcClient.make(Group, { disableTracing: true }).pipe(Effect.provideContext(protocol))
    return yield* run(Add({ a: 1, b: 2 }))
  }).pipe(Effect.provide(RpcSerialization.layerJson))

const dispatcher = Effect.gen(function* () {
  const bind = "tcp://127.0.0.1:*"
  const pool = yield* WorkerPool.make(Group, { frontend: bind, backend: bind })
  const backend = yield* Socket.endpoint(pool.backend)
  const size = task.workers
  yield* Layer.build(
    WorkerPool.layerProcesses({ size, command: () => program({ ...task, role: "worker", connect: backend }) })
  )
  yield* pool.awaitStatus(({ workers }) => workers.length === size)
  const body = new Uint8Array(16)
  const seconds =
    measure === "bytes"
      ? yield* run(WorkerPool.submit(pool, "Add", body))
      : yield* Effect.gen(function* () {
          const { stdout } = yield* program({
            ...task,
            role: "client",
            connect: yield* Socket.endpoint(pool.frontend)
          })
          const lines = stdout.pipe(Stream.decodeText(), Stream.splitLines)
          return Number(yield* Effect.flatMap(Stream.runHead(lines), Effect.fromOption))
        })
  const { workers } = yield* pool.status
  const pooled: Pooled = { seconds, count, done: workers.map(({ done }) => done) }
  console.log(JSON.stringify(pooled))
})

// An endpoint that another of them printed.
const there = connect as Endpoint.Text

const worker =
  measure === "bytes"
    ? WorkerPool.workBytes({ connect: there, credit: 256, handler: ({ body }) => Effect.succeed(body) })
    : WorkerPool.work(Group, { connect: there, credit: 256, disableTracing: true }).pipe(
        Effect.provide([handlers, RpcSerialization.layerJson])
      )

const roles: { readonly [R in PoolTask["role"]]: Effect.Effect<unknown, unknown, Effect.Services<typeof dispatcher>> } =
  {
    dispatcher,
    worker: WorkerPool.whileParent(worker).pipe(Effect.provide(NodeServices.layer)),
    client: Effect.map(client(there), (seconds) => console.log(seconds))
  }

roles[role].pipe(Effect.scoped, Effect.provide([ZmqTransport.layer, NodeServices.layer]), NodeRuntime.runMain)
