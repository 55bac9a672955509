/** A pipeline whose every stage is supervised, in a network that fails, and whose sockets are killed. */
import * as Message from "@effect-zmq/core/Message"
import * as Network from "@effect-zmq/core/Network"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { assert } from "vitest"
import * as Supervisor from "../src/Supervisor.ts"

const tasks = "tcp://127.0.0.1:5557"
const results = "tcp://127.0.0.1:5558"

const lostInNetwork = Effect.map(Network.dropped, (dropped) =>
  Object.values(dropped).reduce((sum, count) => sum + count, 0)
)

/** Waits until it is so, for some time. */
const until = (predicate: (dropped: number) => boolean) =>
  Effect.repeat(Effect.map(lostInNetwork, predicate), {
    until: (isSo) => isSo,
    schedule: Schedule.spaced("10 millis")
  }).pipe(Effect.timeout("1 minute"))

const program = Effect.gen(function* () {
  /** What was handed to the ventilator's socket. */
  let sent = 0
  /** What a worker had in its hands when its socket was killed. */
  let inHand = 0
  let isOver = false
  const received: Array<number> = []

  const ventilator = Effect.gen(function* () {
    const push = yield* Push.make({ bind: tasks, linger: 0 })
    while (!isOver) {
      // Without room and without peers it waits: it is to be killed in the one as in the other.
      yield* Push.send(push, `${sent}`)
      sent++
      yield* Effect.sleep(10)
    }
    yield* Effect.never
  })
  const worker = Effect.gen(function* () {
    const pull = yield* Pull.make({ connect: tasks })
    const push = yield* Push.make({ connect: results, linger: 0 })
    yield* Pull.runForEach(pull, (task) => Effect.onError(Push.send(push, task), () => Effect.sync(() => inHand++)))
  })
  const sink = Effect.gen(function* () {
    const pull = yield* Pull.make({ bind: results })
    yield* Pull.runForEach(pull, (result) => Effect.sync(() => received.push(Number(Message.text(result)))))
  })

  const options: Supervisor.Options = {
    intensity: { restarts: Number.POSITIVE_INFINITY, within: "1 second" },
    backoff: Schedule.exponential("10 millis").pipe((delays) => Schedule.min([delays, Schedule.spaced("100 millis")]))
  }
  yield* Effect.scoped(
    Effect.gen(function* () {
      const workers = ["worker-1", "worker-2"].map((host) => Supervisor.child(host, Network.on(worker, host)))
      yield* Supervisor.make(
        [
          Supervisor.child("sink", Network.on(sink, "sink")),
          Supervisor.child("workers", Supervisor.run(workers, options)),
          Supervisor.child("ventilator", Network.on(ventilator, "ventilator"))
        ],
        options
      )
      yield* Effect.sleep("3 seconds") // meanwhile things go wrong
      yield* Network.clear
      const [since, count] = [sent, received.length]
      yield* until(() => received.length >= count + 10 && received.some((task) => task > since + 5))
      isOver = true
      // What is on its way arrives, or what it was on its way with ends.
      yield* until((dropped) => received.length + dropped + inHand >= sent)
    })
  )
  return { sent, received, lost: (yield* lostInNetwork) + inHand }
}).pipe(Effect.provide(Logger.layer([])))

/** It always recovers, nothing comes twice, and what was sent has come or is counted as lost. */
export const check = (runs: number) =>
  Simulation.check({
    program,
    runs,
    faults: { kinds: ["Kill", "Partition", "Disconnect", "Latency", "Refuse"] },
    invariant: ({ lost, received, sent }) => {
      assert.strictEqual(new Set(received).size, received.length, "one came twice")
      assert.strictEqual(received.length + lost, sent, "one is not accounted for")
    }
  })
