/** The end of a proxy and of a broker, in a real process, by a real signal, while workers are at work. */
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { type Endpoint, Message, Rep, Req } from "@effect-zmq/core"
import { Broker } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Deferred, Effect, Fiber } from "effect"
import { start } from "../examples/program.ts"

const middle = start(process.execPath, path.join(import.meta.dirname, "shutdown/middle.ts"))

/** A request to it, from a client of its own. */
const ask = (connect: Endpoint.Input, text: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const req = yield* Req.make({ connect, linger: 0 })
      return Message.text(yield* Req.request(req, text))
    })
  )

describe("a proxy and a broker that are asked to end while workers are at work", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.live(`${signal}: every request that was passed on is answered, and the process ends with 0`, () =>
      Effect.gen(function* () {
        const { ended, prints, signal: send } = yield* middle
        const place = (name: string) =>
          // What it prints is an endpoint.
          Effect.map(prints(new RegExp(`^${name} (.+)\\.$`, "m")), ([, endpoint]) => endpoint as Endpoint.Text)

        // A worker that is at work until it is let go on.
        let begun = 0
        const allBegun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const work = (request: Message.Message) =>
          Effect.gen(function* () {
            if (++begun === 4) yield* Deferred.succeed(allBegun, undefined)
            yield* Deferred.await(goOn)
            return `${Message.text(request)} done`
          })
        const forProxy = yield* place("proxy's workers")
        for (let worker = 0; worker < 2; worker++) {
          const rep = yield* Rep.make({ connect: forProxy, linger: 0 })
          yield* Effect.forkScoped(Rep.serve(rep, work))
        }
        yield* Effect.forkScoped(Broker.serve(work, { connect: yield* place("broker's workers"), concurrency: 2 }))

        const proxy = yield* place("proxy")
        const broker = yield* place("broker")
        const clients = yield* Effect.forEach(
          [ask(proxy, "1"), ask(proxy, "2"), ask(broker, "3"), ask(broker, "4")],
          (one) => Effect.forkScoped(one)
        )
        yield* Deferred.await(allBegun)
        yield* send(signal)
        yield* prints(/asked/)
        const late = yield* Effect.forkScoped(ask(proxy, "late"))
        yield* Effect.sleep("100 millis") // no time at which it would be passed on: nothing tells that it is not
        yield* Deferred.succeed(goOn, undefined)

        const replies = yield* Effect.forEach(clients, Fiber.join)
        assert.deepStrictEqual(replies, ["1 done", "2 done", "3 done", "4 done"])
        const { code, stderr, stdout } = yield* ended
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.notInclude(stdout, "no reply")
        assert.deepStrictEqual([begun, late.pollUnsafe()], [4, undefined])
      }).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer))
    )
  }
})
