/**
 * ZMTP 3.1 in TypeScript, over the sockets of Node: no native code.
 *
 * Provide `layer` to a program, and its sockets speak with any ZeroMQ peer of ZMTP 3.0 or 3.1, over tcp, ipc and inproc.
 *
 * What it does otherwise than the other transports:
 *
 * - CURVE is not there yet: a socket with it fails with `Unsupported`, as do `socks`, `device` and `ipcPeers`.
 * - Node has no way to set `packetPriority`, `retransmitTimeout`, `systemBuffer`, `typeOfService`, and the interval and number of
 *   keep-alive probes: they are accepted and without effect, as is `batchSize`.
 * - Messages that were encoded when a connection is lost are lost with it: at most the high-water mark, or 256 KB. Those that
 *   the system had not taken are counted as `disconnected`, or as `unsent` where the socket is closing. That is the most that
 *   are lost of them: Node tells when all of a write was taken, and not how much, so that some may have arrived. How many
 *   arrived of those that the system had taken nobody can tell, and they are not counted.
 * - inproc endpoints that are bound in a thread are reached from its own build of the layer, in memory, and on Linux from
 *   threads that it or others have started: by a socket of the system. A thread that has started others does not reach theirs.
 *
 * @since 0.1.0
 */
import { Inproc, Patterns, SocketEngine } from "@effect-zmq/core/engine"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import * as SocketType from "@effect-zmq/core/SocketType"
import { type Capability, Transport } from "@effect-zmq/core/Transport"
import { InvalidOption, type Unsupported, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { transportName, unsupported } from "./internal/errors.ts"
import * as Memory from "./internal/memory.ts"
import * as Net from "./internal/net.ts"
import { type Shared, Slabs } from "./internal/output.ts"
import { Turns } from "./internal/turns.ts"
import { type WireLimits, WireLink } from "./internal/wireLink.ts"

/**
 * What a peer may take of this process. Whoever exceeds a limit is told of as `SocketEvent.LimitExceeded`, and loses that
 * connection; everybody else is served as ever.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /** The bytes of a frame. `maxMessageSize` of a socket can be less. Default: 1 GiB. */
  readonly frameBytes?: number | undefined
  /** The bytes of a message, over all its frames. Default: 1 GiB. */
  readonly messageBytes?: number | undefined
  /** The frames of a message. Default: 65,536. */
  readonly messageFrames?: number | undefined
  /** The bytes of a handshake, which also has to end within `handshakeInterval`. Default: 16,384. */
  readonly handshakeBytes?: number | undefined
  /** The subscriptions of a connection. Default: 1,048,576. */
  readonly subscriptions?: number | undefined
  /** The bytes of a subscription. Default: 65,536. */
  readonly subscriptionBytes?: number | undefined
  /** The connections that peers have made to a socket, together. Default: 65,536. */
  readonly connections?: number | undefined
  /**
   * In so long a message that has begun has to be whole, or to go on by 1 KB at least. The time in which the socket reads
   * nothing, because its queue is full, does not count. Default: 30 seconds.
   */
  readonly messageInterval?: Duration.Input | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly limits?: Limits | undefined
  /**
   * Have V8 collect what is young after every 6 MB that were had for frames, up to 24 MB where that takes longer than 2 ms.
   *
   * Left to itself V8 waits until there is so much memory of buffers that it collects everything, which takes milliseconds,
   * every hundred messages of 64 KB. With this it takes a fraction of one: a process that receives messages of 1 KB and more
   * takes two thirds of the processor's time for them, and the longest round trips of 64 KB a fifth of the time. Where
   * nothing but small messages comes now and then, it is not done at all.
   *
   * To reach the collector, V8's flag `--expose-gc` is set once, for the moment in which a context of its own is made, and
   * then taken back; the program gets no `gc` by it. Each thread does so for itself. Where flags are refused, or there is no
   * such flag, V8 is left to itself. Default: true.
   */
  readonly collectGarbage?: boolean | undefined
}

const defaults: WireLimits = {
  frameBytes: 2 ** 30,
  messageBytes: 2 ** 30,
  messageFrames: 65_536,
  handshakeBytes: 16_384,
  subscriptions: 2 ** 20,
  subscriptionBytes: 65_536,
  connections: 65_536,
  messageInterval: 30_000
}

const counts = [
  "frameBytes",
  "messageBytes",
  "messageFrames",
  "handshakeBytes",
  "subscriptions",
  "subscriptionBytes",
  "connections"
] as const

const capabilities: ReadonlySet<Capability> = new Set<Capability>([
  ...SocketType.all,
  "tcp",
  "ipc",
  "inproc",
  "null",
  "plain"
])

/** The version of this package. */
const version = "0.1.0"

/** One count of turns for all sockets of the process, and one pool of slabs for those of which V8 is helped alike. */
const turns = new Turns(Net.nextTurn)
const sharing = (allocate: Memory.Allocate): Shared => ({
  turns,
  slabs: new Slabs(allocate),
  soon: Net.soon,
  allocate
})
const collecting = sharing(Memory.allocate)
const leaving = sharing(Memory.allocateOnly)

/**
 * The transport, with options. A limit that is not given has its default; one that is no limit fails with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<Transport, ZmqError> =>
  limitsOf(options.limits ?? {}).pipe(
    Effect.map((limits) => make(limits, options.collectGarbage === false ? leaving : collecting)),
    Layer.unwrap
  )

const make = (limits: WireLimits, shared: Shared): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.gen(function* () {
      const inproc = yield* Inproc.make
      return Transport.of({
        name: transportName,
        version,
        capabilities,
        open: Effect.fnUntraced(function* (type, options) {
          const lacking = lackOf(options)
          if (lacking !== undefined) return yield* lacking
          const link = new WireLink(
            shared,
            limits,
            yield* inproc.open(type),
            inproc.has,
            yield* Effect.context<never>()
          )
          const first = yield* Random.nextIntBetween(0, 2 ** 32)
          return yield* SocketEngine.make(type, options, Patterns.make(type, { ...options, first }), link)
        })
      })
    })
  )

/**
 * The transport.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport> = make(defaults, collecting)

const limitsOf = Effect.fnUntraced(function* ({ messageInterval, ...given }: Limits) {
  const limits: { -readonly [K in keyof WireLimits]: WireLimits[K] } = { ...defaults }
  for (const name of counts) {
    const value = given[name] ?? defaults[name]
    if (!(value >= 1)) return yield* invalid(name, `${value}`, "it must be 1 or more, or Infinity for no limit")
    limits[name] = value
  }
  if (messageInterval !== undefined) {
    const interval = Duration.fromInputUnsafe(messageInterval)
    limits.messageInterval = Duration.toMillis(interval)
    if (limits.messageInterval > 0) return limits
    return yield* invalid("messageInterval", Duration.format(interval), "it must be longer than nothing")
  }
  return limits
})

const invalid = (limit: keyof Limits, value: string, problem: string) =>
  Effect.fail(
    new ZmqError({
      module: "ZmtpTransport",
      method: "layerWith",
      reason: new InvalidOption({ option: `limits.${limit}`, value, problem })
    })
  )

/** What cannot be left out without harm fails; what only tunes the network does not. */
const lackOf = ({ device, ipcPeers, security, socks }: Resolved): Unsupported | undefined => {
  if (security?._tag === "Curve")
    return unsupported("CURVE", "use ZmqTransport, or Security.plain on a network that is safe")
  if (socks !== undefined) return unsupported("the option socks", "use ZmqTransport")
  if (device !== undefined) return unsupported("the option device", "bind or connect by an address of the device")
  if (ipcPeers !== undefined) return unsupported("the option ipcPeers", "use a security that authenticates")
  return undefined
}
