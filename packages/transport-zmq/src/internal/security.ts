/** The security of one socket: its options in libzmq's terms, and, of a server, whom it let in and whom not. */
import { randomBytes, randomUUID } from "node:crypto"
import * as Curve from "@effect-zmq/core/Curve"
import type { Message } from "@effect-zmq/core/Message"
import * as RoutingId from "@effect-zmq/core/RoutingId"
import type * as Security from "@effect-zmq/core/Security"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import type { Handle } from "@effect-zmq/core/Transport"
import { type Reason, Unsupported } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import {
  hasCurve,
  hasIpc,
  type NativeContext,
  type Setting,
  ZMQ_CURVE_PUBLICKEY,
  ZMQ_CURVE_SECRETKEY,
  ZMQ_CURVE_SERVER,
  ZMQ_CURVE_SERVERKEY,
  ZMQ_PLAIN_PASSWORD,
  ZMQ_PLAIN_SERVER,
  ZMQ_PLAIN_USERNAME,
  ZMQ_ZAP_DOMAIN,
  ZMQ_ZAP_ENFORCE_DOMAIN
} from "./addon.ts"
import { transportName } from "./errors.ts"
import * as Zap from "./zap.ts"

/** The security of a socket. */
export interface Secured {
  /** There are secrets among them: to be given to libzmq, and kept nowhere. */
  readonly settings: () => ReadonlyArray<Setting>
  /** What the next bind, and the next connect, are to go by. */
  readonly binding: ReadonlyArray<Setting>
  readonly connecting: ReadonlyArray<Setting>
  /** Why a handshake failed with this status of ZAP. */
  readonly denial: (status: string) => string
  /** Is told of the peers that come and go. */
  readonly see: (event: SocketEvent) => void
  readonly userOf: Handle["userOf"]
}

const client = (settings: () => ReadonlyArray<Setting>): Secured => ({
  settings,
  binding: [],
  connecting: [],
  denial: (status) => `the peer does not let it in (${status})`,
  see: () => undefined,
  userOf: undefined
})

const none = client(() => [])

/** Prepares the security of a socket that is about to be opened: a server has its handler until the scope closes. */
export const prepare = (
  context: NativeContext,
  type: SocketType,
  options: Resolved
): Effect.Effect<Secured, Reason, Scope.Scope> => {
  const { security } = options
  if (security === undefined) return Effect.succeed(none)
  if (security._tag === "Curve" && !hasCurve) return Effect.fail(curveless)
  if (security.role === "server") return prepareServer(context, type, options, security)
  return security._tag === "Curve" ? Effect.succeed(curveClient(security)) : plainClient(security)
}

const curveless = new Unsupported({
  transport: transportName,
  feature: "CURVE",
  hint: "use a libzmq that was built with it, as that of the addon is where it was not built anew"
})

const curveClient = ({ keyPair, serverKey }: Security.CurveClient): Secured =>
  client(() => [
    [ZMQ_CURVE_SERVERKEY, Curve.bytes(serverKey)],
    [ZMQ_CURVE_PUBLICKEY, Curve.bytes(keyPair.publicKey)],
    [ZMQ_CURVE_SECRETKEY, Curve.bytes(Redacted.value(keyPair.secretKey))]
  ])

const plainClient = ({ password, username }: Security.PlainClient): Effect.Effect<Secured, Reason> => {
  // What is not set is empty; one of them has to be set, or libzmq does not know of PLAIN.
  if (username === "" && Redacted.value(password) === "") return Effect.fail(nameless)
  const settings = (): ReadonlyArray<Setting> => [
    [ZMQ_PLAIN_USERNAME, utf8(username)],
    [ZMQ_PLAIN_PASSWORD, utf8(Redacted.value(password))]
  ]
  return Effect.succeed(client(() => settings().filter(([, value]) => typeof value === "number" || value.length > 0)))
}

const nameless = new Unsupported({
  transport: transportName,
  feature: "a client of PLAIN whose name and password are both empty",
  hint: "give it a name"
})

const utf8 = (text: string): Uint8Array => Buffer.from(text)

// -----------------------------------------------------------------------------
// Servers
// -----------------------------------------------------------------------------

const prepareServer = (
  context: NativeContext,
  type: SocketType,
  options: Resolved,
  security: Security.Server
): Effect.Effect<Secured, Reason, Scope.Scope> => {
  const { handover, handshakeInterval } = options
  const judged = new Judged()
  const domain = randomUUID()
  const secured: Secured = {
    settings: () => [
      ...serverSettings(security),
      [ZMQ_ZAP_DOMAIN, utf8(domain)],
      // Without a handler nobody is let in, rather than everybody.
      [ZMQ_ZAP_ENFORCE_DOMAIN, 1]
    ],
    binding: [],
    connecting: [],
    denial: (status) => judged.problemOf(status) ?? `not let in (${status})`,
    see: () => undefined,
    userOf: undefined
  }
  const serve = (domain: string, names: boolean) =>
    Zap.serve(context, {
      domain,
      security,
      handshakeInterval,
      names,
      answered: (verdict) => judged.add(verdict, names)
    })
  // Who may take over the routing id of another announces it.
  if (type !== "ROUTER" || security._tag !== "Curve" || handover || !hasIpc)
    return Effect.as(serve(domain, false), secured)
  // What a ROUTER connected to keeps its name when another one is there later: it gets none.
  const connecting = `${domain}-connecting`
  return serve(domain, true).pipe(
    Effect.andThen(serve(connecting, false)),
    Effect.as({
      ...secured,
      binding: [[ZMQ_ZAP_DOMAIN, utf8(domain)]],
      connecting: [[ZMQ_ZAP_DOMAIN, utf8(connecting)]],
      see: (event) => judged.see(event),
      userOf: (message) => judged.userOf(message)
    })
  )
}

const serverSettings = (security: Security.Server): ReadonlyArray<Setting> => {
  switch (security._tag) {
    case "Curve":
      return [
        [ZMQ_CURVE_SERVER, 1],
        [ZMQ_CURVE_SECRETKEY, Curve.bytes(Redacted.value(security.keyPair.secretKey))]
      ]
    case "Plain":
      return [[ZMQ_PLAIN_SERVER, 1]]
    case "Null":
      return []
  }
}

/** How long after an answer an event may still be about it. */
const eventMillis = 1000

/** How many answers an event may be about; of so many it says nothing anyway. */
const mostDenials = 64

/** How many users are remembered of whom no peer is known to be here. */
const remembered = 65_536

/**
 * Whom a server let in, and whom not.
 *
 * libzmq tells of no message which user it is from. But what the answer to a CURVE client calls it, is what a ROUTER calls
 * it, whatever it announces. So each gets a name that nobody can guess or has had, and who has that name is known. (Of the
 * other mechanisms libzmq reads what the client announces after the answer, and that counts.)
 */
export class Judged {
  /** By routing id, those who are connected; and those who are not yet, or no longer, of whom messages may still wait. */
  private readonly present = new Map<string, Security.User>()
  private readonly absent = new Map<string, { readonly user: Security.User; readonly left: boolean }>()
  private denials: ReadonlyArray<{ readonly status: number; readonly problem: string; readonly at: number }> = []

  /** What the peer is to be called, if it is to have a name. */
  add(verdict: Security.Verdict, names: boolean): RoutingId.RoutingId | undefined {
    if (verdict.status !== 200) {
      this.denials = [...this.recent().slice(-mostDenials), { ...verdict, at: performance.now() }]
      return undefined
    }
    if (!names) return undefined
    const id = madeUp()
    this.keep(RoutingId.toHex(id), verdict.user, false)
    return id
  }

  /** Why the client was denied that an event of this status is about: nothing where it may be one of several. */
  problemOf(status: string): string | undefined {
    const recent = this.recent()
    const [first, ...others] = recent.filter((denial) => `${denial.status}` === status)
    if (first === undefined) return undefined
    this.denials = recent.filter((denial) => denial !== first)
    return others.every(({ problem }) => problem === first.problem) ? first.problem : undefined
  }

  private recent() {
    const since = performance.now() - eventMillis
    return this.denials.filter(({ at }) => at >= since)
  }

  userOf([from]: Message): Security.User | undefined {
    const key = RoutingId.toHex(from)
    return this.present.get(key) ?? this.absent.get(key)?.user
  }

  /** Sees who comes and goes. A name is for one connection: whoever has it after that is nobody. */
  see(event: SocketEvent): void {
    if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return
    const key = RoutingId.toHex(event.routingId)
    const user = this.present.get(key)
    const known = this.absent.get(key)
    this.present.delete(key)
    if (event._tag === "PeerLeft") {
      if (user !== undefined) this.keep(key, user, true)
      return
    }
    this.absent.delete(key)
    if (known !== undefined && !known.left) this.present.set(key, known.user)
  }

  /** Keeps a user for as long as there are not too many later ones. */
  private keep(key: string, user: Security.User, left: boolean): void {
    this.absent.set(key, { user, left })
    if (this.absent.size <= remembered) return
    for (const oldest of this.absent.keys()) return void this.absent.delete(oldest)
  }
}

/** 128 bits of chance behind the zero that begins what is made up. */
const madeUp = (): RoutingId.RoutingId =>
  // It has 17 bytes.
  Uint8Array.of(0, ...randomBytes(16)) as RoutingId.RoutingId
