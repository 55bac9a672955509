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
 * - connections are made at once, without a delay and without losing what a SUB would miss on a slow network, until
 *   `Network` is told otherwise: it makes the faults of networks, which heartbeats, handshakes and the times of connecting
 *   are for, and tells what is queued, dropped and on its way
 * - security decides who is let in, over all three schemes; nothing is encrypted, and key pairs are taken at their word.
 *   Who is refused tries again, as `reconnect` says
 *
 * Options of the physical network are accepted, and have no effect.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { MemoryLink } from "./engine/internal/memoryLink.ts"
import { MemoryNetwork } from "./engine/internal/network.ts"
import * as Patterns from "./engine/patterns/index.ts"
import * as SocketEngine from "./engine/SocketEngine.ts"
import { Host, Network, Observer, type TraceEntry } from "./Network.ts"
import * as SocketType from "./SocketType.ts"
import { type Capability, type Handle, Transport } from "./Transport.ts"
import { Unsupported } from "./ZmqError.ts"

const capabilities: ReadonlySet<Capability> = new Set<Capability>([
  ...SocketType.all,
  "tcp",
  "ipc",
  "inproc",
  "null",
  "plain",
  "curve"
])

/** The version of this package. */
const version = "0.1.0"

const transportOf = (network: MemoryNetwork, names: WeakMap<Handle, string>): Transport["Service"] =>
  Transport.of({
    name: "memory",
    version,
    capabilities,
    open: Effect.fnUntraced(function* (type, options) {
      if (options.ipcPeers !== undefined) return yield* unfiltered
      const link = network.open(yield* Host, type)
      link.context = yield* Effect.context<never>()
      yield* Effect.addFinalizer(() => Effect.sync(() => network.close(link)))
      const first = Math.floor(link.random.nextDoubleUnsafe() * 2 ** 32)
      const engine = yield* SocketEngine.make(type, options, Patterns.make(type, { ...options, first }), link).pipe(
        Effect.provideService(Random.Random, link.random)
      )
      link.engine = engine
      names.set(engine, link.party.name)
      return engine
    })
  })

const unfiltered = new Unsupported({
  transport: "memory",
  feature: "the option ipcPeers, for in memory all are of one process",
  hint: "use a security that authenticates"
})

const networkOf = (network: MemoryNetwork, names: WeakMap<Handle, string>): Network["Service"] =>
  Network.of({
    inject: (fault) =>
      Effect.suspend(() => {
        network.recordFault(fault)
        if (fault._tag !== "Kill") return Effect.succeed(network.inject(fault))
        const links = network.named(fault.of)
        const kill = (link: MemoryLink) => Effect.map(link.engine?.kill ?? Effect.void, () => network.close(link))
        return Effect.as(Effect.forEach(links, kill, { discard: true }), links.length)
      }),
    sockets: Effect.sync(() => network.parties),
    connections: Effect.sync(() => network.describe()),
    dropped: Effect.sync(() => network.dropped),
    delivered: Effect.sync(() => network.delivered),
    trace: traceOf(network),
    nameOf: (handle) => names.get(handle)
  })

const traceOf = (network: MemoryNetwork): Effect.Effect<Effect.Effect<ReadonlyArray<TraceEntry>>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const entries: Array<TraceEntry> = []
    return Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => network.startRecording((entry) => entries.push(entry))),
        (stop) => Effect.sync(stop)
      ),
      Effect.sync(() => [...entries])
    )
  })

/**
 * A network in memory, a new one for each build of the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport | Network> = Layer.effectContext(
  Effect.gen(function* () {
    const network = new MemoryNetwork(yield* Clock.Clock, yield* Random.nextIntBetween(0, 2 ** 32))
    yield* Effect.forkScoped(network.agenda.run, { startImmediately: true })
    const names = new WeakMap<Handle, string>()
    const service = networkOf(network, names)
    yield* (yield* Observer)(service)
    return Context.make(Transport, transportOf(network, names)).pipe(Context.add(Network, service))
  })
)
