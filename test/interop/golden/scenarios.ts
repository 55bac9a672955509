/**
 * The golden bytes: what pyzmq's libzmq put before an observer, as `record.py` recorded it, and our sockets made to do the
 * same. `frames.json` is what another socket sees, `wire.json` what is on the connection: for every transport.
 */
import { readFileSync } from "node:fs"
import {
  Dealer,
  type Message,
  Pair,
  Pub,
  Pull,
  Push,
  Rep,
  Req,
  Router,
  Security,
  type Socket,
  type SocketOptions,
  type SocketType,
  Sub,
  type Transport,
  XPub,
  XSub,
  type ZmqError
} from "@effect-zmq/core"
import { Deferred, Effect, Redacted, type Scope } from "effect"

/** Frames, or bytes, in hex; `??` is a byte that is made up anew each time. */
export type Hex = string

/** What a scenario's socket is given, by the names of our options; bytes are in hex. */
export interface Options {
  readonly routingId?: Hex
  readonly correlate?: boolean
  readonly probeRouter?: boolean
  readonly welcomeMessage?: Hex
  /** In milliseconds. */
  readonly heartbeat?: { readonly interval: number; readonly timeToLive: number }
  readonly plainClient?: { readonly username: string; readonly password: string }
  /** Lets this user in, and nobody else. */
  readonly plainServer?: { readonly domain: string; readonly username: string; readonly password: string }
  /** Lets nobody in. */
  readonly nullServer?: { readonly domain: string }
}

/** A step of the socket that a scenario is about. */
export interface Act {
  readonly who: "socket"
  readonly does: "sends" | "sends until it is seen" | "receives" | "subscribes" | "unsubscribes"
  readonly frames: ReadonlyArray<Hex>
}

export interface FramesScenario {
  readonly title: string
  readonly type: SocketType.SocketType
  readonly options: Options
  /** The type of the socket that watches. It is bound, and where it has a routing id, that is `observer`. */
  readonly observer: SocketType.SocketType
  readonly steps: ReadonlyArray<
    Act | { readonly who: "observer"; readonly does: "sees" | "sends"; readonly frames: ReadonlyArray<Hex> }
  >
}

export interface WireScenario {
  readonly title: string
  readonly type: SocketType.SocketType
  readonly options: Options
  /** Whether the socket connects to the peer, or is bound. */
  readonly connects: boolean
  readonly steps: ReadonlyArray<
    Act | { readonly who: "peer" | "socket"; readonly does: "writes"; readonly what: string; readonly hex: Hex }
  >
}

const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")).scenarios

export const frames: ReadonlyArray<FramesScenario> = read("frames.json")

export const wire: ReadonlyArray<WireScenario> = read("wire.json")

export const toHex = (bytes: Uint8Array): Hex => Buffer.from(bytes).toString("hex")

export const fromHex = (hex: Hex): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))

/** Frames as golden ones have them, with what is made up out of sight, where there is something. */
export const shown = (frames: ReadonlyArray<Uint8Array>, golden: ReadonlyArray<Hex>): ReadonlyArray<Hex> =>
  frames.map((frame, i) => {
    const hex = toHex(frame)
    const pattern = golden[i] ?? ""
    return pattern.includes("?") && new RegExp(`^${pattern.replaceAll("?", ".")}$`).test(hex) ? pattern : hex
  })

// -----------------------------------------------------------------------------
// Our sockets
// -----------------------------------------------------------------------------

/** A socket of ours, whatever its type, with frames as the wire has them. */
export interface Subject {
  readonly socket: Socket.Socket
  readonly does: (act: Act) => Effect.Effect<void, ZmqError.ZmqError, Scope.Scope>
  readonly receive: Effect.Effect<Message.Message, ZmqError.ZmqError>
}

type Given = SocketOptions.DuplexOptions & SocketOptions.Particular

type Made<S extends Socket.Socket = Socket.Socket> = Effect.Effect<
  { readonly socket: S } & Partial<Operations>,
  ZmqError.ZmqError,
  Transport.Transport | Scope.Scope
>

interface Operations {
  readonly send: (message: Message.Message) => Effect.Effect<void, ZmqError.ZmqError, Scope.Scope>
  readonly receive: Effect.Effect<Message.Message, ZmqError.ZmqError>
  readonly subscribe: (topic: Uint8Array) => Effect.Effect<void, ZmqError.ZmqError>
  readonly unsubscribe: (topic: Uint8Array) => Effect.Effect<void, ZmqError.ZmqError>
}

const made =
  <S extends Socket.Socket, O>(
    make: (options: O) => Effect.Effect<S, ZmqError.ZmqError, Transport.Transport | Scope.Scope>,
    operations: (socket: S) => Partial<Operations>
  ) =>
  (options: Given): Made<S> =>
    // A scenario gives a type the options that it has.
    Effect.map(make(options as O), (socket) => ({ socket, ...operations(socket) }))

const duplex =
  <S>(
    send: (self: S, message: Message.Input) => Effect.Effect<void, ZmqError.ZmqError>,
    receive: (self: S) => Effect.Effect<Message.Message, ZmqError.ZmqError>
  ) =>
  (socket: S): Partial<Operations> => ({ send: (message) => send(socket, message), receive: receive(socket) })

const subjects: Readonly<Record<SocketType.SocketType, (options: Given) => Made>> = {
  REQ: made(Req.make, (req) => {
    const reply = Deferred.makeUnsafe<Message.Message, ZmqError.ZmqError>()
    return {
      send: (message) => Effect.forkScoped(Deferred.complete(reply, Req.request(req, message))),
      receive: Deferred.await(reply)
    }
  }),
  REP: made(Rep.make, duplex(Rep.reply, Rep.receive)),
  DEALER: made(Dealer.make, duplex(Dealer.send, Dealer.receive)),
  ROUTER: made(Router.make, (router) => ({
    send: ([to, ...message]) => Router.send(router, { to, message: nonEmpty(message) }),
    receive: Effect.map(Router.receive(router), ({ from, message }): Message.Message => [from, ...message])
  })),
  PUB: made(Pub.make, (pub) => ({ send: (message) => Pub.send(pub, message) })),
  SUB: made(Sub.make, (sub) => ({
    receive: Sub.receive(sub),
    subscribe: (topic) => Sub.subscribe(sub, topic),
    unsubscribe: (topic) => Sub.unsubscribe(sub, topic)
  })),
  XPUB: made(XPub.make, (xpub) => ({
    send: (message) => XPub.send(xpub, message),
    receive: Effect.map(
      XPub.receive(xpub),
      XPub.Event.$match({
        Subscribe: ({ topic }): Message.Message => [Uint8Array.of(1, ...topic)],
        Unsubscribe: ({ topic }): Message.Message => [Uint8Array.of(0, ...topic)],
        Message: ({ message }): Message.Message => message
      })
    )
  })),
  XSUB: made(XSub.make, (xsub) => ({
    ...duplex(XSub.send, XSub.receive)(xsub),
    subscribe: (topic) => XSub.subscribe(xsub, topic),
    unsubscribe: (topic) => XSub.unsubscribe(xsub, topic)
  })),
  PUSH: made(Push.make, (push) => ({ send: (message) => Push.send(push, message) })),
  PULL: made(Pull.make, (pull) => ({ receive: Pull.receive(pull) })),
  PAIR: made(Pair.make, duplex(Pair.send, Pair.receive))
}

/** Opens the socket that a scenario is about. */
export const subject = (
  type: SocketType.SocketType,
  options: Options,
  where: Pick<Given, "bind" | "connect">
): Effect.Effect<Subject, ZmqError.ZmqError, Transport.Transport | Scope.Scope> =>
  Effect.map(
    subjects[type]({ ...where, ...given(options), linger: 0, ...(type === "SUB" ? { subscribe: [] } : undefined) }),
    ({ socket, send, receive, subscribe, unsubscribe }): Subject => ({
      socket,
      receive: receive ?? Effect.die(`a ${type} does not receive`),
      does: ({ does, frames }) => {
        const message = nonEmpty(frames.map(fromHex))
        const act = does === "subscribes" ? subscribe : does === "unsubscribes" ? unsubscribe : undefined
        return act?.(message[0]) ?? send?.(message) ?? Effect.die(`nothing that a ${type} does: ${does}`)
      }
    })
  )

const given = (options: Options): Given => {
  const { heartbeat, nullServer, plainClient, plainServer, routingId, welcomeMessage, ...rest } = options
  return {
    ...rest,
    ...(heartbeat && { heartbeat }),
    ...(routingId !== undefined && { routingId: fromHex(routingId) }),
    ...(welcomeMessage !== undefined && { welcomeMessage: fromHex(welcomeMessage) }),
    ...(plainClient && {
      security: Security.plain({
        username: plainClient.username,
        password: Redacted.make(plainClient.password)
      })
    }),
    ...(plainServer && {
      security: Security.plain({
        domain: plainServer.domain,
        authenticate: Security.passwords({ [plainServer.username]: Redacted.make(plainServer.password) })
      })
    }),
    ...(nullServer && {
      security: Security.null({ domain: nullServer.domain, authenticate: () => Security.denied() })
    })
  }
}

/** A message of these frames; a scenario has none without. */
export const nonEmpty = (frames: ReadonlyArray<Uint8Array>): Message.Message => {
  const [first, ...others] = frames
  if (first === undefined) throw new RangeError("a message has at least one frame")
  return [first, ...others]
}
