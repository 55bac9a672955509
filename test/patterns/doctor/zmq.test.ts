/** The doctor, on libzmq: every fault of the chart is found that libzmq can show. */

import * as Dealer from "@effect-zmq/core/Dealer"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Doctor from "@effect-zmq/patterns/Doctor"
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { assert, describe, it } from "vitest"
import { faults, isFound, watched } from "../../../packages/patterns/test/doctorFaults.ts"
import { soak } from "./soak.ts"

describe("the doctor finds, on libzmq", { concurrent: true }, () => {
  for (const fault of faults) {
    if (fault.gap !== undefined) continue
    it(fault.title, () =>
      Effect.runPromise(
        Effect.timeout(watched(isFound(fault, "ipc://*"), ZmqTransport.layer, { grace: "250 millis" }), "15 seconds")
      )
    )
  }
})

describe("the doctor, on libzmq", () => {
  it("finds nothing in a healthy system of all socket types, started and closed in any order", async () => {
    const { found, received } = await Effect.runPromise(soak("3 seconds"))
    assert.deepStrictEqual(found.map(Doctor.render), [])
    assert.isAbove(received, 200)
  })
})

describe("the doctor, on libzmq, of a socket whose peer it does not watch", { concurrent: true }, () => {
  const alone = (program: Effect.Effect<ReadonlyArray<Doctor.Finding>, unknown, Transport | Scope.Scope>) =>
    Effect.runPromise(program.pipe(Effect.scoped, Effect.timeout("15 seconds"), Effect.provide(ZmqTransport.layer)))

  it("finds that the peer is of another type, which libzmq does not say", async () => {
    const [finding, ...others] = await alone(
      Effect.gen(function* () {
        const connect = yield* Socket.endpoint(yield* Pull.make({ bind: "ipc://*" }))
        return yield* Doctor.diagnose(yield* Sub.make({ connect, subscribe: "" }), { grace: "1500 millis" })
      })
    )
    assert.deepInclude(finding, { _tag: "IncompatiblePeer", peer: undefined })
    assert.lengthOf(others, 0)
  })

  it("finds another mechanism, and does not take it for another type", async () => {
    const [finding, ...others] = await alone(
      Effect.gen(function* () {
        const security = Security.plain({ authenticate: () => Effect.succeed({ id: "ada" }) })
        const connect = yield* Socket.endpoint(yield* Pull.make({ bind: "ipc://*", security }))
        return yield* Doctor.diagnose(yield* Push.make({ connect }), { grace: "1500 millis" })
      })
    )
    assert.strictEqual(finding?._tag, "HandshakeFailed")
    assert.lengthOf(others, 0)
  })

  it("finds that of two clients with one routing id one is not heard", async () => {
    const [finding, ...others] = await alone(
      Effect.gen(function* () {
        const router = yield* Router.make({ bind: "ipc://*" })
        yield* Effect.forkScoped(Router.runForEach(router, () => Effect.void))
        const connect = yield* Socket.endpoint(router)
        for (let n = 0; n < 2; n++) yield* Dealer.make({ connect, routingId: "ada" })
        yield* Socket.awaitPeers(router, 2)
        return yield* Doctor.diagnose(router, { grace: "500 millis" })
      })
    )
    assert.deepInclude(finding, { _tag: "DuplicateRoutingId", unheard: 1 })
    assert.lengthOf(others, 0)
  })

  it("finds nothing where all is well", async () => {
    const findings = await alone(
      Effect.gen(function* () {
        const router = yield* Router.make({ bind: "ipc://*" })
        yield* Effect.forkScoped(Router.runForEach(router, () => Effect.void))
        const connect = yield* Socket.endpoint(router)
        const dealers = yield* Effect.forEach(["ada", "bob"], (routingId) => Dealer.make({ connect, routingId }))
        const found = yield* Doctor.diagnose([router, ...dealers], { grace: "500 millis" })
        return found
      })
    )
    assert.deepStrictEqual(findings, [])
  })
})
