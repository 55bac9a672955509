/** Socket options as the addon has them, and which of them a type of socket lacks. */
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import { Unsupported } from "@effect-zmq/core/ZmqError"
import * as Duration from "effect/Duration"
import { type NativeType, types } from "./addon.ts"
import { transportName } from "./errors.ts"

export const isNativeType = (type: SocketType): type is NativeType =>
  (types as ReadonlyArray<SocketType>).includes(type)

export const sends = (type: NativeType): boolean => type !== "PULL" && type !== "SUB"

export const receives = (type: NativeType): boolean => type !== "PUSH" && type !== "PUB"

/** The options that only some types have: of any other type, libzmq would refuse or ignore them. */
const particular = {
  conflate: ["PUSH", "PULL", "PUB", "SUB"],
  invertMatching: ["PUB", "SUB"],
  noDrop: ["PUB"],
  correlate: ["REQ"],
  subscribe: ["SUB"],
  routingId: []
} as const satisfies Record<string, ReadonlyArray<NativeType>>

/** The first option that is set and that the type does not have. */
export const lacking = (type: NativeType, options: Resolved): Unsupported | undefined => {
  const set = { ...options, subscribe: options.subscribe.length > 0, routingId: options.routingId !== undefined }
  for (const option of Object.keys(particular) as Array<keyof typeof particular>) {
    const having: ReadonlyArray<NativeType> = particular[option]
    if (set[option] && !having.includes(type)) {
      return new Unsupported({
        transport: transportName,
        feature: `the option ${option} on a ${type} socket`,
        hint: having.length === 0 ? "use another transport" : `only ${having.join(", ")} sockets have it`
      })
    }
  }
  return undefined
}

/** libzmq has 0 for a queue without limit. */
const mark = (count: number): number => (count === Number.POSITIVE_INFINITY ? 0 : count)

/** libzmq has -1 for what never ends. */
export const millis = (duration: Duration.Duration): number =>
  Duration.isFinite(duration) ? Duration.toMillis(duration) : -1

const seconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

export const settings = (type: NativeType, options: Resolved): Readonly<Record<string, number | boolean>> => ({
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
  ...(options.heartbeat && {
    heartbeatInterval: millis(options.heartbeat.interval),
    heartbeatTimeout: millis(options.heartbeat.timeout),
    ...(options.heartbeat.timeToLive && { heartbeatTimeToLive: millis(options.heartbeat.timeToLive) })
  }),
  maxMessageSize: options.maxMessageSize === Number.POSITIVE_INFINITY ? -1 : options.maxMessageSize,
  backlog: options.backlog,
  ...keepalive(options.tcpKeepalive),
  ipv6: options.ipv6,
  typeOfService: options.typeOfService,
  ...(options.conflate && { conflate: true }),
  ...(options.invertMatching && { invertMatching: true }),
  ...(options.noDrop && { noDrop: true }),
  // Relaxed, because a request that is withdrawn gets no reply; it is for us to see that no late one is taken for another.
  ...(type === "REQ" && { relaxed: true, correlate: options.correlate })
})

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
