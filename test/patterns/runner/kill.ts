/** Two runners in processes of their own, one of which is killed: how soon its entities are served again. */
import * as path from "node:path"
import * as Socket from "@effect-zmq/core/Socket"
import * as ZmqRpcClient from "@effect-zmq/patterns/ZmqRpcClient"
import * as ZmqRpcServer from "@effect-zmq/patterns/ZmqRpcServer"
import * as ZmqRunner from "@effect-zmq/patterns/ZmqRunner"
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import { start } from "../../examples/program.ts"
import { Counters, front } from "./counters.ts"

const ids = Array.from({ length: 24 }, (_, n) => `counter-${n}`)

const runnerProcess = (storage: string) =>
  Effect.tap(start(process.execPath, path.join(import.meta.dirname, "process.ts"), storage), (program) =>
    program.prints(/ready/)
  )

/** Two runners, a storage that they share, and a client, which calls all counters wherever these are. */
const twoRunners = Effect.gen(function* () {
  const { endpoint } = yield* ZmqRunner.StorageServer
  const runners = [yield* runnerProcess(endpoint), yield* runnerProcess(endpoint)] as const
  const { socket } = yield* ZmqRpcServer.ZmqRpcServer
  const protocol = yield* Layer.build(
    ZmqRpcClient.layerProtocol({ connect: yield* Socket.endpoint(socket) }).pipe(
      Layer.provide(RpcSerialization.layerSchemaBinary())
    )
  )
  const counters = yield* Effect.provideContext(RpcClient.make(Counters), protocol)
  const where = Effect.forEach(ids, (id) => counters.Where({ id }), { concurrency: "unbounded" })
  /** Where all are when both runners have some: shards move until each has its share. */
  const shared = Effect.repeat(where, {
    until: (all) => runners.every(({ pid }) => all.some((one) => one.pid === pid)),
    schedule: Schedule.spaced("50 millis")
  })
  return { runners, where, shared }
})

const setting = (lockExpiration: Duration.Input) =>
  front("tcp://127.0.0.1:*").pipe(
    Layer.provideMerge(ZmqRunner.layerStorageServer({ bind: "tcp://127.0.0.1:*", lockExpiration })),
    Layer.provideMerge(ZmqTransport.layer)
  )

/** One is killed, and everything called: how long until all was answered, and by whom. */
export const killOne = (lockExpiration: Duration.Input) =>
  Effect.gen(function* () {
    const { runners, shared, where } = yield* twoRunners
    const before = yield* shared
    const [killed, other] = runners
    const [took, after] = yield* Effect.timed(Effect.andThen(killed.signal("SIGKILL"), where))
    return {
      took,
      theirs: before.filter(({ pid }) => pid === killed.pid).length,
      elsewhere: after.filter(({ pid }) => pid !== other.pid).length,
      // What the other had it still has: its counters were not built anew.
      restarted: before.filter(({ born, pid }, n) => pid === other.pid && after[n]?.born !== born).length
    }
  }).pipe(Effect.scoped, Effect.provide(setting(lockExpiration)))

/**
 * One is stopped until the other has everything, and goes on: how many counters it then still had from before, although the
 * other had them in the meantime.
 */
export const stopOne = (lockExpiration: Duration.Input) =>
  Effect.gen(function* () {
    const { runners, shared, where } = yield* twoRunners
    const before = yield* shared
    const [stopped, other] = runners
    yield* stopped.signal("SIGSTOP")
    const meanwhile = yield* where
    yield* stopped.signal("SIGCONT")
    const after = yield* shared
    return {
      elsewhere: meanwhile.filter(({ pid }) => pid !== other.pid).length,
      stale: after.filter(
        ({ born, pid }, n) => pid === stopped.pid && before[n]?.pid === pid && before[n].born === born
      ).length
    }
  }).pipe(Effect.scoped, Effect.provide(setting(lockExpiration)))
