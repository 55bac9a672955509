import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Req, Sub } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Fiber, Layer } from "effect"
import { TestConsole } from "effect/testing"
import { publisher } from "../../examples/sync-pubsub/publisher.ts"
import { subscriber } from "../../examples/sync-pubsub/subscriber.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, freeEndpoint } from "./program.ts"

const at = (port: number): Endpoint.Tcp => Endpoint.tcp("127.0.0.1", port)

const freeTcp = Effect.flatMap(freeEndpoint, (endpoint) => Effect.fromResult(Endpoint.parse(endpoint)))

/** Two subscribers, and the publisher that waits for them. */
const published = (transport: string) =>
  Effect.gen(function* () {
    const publisher = yield* example(
      "sync-pubsub/publisher",
      ...["--bind", "tcp://127.0.0.1:*", "--bind", "tcp://127.0.0.1:*"],
      ...["--subscribers", "2", "--messages", "10000", "--transport", transport]
    )
    const [, updates = "", ready = ""] = yield* publisher.prints(/^Waiting for 2 subscribers on (.+), ready on (.+)$/m)
    const subscribers = yield* Effect.replicateEffect(
      example("sync-pubsub/subscriber", "--connect", updates, "--connect", ready, "--transport", transport),
      2
    )
    for (const subscriber of subscribers) {
      assert.deepStrictEqual(yield* subscriber.ended, {
        code: 0,
        signal: null,
        stdout: `Subscribing to ${updates}\nReady\nReceived 10,000 updates\n`,
        stderr: ""
      })
    }
    const { code, stderr, stdout } = yield* publisher.ended
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.match(stdout, /\nAll are there: publishing\nPublished 10,000 updates to 2 subscribers in \d+ ms\n$/)
  })

describe("sync-pubsub", () => {
  it.live("what is published reaches every subscriber, from the first message to the last", () => published("zmq"))

  // Where all that is published goes out at once, its end comes sooner than what the publisher does beside it.
  it.live("over zmtp as well", () => published("zmtp"))

  it.live("10,000 messages reach each of 10 subscribers over libzmq, none lost", () =>
    Effect.gen(function* () {
      const bind = [yield* freeTcp, yield* freeTcp] as const
      yield* Effect.all(
        [
          publisher({ bind, subscribers: 10, messages: 10_000 }),
          ...Array.from({ length: 10 }, () => subscriber({ connect: bind }))
        ],
        { concurrency: "unbounded", discard: true }
      )
      const received = (yield* printed).filter((line) => line === "Received 10,000 updates")
      assert.strictEqual(received.length, 10)
    }).pipe(Effect.provide(Layer.merge(ZmqTransport.layer, TestConsole.layer)))
  )

  it.live("in memory: nothing is published before the last subscriber is ready", () =>
    inMemory(
      Effect.gen(function* () {
        const ends = yield* Effect.forkScoped(publisher({ bind: [at(1), at(2)], subscribers: 2, messages: 3000 }))
        const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
        const req = yield* Req.make({ connect: at(2) })
        yield* Req.request(req, "")
        assert.notInclude(yield* printed, "All are there: publishing")
        yield* Effect.forkScoped(subscriber({ connect: [at(1), at(2)] }))
        let received = 0
        while (Message.text(yield* Sub.receive(sub)) === "Rhubarb") received++
        assert.strictEqual(received, 3000)
        yield* Fiber.join(ends)
        yield* prints(/^Received 3,000 updates$/)
      }).pipe(Effect.scoped)
    )
  )

  it.live("in memory: a subscriber that has said it is ready is waited for until its subscription is there", () =>
    inMemory(
      Effect.gen(function* () {
        yield* Effect.forkScoped(publisher({ bind: [at(1), at(2)], subscribers: 1, messages: 10 }))
        const req = yield* Req.make({ connect: at(2) })
        yield* Req.request(req, "")
        assert.notInclude(yield* printed, "All are there: publishing")
        const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
        assert.strictEqual(Message.text(yield* Sub.receive(sub)), "Rhubarb")
      }).pipe(Effect.scoped)
    )
  )
})
