/**
 * The native transport: libzmq, through the `zeromq` addon.
 *
 * Provide `layer` to a program, and its sockets speak ZMTP 3.1 with any ZeroMQ peer, over tcp, ipc and inproc.
 *
 * What libzmq does otherwise than the other transports:
 *
 * - inproc connects sockets of any two types, where the others refuse those that do not fit; the high-water marks of
 *   its two sides add up; and its connections give no events.
 * - A handshake that fails for good is not tried again: with a socket of a type that does not fit, with another security
 *   mechanism, or refused by authentication. libzmq then only tells `Disconnected`, names no cause for a type that does
 *   not fit, and never connects to that endpoint again, also when the right socket appears there; `Socket.disconnect`
 *   and `Socket.connect` do.
 * - Of what is lost (`Loss`), libzmq tells nothing: not what a PUB drops at a high-water mark or for want of a subscriber, not
 *   the replies that a REP has nobody for, not what was in flight when a connection ended, what was replaced with
 *   `conflate` or refused as too large, and not how many messages were dropped at the end of linger. Known is what
 *   happens outside of it: what was read ahead and not taken when the socket closed (`unread`), `malformed`, late replies that
 *   had come in (`unrequested`), and what a ROUTER with `onFull: "drop"` drops. Of its queues only what is read ahead is
 *   known, and of peers over inproc nothing.
 * - A message of several frames that is being sent at the very moment its connection is lost may be dropped.
 *   Rarely libzmq ends the process then (`errno_assert`, session_base.cpp:233): seen once in some fifty runs of all suites.
 * - Random bytes sent to a bound port by someone who does not speak ZeroMQ may arrive as messages, and a message of
 *   endless frames is held in memory whole: do not expose a socket without security to networks that you do not trust.
 * - A ROUTER learns who comes and leaves from its connections, behind the messages that they bring: where nobody receives
 *   and more than 256 messages or 256 KB wait, `PeerJoined` and `PeerLeft` wait with them, and the peer that has left
 *   still counts as there. They are told at once of peers named by `Router.connectAs`. Who comes over inproc, who was
 *   connected to otherwise, and with `handover` everybody, has joined with the first message; of those who were connected
 *   to otherwise, or whose endpoint was unbound, the departure shows when they are sent to.
 * - An empty message, with which a peer of a ROUTER begins over inproc or over a connection that the ROUTER has made, is
 *   taken for news of the peer, and not given, where the ROUTER is also bound to tcp or ipc.
 * - A peer that comes back by its routing id before the ROUTER has read what it sent over the old connection is not heard,
 *   ever, unless `handover` is set. With `handover`, over inproc, who was taken over has nobody to send to any more.
 * - `onFull: "suspend"`: libzmq does not tell when a peer's queue has room again: it is asked every 2 milliseconds.
 * - An XPUB takes all that one subscriber has sent before it looks at the next; a message of an XSUB to an XPUB with
 *   `manual` may make `XPub.confirm` of the subscriptions behind it fail with `InvalidState`.
 * - A REQ that gets a reply without the empty frame loses that connection, over tcp and ipc.
 * - No endpoint of a socket can be preferred to another: use a socket each, and `Poller.prioritize`.
 * - `socks` is done here, not by libzmq, which aborts where a socket closes while its proxy is down. A proxy that is down,
 *   or refuses, is told as `HandshakeFailed`, and tried again every `reconnect.initial`. The other options of tcp are not
 *   those of connections by a proxy.
 * - Security is for tcp and ipc: to bind or connect a socket that has it to inproc fails with `Unsupported`, as does a client
 *   of PLAIN whose name and password are both empty.
 * - libzmq tells no `authenticate` which routing id a client announces, and of no message who sent it. A ROUTER that is a
 *   CURVE server therefore calls the clients of its bound endpoints by ids that it makes up for each connection, whatever
 *   they announce, and tells who sent a message by them. It tells nothing, and calls its peers what they announce, with
 *   PLAIN, with `Security.null` and with `handover`; of whom it was connected to, it tells nothing either; nor does a REP.
 * - libzmq asks one handler in a context who may connect. So the server sockets of the shared context are this library's, and
 *   no other's; where another has one, they fail with `InvalidState`, and can be had by `layerWith({ isolated: true })`. As
 *   long as there is one, sockets of the addon itself that are servers, in the same context, let nobody in.
 * - The sockets of a worker thread are opened, and served, by the main thread, which has to have loaded this module: a thread
 *   that ended while the addon works for it would abort the process (zeromq.js #411). So a thread may be terminated, throw
 *   or exit at any time; what it has sent by then is delivered within linger. Each message is copied on its way between the
 *   threads, and nothing moves while the main thread is busy. `layerWith({ inThread: true })` gives a thread sockets of its
 *   own, with that danger.
 * - A socket with `inThread` that was connected over inproc finishes its close when the thread of its peer calls that peer,
 *   and never where nobody has bound the endpoint: the close returns in time, and libzmq keeps the socket.
 *
 * @since 0.1.0
 */
import * as SocketType from "@effect-zmq/core/SocketType"
import { type Capability, Transport } from "@effect-zmq/core/Transport"
import { type Reason, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Addon from "./internal/addon.ts"
import { check, configure } from "./internal/configure.ts"
import { transportName } from "./internal/errors.ts"
import * as Handle from "./internal/handle.ts"
import * as Guest from "./internal/threads/guest.ts"
import * as Host from "./internal/threads/host.ts"

/**
 * Options of libzmq's context, which all sockets of a process share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many threads move bytes between queues and the network. One does about a gigabyte a second. Default: 1.
   * (`ZMQ_IO_THREADS`)
   */
  readonly ioThreads?: number | undefined
  /**
   * How many sockets may be open at once, up to 21,760; the next one fails with `LimitReached`. Sockets of the addon that
   * are not of this library do not count. Default: 1,023. (`ZMQ_MAX_SOCKETS`, which is set to three times as many and 255 more,
   * because each socket has a monitor; each also takes three file descriptors.)
   */
  readonly maxSockets?: number | undefined
  /**
   * A context of its own, rather than that of the process. Its inproc endpoints are apart from those of all others, and
   * worker threads cannot reach them. It costs threads that live as long as the process: use it sparingly.
   * Default: false.
   */
  readonly isolated?: boolean | undefined
  /**
   * In a worker thread: its sockets are its own, rather than the main thread's. They do not wait for the main thread, and
   * do not need it to have loaded this module; but the process aborts where the thread is terminated, throws or exits
   * while it has one: close its scopes first. Default: false.
   */
  readonly inThread?: boolean | undefined
}

/**
 * The transport over the context of this process, in which worker threads reach each other's inproc endpoints.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport> = Layer.sync(Transport, () =>
  Guest.isMainThread ? make(Addon.sharedContext) : makeHosted(undefined)
)

/**
 * The transport, with options of its context.
 *
 * libzmq reads them when the context's first socket is opened. Fails with `InvalidState`, naming the option, where that
 * has happened and the option has another value by now; with `InvalidOption` where the value is impossible.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<Transport, ZmqError> =>
  Layer.effect(
    Transport,
    Effect.mapError(
      Effect.suspend(() => (Guest.isMainThread || options.inThread === true ? here(options) : hosted(options))),
      (reason) => new ZmqError({ module: "ZmqTransport", method: "layerWith", reason })
    )
  )

const here = (options: Options): Effect.Effect<Transport["Service"], Reason> => {
  const invalid = check(options)
  if (invalid !== undefined) return Effect.fail(invalid)
  const context = options.isolated === true ? Addon.isolatedContext() : Addon.sharedContext
  const reason = configure(context, options)
  return reason === undefined ? Effect.succeed(make(context)) : Effect.fail(reason)
}

const hosted = ({ ioThreads, isolated, maxSockets }: Options): Effect.Effect<Transport["Service"], Reason> => {
  const invalid = check({ ioThreads, maxSockets })
  if (invalid !== undefined) return Effect.fail(invalid)
  const context = isolated === true ? Guest.newContext() : undefined
  return Effect.as(Guest.configure(context, { ioThreads, maxSockets }), makeHosted(context))
}

const capabilities: ReadonlySet<Capability> = new Set<Capability>([
  ...SocketType.all,
  "tcp",
  ...(Addon.hasIpc ? (["ipc"] as const) : []),
  "inproc",
  "null",
  "plain",
  ...(Addon.hasCurve ? (["curve"] as const) : [])
])

const make = (context: Addon.NativeContext): Transport["Service"] => ({
  name: transportName,
  version: Addon.version,
  capabilities,
  open: (type, options) => Handle.open(context, type, options)
})

/** In a worker thread: the main thread has the sockets. */
const makeHosted = (context: string | undefined): Transport["Service"] => ({
  name: transportName,
  version: Addon.version,
  capabilities,
  open: (type, options) => Guest.open(context, type, options)
})

Host.listen()
