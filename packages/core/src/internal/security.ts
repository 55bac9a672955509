/** What sockets see to themselves of security: what a transport lacks, and what is bound for everybody to reach. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Endpoint from "../Endpoint.ts"
import type { Security } from "../Security.ts"
import type { SocketType } from "../SocketType.ts"
import type { Capability, Transport } from "../Transport.ts"
import { Unsupported } from "../ZmqError.ts"

const mechanisms = { Curve: "curve", Plain: "plain", Null: "null" } as const satisfies Record<
  Security["_tag"],
  Capability
>

const features = {
  curve: "CURVE security",
  plain: "PLAIN security",
  null: "authentication by address (Security.null)"
} as const

export const supported = (
  transport: Transport["Service"],
  security: Security | undefined
): Effect.Effect<void, Unsupported> => {
  const mechanism = security && mechanisms[security._tag]
  return mechanism === undefined || transport.capabilities.has(mechanism)
    ? Effect.void
    : Effect.fail(
        new Unsupported({
          transport: transport.name,
          feature: features[mechanism],
          hint: "leave the option security out, or use another transport"
        })
      )
}

/** The endpoints that were warned of, in this process. */
export const Warned: Context.Reference<Set<string>> = Context.Reference<Set<string>>("@effect-zmq/core/Warned", {
  defaultValue: () => new Set()
})

/** Warns, once, of an endpoint that other machines can reach, and that lets everybody in. */
export const warnOfExposure = Effect.fnUntraced(function* (
  type: SocketType,
  endpoint: Endpoint.Endpoint,
  security: Security | undefined
) {
  if (endpoint._tag !== "Tcp" || isLoopback(endpoint.host) || (security !== undefined && security._tag !== "Null"))
    return
  const warned = yield* Warned
  const text = Endpoint.format(endpoint)
  if (warned.has(text)) return
  warned.add(text)
  yield* Effect.logWarning(
    `${text} can be reached from other machines, and the ${type} socket bound to it has neither CURVE nor PLAIN security: whoever reaches it can take part; give the socket the option security, or bind it to 127.0.0.1`
  ).pipe(Effect.annotateLogs({ "zmq.type": type, "zmq.endpoint": text }))
})

const isLoopback = (host: string): boolean =>
  /^(127\.\d+\.\d+\.\d+|\[?(::1|::ffff:127\.\d+\.\d+\.\d+)\]?|localhost|lo)$/i.test(host)
