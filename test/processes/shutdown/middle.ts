/** A proxy and a broker in one process: `middle.ts`, which prints where clients and workers find each of them. */
import { NodeRuntime } from "@effect/platform-node"
import { Dealer, Proxy, Router, Socket } from "@effect-zmq/core"
import { Broker, Shutdown } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Effect, Layer } from "effect"

const bind = "tcp://127.0.0.1:*"

const tell = (name: string, socket: Socket.Socket) =>
  Effect.flatMap(Socket.endpoint(socket), (endpoint) => Console.log(`${name} ${endpoint}.`))

const proxy = Proxy.layer(
  Effect.tap(Router.make({ bind }), (socket) => tell("proxy", socket)),
  Effect.tap(Dealer.make({ bind }), (socket) => tell("proxy's workers", socket))
)

const broker = Layer.effectDiscard(
  Effect.gen(function* () {
    const { backend, frontend } = yield* Broker.Broker
    yield* tell("broker", frontend)
    yield* tell("broker's workers", backend)
  })
).pipe(Layer.provide(Broker.layer({ frontend: bind, backend: bind })))

const asked = Layer.effectDiscard(
  Effect.forkDetach(Effect.andThen(Shutdown.whenRequested, Console.log("asked")), { startImmediately: true })
)

Layer.launch(Layer.mergeAll(proxy, broker, asked)).pipe(
  Effect.provide(Shutdown.layer().pipe(Layer.provideMerge(ZmqTransport.layer))),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
