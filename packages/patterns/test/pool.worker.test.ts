/** A worker alone. */
import { assert, it } from "@effect/vitest"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import { Transport } from "@effect-zmq/core/Transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as WorkerPool from "../src/WorkerPool.ts"

const worker = (options?: Partial<WorkerPool.WorkerOptions>) =>
  WorkerPool.workBytes({
    connect: "tcp://127.0.0.1:1", // nobody is there
    credit: 1,
    name: "ada",
    handler: ({ body }) => Effect.succeed(body),
    ...options
  })

it.effect("what is said of a worker's socket says which worker's it is", () => {
  const names: Array<string> = []
  return Effect.gen(function* () {
    const transport = yield* Transport
    const watch = ({ name }: { readonly name: string }) => Effect.sync(() => void names.push(name))
    yield* Effect.timeoutOption(worker({ orphanedAfter: 1 }), 0).pipe(
      Effect.provideService(Transport, Transport.of({ ...transport, watch }))
    )
    assert.deepStrictEqual(names, ["worker ada"])
  }).pipe(Effect.provide(MemoryTransport.layer))
})

it.live("leaves at once where nobody is there to be told, without a word", () => {
  const said: Array<unknown> = []
  return Effect.gen(function* () {
    const working = yield* Effect.forkChild(worker(), { startImmediately: true })
    yield* Effect.sleep(20)
    const [took] = yield* Effect.timed(Fiber.interrupt(working))
    assert.isBelow(Duration.toMillis(took), 500)
    assert.deepStrictEqual(said, [])
  }).pipe(
    Effect.provide(MemoryTransport.layer),
    Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))]))
  )
})

it.effect("refuses a linger that is less than nothing, by its name", () =>
  Effect.gen(function* () {
    const { message } = yield* Effect.flip(worker({ socketOptions: { linger: -1 } }))
    assert.include(message, "linger")
  }).pipe(Effect.provide(MemoryTransport.layer))
)
