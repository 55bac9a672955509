/**
 * Who may connect to the server sockets of a context: each is asked for by a domain of its own, and answered by its
 * `authenticate`.
 *
 * There is one handler in a context, for as long as it has a server socket. It is there before the first of them can be
 * bound, because libzmq lets everybody in where there is none; for the same reason each socket also has the option that
 * then lets nobody in (`ZMQ_ZAP_ENFORCE_DOMAIN`). It answers 200, 400 or 500: what 300 refuses is never told of it.
 *
 * @see RFC 27 (ZAP)
 */
import * as Curve from "@effect-zmq/core/Curve"
import type { Message } from "@effect-zmq/core/Message"
import type { RoutingId } from "@effect-zmq/core/RoutingId"
import * as Security from "@effect-zmq/core/Security"
import { InvalidState, type Reason } from "@effect-zmq/core/ZmqError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { attempt, Failure, type NativeContext } from "./addon.ts"
import { reasonOf } from "./errors.ts"
import { after } from "./eventLoop.ts"
import { Fence } from "./fence.ts"
import { address, ZapSocket } from "./zapSocket.ts"

/** A server socket, as the handler knows it. */
export interface Server {
  /** Which of the context's servers it is: what libzmq has for its domain. */
  readonly domain: string
  readonly security: Security.Server
  readonly handshakeInterval: Duration.Duration
  /** Whether it gives names to those whom it lets in. */
  readonly names: boolean
  /** Told of each answer; what it gives is what libzmq is to call the peer. */
  readonly answered: (verdict: Security.Verdict) => RoutingId | undefined
}

/** Has the handler of the context answer for a server, until the scope closes. */
export const serve = (context: NativeContext, server: Server): Effect.Effect<void, Reason, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(Effect.context<never>(), (services) =>
      Effect.suspend(() => {
        const opened = attempt(() => {
          const handler = handlerOf(context)
          return { end: handler.add(server, Effect.runForkWith(services)) }
        })
        if (!(opened instanceof Failure)) return Effect.succeed(opened)
        closeIdle(context)
        return Effect.fail(opened.code === "EADDRINUSE" ? taken : reasonOf(opened, address))
      })
    ),
    ({ end }) =>
      Effect.sync(() => {
        end()
        closeIdle(context)
      })
  )

const taken = new InvalidState({
  problem: `a socket cannot be made a server here: ${address}, where libzmq asks who may connect, is taken by another thread of this process, or by another library in it; make the server sockets of all threads in one, or give those of this thread a context of their own by ZmqTransport.layerWith({ isolated: true })`
})

type Reply = (status: 200 | 400 | 500, user?: string, metadata?: Uint8Array) => void

type Fork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

const handlers = new WeakMap<NativeContext, Handler>()

const handlerOf = (context: NativeContext): Handler => {
  const handler = handlers.get(context) ?? new Handler(context)
  handlers.set(context, handler)
  return handler
}

const closeIdle = (context: NativeContext): void => {
  const handler = handlers.get(context)
  if (handler === undefined || !handler.isIdle) return
  handlers.delete(context)
  handler.close()
}

class Handler {
  private readonly context: NativeContext
  private readonly socket: ZapSocket
  /** Where there are servers that give names. */
  private fence: Fence | undefined
  private readonly servers = new Map<string, { readonly server: Server; readonly fork: Fork }>()
  private readonly running = new Map<Fiber.Fiber<void>, Server>()

  /** Throws what the addon throws. */
  constructor(context: NativeContext) {
    this.context = context
    this.socket = new ZapSocket(context, (frames) => this.requested(frames))
  }

  get isIdle(): boolean {
    return this.servers.size === 0
  }

  /** Throws what the addon throws. */
  add(server: Server, fork: Fork): () => void {
    if (server.names) this.fence ??= new Fence(this.context)
    this.servers.set(server.domain, { server, fork })
    return () => {
      this.servers.delete(server.domain)
      for (const [fiber, of] of this.running) if (of === server) fiber.interruptUnsafe()
    }
  }

  close(): void {
    this.socket.close()
    this.fence?.close()
  }

  private requested(frames: Message): void {
    const [peer, delimiter, version, id, domain, address, , mechanism, ...credentials] = frames
    // libzmq asks nothing else; somebody of this process may.
    if (peer === undefined || delimiter?.length !== 0 || id === undefined) return
    const reply: Reply = (status, user = "", metadata = nothing) =>
      this.socket.answer([peer, nothing, zapVersion, id, utf8(`${status}`), nothing, utf8(user), metadata])
    if (text(version) !== "1.0" || mechanism === undefined) reply(500)
    else this.ask(text(domain), text(address), text(mechanism), credentials, reply)
  }

  private ask(
    domain: string | undefined,
    address: string | undefined,
    mechanism: string | undefined,
    credentials: ReadonlyArray<Uint8Array>,
    reply: Reply
  ): void {
    const asked = domain === undefined ? undefined : this.servers.get(domain)
    // A socket of the addon that is not of this library: nobody says who may connect to it.
    if (asked === undefined) {
      reply(400)
      return
    }
    const { fork, server } = asked
    const answer = once((verdict: Security.Verdict) => {
      const routingId = server.answered(verdict)
      if (verdict.status !== 200) reply(verdict.status)
      else if (routingId === undefined) reply(200, verdict.user.id)
      else this.fence?.passed(() => reply(200, verdict.user.id, property("Identity", routingId)))
    })
    const request = requestOf(server.security.domain, address ?? "", mechanism, credentials)
    if (request === undefined) answer(unreadable)
    else this.judge(server, request, fork, answer)
  }

  private judge(
    server: Server,
    request: Security.Request,
    fork: Fork,
    answer: (verdict: Security.Verdict) => void
  ): void {
    const { handshakeInterval, security } = server
    // For an `authenticate` that cannot be interrupted; any other has answered by then.
    const cancel = after(0.9 * Duration.toMillis(handshakeInterval), () => answer(unanswered))
    const fiber = fork(
      Effect.map(Security.judge(security, request, handshakeInterval), (verdict) => {
        cancel()
        answer(verdict)
      })
    )
    this.running.set(fiber, server)
    fiber.addObserver(() => {
      cancel()
      this.running.delete(fiber)
      answer(unanswered)
    })
  }
}

const unreadable: Security.Verdict = { status: 500, problem: "what the client has shown cannot be read" }

const unanswered: Security.Verdict = { status: 500, problem: "authenticate gave no answer" }

/** What a client shows, or `undefined` where it is not what its mechanism has. The secrets in it are redacted. */
const requestOf = (
  domain: string,
  address: string,
  mechanism: string | undefined,
  credentials: ReadonlyArray<Uint8Array>
): Security.Request | undefined => {
  // libzmq does not tell of the client's routing id: the one in the request is the server's own.
  const asking = { domain, address, routingId: undefined }
  const [first, second] = credentials
  switch (mechanism) {
    case "NULL":
      return { _tag: "Null", ...asking }
    case "PLAIN": {
      const username = text(first)
      const password = text(second)
      return username === undefined || password === undefined
        ? undefined
        : { _tag: "Plain", ...asking, username, password: Redacted.make(password, { label: "password" }) }
    }
    case "CURVE": {
      const publicKey = first && Curve.publicKey(first)
      return publicKey === undefined || Result.isFailure(publicKey)
        ? undefined
        : { _tag: "Curve", ...asking, publicKey: publicKey.success }
    }
    default:
      return undefined
  }
}

// -----------------------------------------------------------------------------
// Frames
// -----------------------------------------------------------------------------

const encoder = new TextEncoder()

const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Strict: what is no text must not become the same text as something else that is none. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const text = (frame: Uint8Array | undefined): string | undefined => {
  if (frame === undefined) return undefined
  const decoded = attempt(() => decoder.decode(frame))
  return decoded instanceof Failure ? undefined : decoded
}

const nothing = new Uint8Array(0)

const zapVersion = utf8("1.0")

/** A property, as metadata has them: its name and its value, each behind its length. */
const property = (name: string, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + name.length + 4 + value.length)
  bytes[0] = name.length
  bytes.set(utf8(name), 1)
  new DataView(bytes.buffer).setUint32(1 + name.length, value.length)
  bytes.set(value, 1 + name.length + 4)
  return bytes
}

/** Only the first answer counts. */
const once = <A>(f: (a: A) => void): ((a: A) => void) => {
  let done = false
  return (a) => {
    if (done) return
    done = true
    f(a)
  }
}
