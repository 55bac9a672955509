/** Sockets of worker threads, which the main thread has. */
import { Worker } from "node:worker_threads"
import { assert, describe } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Socket from "@effect-zmq/core/Socket"
import * as SocketOptions from "@effect-zmq/core/SocketOptions"
import * as Sub from "@effect-zmq/core/Sub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Guest from "../src/internal/threads/guest.ts"
import { anyPort, live } from "./sockets.ts"
import type { Given } from "./threadWorker.ts"

/** Starts a thread, gives what it tells, and what terminates it. */
const start = (given: Given) =>
  Effect.callback<{ readonly told: string; readonly terminate: Effect.Effect<unknown> }>((resume) => {
    const worker = new Worker(new URL("./threadWorker.ts", import.meta.url), { workerData: given })
    worker.once("error", (error) => resume(Effect.die(error)))
    worker.once("message", (told) =>
      resume(Effect.succeed({ told, terminate: Effect.promise(() => worker.terminate()) }))
    )
  })

const run = (given: Given) => Effect.flatMap(start(given), ({ terminate, told }) => Effect.as(terminate, told))

const all = Array.from({ length: 1000 }, (_, i) => i)

describe("the sockets of a worker thread", () => {
  live("what it has sent is delivered, though it is terminated then", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: anyPort })
      assert.strictEqual(yield* run({ what: "sends", endpoint: yield* Socket.endpoint(pull) }), "sent")
      const received = yield* Stream.runCollect(Stream.take(Pull.stream(pull), 1000))
      assert.deepStrictEqual(
        received.map(Message.text),
        all.map((i) => `${i}`.padEnd(500))
      )
    })
  )

  live("what it publishes in one go comes in this order", () =>
    Effect.gen(function* () {
      const sub = yield* Sub.make({ bind: anyPort, subscribe: "" })
      const { terminate, told } = yield* start({ what: "publishes", endpoint: yield* Socket.endpoint(sub) })
      assert.strictEqual(told, "published")
      const received = yield* Stream.runCollect(Stream.takeUntil(Sub.stream(sub), (m) => Message.text(m) === "999"))
      const numbers = received.map((message) => Number(Message.text(message)))
      // The first of them may come before the subscription does.
      assert.deepStrictEqual(numbers, all.slice(1000 - numbers.length))
      yield* terminate
    })
  )

  live("a failure says what it says elsewhere", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: anyPort })
      const endpoint = yield* Socket.endpoint(pull)
      assert.match(yield* run({ what: "fails", endpoint }), new RegExp(`^AddressInUse: ${endpoint} is in use already`))
    })
  )

  live("the options of a context are those of the process: late ones are refused; an isolated one has its own", () =>
    Effect.gen(function* () {
      yield* Pull.make({})
      assert.match(yield* run({ what: "late", endpoint: anyPort }), /^InvalidState: maxSockets cannot become 77/)
      assert.strictEqual(yield* run({ what: "isolated", endpoint: anyPort }), "round")
    })
  )

  live("with inThread they are its own, and close with their scope", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* run({ what: "inThread", endpoint: anyPort }), "round")
    })
  )

  live("a wait that is called off leaves nothing behind", () =>
    Effect.gen(function* () {
      const options = Result.getOrThrow(SocketOptions.resolve({}, false))
      const handle = yield* Guest.open(undefined, "PULL", options)
      for (let n = 0; n < 10; n++) {
        yield* Fiber.interrupt(yield* Effect.forkChild(handle.readable, { startImmediately: true }))
      }
      // Answered behind all that was asked before.
      yield* handle.peers
      // Private: the answers that it waits for.
      const { calls } = handle as unknown as { readonly calls: ReadonlyMap<number, unknown> }
      assert.strictEqual(calls.size, 0)
    })
  )
})
