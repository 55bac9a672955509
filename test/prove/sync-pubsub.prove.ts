/** What examples/sync-pubsub promises, as it is run: a process for each, and a million messages to each of ten. */
import { Effect } from "effect"
import { example } from "../examples/program.ts"
import { prove } from "./table.ts"

const test = prove("Synchronised publishing, by processes")

const messages = 1_000_000
const subscribers = 10

test(
  `zmq, tcp: what is published reaches every subscriber, none lost`,
  Effect.gen(function* () {
    const publisher = yield* example(
      "sync-pubsub/publisher",
      ...["--bind", "tcp://127.0.0.1:*", "--bind", "tcp://127.0.0.1:*"],
      ...["--subscribers", `${subscribers}`, "--messages", `${messages}`]
    )
    const [, updates = "", ready = ""] = yield* publisher.prints(/^Waiting for 10 subscribers on (.+), ready on (.+)$/m)
    const all = yield* Effect.replicateEffect(
      example("sync-pubsub/subscriber", "--connect", updates, "--connect", ready),
      subscribers
    )
    let lost = 0
    for (const subscriber of all) {
      const { stdout } = yield* subscriber.ended
      const [, received = ""] = /^Received ([\d,]+) updates$/m.exec(stdout) ?? []
      lost += Math.abs(messages - Number(received.replaceAll(",", "")))
    }
    const { code, stdout } = yield* publisher.ended
    const [, millis = ""] = / in (\d+) ms$/m.exec(stdout) ?? []
    return {
      what: `messages published to 10 processes in ${(Number(millis) / 1000).toFixed(1)} s`,
      count: messages * subscribers,
      zero: { "lost or doubled": lost, "publishers that failed": code === 0 ? 0 : 1 }
    }
  }).pipe(Effect.scoped)
)
