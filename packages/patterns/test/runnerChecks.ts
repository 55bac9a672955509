/** What runners promise while networks fail, and a program that shows it, to be run under many faults. */
import * as Network from "@effect-zmq/core/Network"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Clock from "effect/Clock"
import * as Entity from "effect/cluster/Entity"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import { assert } from "vitest"
import * as ZmqRunner from "../src/ZmqRunner.ts"

const Things = RpcGroup.make(Rpc.make("Touch", { success: Schema.String }))
const Thing = Entity.fromRpcGroup("Thing", Things)

const hosts = ["runner-1", "runner-2"]
const ids = ["a", "b", "c", "d", "e", "f", "g", "h"]
const storage = "tcp://127.0.0.1:9"

const sharding: ZmqRunner.ShardingOptions = { shardsPerGroup: 20, refreshAssignmentsInterval: "500 millis" }

/** Two runners, and a client that calls everything once a second for half a minute; then the network is well again. */
const program = Effect.gen(function* () {
  const common = Layer.merge(MessageStorage.layerNoop, RpcSerialization.layerJson)
  const around = ZmqRunner.layerStorageClient({ connect: storage, timeout: "500 millis" }).pipe(
    Layer.provideMerge(common)
  )
  /** Where each thing is, and which were anywhere else while they were there. */
  const places = new Map<string, string>()
  const doubles: Array<string> = []
  const handlers = (host: string) =>
    Things.toLayer(
      Effect.gen(function* () {
        const { entityId } = yield* Entity.CurrentAddress
        yield* Effect.acquireRelease(
          Effect.map(Clock.currentTimeMillis, (now) => {
            const elsewhere = places.get(entityId)
            if (elsewhere !== undefined) doubles.push(`${entityId} at ${elsewhere} and ${host}, after ${now} ms`)
            places.set(entityId, host)
          }),
          () => Effect.sync(() => places.get(entityId) === host && places.delete(entityId))
        )
        return { Touch: () => Effect.as(Effect.sleep("5 millis"), host) }
      })
    )
  yield* Network.on(Layer.build(ZmqRunner.layerStorageServer({ bind: storage, lockExpiration: "1 second" })), "storage")
  for (const [i, host] of hosts.entries()) {
    const runner = ZmqRunner.layerEntity(Thing, handlers(host)).pipe(
      Layer.provide(ZmqRunner.layer({ bind: `tcp://127.0.0.1:${i + 1}`, sharding })),
      Layer.provide(around)
    )
    yield* Effect.forkScoped(Network.on(Layer.launch(runner), host))
  }
  const client = yield* Network.on(
    Layer.build(ZmqRunner.layerClient({ sharding }).pipe(Layer.provide(around))),
    "client"
  )
  const thing = yield* Effect.provideContext(Thing.client, client)
  const touch = Effect.forEach(ids, (id) => Effect.timeoutOption(thing(id).Touch(), "20 seconds"), {
    concurrency: "unbounded"
  })
  for (let second = 0; second < 30; second++) {
    yield* Effect.forkScoped(touch)
    yield* Effect.sleep("1 second")
  }
  yield* Network.clear
  const last = yield* touch
  return { doubles, unanswered: last.filter(Option.isNone).length }
}).pipe(
  // That storages and runners are lost is what is looked at.
  Effect.provideService(References.MinimumLogLevel, "None")
)

type Outcome = Effect.Success<typeof program>

export const oneOfEach = (runs: number, seed?: number): Exit.Exit<Simulation.Report, unknown> =>
  Simulation.check({
    program,
    runs,
    seed,
    faults: { hosts },
    invariant: ({ doubles, unanswered }: Outcome) => {
      assert.deepStrictEqual(doubles, [])
      assert.strictEqual(unanswered, 0)
    }
  })
