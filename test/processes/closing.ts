/** How long scopes take to close, with what is queued for a peer that is there, is not there, or does not read. */
import { type Endpoint, Pull, Push, Socket, type Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Exit, type Layer, References, Scope } from "effect"

export const lingers = [0, 500, 2000]

export const peers = ["alive", "absent", "slow"] as const

export type Peer = (typeof peers)[number]

const bind = "tcp://127.0.0.1:*"

const freePort = Effect.scoped(Effect.flatMap(Pull.make({ bind }), Socket.endpoint))

/** 50 messages of 20 KB, of which a peer that does not read takes a few. */
const messages = Array.from({ length: 50 }, () => new Uint8Array(20_000))

const small = { send: 16_384, receive: 16_384 }

/** The endpoint of a peer, which is there until the scope closes. */
const endpointOf = Effect.fnUntraced(function* (peer: Peer) {
  if (peer === "absent") return yield* freePort
  const pull = yield* Pull.make({ bind, linger: 0, highWaterMark: { receive: 1 }, systemBuffer: small })
  if (peer === "alive") yield* Effect.forkScoped(Pull.runForEach(pull, () => Effect.void))
  return yield* Socket.endpoint(pull)
})

/** How many milliseconds the scope of a socket with messages to the endpoint takes to close. */
const closing = Effect.fnUntraced(function* (endpoint: Endpoint.Text, linger: number) {
  const scope = yield* Scope.make()
  const options = { connect: endpoint, linger, systemBuffer: small, reconnect: { initial: 20, maximum: 20 } }
  yield* Push.sendAll(yield* Scope.provide(Push.make(options), scope), messages)
  // Not all at once: what one of them has to do is not to delay another.
  yield* Effect.sleep(20)
  const start = performance.now()
  yield* Scope.close(scope, Exit.void)
  return performance.now() - start
})

/** How long each of so many closes took, `atOnce` of them at a time. */
export const closingTimes = (
  peer: Peer,
  linger: number,
  count: number,
  atOnce: number,
  layer: Layer.Layer<Transport.Transport> = ZmqTransport.layer
) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    Effect.fnUntraced(function* (i) {
      yield* Effect.sleep((i % atOnce) * 7)
      return yield* Effect.scoped(Effect.flatMap(endpointOf(peer), (endpoint) => closing(endpoint, linger)))
    }),
    { concurrency: atOnce }
  ).pipe(
    Effect.provide(layer),
    // That not everything was delivered is what is wanted here.
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
