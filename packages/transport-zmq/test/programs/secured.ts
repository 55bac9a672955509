/** Has a server, a client that is let in, one that is not, and one that waits for an answer; closes them. Nothing is to keep it alive. */
import * as Curve from "@effect-zmq/core/Curve"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { ZmqTransport } from "../../src/index.ts"

await Effect.gen(function* () {
  const [server, alice, bob, carol] = yield* Effect.all(Array.from({ length: 4 }, () => Curve.keyPair))
  if (!server || !alice || !bob || !carol) return
  const asked = yield* Deferred.make<void>()
  const authenticate: Security.Authenticate<Security.CurveRequest> = ({ publicKey }) => {
    if (publicKey === alice.publicKey) return Effect.succeed({ id: "alice" })
    if (publicKey === bob.publicKey) return Security.denied()
    return Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
  }
  const router = yield* Router.make({
    bind: "tcp://127.0.0.1:*",
    security: Security.curve({ keyPair: server, authenticate })
  })
  const connect = yield* Socket.endpoint(router)
  for (const keyPair of [carol, bob, alice]) {
    const security = Security.curve({ keyPair, serverKey: server.publicKey })
    const dealer = yield* Dealer.make({ connect, linger: 0, security })
    yield* Dealer.send(dealer, "hello")
  }
  yield* Router.receive(router)
  yield* Deferred.await(asked)
}).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer), Effect.runPromise)
console.log("done")
