/**
 * The options of sockets: in groups, in full words, with units.
 *
 * They are given to a type's `make`, checked there, and fixed from then on. A transport gets them as `Resolved`, with
 * every default filled in. Each names the option of libzmq that it is, whose meaning it keeps.
 *
 * Options of the physical network (`backlog`, `batchSize`, `device`, `ipv6`, `packetPriority`, `retransmitTimeout`, `socks`,
 * `systemBuffer`, `tcpKeepalive`, `typeOfService`) have no effect over inproc and in memory, where there is no such network.
 *
 * It has more than 400 lines, because it is the list of all options, three times: as they are given, as they are resolved, and
 * as they are read.
 *
 * @see zmq_setsockopt(3)
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Endpoint from "./Endpoint.ts"
import * as RoutingId from "./RoutingId.ts"
import { type Security, problemOf as securityProblem } from "./Security.ts"
import { InvalidOption } from "./ZmqError.ts"

/**
 * Options of every socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * What the socket is called in metrics, logs and spans. Not one name for each connection or request: every name is kept
   * in the metrics for ever. Default: its type and its endpoints as they were given, `"PULL tcp://127.0.0.1:5557"`.
   */
  readonly name?: string | undefined
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
   * Default: 100 milliseconds up to 5 seconds, or to `initial` where that is longer. (`ZMQ_RECONNECT_IVL`, `ZMQ_RECONNECT_IVL_MAX`)
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
   * (default: `interval`). `timeToLive` tells the peer to do the same (0.1 to 6553.5 seconds; default: it need not).
   * `false`: never.
   *
   * Default: every 2 seconds with a timeout of 6, over tcp alone. So a peer that is stopped or cut off is noticed within 8
   * seconds. The sooner it is, the more messages are lost with connections that would have recovered; those that a program
   * cannot spare it has to have acknowledged.
   *
   * On libzmq that is the default of REQ and REP. It cannot be of the others: a receiver whose queue is full takes its own
   * silence for its peer's, ends a connection that is well, and loses thousands of messages. There a peer that is cut off
   * is noticed by TCP's own probes (`tcpKeepalive`: after 2 seconds, every second, 4 times), if nothing was on its way to
   * it; a PULL does not look. So with libzmq give a heartbeat to those that read at once whatever comes.
   *
   * With transport-zmtp silence counts by default only of a peer that has answered behind all that was sent to it, but for
   * REQ and REP: another may be silent because its queue is full. What is given here is kept to by the clock.
   * (`ZMQ_HEARTBEAT_IVL`, `_TIMEOUT`, `_TTL`)
   */
  readonly heartbeat?:
    | false
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
   * Default: as the system has it, but for what `heartbeat` says. (`ZMQ_TCP_KEEPALIVE`, `_IDLE`, `_INTVL`, `_CNT`)
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
  /**
   * Which of this machine's outgoing tcp packets go first: 0 to 6, the more the sooner; up to 15 for who may administer
   * the network. Default: 0. (`ZMQ_PRIORITY`.) No endpoint of a socket is preferred to another by it: for that, give each
   * a socket of its own, and receive by `Poller.prioritize`.
   */
  readonly packetPriority?: number | undefined
  /** How long what was sent over tcp may stay unacknowledged before the connection is lost. Default: as the system has it. (`ZMQ_TCP_MAXRT`) */
  readonly retransmitTimeout?: Duration.Input | undefined
  /** How many bytes of each connection the system holds, outside of the queues of messages. Default: as the system has it. (`ZMQ_SNDBUF`, `ZMQ_RCVBUF`) */
  readonly systemBuffer?: { readonly send?: number | undefined; readonly receive?: number | undefined } | undefined
  /** How many bytes are written to a connection, or read from it, at a time: more costs memory, and spares calls. Default: 8,192. (`ZMQ_OUT_BATCH_SIZE`, `ZMQ_IN_BATCH_SIZE`) */
  readonly batchSize?: { readonly send?: number | undefined; readonly receive?: number | undefined } | undefined
  /** The network device, such as `"eth0"`, that tcp connections are to go by. It may ask for privileges. Default: any. (`ZMQ_BINDTODEVICE`) */
  readonly device?: string | undefined
  /**
   * A SOCKS 5 proxy, `"host:port"`, by which tcp connections are made; with a username, and a password or none, where it
   * asks for them. Default: none. (`ZMQ_SOCKS_PROXY`, `_USERNAME`, `_PASSWORD`)
   */
  readonly socks?:
    | {
        readonly proxy: string
        readonly username?: string | undefined
        readonly password?: Redacted.Redacted | undefined
      }
    | undefined
  /**
   * Who may connect to an ipc endpoint: processes of these users, or of these groups, by their numbers. Default: whom the
   * file lets. (`ZMQ_IPC_FILTER_UID`, `ZMQ_IPC_FILTER_GID`)
   */
  readonly ipcPeers?:
    | { readonly users?: ReadonlyArray<number> | undefined; readonly groups?: ReadonlyArray<number> | undefined }
    | undefined
  /**
   * What the socket says of itself to its peers, in the handshake: names that begin with `X-`, in letters, digits and
   * `-_.+`, and at most 8 KB in all. Case has no meaning in names. A peer of MemoryTransport or ZmtpTransport is told of it
   * by `HandshakeSucceeded`, and `PeerJoined`; one of libzmq reads it by `zmq_msg_gets`. Whoever reads it has only the
   * peer's word for it. ZmqTransport says it over tcp and ipc, values without zero bytes, and cannot tell what peers say. Default: nothing. (RFC 37;
   * `ZMQ_METADATA`)
   */
  readonly metadata?: { readonly [name: `X-${string}`]: string | Uint8Array } | undefined
  /**
   * Who may connect, and as whom to connect: `Security.curve`, `Security.plain`, `Security.null`. Default: everybody may,
   * and what passes can be read on its way. (`ZMQ_CURVE_…`, `ZMQ_PLAIN_…`, `ZMQ_ZAP_DOMAIN`)
   */
  readonly security?: Security | undefined
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
        /**
         * How many bytes may be: the queue is full when either mark is reached. As long as it has fewer it takes one more
         * message, of whatever size; so it holds less than the mark and one message, and a message that is larger than the
         * mark can be sent. A frame after the first counts for 128 bytes more than it has, until it is encoded.
         *
         * Default: 64 KiB for each message of `send`, and 64 MiB at least; unlimited where that is, and with `conflate`.
         * libzmq counts messages only: on ZmqTransport a mark in bytes fails with `Unsupported`, and there is none by default.
         */
        readonly sendBytes?: number | "unlimited" | undefined
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
        /**
         * How many bytes may be, as in `sendBytes`. On ZmtpTransport what comes beyond is not read: it stays in the system's
         * buffers, and then with the peer. Default: 64 KiB for each message of `receive`, and 64 MiB at least.
         */
        readonly receiveBytes?: number | "unlimited" | undefined
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
  /** What ROUTERs are to call this socket. (`ZMQ_ROUTING_ID`) */
  readonly routingId?: RoutingId.Input | undefined
  /** What becomes of a message to a peer whose queue is full. (`ZMQ_ROUTER_MANDATORY`) */
  readonly onFull?: "suspend" | "drop" | "fail" | undefined
  /** Let a peer take over the routing id of another. (`ZMQ_ROUTER_HANDOVER`) */
  readonly handover?: boolean | undefined
  /** Begin every connection with an empty message. (`ZMQ_PROBE_ROUTER`) */
  readonly probeRouter?: boolean | undefined
  /** Which subscriptions are told of. (`ZMQ_XPUB_VERBOSE`, `ZMQ_XPUB_VERBOSER`) */
  readonly verbosity?: "unique" | "subscriptions" | "all" | undefined
  /** Have subscriptions hold only when they are confirmed. (`ZMQ_XPUB_MANUAL`) */
  readonly manual?: boolean | undefined
  /** Have what is sent next go to the subscriber alone whose subscription was received. (`ZMQ_XPUB_MANUAL_LAST_VALUE`) */
  readonly lastValue?: boolean | undefined
  /** What every subscriber is sent first. (`ZMQ_XPUB_WELCOME_MSG`) */
  readonly welcomeMessage?: string | Uint8Array | undefined
  /** Tell publishers of every `unsubscribe`. (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`) */
  readonly verboseUnsubscribe?: boolean | undefined
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
  readonly name: string | undefined
  readonly highWaterMark: {
    readonly send: number
    readonly receive: number
    readonly sendBytes: number
    readonly receiveBytes: number
    /** Whether a limit in bytes was asked for, which a transport that counts messages only cannot keep. */
    readonly isInBytes: boolean
  }
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
        /** By default, other connections have none. */
        readonly tcpOnly: boolean
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
  readonly packetPriority: number
  readonly retransmitTimeout: Duration.Duration | undefined
  readonly systemBuffer: { readonly send: number | undefined; readonly receive: number | undefined }
  readonly batchSize: { readonly send: number | undefined; readonly receive: number | undefined }
  readonly device: string | undefined
  readonly socks:
    | {
        readonly proxy: string
        readonly username: string | undefined
        readonly password: Redacted.Redacted | undefined
      }
    | undefined
  readonly ipcPeers: { readonly users: ReadonlyArray<number>; readonly groups: ReadonlyArray<number> } | undefined
  /** In the order in which they were given. */
  readonly metadata: ReadonlyArray<readonly [name: string, value: Uint8Array]>
  readonly security: Security | undefined
  readonly conflate: boolean
  readonly invertMatching: boolean
  readonly noDrop: boolean
  readonly correlate: boolean
  readonly subscribe: ReadonlyArray<Uint8Array>
  readonly routingId: RoutingId.RoutingId | undefined
  /** The socket makes "drop" of "fail", and counts. */
  readonly onFull: "suspend" | "fail"
  readonly handover: boolean
  readonly probeRouter: boolean
  readonly verbosity: "unique" | "subscriptions" | "all"
  readonly manual: boolean
  readonly lastValue: boolean
  readonly welcomeMessage: Uint8Array | undefined
  readonly verboseUnsubscribe: boolean
}

/**
 * Checks options and fills in the defaults, or says which option is wrong, and why. `ipv6` is whether an endpoint of the
 * socket has an IPv6 address.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolve = (options: DuplexOptions & Particular, ipv6: boolean): Result.Result<Resolved, InvalidOption> => {
  const read = new Reader()
  const resolved: Resolved = {
    name: read.text("name", options.name),
    highWaterMark: read.marks(options),
    linger: read.duration("linger", options.linger, Duration.seconds(1), 0, Number.POSITIVE_INFINITY),
    immediate: read.flag("immediate", options.immediate, false),
    reconnect: read.reconnect(options.reconnect),
    connectTimeout: read.duration("connectTimeout", options.connectTimeout, undefined, 1),
    handshakeInterval: read.duration("handshakeInterval", options.handshakeInterval, Duration.seconds(30), 1),
    heartbeat: read.heartbeat(options.heartbeat),
    maxMessageSize: read.count("maxMessageSize", options.maxMessageSize, Number.POSITIVE_INFINITY, 1, 2 ** 53 - 1),
    backlog: read.count("backlog", options.backlog, 100, 1, maximumInt32),
    tcpKeepalive: read.tcpKeepalive(options.tcpKeepalive),
    ipv6: read.flag("ipv6", options.ipv6, ipv6),
    typeOfService: read.count("typeOfService", options.typeOfService, 0, 0, 255),
    packetPriority: read.count("packetPriority", options.packetPriority, 0, 0, 15),
    retransmitTimeout: read.duration("retransmitTimeout", options.retransmitTimeout, undefined, 1),
    systemBuffer: read.bytes("systemBuffer", options.systemBuffer),
    batchSize: read.bytes("batchSize", options.batchSize),
    device: read.text("device", options.device),
    socks: read.socks(options.socks),
    ipcPeers: read.ipcPeers(options.ipcPeers),
    metadata: read.metadata(options.metadata),
    security: read.security(options.security),
    conflate: read.flag("conflate", options.conflate, false),
    invertMatching: read.flag("invertMatching", options.invertMatching, false),
    noDrop: read.flag("noDrop", options.noDrop, false),
    correlate: read.flag("correlate", options.correlate, false),
    subscribe: options.subscribe ?? [],
    routingId: read.routingId(options.routingId),
    onFull: read.choice("onFull", options.onFull, ["suspend", "drop", "fail"]) === "suspend" ? "suspend" : "fail",
    handover: read.flag("handover", options.handover, false),
    probeRouter: read.flag("probeRouter", options.probeRouter, false),
    verbosity: read.choice("verbosity", options.verbosity, ["unique", "subscriptions", "all"]),
    manual: read.flag("manual", options.manual, false),
    lastValue: read.lastValue(options),
    welcomeMessage: read.frame("welcomeMessage", options.welcomeMessage),
    verboseUnsubscribe: read.flag("verboseUnsubscribe", options.verboseUnsubscribe, false)
  }
  return read.problem === undefined ? Result.succeed(resolved) : Result.fail(read.problem)
}

/**
 * Checks a routing id that is to be given to a socket or a peer, or says what is wrong with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const routingId = (value: RoutingId.Input): Result.Result<RoutingId.RoutingId, InvalidOption> => {
  const read = new Reader()
  const id = read.routingId(value)
  // Without a problem there is an id.
  return read.problem === undefined ? Result.succeed(id as RoutingId.RoutingId) : Result.fail(read.problem)
}

const maximumInt32 = 2 ** 31 - 1

/** The mark in bytes where none is given: so many for each message of the other mark, and so many at least. */
const bytesEach = 2 ** 16
const leastBytes = 2 ** 26

/** Of all metadata: half of what a peer takes of a handshake by default. */
const mostMetadata = 8192

/** By which the library knows itself. */
const reserved = "x-effect-zmq"

const defaultHeartbeat: Resolved["heartbeat"] = {
  interval: Duration.seconds(2),
  timeout: Duration.seconds(6),
  timeToLive: undefined,
  tcpOnly: true
}

/** Reads values, and keeps the first problem. Untyped code can pass anything. */
class Reader {
  problem: InvalidOption | undefined = undefined

  private wrong(option: string, value: unknown, problem: string): void {
    this.problem ??= new InvalidOption({ option, value: print(value), problem })
  }

  flag(option: string, value: boolean | undefined, otherwise: boolean): boolean {
    if (value === undefined) return otherwise
    if (typeof value !== "boolean") this.wrong(option, value, "it must be true or false")
    return value
  }

  /** One of several values, the first where none is given. */
  choice<const A extends string>(option: string, value: A | undefined, all: readonly [A, ...ReadonlyArray<A>]): A {
    if (value === undefined || all.includes(value)) return value ?? all[0]
    this.wrong(option, value, `it must be one of ${all.map((one) => JSON.stringify(one)).join(", ")}`)
    return all[0]
  }

  text(option: string, value: string | undefined): string | undefined {
    if (value === undefined) return undefined
    if (typeof value === "string" && value !== "" && !value.includes("\0")) return value
    this.wrong(option, value, "it must be text, and not empty")
    return undefined
  }

  /** Numbers of bytes, each way. */
  bytes(option: "systemBuffer" | "batchSize", value: Options["systemBuffer"]): Resolved["systemBuffer"] {
    if (value !== undefined && !isGroup(value)) {
      this.wrong(option, value, "it must be an object with send and receive, in bytes")
    }
    return {
      send: this.count(`${option}.send`, value?.send, undefined, 1, maximumInt32),
      receive: this.count(`${option}.receive`, value?.receive, undefined, 1, maximumInt32)
    }
  }

  socks(value: Options["socks"]): Resolved["socks"] {
    if (value === undefined) return undefined
    const proxy = isGroup(value) ? value.proxy : undefined
    if (typeof proxy !== "string" || !/^[^\s\0]+:[0-9]{1,5}$/.test(proxy)) {
      // What else was given has a password in it.
      this.wrong("socks.proxy", proxy, 'it must be "host:port"')
      return undefined
    }
    const username = this.text("socks.username", value.username)
    if (value.password !== undefined && (!Redacted.isRedacted(value.password) || username === undefined)) {
      this.wrong("socks.password", "what was given", "it must be Redacted, with a username")
    }
    const sizes = [username ?? "", value.password === undefined ? "" : String(Redacted.value(value.password))]
    if (sizes.some((text) => new TextEncoder().encode(text).length > 255)) {
      this.wrong("socks", "what was given", "a username and a password have 255 bytes at most")
    }
    return { proxy, username, password: value.password }
  }

  ipcPeers(value: Options["ipcPeers"]): Resolved["ipcPeers"] {
    if (value === undefined) return undefined
    if (!isGroup(value)) this.wrong("ipcPeers", value, "it must be an object with users and groups")
    const { groups = [], users = [] } = value
    for (const [option, all] of [["ipcPeers.users", users] as const, ["ipcPeers.groups", groups] as const]) {
      const good = Array.isArray(all) && all.every((id) => Number.isInteger(id) && id >= 0 && id <= maximumInt32)
      if (!good) this.wrong(option, all, "it must be a list of the system's numbers")
    }
    if (users.length + groups.length === 0) this.wrong("ipcPeers", value, "nobody could connect: give users or groups")
    return { users, groups }
  }

  lastValue(options: Particular): boolean {
    const lastValue = this.flag("lastValue", options.lastValue, false)
    if (lastValue && options.manual !== true) this.wrong("lastValue", true, "it goes with manual: true")
    return lastValue
  }

  frame(option: string, value: string | Uint8Array | undefined): Uint8Array | undefined {
    if (value === undefined || value instanceof Uint8Array) return value
    if (typeof value === "string") return new TextEncoder().encode(value)
    this.wrong(option, value, "it must be text or bytes")
    return undefined
  }

  routingId(value: RoutingId.Input | undefined): RoutingId.RoutingId | undefined {
    const bytes = this.frame("routingId", value)
    const id = bytes && RoutingId.make(bytes)
    if (id !== undefined && RoutingId.isMadeUp(id)) {
      this.wrong("routingId", value, "5 bytes of which the first is 0 are what a ROUTER calls peers without an id")
    } else if (id === undefined && bytes !== undefined) {
      this.wrong("routingId", value, "it must have 1 to 255 bytes")
    }
    return id
  }

  marks({ conflate, highWaterMark }: DuplexOptions & Particular): Resolved["highWaterMark"] {
    const send = this.mark("highWaterMark.send", highWaterMark?.send)
    const receive = this.mark("highWaterMark.receive", highWaterMark?.receive)
    const { receiveBytes, sendBytes } = highWaterMark ?? {}
    const isLimit = (bytes: number | "unlimited" | undefined) => bytes !== undefined && bytes !== "unlimited"
    return {
      send,
      receive,
      sendBytes: this.byteMark("highWaterMark.sendBytes", sendBytes, send, conflate === true),
      receiveBytes: this.byteMark("highWaterMark.receiveBytes", receiveBytes, receive, conflate === true),
      isInBytes: isLimit(sendBytes) || isLimit(receiveBytes)
    }
  }

  private byteMark(option: string, value: number | "unlimited" | undefined, mark: number, conflate: boolean): number {
    const bytes =
      value === "unlimited"
        ? Number.POSITIVE_INFINITY
        : this.count(option, value, Math.max(bytesEach * mark, leastBytes), 1, 2 ** 53 - 1, ', or "unlimited"')
    return conflate ? Number.POSITIVE_INFINITY : bytes
  }

  metadata(value: Options["metadata"]): Resolved["metadata"] {
    if (value === undefined) return []
    if (!isGroup(value)) {
      this.wrong("metadata", value, "it must be an object of names that begin with X- and texts or bytes")
      return []
    }
    const names = new Set<string>()
    const all = Object.entries(value).map(([name, text]): Resolved["metadata"][number] => {
      const option = `metadata.${name}`
      const key = name.toLowerCase()
      if (!/^X-[A-Za-z0-9\-_.+]{1,253}$/.test(name)) {
        this.wrong(
          option,
          name,
          "a name begins with X-, and has letters, digits and - _ . + behind it, 255 in all at most"
        )
      } else if (key.startsWith(reserved)) {
        this.wrong(option, name, "names that begin with X-effect-zmq are for the library itself")
      } else if (names.has(key)) this.wrong(option, name, "it is there twice: case has no meaning in names")
      names.add(key)
      const bytes = this.frame(option, text) ?? new Uint8Array(0)
      if (bytes.length === 0) this.wrong(option, text, "it must have a byte at least")
      return [name, bytes]
    })
    const size = all.reduce((sum, [name, bytes]) => sum + name.length + bytes.length + 5, 0)
    if (size > mostMetadata) {
      this.wrong("metadata", `${size} bytes`, `names and values, and 5 for each, have ${mostMetadata} bytes at most`)
    }
    return all
  }

  mark(option: string, value: number | "unlimited" | undefined): number {
    if (value === "unlimited") return Number.POSITIVE_INFINITY
    return this.count(option, value, 1000, 1, maximumInt32, ', or "unlimited"')
  }

  count<A>(
    option: string,
    value: number | undefined,
    otherwise: A,
    minimum: number,
    maximum: number,
    or = ""
  ): number | A {
    if (value === undefined) return otherwise
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
    this.wrong(option, value, `it must be a whole number from ${minimum} to ${maximum}${or}`)
    return otherwise
  }

  duration<A>(
    option: string,
    value: Duration.Input | undefined,
    otherwise: A,
    minimum: number,
    maximum: number = maximumInt32
  ): Duration.Duration | A {
    if (value === undefined) return otherwise
    const duration = Number.isNaN(value) ? Option.none() : Duration.fromInput(value)
    const exact = Option.isSome(duration) ? Duration.toMillis(duration.value) : Number.NaN
    const millis = exact < 0 ? exact : Math.ceil(exact)
    if (millis >= minimum && (millis <= maximumInt32 || millis === Number.POSITIVE_INFINITY) && millis <= maximum) {
      return Duration.millis(millis)
    }
    const most = maximum === Number.POSITIVE_INFINITY ? "24 days, or Infinity" : `${maximum} milliseconds`
    this.wrong(option, value, `it must be a duration from ${minimum} milliseconds to ${most}`)
    return otherwise
  }

  reconnect(value: Options["reconnect"]): Resolved["reconnect"] {
    if (value === false) return undefined
    if (value !== undefined && !isGroup(value)) {
      this.wrong("reconnect", value, "it must be false, or an object with an initial and a maximum duration")
    }
    const initial = this.duration("reconnect.initial", value?.initial, Duration.millis(100), 1)
    const maximum = this.duration("reconnect.maximum", value?.maximum, Duration.max(initial, Duration.seconds(5)), 1)
    if (Duration.isLessThan(maximum, initial)) {
      this.wrong("reconnect.maximum", value?.maximum, "it must not be less than reconnect.initial")
    }
    return { initial, maximum }
  }

  heartbeat(value: Options["heartbeat"]): Resolved["heartbeat"] {
    if (value === false) return undefined
    if (value === undefined) return defaultHeartbeat
    if (!isGroup(value)) this.wrong("heartbeat", value, "it must be false, or an object with an interval")
    const interval = this.duration("heartbeat.interval", value.interval, undefined, 1)
    if (interval === undefined) {
      this.wrong("heartbeat.interval", value.interval, "it must be a duration")
      return undefined
    }
    return {
      interval,
      timeout: this.duration("heartbeat.timeout", value.timeout, interval, 1),
      timeToLive: this.duration("heartbeat.timeToLive", value.timeToLive, undefined, 100, 6_553_500),
      tcpOnly: false
    }
  }

  /** What is wrong is told without what was given: there are secrets in it. */
  security(value: Security | undefined): Security | undefined {
    const wrong = value === undefined ? undefined : securityProblem(value)
    if (wrong !== undefined) this.problem ??= new InvalidOption({ ...wrong, value: "what was given" })
    return value
  }

  tcpKeepalive(value: Options["tcpKeepalive"]): Resolved["tcpKeepalive"] {
    if (value === undefined || value === false) return value
    if (value === true) return { idle: undefined, interval: undefined, count: undefined }
    if (!isGroup(value)) {
      this.wrong("tcpKeepalive", value, "it must be true, false, or an object with idle, interval and count")
      return undefined
    }
    return {
      idle: this.seconds("tcpKeepalive.idle", value.idle),
      interval: this.seconds("tcpKeepalive.interval", value.interval),
      count: this.count("tcpKeepalive.count", value.count, undefined, 1, maximumInt32)
    }
  }

  /** The system counts keep-alive in whole seconds. */
  private seconds(option: string, value: Duration.Input | undefined): Duration.Duration | undefined {
    const duration = this.duration(option, value, undefined, 1)
    return duration && Duration.seconds(Math.ceil(Duration.toSeconds(duration)))
  }
}

const isGroup = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

/** A value as a person would write it. */
const print = (value: unknown): string => {
  if (typeof value === "bigint") return `${value}n`
  if (Duration.isDuration(value)) return Duration.format(value)
  if (value instanceof Uint8Array) return `0x${RoutingId.toHex(value)}`
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))
}
