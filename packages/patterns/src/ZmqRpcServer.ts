/**
 * Serves an Effect `RpcGroup` over ZeroMQ: many clients to a ROUTER.
 *
 * The handlers and the group are those of `effect/rpc`; this is the protocol under `RpcServer`. Clients are those of
 * `ZmqRpcClient`. Which serialization both ends use is the `RpcSerialization` that they are given: `layerJson`, or
 * `layerSchemaBinary` for the fastest and for bytes.
 *
 * - Calls are concurrent, and answered in any order. What comes in and what goes out in one turn of the event loop
 *   travels as one message.
 * - A stream is sent up to `streamWindow` chunks ahead of its reader, and then waits for it: it alone, and no other call.
 * - Who is interrupted interrupts the handler. A client that goes away, by its connection, or by its silence while it has
 *   calls (`idleTimeout`), interrupts all of its handlers.
 * - A handler that dies fails its own call, where the group is served by `layer`. `RpcServer.layer` without
 *   `disableFatalDefects` takes a defect for the end of all calls of that client.
 * - What comes in and is no message of this protocol is dropped, and counted by `zmq_rpc_records_dropped`.
 * - A client that asks and does not read has up to `maxInFlight` answers in memory, and up to 16 MiB of requests that wait.
 *   What it asks for beyond is refused, and who does not take even that is given up. It holds up nobody else. Where clients
 *   are not trusted, give the socket a `security`, too.
 *
 * **Example** (A service)
 *
 * ```ts
 * class Greetings extends RpcGroup.make(
 *   Rpc.make("Greet", { payload: { name: Schema.String }, success: Schema.String })
 * ) {}
 *
 * const handlers = Greetings.toLayer({ Greet: ({ name }) => Effect.succeed(`Hello, ${name}`) })
 *
 * const server = ZmqRpcServer.layer(Greetings).pipe(
 *   Layer.provide(handlers),
 *   Layer.provide(ZmqRpcServer.layerProtocol({ bind: "tcp://127.0.0.1:5555" })),
 *   Layer.provide([ZmqTransport.layer, RpcSerialization.layerJson])
 * )
 * ```
 *
 * @see RFC 28
 * @since 0.1.0
 */
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import { InvalidOption, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { bodyCodec, starter } from "./internal/rpc/codec.ts"
import * as internal from "./internal/rpc/drops.ts"
import { Server } from "./internal/rpc/server.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * Options of a server: those of its ROUTER, and its own. `heartbeat` is every second and may take five by default, also on
 * libzmq. Calls and answers that travel together have 64 KiB at most, so that a `maxMessageSize`, at either end, has to be
 * that, or what the largest of them alone has, with some hundred bytes for its header.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options
  extends Omit<Router.Options, "bind" | "connect" | "handover" | "onFull" | "probeRouter" | "reconnect"> {
  /** Where clients connect to. */
  readonly bind: Endpoint.Input | ReadonlyArray<Endpoint.Input>
  /**
   * For how long a client that has calls may say nothing before it has gone, and its handlers are interrupted. Clients say
   * something every `ping` of theirs. A connection that is lost is noticed at once, and needs no such time. Default: 30
   * seconds.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How many chunks of a stream are sent before the first of them is taken by its reader. 1 or more. Default: 8. */
  readonly streamWindow?: number | undefined
  /**
   * How many calls of one client are under way at once: each from when its handler begins until its answer is the socket's to
   * deliver. Those that follow wait in order, as do all of a client that has 1 MiB of answers waiting for it; behind 16 MiB
   * of them they are refused. Interruptions and acknowledgements do not wait. A client that holds more calls open than that,
   * or more streams, needs a larger one; `Infinity` is no limit. 1 or more. Default: 1,024.
   */
  readonly maxInFlight?: number | undefined
}

/**
 * How a server is doing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  /** How many clients are there. */
  readonly clients: number
  /** How many calls have not ended: their answers are not the socket's yet. */
  readonly calls: number
  /** How many of them have not begun, because their client has `maxInFlight` others, or does not read. */
  readonly waiting: number
  /** How many records of what came in were dropped since the server began, by why. */
  readonly drops: ReadonlyMap<internal.Drop, number>
}

/**
 * A server, as a service beside its protocol: for its endpoints, events and figures.
 *
 * @category services
 * @since 0.1.0
 */
export class ZmqRpcServer extends Context.Service<
  ZmqRpcServer,
  {
    /** What it serves through. The server receives from it. */
    readonly socket: Router.Router
    readonly status: Effect.Effect<Status>
  }
>()("@effect-zmq/patterns/ZmqRpcServer") {}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/** How often it is looked for clients that say nothing, within `idleTimeout`. */
const looks = 4

/** Of both ends: who always reads at once can be asked for signs of life also on libzmq. */
const heartbeat = { interval: "1 second", timeout: "5 seconds" } as const

/**
 * Makes a protocol for `RpcServer`, and the server that it is of, which live as long as the scope.
 *
 * Fails as `Router.make` does, and with `InvalidOption`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: Options) => Effect.Effect<
  {
    readonly protocol: RpcServer.Protocol["Service"]
    readonly server: ZmqRpcServer["Service"]
  },
  ZmqError,
  Scope.Scope | Transport | RpcSerialization.RpcSerialization
> = Effect.fnUntraced(function* ({
  idleTimeout = "30 seconds",
  maxInFlight = 1024,
  streamWindow = 8,
  ...options
}: Options) {
  if (!Number.isInteger(streamWindow) || streamWindow < 1) {
    return yield* invalid("streamWindow", streamWindow, "it must be a whole number of chunks, 1 or more")
  }
  if (!(maxInFlight >= 1)) return yield* invalid("maxInFlight", maxInFlight, "it must be 1 or more")
  const idle = Duration.toMillis(idleTimeout)
  if (!(idle > 0)) return yield* invalid("idleTimeout", idleTimeout, "it must be longer than nothing")
  const serialization = yield* RpcSerialization.RpcSerialization
  const socket = yield* Router.make({ heartbeat, ...options, onFull: "suspend" })
  const start = yield* starter
  const drops = new internal.Drops("server", yield* Effect.context<never>())
  const epoch = yield* Random.nextIntBetween(1, 0xffff_ffff)
  let server: Server | undefined
  const protocol = yield* RpcServer.Protocol.make((write) =>
    Effect.gen(function* () {
      const disconnects = yield* Queue.make<number>()
      const dispatcher = yield* Effect.withFiber(({ currentDispatcher }) => Effect.succeed(currentDispatcher))
      const made = new Server({
        disconnects,
        router: socket,
        write,
        start,
        dispatcher,
        drops,
        options: { window: streamWindow, maxInFlight, looks, ...bodyCodec(serialization) },
        epoch
      })
      server = made
      yield* Stream.runForEach(Socket.events(socket), (event) =>
        Effect.sync(() => {
          if (event._tag === "PeerLeft") made.leftBy(event.routingId)
        })
      ).pipe(Effect.forkScoped({ startImmediately: true }))
      yield* Stream.runForEach(Router.batches(socket), (batch) => Effect.sync(() => made.receive(batch))).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      if (Number.isFinite(idle)) {
        yield* made.watch(idle / looks).pipe(Effect.forkScoped({ startImmediately: true }))
      }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          made.leaving = true
        })
      )
      return {
        disconnects,
        send: (clientId, response) => made.send(clientId, response),
        end: () => Effect.void,
        clientIds: Effect.sync(() => made.clientIds),
        initialMessage: Effect.succeedNone,
        // Chunks are acknowledged to this protocol, which has a window of them.
        supportsAck: false,
        supportsTransferables: false,
        supportsSpanPropagation: true,
        supportsNotifications: true,
        codecFor: serialization.codecFor
      }
    })
  )
  return {
    protocol: RpcServer.Protocol.of({
      ...protocol,
      run: (f) =>
        Effect.suspend(() => {
          leave(server, false)
          // Before what still runs is interrupted: nobody is to take that for the result of a call.
          return Effect.onExit(protocol.run(f), () => Effect.sync(() => leave(server, true)))
        })
    }),
    server: ZmqRpcServer.of({
      socket,
      status: Effect.sync(() => ({
        clients: server?.clientIds.size ?? 0,
        calls: server?.calls ?? 0,
        waiting: server?.waiting ?? 0,
        drops: new Map(drops.counts)
      }))
    })
  }
})

const leave = (server: Server | undefined, isLeaving: boolean): void => {
  if (server !== undefined) server.leaving = isLeaving
}

const invalid = (option: string, value: unknown, problem: string) =>
  Effect.fail(
    new ZmqError({
      module: "ZmqRpcServer",
      method: "make",
      reason: new InvalidOption({ option, value: String(value), problem })
    })
  )

// -----------------------------------------------------------------------------
// Layers
// -----------------------------------------------------------------------------

/**
 * The protocol for `RpcServer`, over a ROUTER that is bound; and `ZmqRpcServer`, to ask for its endpoints and figures.
 *
 * Fails as `Router.make` does, and with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerProtocol = (
  options: Options
): Layer.Layer<RpcServer.Protocol | ZmqRpcServer, ZmqError, Transport | RpcSerialization.RpcSerialization> =>
  Layer.effectContext(
    Effect.map(make(options), ({ protocol, server }) =>
      Context.make(RpcServer.Protocol, protocol).pipe(Context.add(ZmqRpcServer, server))
    )
  )

/**
 * Serves a group by a protocol: `RpcServer.layer`, where a handler that dies fails its own call, and no other.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options?: Omit<NonNullable<Parameters<typeof RpcServer.layer>[1]>, "disableFatalDefects">
): Layer.Layer<
  never,
  never,
  RpcServer.Protocol | Rpc.ToHandler<Rpcs> | Rpc.Middleware<Rpcs> | Rpc.ServicesServer<Rpcs>
> => RpcServer.layer(group, { ...options, disableFatalDefects: true })
