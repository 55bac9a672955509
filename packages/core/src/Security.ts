/**
 * Who may connect: the security of a socket, given as its option `security`.
 *
 * Of two sockets that connect, one is the server and one the client of the handshake, whichever of them binds. The server
 * says by `authenticate` whom it lets in, and as which `User`; there is no server without it.
 *
 * - `curve`: both have a key pair; the connection is encrypted. The client knows the server by its public key.
 * - `plain`: the client has a name and a password, which pass over the network in clear text, as do the messages.
 * - `null`: the client has nothing to show but its address. Messages pass in clear text.
 *
 * Both sides must use the same mechanism, else the handshake fails, and no message passes. Secrets are `Redacted`: they are
 * in no log, no error, no span and no text that is made of what holds them.
 *
 * **Example** (A server that knows its clients by their keys)
 *
 * ```ts
 * Rep.make({ bind: "tcp://*:5555", security: Security.curve({ keyPair, authenticate: Security.allow({ alice, bob }) }) })
 * ```
 *
 * @see RFC 23 (ZMTP), RFC 24 (PLAIN), RFC 25 (CURVE), RFC 27 (ZAP)
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type KeyPair, type PublicKey, publicKey } from "./Curve.ts"
import { type RoutingId, toHex } from "./RoutingId.ts"
import type { SocketType } from "./SocketType.ts"

/**
 * Who was let in: `id` is not empty.
 *
 * @category models
 * @since 0.1.0
 */
export interface User {
  readonly id: string
}

/**
 * The client is not let in. The reason is for the server's own eyes, in its event `HandshakeFailed`.
 *
 * @category errors
 * @since 0.1.0
 */
export class Denied extends Data.TaggedError("Denied")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

/**
 * Fails with `Denied`: what an `authenticate` says to whom it does not let in.
 *
 * @category constructors
 * @since 0.1.0
 */
export const denied = (reason = "not allowed"): Effect.Effect<never, Denied> => Effect.fail(new Denied({ reason }))

// -----------------------------------------------------------------------------
// What a client shows
// -----------------------------------------------------------------------------

interface Asking {
  /** The `domain` of the server's security. */
  readonly domain: string
  /** Where the client is, as the transport has it: over tcp its IP address. */
  readonly address: string
  /** The routing id that the client announces, where the transport can tell. libzmq cannot. */
  readonly routingId: RoutingId | undefined
}

/**
 * A client that has the secret key of this public key.
 *
 * @category models
 * @since 0.1.0
 */
export interface CurveRequest extends Asking {
  readonly _tag: "Curve"
  readonly publicKey: PublicKey
}

/**
 * A client with a name and a password.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlainRequest extends Asking {
  readonly _tag: "Plain"
  readonly username: string
  readonly password: Redacted.Redacted
}

/**
 * A client with an address, and nothing else.
 *
 * @category models
 * @since 0.1.0
 */
export interface NullRequest extends Asking {
  readonly _tag: "Null"
}

/**
 * What a client shows of itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Request = CurveRequest | PlainRequest | NullRequest

/**
 * Says who a client is, or denies it.
 *
 * It is run in each handshake, by itself: one that waits keeps nobody else waiting. Where it dies, gives no id, or takes
 * longer than four fifths of the `handshakeInterval`, the client is not let in.
 *
 * @category models
 * @since 0.1.0
 */
export type Authenticate<R extends Request> = (request: R) => Effect.Effect<User, Denied>

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

interface Serving<R extends Request> {
  readonly role: "server"
  readonly domain: string
  readonly authenticate: Authenticate<R>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface CurveServer extends Serving<CurveRequest> {
  readonly _tag: "Curve"
  readonly keyPair: KeyPair
}

/**
 * @category models
 * @since 0.1.0
 */
export interface CurveClient {
  readonly _tag: "Curve"
  readonly role: "client"
  readonly keyPair: KeyPair
  readonly serverKey: PublicKey
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PlainServer extends Serving<PlainRequest> {
  readonly _tag: "Plain"
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PlainClient {
  readonly _tag: "Plain"
  readonly role: "client"
  readonly username: string
  readonly password: Redacted.Redacted
}

/**
 * @category models
 * @since 0.1.0
 */
export interface NullServer extends Serving<NullRequest> {
  readonly _tag: "Null"
}

/**
 * The side of a handshake that authenticates.
 *
 * @category models
 * @since 0.1.0
 */
export type Server = CurveServer | PlainServer | NullServer

/**
 * The security of a socket. A socket without one is a client of `null`, and a server that lets everybody in.
 *
 * @category models
 * @since 0.1.0
 */
export type Security = Server | CurveClient | PlainClient

/** What a server is called to those whom it asks, where it is not told. */
const anyDomain = "global"

/**
 * CURVE: the connection is encrypted, the client proves that it has the secret key of its public key, and the server that
 * it has the one of `serverKey`. (`ZMQ_CURVE_…`)
 *
 * With `authenticate` it is the server, and with `serverKey` the client. `domain` is for an `authenticate` that several
 * servers share: it is in the request. Default: "global".
 *
 * @see RFC 25 (ZMTP-CURVE)
 * @category constructors
 * @since 0.1.0
 */
export const curve: {
  (options: { readonly keyPair: KeyPair; readonly serverKey: PublicKey }): CurveClient
  (options: {
    readonly keyPair: KeyPair
    readonly authenticate: Authenticate<CurveRequest>
    readonly domain?: string | undefined
  }): CurveServer
} = ((options: {
  readonly keyPair: KeyPair
  readonly serverKey: PublicKey
  readonly authenticate?: Authenticate<CurveRequest>
  readonly domain?: string | undefined
}): CurveClient | CurveServer => {
  const { authenticate, domain, keyPair, serverKey } = options
  return authenticate === undefined
    ? { _tag: "Curve", role: "client", keyPair, serverKey }
    : { _tag: "Curve", role: "server", keyPair, authenticate, domain: domain ?? anyDomain }
}) as never // the overload is told by `authenticate`, which was looked at

/**
 * PLAIN: the client has a name and a password, each of at most 255 bytes, which pass over the network in clear text.
 * (`ZMQ_PLAIN_…`)
 *
 * With `authenticate` it is the server, and with `username` the client. `domain` is for an `authenticate` that several
 * servers share: it is in the request. Default: "global".
 *
 * @see RFC 24 (ZMTP-PLAIN)
 * @category constructors
 * @since 0.1.0
 */
export const plain: {
  (options: { readonly username: string; readonly password: Redacted.Redacted }): PlainClient
  (options: { readonly authenticate: Authenticate<PlainRequest>; readonly domain?: string | undefined }): PlainServer
} = ((options: {
  readonly username: string
  readonly password: Redacted.Redacted
  readonly authenticate?: Authenticate<PlainRequest>
  readonly domain?: string | undefined
}): PlainClient | PlainServer => {
  const { authenticate, domain, password, username } = options
  return authenticate === undefined
    ? { _tag: "Plain", role: "client", username, password }
    : { _tag: "Plain", role: "server", authenticate, domain: domain ?? anyDomain }
}) as never // as above

const ofNull = (options: {
  readonly authenticate: Authenticate<NullRequest>
  readonly domain?: string | undefined
}): NullServer => ({
  _tag: "Null",
  role: "server",
  authenticate: options.authenticate,
  domain: options.domain ?? anyDomain
})

export {
  /**
   * A server for clients without security, which lets them in by their address. It does not protect from whoever can use
   * such an address. (`ZMQ_ZAP_DOMAIN`)
   *
   * @category constructors
   * @since 0.1.0
   */
  ofNull as null
}

// -----------------------------------------------------------------------------
// Policies
// -----------------------------------------------------------------------------

/**
 * Lets in who has one of these public keys. Given as a record, the names are the ids of the users; otherwise the id of a
 * user is the key.
 *
 * @category policies
 * @since 0.1.0
 */
export const allow: {
  (...publicKeys: ReadonlyArray<PublicKey>): Authenticate<CurveRequest>
  (users: Readonly<Record<string, PublicKey>>): Authenticate<CurveRequest>
} = (...args: ReadonlyArray<PublicKey | Readonly<Record<string, PublicKey>>>): Authenticate<CurveRequest> => {
  const users = new Map<string, User>()
  for (const arg of args) {
    if (typeof arg === "string") users.set(arg, { id: arg })
    else for (const [id, key] of Object.entries(arg)) users.set(key, { id })
  }
  return ({ publicKey }) => {
    const user = users.get(publicKey)
    return user === undefined ? denied(`the public key ${publicKey} is not allowed`) : Effect.succeed(user)
  }
}

/**
 * Lets in who has one of these names, with its password. The names are the ids of the users.
 *
 * @category policies
 * @since 0.1.0
 */
export const passwords = (users: Readonly<Record<string, Redacted.Redacted>>): Authenticate<PlainRequest> => {
  const known = new Map(Object.entries(users))
  return ({ password, username }) => {
    const expected = known.get(username)
    // The comparison takes as long where the name is unknown.
    const isRight = isSame(Redacted.value(password), expected === undefined ? "" : Redacted.value(expected))
    return isRight && expected !== undefined
      ? Effect.succeed({ id: username })
      : denied("the name or the password is wrong")
  }
}

/** In a time that depends on what is given alone, not on what it is compared with. */
const isSame = (given: string, expected: string): boolean => {
  let difference = given.length ^ expected.length
  for (let i = 0; i < given.length; i++) difference |= given.charCodeAt(i) ^ expected.charCodeAt(i % expected.length)
  return difference === 0
}

// -----------------------------------------------------------------------------
// For transports
// -----------------------------------------------------------------------------

/**
 * What a server answers to a client, by the status codes of ZAP: let in, denied, or not to be said because `authenticate`
 * did not give an answer.
 *
 * @see RFC 27 (ZAP)
 * @category transports
 * @since 0.1.0
 */
export type Verdict =
  | { readonly status: 200; readonly user: User }
  | { readonly status: 400; readonly problem: string }
  | { readonly status: 500; readonly problem: string }

/**
 * Runs the `authenticate` of a server for a request of the same mechanism: always answers, within four fifths of the
 * handshake interval. What was wrong with an `authenticate` without an answer is logged.
 *
 * @category transports
 * @since 0.1.0
 */
export const judge = (
  server: Server,
  request: Request,
  handshakeInterval: Duration.Duration
): Effect.Effect<Verdict> => {
  const report = reportOf(request)
  if (server._tag !== request._tag) return report(`a ${server._tag} server cannot judge a ${request._tag} client`)
  const within = Duration.times(handshakeInterval, 0.8)
  return Effect.suspend(() =>
    // The tags are the same.
    (server.authenticate as Authenticate<Request>)(request)
  ).pipe(
    Effect.flatMap((user) => {
      // Untyped code can give anything.
      const id: unknown = user?.id
      return typeof id === "string" && id !== ""
        ? Effect.succeed<Verdict>({ status: 200, user })
        : report("authenticate gave a user without an id")
    }),
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => report(`authenticate gave no answer within ${Duration.format(within)}`)
    }),
    Effect.catchCause((cause): Effect.Effect<Verdict> => {
      const denial = Cause.findErrorOption(cause)
      // Untyped code can fail with anything.
      return denial._tag === "Some" && denial.value instanceof Denied
        ? Effect.succeed({ status: 400, problem: denial.value.reason })
        : report("authenticate died", cause)
    })
  )
}

const reportOf =
  ({ address, domain }: Request) =>
  (problem: string, ...cause: ReadonlyArray<unknown>): Effect.Effect<Verdict> =>
    Effect.as(
      Effect.logError(`a client${address && ` at ${address}`} is not let in to "${domain}": ${problem}`, ...cause),
      { status: 500, problem }
    )

/**
 * The judge of one socket: `judge`, and for a ROUTER also whose the routing ids of its clients are. The first user who comes
 * with an id has it for as long as the socket lives: another one who announces it is denied, lest the messages of one be
 * taken for the other's, or sent to the other. Of each user the last 1,024 ids are known.
 *
 * @category transports
 * @since 0.1.0
 */
export const makeJudge = (
  type: SocketType,
  server: Server,
  handshakeInterval: Duration.Duration
): ((request: Request) => Effect.Effect<Verdict>) => {
  if (type !== "ROUTER") return (request) => judge(server, request, handshakeInterval)
  const owners = new Map<string, string>()
  const owned = new Map<string, Set<string>>()
  const claim = (routingId: RoutingId, user: string): boolean => {
    const id = toHex(routingId)
    const owner = owners.get(id)
    if (owner !== undefined) return owner === user
    const ids = owned.get(user) ?? new Set()
    owned.set(user, ids.add(id))
    owners.set(id, user)
    const [oldest] = ids
    if (ids.size > mostIds && oldest !== undefined) {
      ids.delete(oldest)
      owners.delete(oldest)
    }
    return true
  }
  return (request) =>
    Effect.map(judge(server, request, handshakeInterval), (verdict) =>
      verdict.status !== 200 || request.routingId === undefined || claim(request.routingId, verdict.user.id)
        ? verdict
        : { status: 400, problem: "the routing id is another user's" }
    )
}

const mostIds = 1024

/**
 * What is wrong with a security that untyped code may have given, and the option that it is in. No secret is in it.
 *
 * @category transports
 * @since 0.1.0
 */
export const problemOf = (security: Security): { readonly option: string; readonly problem: string } | undefined => {
  const given: Record<string, unknown> = typeof security === "object" && security !== null ? { ...security } : {}
  const wrong = (option: string, problem: string) => ({ option: `security${option}`, problem })
  if (given._tag !== "Curve" && given._tag !== "Plain" && given._tag !== "Null") {
    return wrong("", "it must be made by Security.curve, Security.plain or Security.null")
  }
  if (given._tag === "Curve") {
    const { publicKey, secretKey } = (given.keyPair ?? {}) as Partial<KeyPair> // each is looked at
    if (!isKey(publicKey)) return wrong(".keyPair.publicKey", keyProblem)
    if (!Redacted.isRedacted(secretKey) || !isKey(Redacted.value(secretKey))) {
      return wrong(".keyPair.secretKey", `${keyProblem}, and Redacted`)
    }
  }
  if (given.role === "server") {
    const { authenticate, domain } = given
    if (typeof authenticate !== "function") return wrong(".authenticate", "it must be a function")
    return isShort(domain) && domain !== "" ? undefined : wrong(".domain", "it must be text of 1 to 255 bytes")
  }
  if (given._tag === "Curve") return isKey(given.serverKey) ? undefined : wrong(".serverKey", keyProblem)
  if (!isShort(given.username)) return wrong(".username", "it must be text of at most 255 bytes")
  const { password } = given
  return Redacted.isRedacted(password) && isShort(Redacted.value(password))
    ? undefined
    : wrong(".password", "it must be text of at most 255 bytes, and Redacted")
}

const keyProblem = "it must be a key of 40 characters, as Curve.keyPair or Curve.publicKey gives it"

const isKey = (value: unknown): boolean => typeof value === "string" && Result.isSuccess(publicKey(value))

const isShort = (value: unknown): boolean => typeof value === "string" && new TextEncoder().encode(value).length <= 255
