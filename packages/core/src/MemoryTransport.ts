/**
 * The transport for tests: sockets that reach each other within this process, over tcp, ipc and inproc endpoints that
 * exist there alone. No port is opened, no file made, and no time passes but Effect's: under a test clock a program runs
 * as fast as it computes.
 *
 * Each build of the layer is a network of its own. In it, sockets behave as over the real thing:
 *
 * - ports and paths may be left open (`tcp://127.0.0.1:*`), and what is taken is `AddressInUse`
 * - a peer that is connected to before it is bound is reached as soon as it appears; a connection that was lost is made
 *   again after `reconnect`, on Effect's Clock, with jitter by Effect's Random. Over inproc sockets do not poll: they are
 *   connected whenever there is somebody bound to the name
 * - between two sockets there is room for the sender's and the receiver's high-water marks together, over all three
 *   schemes. Over tcp and ipc, what is behind the receiver's mark is still the sender's: it is kept when the connection
 *   is lost, and what `linger` waits for
 * - connections are made at once, without a delay and without losing what a SUB would miss on a slow network
 *
 * Options of the physical network, heartbeats and the times of handshakes and connecting are accepted, and have no effect.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { Network } from "./engine/internal/network.ts"
import * as Patterns from "./engine/patterns/index.ts"
import * as SocketEngine from "./engine/SocketEngine.ts"
import { type Capability, Transport } from "./Transport.ts"
import { Unsupported } from "./ZmqError.ts"

const capabilities: ReadonlySet<Capability> = new Set<Capability>([...Patterns.types, "tcp", "ipc", "inproc"])

/** The version of this package. */
const version = "0.1.0"

const make = Effect.sync(() => {
  const network = new Network()
  return Transport.of({
    name: "memory",
    version,
    capabilities,
    open: (type, options) => {
      if (!Patterns.isType(type)) {
        return Effect.fail(
          new Unsupported({
            transport: "memory",
            feature: `${type} sockets`,
            hint: `it has ${Patterns.types.join(", ")}`
          })
        )
      }
      const first = options.correlate ? Random.nextIntBetween(0, 2 ** 32) : Effect.succeed(0)
      return Effect.flatMap(first, (firstRequest) =>
        SocketEngine.make(type, options, Patterns.make(type, { ...options, firstRequest }), network)
      )
    }
  })
})

/**
 * A network in memory, a new one for each build of the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport> = Layer.effect(Transport, make)
