/** Acquisitions that fail half-way, and what they leave. */
import * as Fs from "node:fs"
import { Dealer, MemoryTransport, Pull, Push, Router, Socket, type Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Exit, Fiber, type Layer, Metric, Random, type Scope } from "effect"
import { sharedContext } from "../../packages/transport-zmq/src/internal/addon.ts"

type Acquire = Effect.Effect<unknown, unknown, Transport.Transport | Scope.Scope>

const any = "tcp://127.0.0.1:*"

/** The second address is another socket's. */
const taken: Acquire = Effect.gen(function* () {
  const other = yield* Pull.make({ bind: any, linger: 0 })
  yield* Pull.make({ bind: [any, yield* Socket.endpoint(other)], linger: 0 })
})

/** Bound, and then to be connected by what no transport has. */
const refused: Acquire = Push.make({ bind: any, connect: "udp://127.0.0.1:1", linger: 0 })

/** Bound and connected, and then interrupted, or a little before. */
const interrupted: Acquire = Effect.gen(function* () {
  const router = Effect.gen(function* () {
    const router = yield* Router.make({ bind: [any, any], linger: 0 })
    const dealer = yield* Dealer.make({ connect: yield* Socket.endpoint(router), routingId: "a", linger: 0 })
    yield* Router.connectAs(router, any.replace("*", "1") as typeof any, "b")
    yield* Dealer.send(dealer, "from a")
    return yield* Router.receive(router)
  })
  const fiber = yield* Effect.forkChild(Effect.andThen(Effect.scoped(router), Effect.never), { startImmediately: true })
  for (let turns = yield* Random.nextIntBetween(0, 12); turns > 0; turns--) yield* Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  return yield* Fiber.join(fiber)
})

/** Bound to a device that there is not. */
const device: Acquire = Pull.make({ bind: any, device: "none-such", linger: 0 })

const both = {
  "the second address is taken": taken,
  "what is to be connected is refused": refused,
  "interrupted in the middle": interrupted
}

const on =
  (layer: Layer.Layer<Transport.Transport>) =>
  (acquire: Acquire): Effect.Effect<Exit.Exit<unknown, unknown>> =>
    Effect.exit(Effect.scoped(acquire)).pipe(Effect.provide(layer))

const each = (kinds: Record<string, Acquire>, layer: Layer.Layer<Transport.Transport>) =>
  Object.fromEntries(Object.entries(kinds).map(([kind, acquire]) => [kind, on(layer)(acquire)]))

export const failing = {
  memory: each(both, MemoryTransport.layer),
  zmq: each({ ...both, "libzmq refuses an option": device }, ZmqTransport.layer)
}

/** Fails so many times: how many have failed, and what there is more than before. */
export const leftAfter = (acquire: Effect.Effect<Exit.Exit<unknown, unknown>>, count: number) =>
  Effect.gen(function* () {
    const fibers = { active: 0 }
    const counting = Effect.provideService(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => fibers.active++,
      recordFiberEnd: () => fibers.active--
    })
    const before = resources()
    let failed = 0
    for (let i = 0; i < count; i++) if (Exit.isFailure(yield* counting(acquire))) failed++
    // libzmq lets go of descriptors a moment after the sockets.
    yield* Effect.sleep(100)
    const after = resources()
    return {
      failed,
      descriptors: Math.max(0, after.descriptors - before.descriptors),
      sockets: after.sockets - before.sockets,
      fibers: fibers.active
    }
  })

const resources = () => ({
  descriptors: Fs.readdirSync("/proc/self/fd").length,
  sockets: sharedContext.open
})
