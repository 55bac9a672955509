/**
 * A ROUTER connects to a peer by an id with which another one comes at that very moment: `naming.ts COUNT`. Prints how often
 * the id was given, and how often it was taken.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Dealer, Router, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Exit } from "effect"

const count = Number(process.argv[2])

const bind = "tcp://127.0.0.1:*"

/** The event loop is kept busy for so long, so that nothing of this process comes in between. */
const busy = (millis: number) =>
  Effect.sync(() => {
    const until = performance.now() + millis
    while (performance.now() < until);
  })

Effect.gen(function* () {
  const other = yield* Router.make({ bind, linger: 0 })
  const times = { given: 0, taken: 0 }
  for (let i = 0; i < count; i++) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const router = yield* Router.make({ bind, linger: 0 })
        const endpoint = yield* Socket.endpoint(other)
        yield* Dealer.make({ connect: yield* Socket.endpoint(router), routingId: "id", linger: 0 })
        // It takes a millisecond or two to come.
        yield* i % 2 === 0 ? busy((i % 300) / 100) : Effect.sleep((i % 300) / 100)
        const named = yield* Effect.exit(Router.connectAs(router, endpoint, "id"))
        times[Exit.isSuccess(named) ? "given" : "taken"]++
        yield* Effect.yieldNow
      })
    )
  }
  yield* Console.log(JSON.stringify(times))
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), NodeRuntime.runMain)
