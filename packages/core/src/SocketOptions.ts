/**
 * The options of sockets: in groups, in full words, with units.
 *
 * They are given to a type's `make`, checked there, and fixed from then on. A transport gets them as `Resolved`, with
 * every default filled in. Each names the option of libzmq that it is, whose meaning it keeps.
 *
 * Options of the physical network (`tcpKeepalive`, `typeOfService`, `backlog`, `ipv6`) have no effect over inproc and in
 * memory, where there is no such network.
 *
 * @see zmq_setsockopt(3)
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as Endpoint from "./Endpoint.ts"
import { InvalidOption } from "./ZmqError.ts"

/**
 * Options of every socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Endpoints to be bound to, in this order. A port `*` is any free one; `Socket.endpoints` tells which. */
  readonly bind?: Endpoint.Input | ReadonlyArray<Endpoint.Input> | undefined
  /** Endpoints to connect to, in this order. The peers need not be there yet. */
  readonly connect?: Endpoint.Input | ReadonlyArray<Endpoint.Input> | undefined
  /**
   * For how long the close of the scope may deliver what was sent and is still queued; then it is dropped, and `Closed`
   * says so. Default: 1 second. (`ZMQ_LINGER`, whose default is for ever.)
   */
  readonly linger?: Duration.Input | undefined
  /** Queue messages only for peers that are connected, rather than for those being connected to. Default: false. (`ZMQ_IMMEDIATE`) */
  readonly immediate?: boolean | undefined
  /**
   * How long to wait before connecting again: `initial`, doubling up to `maximum`. `false`: never connect again.
   * Default: 100 milliseconds up to 5 seconds. (`ZMQ_RECONNECT_IVL`, `ZMQ_RECONNECT_IVL_MAX`)
   */
  readonly reconnect?:
    | false
    | {
        readonly initial?: Duration.Input | undefined
        readonly maximum?: Duration.Input | undefined
      }
    | undefined
  /** How long to wait for a connection to be made before trying again. Default: the system's. (`ZMQ_CONNECT_TIMEOUT`) */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long a handshake may take before the connection is given up. Default: 30 seconds. (`ZMQ_HANDSHAKE_IVL`) */
  readonly handshakeInterval?: Duration.Input | undefined
  /**
   * Ask the peer for a sign of life every `interval`, and take the connection for lost after `timeout` without any
   * (default: `interval`). `timeToLive` tells the peer to do the same (0 to 6553.5 seconds; default: it need not).
   * Default: none. (`ZMQ_HEARTBEAT_IVL`, `_TIMEOUT`, `_TTL`)
   */
  readonly heartbeat?:
    | {
        readonly interval: Duration.Input
        readonly timeout?: Duration.Input | undefined
        readonly timeToLive?: Duration.Input | undefined
      }
    | undefined
  /** The largest frame that a peer may send, in bytes: a larger one ends its connection. Default: unlimited. (`ZMQ_MAXMSGSIZE`) */
  readonly maxMessageSize?: number | undefined
  /** How many connections may wait to be accepted, over tcp and ipc. Default: 100. (`ZMQ_BACKLOG`) */
  readonly backlog?: number | undefined
  /**
   * TCP keep-alive: on, off, or on with its times and the number of unanswered probes that end a connection.
   * Default: as the system has it. (`ZMQ_TCP_KEEPALIVE`, `_IDLE`, `_INTVL`, `_CNT`)
   */
  readonly tcpKeepalive?:
    | boolean
    | {
        readonly idle?: Duration.Input | undefined
        readonly interval?: Duration.Input | undefined
        readonly count?: number | undefined
      }
    | undefined
  /** Allow IPv6 beside IPv4. Default: where an endpoint has an IPv6 address. (`ZMQ_IPV6`) */
  readonly ipv6?: boolean | undefined
  /** The type-of-service byte of outgoing packets, 0 to 255. Default: 0. (`ZMQ_TOS`) */
  readonly typeOfService?: number | undefined
}

/**
 * Options of sockets that send.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendOptions extends Options {
  readonly highWaterMark?:
    | {
        /** How many messages may be queued for one peer. Default: 1,000. (`ZMQ_SNDHWM`) */
        readonly send?: number | "unlimited" | undefined
      }
    | undefined
}

/**
 * Options of sockets that receive.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceiveOptions extends Options {
  readonly highWaterMark?:
    | {
        /** How many messages of one peer may be queued before it has to wait, or drops. Default: 1,000. (`ZMQ_RCVHWM`) */
        readonly receive?: number | "unlimited" | undefined
      }
    | undefined
}

/**
 * Options of sockets that send and receive.
 *
 * @category models
 * @since 0.1.0
 */
export interface DuplexOptions extends Options {
  readonly highWaterMark?:
    | (NonNullable<SendOptions["highWaterMark"]> & NonNullable<ReceiveOptions["highWaterMark"]>)
    | undefined
}

/**
 * Options that only some types have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Particular {
  /** Keep only the newest message, of one frame. (`ZMQ_CONFLATE`) */
  readonly conflate?: boolean | undefined
  /** Send to, and receive, what does not match the subscriptions. (`ZMQ_INVERT_MATCHING`) */
  readonly invertMatching?: boolean | undefined
  /** Suspend the sender rather than drop for a subscriber whose queue is full. (`ZMQ_XPUB_NODROP`) */
  readonly noDrop?: boolean | undefined
  /** Number requests, and refuse replies of another number. (`ZMQ_REQ_CORRELATE`, `ZMQ_REQ_RELAXED`) */
  readonly correlate?: boolean | undefined
  /** What to subscribe to, as prefixes of the first frame. */
  readonly subscribe?: ReadonlyArray<Uint8Array> | undefined
}

/**
 * Options checked, with every default filled in: what a transport gets.
 *
 * Durations are whole milliseconds, rounded up, or infinite. High-water marks and `maxMessageSize` are `Infinity` where
 * unlimited. `undefined` stands for "as the system has it".
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolved {
  readonly highWaterMark: { readonly send: number; readonly receive: number }
  readonly linger: Duration.Duration
  readonly immediate: boolean
  readonly reconnect: { readonly initial: Duration.Duration; readonly maximum: Duration.Duration } | undefined
  readonly connectTimeout: Duration.Duration | undefined
  readonly handshakeInterval: Duration.Duration
  readonly heartbeat:
    | {
        readonly interval: Duration.Duration
        readonly timeout: Duration.Duration
        readonly timeToLive: Duration.Duration | undefined
      }
    | undefined
  readonly maxMessageSize: number
  readonly backlog: number
  readonly tcpKeepalive:
    | false
    | {
        readonly idle: Duration.Duration | undefined
        readonly interval: Duration.Duration | undefined
        readonly count: number | undefined
      }
    | undefined
  readonly ipv6: boolean
  readonly typeOfService: number
  readonly conflate: boolean
  readonly invertMatching: boolean
  readonly noDrop: boolean
  readonly correlate: boolean
  readonly subscribe: ReadonlyArray<Uint8Array>
}

/**
 * Checks options and fills in the defaults, or says which option is wrong, and why. `ipv6` is whether an endpoint of the
 * socket has an IPv6 address.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolve = (
  options: DuplexOptions & Particular,
  ipv6: boolean
): Result.Result<Resolved, InvalidOption> => {
  const read = new Reader()
  const { heartbeat, reconnect, tcpKeepalive } = options
  const interval = heartbeat && read.duration("heartbeat.interval", heartbeat.interval, 1)
  const initial = reconnect === false ? undefined : read.duration("reconnect.initial", reconnect?.initial ?? 100, 1)
  const resolved: Resolved = {
    highWaterMark: {
      send: read.mark("highWaterMark.send", options.highWaterMark?.send),
      receive: read.mark("highWaterMark.receive", options.highWaterMark?.receive)
    },
    linger: read.duration("linger", options.linger ?? 1000, 0, Number.POSITIVE_INFINITY),
    immediate: options.immediate ?? false,
    reconnect:
      reconnect === false || initial === undefined
        ? undefined
        : {
            initial,
            maximum: Duration.max(initial, read.duration("reconnect.maximum", reconnect?.maximum ?? 5000, 1))
          },
    connectTimeout:
      options.connectTimeout === undefined ? undefined : read.duration("connectTimeout", options.connectTimeout, 1),
    handshakeInterval: read.duration("handshakeInterval", options.handshakeInterval ?? 30_000, 1),
    heartbeat:
      heartbeat && interval
        ? {
            interval,
            timeout: read.duration("heartbeat.timeout", heartbeat.timeout ?? interval, 1),
            timeToLive:
              heartbeat.timeToLive === undefined
                ? undefined
                : read.duration("heartbeat.timeToLive", heartbeat.timeToLive, 100, 6_553_500)
          }
        : undefined,
    maxMessageSize: read.count("maxMessageSize", options.maxMessageSize, Number.POSITIVE_INFINITY, 1, 2 ** 53 - 1),
    backlog: read.count("backlog", options.backlog, 100, 1, maximumInt32),
    tcpKeepalive:
      typeof tcpKeepalive === "object"
        ? {
            idle: read.seconds("tcpKeepalive.idle", tcpKeepalive.idle),
            interval: read.seconds("tcpKeepalive.interval", tcpKeepalive.interval),
            count:
              tcpKeepalive.count === undefined
                ? undefined
                : read.count("tcpKeepalive.count", tcpKeepalive.count, 0, 1, maximumInt32)
          }
        : tcpKeepalive === true
          ? { idle: undefined, interval: undefined, count: undefined }
          : tcpKeepalive,
    ipv6: options.ipv6 ?? ipv6,
    typeOfService: read.count("typeOfService", options.typeOfService, 0, 0, 255),
    conflate: options.conflate ?? false,
    invertMatching: options.invertMatching ?? false,
    noDrop: options.noDrop ?? false,
    correlate: options.correlate ?? false,
    subscribe: options.subscribe ?? []
  }
  return read.problem === undefined ? Result.succeed(resolved) : Result.fail(read.problem)
}

const maximumInt32 = 2 ** 31 - 1

/** Reads values, and keeps the first problem. */
class Reader {
  problem: InvalidOption | undefined = undefined

  private wrong(option: string, value: unknown, problem: string): void {
    this.problem ??= new InvalidOption({ option, value: JSON.stringify(value) ?? String(value), problem })
  }

  mark(option: string, value: number | "unlimited" | undefined): number {
    return value === "unlimited" ? Number.POSITIVE_INFINITY : this.count(option, value, 1000, 1, maximumInt32)
  }

  count(option: string, value: number | undefined, otherwise: number, minimum: number, maximum: number): number {
    if (value === undefined) return otherwise
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
    this.wrong(option, value, `it must be a whole number from ${minimum} to ${maximum}`)
    return otherwise
  }

  duration(option: string, value: Duration.Input, minimum: number, maximum: number = maximumInt32): Duration.Duration {
    const duration = Duration.fromInput(value)
    const millis = duration._tag === "Some" ? Math.ceil(Duration.toMillis(duration.value)) : Number.NaN
    if (millis >= minimum && (millis <= maximumInt32 || millis === Number.POSITIVE_INFINITY) && millis <= maximum) {
      return Duration.millis(millis)
    }
    const most = maximum === Number.POSITIVE_INFINITY ? "24 days, or Infinity" : `${maximum} milliseconds`
    this.wrong(option, value, `it must be a duration from ${minimum} milliseconds to ${most}`)
    return Duration.millis(minimum)
  }

  /** The system counts keep-alive in whole seconds. */
  seconds(option: string, value: Duration.Input | undefined): Duration.Duration | undefined {
    if (value === undefined) return undefined
    return Duration.seconds(Math.ceil(Duration.toSeconds(this.duration(option, value, 1))))
  }
}
