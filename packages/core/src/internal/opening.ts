/** How the modules of the socket types open a socket, and what is said when it closes. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import * as Scope from "effect/Scope"
import * as Endpoint from "../Endpoint.ts"
import type { Socket } from "../Socket.ts"
import * as SocketOptions from "../SocketOptions.ts"
import type { SocketType } from "../SocketType.ts"
import * as Transport from "../Transport.ts"
import { type Reason, Unsupported, ZmqError } from "../ZmqError.ts"
import { parseAll, supported } from "./endpointInput.ts"
import { Metered, register } from "./metrics.ts"
import { supported as supportsSecurity, warnOfExposure } from "./security.ts"
import { SocketImpl } from "./socket.ts"

/**
 * Opens a socket, binds, and connects; where one of it fails, what was opened is closed before the failure is seen.
 */
export const openSocket = <S extends Socket>(
  module: string,
  type: S["type"],
  options: SocketOptions.DuplexOptions & SocketOptions.Particular,
  Impl: typeof SocketImpl = SocketImpl
): Effect.Effect<S, ZmqError, Transport.Transport | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const opened = yield* Effect.exit(restore(Scope.provide(open(module, type, options, Impl), scope)))
      if (Exit.isFailure(opened)) {
        yield* Scope.close(scope, opened)
        return yield* Effect.mapError(
          Effect.failCause(opened.cause),
          (reason) => new ZmqError({ module, method: "make", reason })
        )
      }
      // The module that calls gives the type and the interface that goes with it.
      return opened.value as unknown as S
    })
  )

const open = Effect.fnUntraced(function* (
  module: string,
  type: SocketType,
  options: SocketOptions.DuplexOptions & SocketOptions.Particular,
  Impl: typeof SocketImpl
) {
  const transport = yield* Transport.Transport
  const binds = yield* parseAll(options.bind, Endpoint.parseBind)
  const connects = yield* parseAll(options.connect, Endpoint.parseConnect)
  const ipv6 = [...binds, ...connects].some(hasIpv6)
  const resolved = yield* Effect.fromResult(SocketOptions.resolve(options, ipv6))
  for (const endpoint of [...binds, ...connects]) yield* supported(transport, endpoint)
  if (!transport.capabilities.has(type)) {
    return yield* new Unsupported({
      transport: transport.name,
      feature: `${type} sockets`,
      hint: `it has ${[...transport.capabilities].join(", ")}`
    })
  }
  const { security } = resolved
  yield* supportsSecurity(transport, security)
  const name = resolved.name ?? nameOf(type, [...binds, ...connects])
  let retire = constVoid
  // Before it is opened, so that it is run after all of the close is done, and counted.
  yield* Effect.addFinalizer(() => Effect.sync(() => retire()))
  const handle = new Metered(yield* transport.open(type, resolved))
  retire = register(handle, { type, name, transport: transport.name }, yield* Effect.context<never>())
  for (const prefix of resolved.subscribe) handle.count(prefix, 1)
  const socket = new Impl(module, type, transport, handle, resolved, name, yield* Clock.currentTimeMillis)
  // The module that calls gives the interface that goes with the type.
  if (transport.watch !== undefined) yield* transport.watch(socket as unknown as Socket)
  yield* Effect.addFinalizer(() => warnOfLoss(type, name, handle, resolved.linger))
  const noted = <A>(effect: Effect.Effect<A, Reason>): Effect.Effect<A, Reason> =>
    Effect.tapError(effect, (reason) => Effect.sync(() => socket.note(reason)))
  for (const endpoint of binds) yield* warnOfExposure(type, yield* noted(handle.bind(endpoint)), security)
  for (const endpoint of connects) yield* noted(handle.connect(endpoint))
  return socket
})

/** As the program gave them, and not as they were resolved: a name for every port that was ever bound would be too many. */
const nameOf = (type: SocketType, given: ReadonlyArray<Endpoint.Endpoint>): string =>
  [type, ...given.slice(0, 3).map(Endpoint.format), ...(given.length > 3 ? [`+${given.length - 3}`] : [])].join(" ")

const hasIpv6 = (endpoint: Endpoint.Endpoint): boolean =>
  endpoint._tag === "Tcp" && (endpoint.host.includes(":") || endpoint.source?.host.includes(":") === true)

/** Closes the socket; what linger was given for, and did not suffice for, must not be lost without a word. */
const warnOfLoss = (type: SocketType, name: string, handle: Transport.Handle, linger: Duration.Duration) =>
  Effect.gen(function* () {
    const endpoints = (yield* handle.endpoints).map(Endpoint.format).join(", ")
    const { dropped, flushed } = yield* handle.drain(linger)
    if (flushed || Duration.isZero(linger)) return
    // libzmq does not tell how many there are, and over inproc not even whether there are any.
    const what =
      dropped === undefined
        ? "not everything may have been"
        : dropped === 1
          ? "1 message was not"
          : `${dropped} messages were not`
    yield* Effect.logWarning(
      `${what} delivered within the linger of ${Duration.format(linger)}: a ${type} socket of ${endpoints || "no endpoint"} is closed`
    ).pipe(Effect.annotateLogs({ "zmq.type": type, "zmq.name": name, "zmq.endpoint": endpoints }))
  })
