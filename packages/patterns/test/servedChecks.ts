/** What served groups promise while networks fail and servers are killed, and a program that shows it under many faults. */
import * as Network from "@effect-zmq/core/Network"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import * as ZmqRpcClient from "../src/ZmqRpcClient.ts"
import * as ZmqRpcServer from "../src/ZmqRpcServer.ts"

const Group = RpcGroup.make(
  Rpc.make("Echo", { payload: { n: Schema.Int }, success: Schema.Int }),
  Rpc.make("Count", { payload: { to: Schema.Int }, success: Schema.Int, stream: true })
)

const hosts = ["server-1", "server-2"]
const endpoint = (i: number) => `tcp://127.0.0.1:${6000 + i}` as const
const calls = 20

const program = Effect.gen(function* () {
  const running = { now: 0 }
  const step = Effect.flatMap(Random.nextIntBetween(0, 5), (millis) => Effect.sleep(millis))
  const counted = Effect.acquireRelease(
    Effect.sync(() => running.now++),
    () => Effect.sync(() => running.now--)
  )
  const handlers = Group.toLayer({
    Echo: ({ n }) => Effect.scoped(Effect.as(Effect.andThen(counted, step), n)),
    Count: ({ to }) =>
      Stream.unwrap(
        Effect.as(
          counted,
          Stream.mapEffect(Stream.rechunk(Stream.range(1, to), 1), (n) => Effect.as(step, n))
        )
      )
  })
  const servers = yield* Effect.forEach(hosts, (host, i) =>
    Layer.build(
      ZmqRpcServer.layer(Group).pipe(
        Layer.provide(handlers),
        Layer.provideMerge(
          ZmqRpcServer.layerProtocol({ bind: endpoint(i), idleTimeout: "2 seconds", streamWindow: 2 })
        ),
        Layer.provide(RpcSerialization.layerJson)
      )
    ).pipe(Effect.map(Context.get(ZmqRpcServer.ZmqRpcServer)), Network.on(host))
  )
  const protocol = ZmqRpcClient.layerProtocol({
    connect: hosts.map((_, i) => endpoint(i)),
    ping: "300 millis",
    timeout: "1 second"
  }).pipe(Layer.provide(RpcSerialization.layerJson))
  const client = yield* Effect.provideContext(RpcClient.make(Group), yield* Network.on(Layer.build(protocol), "client"))
  const one = (n: number): Effect.Effect<unknown, unknown> =>
    n % 4 === 0
      ? Effect.map(Stream.runCollect(client.Count({ to: n })), (all) => assert.lengthOf(all, n))
      : n % 4 === 1
        ? // Whoever asked loses patience.
          Effect.timeoutOption(client.Echo({ n }), "2 millis")
        : Effect.map(client.Echo({ n }), (echo) => assert.strictEqual(echo, n))
  const fibers = yield* Effect.forEach(Array.from({ length: calls }), (_, n) =>
    Effect.andThen(step, Effect.forkChild(Effect.exit(one(n))))
  )
  const exits = yield* Effect.forEach(fibers, Fiber.join)
  // By then whoever has gone is known to have, and nobody works for them.
  yield* Effect.sleep("10 seconds")
  const under = yield* Effect.forEach(servers, ({ status }) => Effect.map(status, ({ calls }) => calls))
  return { exits, running: running.now, under }
})

type Outcome = Effect.Success<typeof program>

const ended = ({ exits, running, under }: Outcome) => {
  assert.lengthOf(exits, calls)
  for (const exit of exits) {
    if (Exit.isSuccess(exit)) continue
    const error = Cause.squash(exit.cause)
    assert.strictEqual((error as { readonly _tag?: string })._tag, "RpcClientError", String(error))
  }
  assert.strictEqual(running, 0, "a handler works for nobody")
  assert.deepStrictEqual(under, [0, 0], "a call is still open")
}

export const servedUnderFaults = (runs: number, kinds: "lossless" | "killed", seed?: number) =>
  Simulation.check({
    program,
    runs,
    seed,
    faults:
      kinds === "killed"
        ? { hosts: ["server-2"], kinds: ["Kill", "Disconnect", "Latency"] }
        : { hosts: [...hosts, "client"] },
    invariant: ended
  })
