/** What becomes of a worker's word that it is ready, where its queue is full. */
import { assert, describe, it } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Message from "@effect-zmq/core/Message"
import * as Effect from "effect/Effect"
import * as Broker from "../src/Broker.ts"
import * as Envelope from "../src/Envelope.ts"

const highWaterMark = { send: 1, receive: 1 }
const backend = "tcp://127.0.0.1:5560"
const frontend = "tcp://127.0.0.1:5559"

describe("a worker that is ready for more than its queue holds", () => {
  it.live("gets as much as it holds, and is as ready as before when it has answered", () =>
    Effect.gen(function* () {
      const broker = yield* Broker.make({ frontend, backend, backendOptions: { highWaterMark } })
      const worker = { connect: backend, concurrency: 8, highWaterMark } as const
      yield* Effect.forkChild(
        Broker.serve((request) => Effect.as(Effect.sleep("1 millis"), Message.text(request)), worker)
      )
      yield* broker.awaitStats(({ ready }) => ready === 8)
      const client = yield* Dealer.make({ connect: frontend })
      for (const count of [3, 40]) {
        const texts = Array.from({ length: count }, (_, n) => `${n}`)
        yield* Dealer.sendAll(client, texts.map(Envelope.delimit))
        const replies = new Set<string>()
        for (const _ of texts) replies.add(Message.text(yield* Dealer.receive(client)))
        assert.strictEqual(replies.size, count)
        const { busy, dropped, lost, ready } = yield* broker.awaitStats(({ busy }) => busy === 0)
        assert.deepStrictEqual({ busy, dropped, lost, ready }, { busy: 0, dropped: 0, lost: 0, ready: 8 })
      }
    }).pipe(Effect.provide(MemoryTransport.layer))
  )
})
