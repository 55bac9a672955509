/** A worker alone. */
import { assert, it } from "@effect/vitest"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { TestClock } from "effect/testing"
import * as WorkerPool from "../src/WorkerPool.ts"

it.effect("what is said of a worker's socket says which worker's it is", () => {
  const said: Array<unknown> = []
  const logger = Logger.make(({ fiber, message }) => {
    said.push([String(message).split(":")[0], fiber.getRef(References.CurrentLogAnnotations)["zmq.name"]])
  })
  const worker = WorkerPool.layerWorkerBytes({
    connect: "tcp://127.0.0.1:1", // nobody is there to hear that it is
    credit: 1,
    name: "ada",
    handler: ({ body }) => Effect.succeed(body)
  })
  return Effect.gen(function* () {
    const building = yield* Effect.forkChild(Effect.scoped(Layer.build(worker)))
    yield* TestClock.adjust("10 seconds")
    assert.isDefined(building.pollUnsafe())
    assert.lengthOf(said, 1)
    assert.match(String(said), /^\d+ messages? .* not delivered within the linger of 1s,worker ada$/)
  }).pipe(Effect.provide(MemoryTransport.layer), Effect.provide(Logger.layer([logger])))
})
