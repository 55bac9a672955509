/** What others do wrong, and a pool has to bear: codecs, schedules and predicates that throw. */
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Simulation from "@effect-zmq/core/Simulation"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Transformation from "effect/SchemaTransformation"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"
import * as WorkerPool from "../src/WorkerPool.ts"
import * as ZmqRpcClient from "../src/ZmqRpcClient.ts"

const Throwing = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    Transformation.transform({
      decode: (text: string) => {
        if (text === "bad") throw new Error("no such text")
        return text
      },
      encode: (text: string) => text
    })
  )
)

const Group = RpcGroup.make(
  Rpc.make("Say", { payload: { text: Throwing }, success: Schema.String }),
  Rpc.make("Hold", { success: Schema.String })
)

const handlers = Group.toLayer({ Say: ({ text }) => Effect.succeed(text), Hold: () => Effect.never })

const pool = Effect.fnUntraced(function* (options?: Partial<WorkerPool.Options>) {
  const frontend = "tcp://127.0.0.1:6101"
  const backend = "tcp://127.0.0.1:6102"
  const pool = yield* WorkerPool.make(Group, { frontend, backend, ...options })
  const scope = yield* Scope.fork(yield* Effect.scope)
  yield* WorkerPool.layerWorker(Group, { connect: backend, credit: 2, drain: "1 milli" }).pipe(
    Layer.provide([handlers, RpcSerialization.layerJson]),
    Layer.buildWithScope(scope)
  )
  yield* pool.awaitStatus(({ workers }) => workers.length === 1)
  return { pool, endWorker: Scope.close(scope, Exit.void) }
})

const submit = ({ pool }: { readonly pool: WorkerPool.WorkerPool["Service"] }, tag: string, payload: unknown) =>
  pool.submit(tag, new TextEncoder().encode(JSON.stringify(payload))).pipe(Effect.timeout("1 minute"), Effect.exit)

const run = (program: Effect.Effect<unknown, unknown, Transport | Scope.Scope>) => {
  const exit = Simulation.run({
    seed: 1,
    program: Effect.provide(Effect.scoped(program), MemoryTransport.layer, { local: true })
  })
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
}

const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof WorkerPool.PoolError ? error.reason : assert.fail(`no error of a pool: ${exit}`)
}

describe("a pool", () => {
  it("answers a call whose decoder throws, and has its credit back", () => {
    run(
      Effect.gen(function* () {
        const made = yield* pool()
        for (let i = 0; i < 3; i++) {
          const exit = yield* submit(made, "Say", { text: "bad" })
          assert.strictEqual(reasonOf(exit), "Failed")
          assert.include(String(exit), "no such text")
        }
        assert.isTrue(Exit.isSuccess(yield* submit(made, "Say", { text: "good" })))
        const { workers } = yield* made.pool.awaitStatus(({ workers }) => workers[0]?.busy === 0)
        assert.deepInclude(workers[0], { busy: 0, done: 4 })
      })
    )
  })

  it("gives up a call whose schedule of redelivery dies", () => {
    run(
      Effect.gen(function* () {
        const redeliver = Schedule.spaced("1 second").pipe(Schedule.addDelay(() => Effect.die("no delay")))
        const made = yield* pool({ redeliver })
        const call = yield* Effect.forkChild(submit(made, "Hold", null))
        yield* made.pool.awaitStatus(({ running }) => running === 1)
        yield* made.endWorker
        assert.strictEqual(reasonOf(yield* Fiber.join(call)), "ScheduleEnded")
        assert.deepInclude(yield* made.pool.status, { waiting: 0, dead: 1 })
      })
    )
  })

  it("goes on when somebody waits for its figures with a predicate that throws, who is told", () => {
    run(
      Effect.gen(function* () {
        const made = yield* pool()
        const throws = (submitted: number) =>
          made.pool.awaitStatus((status) => {
            if (status.submitted >= submitted) throw new Error("no such figures")
            return false
          })
        const [now, later] = [yield* Effect.exit(throws(0)), yield* Effect.forkChild(Effect.exit(throws(1)))]
        assert.isTrue(Exit.isSuccess(yield* submit(made, "Say", { text: "good" })))
        for (const exit of [now, yield* Fiber.join(later)]) assert.include(String(exit), "no such figures")
        assert.isTrue(Exit.isSuccess(yield* submit(made, "Say", { text: "good" })))
      })
    )
  })

  it("that ends gives up what it has taken as dead letters, also what nobody waits for", () => {
    run(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { pool: ending } = yield* Scope.provide(pool({ drain: "1 second" }), scope)
        const client = yield* Effect.provideContext(
          RpcClient.make(Group),
          yield* ZmqRpcClient.layerProtocol({ connect: "tcp://127.0.0.1:6101" }).pipe(
            Layer.provide(RpcSerialization.layerJson),
            Layer.build
          )
        )
        const before = yield* Effect.forkChild(Stream.runCollect(ending.deadLetters), { startImmediately: true })
        // Two are at the worker, and the third waits for it.
        for (let n = 0; n < 3; n++) yield* client.Hold(undefined, { discard: true })
        yield* ending.awaitStatus(({ queued, running }) => queued === 1 && running === 2)
        yield* Scope.close(scope, Exit.void)
        for (const letters of [yield* Fiber.join(before), yield* Stream.runCollect(ending.deadLetters)]) {
          assert.deepStrictEqual(
            letters.map(({ attempts, reason, tag }) => [tag, reason, attempts]),
            [
              ["Hold", "Closed", 1],
              ["Hold", "Closed", 1],
              ["Hold", "Closed", 0]
            ]
          )
        }
        assert.deepInclude(yield* ending.status, { submitted: 3, dead: 3, refused: 0, queued: 0, running: 0 })
      })
    )
  })

  it("whose queue is full takes from those who submit in its process, and from its clients, in turn", () => {
    run(
      Effect.gen(function* () {
        const queue = 4
        const { pool: made } = yield* pool({ queue })
        const client = yield* Effect.provideContext(
          RpcClient.make(Group),
          yield* ZmqRpcClient.layerProtocol({ connect: "tcp://127.0.0.1:6101" }).pipe(
            Layer.provide(RpcSerialization.layerJson),
            Layer.build
          )
        )
        const ended: Array<string> = []
        const noting = (who: string, call: Effect.Effect<unknown, unknown>) =>
          Effect.andThen(
            call,
            Effect.sync(() => ended.push(who))
          )
        const many = Array.from({ length: 200 })
        const asking = yield* Effect.forkChild(
          Effect.forEach(many, () => noting("client", client.Say({ text: "" })), { concurrency: "unbounded" })
        )
        yield* made.awaitStatus(({ held, queued }) => held > 100 && queued === queue)
        const payload = new TextEncoder().encode(JSON.stringify({ text: "" }))
        const submitting = yield* Effect.forkChild(
          Effect.forEach(many, () => noting("here", made.submit("Say", payload)), { concurrency: "unbounded" })
        )
        for (const fiber of [asking, submitting]) yield* Fiber.join(fiber)
        assert.lengthOf(ended, 400)
        // Neither waits until the other is through.
        const first = ended.slice(0, 150)
        for (const who of ["here", "client"]) assert.isAbove(first.filter((one) => one === who).length, 30)
        assert.deepInclude(yield* made.status, { held: 0, queued: 0, running: 0, answered: 400 })
      })
    )
  })
})
