import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Endpoint } from "../../Endpoint.ts"
import * as Security from "../../Security.ts"
import type { Side } from "./side.ts"

type Given = Security.Security | undefined

/** Why the mechanisms of two sockets do not fit, as the first one sees it. */
export const mismatch = (own: Given, far: Given): string | undefined => {
  const mechanism = nameOf(own)
  if (mechanism !== nameOf(far)) return `this socket has the mechanism ${mechanism}, and its peer ${nameOf(far)}`
  if (own === undefined || far === undefined || mechanism === "NULL") return undefined
  if (own.role === far.role) return `both sockets are the ${own.role} of ${mechanism}`
  if (own._tag !== "Curve" || far._tag !== "Curve") return undefined
  if (own.role === "client") {
    return own.serverKey === far.keyPair.publicKey ? undefined : "the server has another key than serverKey"
  }
  const isExpected = far.role === "server" || far.serverKey === own.keyPair.publicKey
  return isExpected ? undefined : "the client expects a server with another key"
}

const nameOf = (security: Given): string => security?._tag.toUpperCase() ?? "NULL"

/** Has a side say whether the other is let in; what ends its part in the connection ends this, without a verdict. */
export const judge = (
  side: Side,
  server: Security.Server,
  client: Side,
  endpoint: Endpoint,
  done: (verdict: Security.Verdict) => void
): void => {
  const { link, port } = side
  link.judge ??= Security.makeJudge(port.type, server, port.options.handshakeInterval)
  const fiber = Effect.runForkWith(link.context)(link.judge(requestOf(server, client, endpoint)))
  side.judging = fiber
  fiber.addObserver((exit) => {
    if (side.judging !== fiber) return
    side.judging = undefined
    done(Exit.isSuccess(exit) ? checked(side, exit.value) : { status: 500, problem: "authenticate was interrupted" })
  })
}

/** What a socket that connects has not read yet must not be taken for another user's. */
const checked = (side: Side, verdict: Security.Verdict): Security.Verdict => {
  const { pipe } = side
  return verdict.status !== 200 || pipe?.user === undefined || pipe.user.id === verdict.user.id || pipe.pending === 0
    ? verdict
    : { status: 500, problem: "what another user has sent is not read yet" }
}

const requestOf = (server: Security.Server, client: Side, endpoint: Endpoint): Security.Request => {
  const { routingId, security } = client.port.options
  const asking = { domain: server.domain, address: addresses[endpoint._tag], routingId }
  // Mechanisms and roles fit: that was looked at first.
  if (security?._tag === "Curve") return { _tag: "Curve", ...asking, publicKey: security.keyPair.publicKey }
  if (security?._tag === "Plain" && security.role === "client") {
    return { _tag: "Plain", ...asking, username: security.username, password: security.password }
  }
  return { _tag: "Null", ...asking }
}

/** Where a client is: in memory all hosts have the addresses of one machine. */
const addresses = { Tcp: "127.0.0.1", Ipc: "localhost", Inproc: "", Other: "" } satisfies Record<
  Endpoint["_tag"],
  string
>
