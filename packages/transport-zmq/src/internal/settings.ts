/** Socket options as the addon has them, and which of them a type of socket lacks. */
import type { Endpoint } from "@effect-zmq/core/Endpoint"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import { Unsupported } from "@effect-zmq/core/ZmqError"
import * as Duration from "effect/Duration"
import {
  hasDrafts,
  hasIpc,
  type Setting,
  ZMQ_BINDTODEVICE,
  ZMQ_DISCONNECT_MSG,
  ZMQ_HEARTBEAT_IVL,
  ZMQ_HEARTBEAT_TIMEOUT,
  ZMQ_IN_BATCH_SIZE,
  ZMQ_IPC_FILTER_GID,
  ZMQ_IPC_FILTER_UID,
  ZMQ_METADATA,
  ZMQ_OUT_BATCH_SIZE,
  ZMQ_PRIORITY,
  ZMQ_PROBE_ROUTER,
  ZMQ_RCVBUF,
  ZMQ_ROUTER_HANDOVER,
  ZMQ_ROUTER_MANDATORY,
  ZMQ_ROUTING_ID,
  ZMQ_SNDBUF,
  ZMQ_TCP_MAXRT,
  ZMQ_XPUB_MANUAL,
  ZMQ_XPUB_MANUAL_LAST_VALUE,
  ZMQ_XPUB_VERBOSE,
  ZMQ_XPUB_VERBOSER,
  ZMQ_XPUB_WELCOME_MSG,
  ZMQ_XSUB_VERBOSE_UNSUBSCRIBE
} from "./addon.ts"
import { transportName } from "./errors.ts"
import { departure } from "./peers.ts"

export const sends = (type: SocketType): boolean => type !== "PULL" && type !== "SUB"

export const receives = (type: SocketType): boolean => type !== "PUSH" && type !== "PUB"

/** The options that only some types have: of any other type, libzmq would refuse or ignore them. */
const particular = {
  conflate: ["PUSH", "PULL", "PUB", "SUB", "DEALER"],
  invertMatching: ["PUB", "SUB", "XPUB"],
  noDrop: ["PUB", "XPUB"],
  correlate: ["REQ"],
  subscribe: ["SUB", "XSUB"],
  routingId: ["REQ", "DEALER", "ROUTER"],
  handover: ["ROUTER"],
  probeRouter: ["DEALER", "ROUTER"],
  verbosity: ["XPUB"],
  manual: ["XPUB"],
  welcomeMessage: ["XPUB"],
  lastValue: ["XPUB"],
  verboseUnsubscribe: ["XSUB"]
} as const satisfies Record<string, ReadonlyArray<SocketType>>

/** The first option that is set and that the type does not have. */
export const lacking = (type: SocketType, options: Resolved): Unsupported | undefined => {
  const set = {
    ...options,
    subscribe: options.subscribe.length > 0,
    routingId: options.routingId !== undefined,
    verbosity: options.verbosity !== "unique",
    welcomeMessage: options.welcomeMessage !== undefined
  }
  // It has no other keys than its type says.
  for (const option of Object.keys(particular) as Array<keyof typeof particular>) {
    const having: ReadonlyArray<SocketType> = particular[option]
    if (set[option] && !having.includes(type)) {
      return new Unsupported({
        transport: transportName,
        feature: `the option ${option} on a ${type} socket`,
        hint: having.length === 0 ? "use another transport" : `only ${having.join(", ")} sockets have it`
      })
    }
  }
  if (options.highWaterMark.isInBytes) return inBytes
  if (options.metadata.some(([, value]) => value.includes(0))) return zeroByte
  if (options.socks !== undefined && !hasIpc) return socks
  if (hasDrafts) return undefined
  const draft = drafts.find((option) => isGiven(options[option]))
  return (
    draft &&
    new Unsupported({
      transport: transportName,
      feature: `the option ${draft}: it is a draft, and this libzmq was built without drafts`,
      hint: "use the addon as it comes"
    })
  )
}

const inBytes = new Unsupported({
  transport: transportName,
  feature: "a high-water mark in bytes: libzmq counts messages",
  hint: "give a mark in messages, or use ZmtpTransport"
})

const zeroByte = new Unsupported({
  transport: transportName,
  feature: "a zero byte in metadata: libzmq ends the value there",
  hint: "say it in text, or use ZmtpTransport"
})

const socks = new Unsupported({
  transport: transportName,
  feature: "the option socks where there is no ipc",
  hint: "forward a local port through the proxy, and connect to that"
})

/** The options that libzmq has as drafts. */
const drafts = ["lastValue", "verboseUnsubscribe", "packetPriority", "batchSize", "metadata"] as const

const isGiven = (value: Resolved[(typeof drafts)[number]]): boolean => {
  if (typeof value !== "object") return value !== false && value !== 0
  return "length" in value ? value.length > 0 : value.send !== undefined || value.receive !== undefined
}

/** libzmq has 0 for a queue without limit. */
const mark = (count: number): number => (count === Number.POSITIVE_INFINITY ? 0 : count)

/** libzmq has -1 for what never ends. */
export const millis = (duration: Duration.Duration): number =>
  Duration.isFinite(duration) ? Duration.toMillis(duration) : -1

const seconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

/** What a socket is opened with. */
export interface Settings {
  readonly named: Readonly<Record<string, number | boolean>>
  readonly numbered: ReadonlyArray<Setting>
}

export const settings = (type: SocketType, options: Resolved): Settings => ({
  named: named(type, options),
  numbered: numbered(type, options)
})

const named = (type: SocketType, options: Resolved): Settings["named"] => ({
  ...(sends(type) && { sendHighWaterMark: mark(options.highWaterMark.send) }),
  ...(receives(type) && { receiveHighWaterMark: mark(options.highWaterMark.receive) }),
  linger: millis(options.linger),
  immediate: options.immediate,
  ...(options.reconnect === undefined
    ? { reconnectInterval: -1 }
    : {
        reconnectInterval: millis(options.reconnect.initial),
        reconnectMaxInterval: millis(options.reconnect.maximum)
      }),
  ...(options.connectTimeout && { connectTimeout: millis(options.connectTimeout) }),
  handshakeInterval: millis(options.handshakeInterval),
  ...(options.heartbeat?.tcpOnly === false && {
    heartbeatInterval: millis(options.heartbeat.interval),
    heartbeatTimeout: millis(options.heartbeat.timeout),
    ...(options.heartbeat.timeToLive && { heartbeatTimeToLive: millis(options.heartbeat.timeToLive) })
  }),
  maxMessageSize: options.maxMessageSize === Number.POSITIVE_INFINITY ? -1 : options.maxMessageSize,
  backlog: options.backlog,
  ...keepalive(options.tcpKeepalive ?? probes(type, options)),
  ipv6: options.ipv6,
  typeOfService: options.typeOfService,
  ...(options.conflate && { conflate: true }),
  ...(options.invertMatching && { invertMatching: true }),
  ...(options.noDrop && { noDrop: true }),
  // Relaxed, because a request that is withdrawn gets no reply; it is for us to see that no late one is taken for another.
  ...(type === "REQ" && { relaxed: true, correlate: options.correlate })
})

/** What the addon has no name for, or would take for text that ends with a zero byte. */
const numbered = (type: SocketType, options: Resolved): Settings["numbered"] => {
  const all: Array<Setting> = []
  if (options.routingId !== undefined) all.push([ZMQ_ROUTING_ID, options.routingId])
  if (options.probeRouter) all.push([ZMQ_PROBE_ROUTER, 1])
  if (type === "ROUTER") all.push([ZMQ_ROUTER_MANDATORY, 1])
  if (type === "ROUTER" && hasDrafts) all.push([ZMQ_DISCONNECT_MSG, departure])
  if (options.handover) all.push([ZMQ_ROUTER_HANDOVER, 1])
  if (options.verbosity !== "unique") {
    all.push([options.verbosity === "all" ? ZMQ_XPUB_VERBOSER : ZMQ_XPUB_VERBOSE, 1])
  }
  if (options.manual) all.push([options.lastValue ? ZMQ_XPUB_MANUAL_LAST_VALUE : ZMQ_XPUB_MANUAL, 1])
  if (options.welcomeMessage !== undefined) all.push([ZMQ_XPUB_WELCOME_MSG, options.welcomeMessage])
  if (options.verboseUnsubscribe) all.push([ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, 1])
  return [...all, ...network(options)]
}

/** What a bind or a connect to an endpoint goes by: the heartbeats that are the default, over tcp. */
export const heartbeats = (type: SocketType, { heartbeat }: Resolved, endpoint: Endpoint): ReadonlyArray<Setting> => {
  if (heartbeat?.tcpOnly !== true) return []
  if (endpoint._tag !== "Tcp" || !alternates(type)) return [[ZMQ_HEARTBEAT_IVL, 0]]
  return [
    [ZMQ_HEARTBEAT_IVL, millis(heartbeat.interval)],
    [ZMQ_HEARTBEAT_TIMEOUT, millis(heartbeat.timeout)]
  ]
}

const network = (options: Resolved): ReadonlyArray<Setting> => {
  const { batchSize, device, ipcPeers, metadata, packetPriority, retransmitTimeout, systemBuffer } = options
  const all: Array<Setting> = []
  const add = (option: number, value: number | string | undefined) => {
    if (value !== undefined) all.push([option, typeof value === "string" ? encoder.encode(value) : value])
  }
  for (const [name, value] of metadata) all.push([ZMQ_METADATA, Uint8Array.of(...encoder.encode(`${name}:`), ...value)])
  add(ZMQ_SNDBUF, systemBuffer.send)
  add(ZMQ_RCVBUF, systemBuffer.receive)
  add(ZMQ_OUT_BATCH_SIZE, batchSize.send)
  add(ZMQ_IN_BATCH_SIZE, batchSize.receive)
  add(ZMQ_TCP_MAXRT, retransmitTimeout && millis(retransmitTimeout))
  add(ZMQ_PRIORITY, packetPriority === 0 ? undefined : packetPriority)
  add(ZMQ_BINDTODEVICE, device)
  for (const user of ipcPeers?.users ?? []) add(ZMQ_IPC_FILTER_UID, user)
  for (const group of ipcPeers?.groups ?? []) add(ZMQ_IPC_FILTER_GID, group)
  return all
}

const encoder = new TextEncoder()

/**
 * Whether its messages alternate: then its queue is never full. Where it can be, heartbeats are no default, because a queue
 * that is full stops libzmq from reading: it then misses the answers to its own pings, and drops a connection that is well;
 * and a ping to who has left makes it drop what it has not read yet. The system's probes stay away from both.
 */
const alternates = (type: SocketType): boolean => type === "REQ" || type === "REP"

/**
 * What looks after connections that have no heartbeats by default: gone are those that did not answer for 6 seconds, or a little more. Not of
 * a PULL. Who has left does not answer either, after a minute, and a PULL may still have to read what it left behind.
 */
const probes = (type: SocketType, { heartbeat }: Resolved): Resolved["tcpKeepalive"] =>
  heartbeat?.tcpOnly !== true || alternates(type) || type === "PULL"
    ? undefined
    : { idle: Duration.seconds(2), interval: Duration.seconds(1), count: 4 }

const keepalive = (options: Resolved["tcpKeepalive"]): Record<string, number> => {
  if (options === undefined) return {}
  if (options === false) return { tcpKeepalive: 0 }
  return {
    tcpKeepalive: 1,
    ...(options.idle && { tcpKeepaliveIdle: seconds(options.idle) }),
    ...(options.interval && { tcpKeepaliveInterval: seconds(options.interval) }),
    ...(options.count && { tcpKeepaliveCount: options.count })
  }
}
