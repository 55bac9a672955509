/**
 * Calls an Effect `RpcGroup` that is served over ZeroMQ: by `ZmqRpcServer`, or by a dispatcher of `WorkerPool`.
 *
 * This is the protocol under `RpcClient`; a client is `RpcClient.make(group)`, as over anything else. Both ends have the same
 * `RpcSerialization`.
 *
 * - One DEALER for each server. A call goes to a server that is there and has the fewest of this client's calls, and stays
 *   there: its interruption and the acknowledgements of its chunks go to the same one.
 * - A server may come later than its client, and calls wait for it, up to `timeout`; of several servers, for the first that
 *   is there.
 * - A server that goes away fails the calls that are under way there, each with an `RpcClientError` whose reason is an
 *   `RpcClientDefect` with a `ServerLost` as its cause, and no others. They may have been carried out, or not: nothing is
 *   ever sent a second time. When the server is back, calls go to it again.
 * - A stream that is read slowly holds up no other call.
 * - What comes in and is no message of this protocol is dropped, and counted by `zmq_rpc_records_dropped`.
 *
 * **Example** (A call)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const client = yield* RpcClient.make(Greetings)
 *   return yield* client.Greet({ name: "World" }) // => Hello, World
 * }).pipe(
 *   Effect.scoped,
 *   Effect.provide(ZmqRpcClient.layerProtocol({ connect: "tcp://127.0.0.1:5555" })),
 *   Effect.provide([ZmqTransport.layer, RpcSerialization.layerJson])
 * )
 * ```
 *
 * @see RFC 28
 * @since 0.1.0
 */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Socket from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import { InvalidOption, ZmqError } from "@effect-zmq/core/ZmqError"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as RpcClient from "effect/rpc/RpcClient"
import * as ClientError from "effect/rpc/RpcClientError"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Client, Link, type Loss } from "./internal/rpc/client.ts"
import { bodyCodec, starter } from "./internal/rpc/codec.ts"
import { Drops } from "./internal/rpc/drops.ts"

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/**
 * Options of a client: those of its DEALERs, and its own.
 *
 * Of theirs it has other defaults. `linger` is 0, because nobody waits for the results of a client that closes. `reconnect`
 * goes up to 1 second, so that a server that is back is called again soon. `heartbeat` is every second and may take five, also
 * on libzmq.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Omit<Dealer.Options, "bind" | "conflate" | "connect" | "probeRouter" | "routingId"> {
  /** The server, or several, of which each gets calls. */
  readonly connect: Endpoint.Input | ReadonlyArray<Endpoint.Input>
  /**
   * How often a server is asked for a sign of life while calls are under way there; shorter than the `idleTimeout` of the
   * server. Default: 5 seconds.
   */
  readonly ping?: Duration.Input | undefined
  /**
   * After how long without any sign of life a server is lost, and the calls that are under way there fail: in whole
   * `ping`s, rounded up, of one that was there from when it is asked first. A connection that is lost is noticed at once,
   * and needs no such time. Default: 20 seconds.
   */
  readonly timeout?: Duration.Input | undefined
  /** How many calls may be under way at once, at all servers together; those that follow wait. Default: no limit. */
  readonly maxInFlight?: number | undefined
}

// -----------------------------------------------------------------------------
// Errors
// -----------------------------------------------------------------------------

/**
 * Why a call failed without a result of its own: the `cause` of the `RpcClientDefect` of an `RpcClientError`.
 *
 * - `disconnected`: the connection was lost
 * - `silent`: the server gave no sign of life for the `timeout`, or was never there
 * - `restarted`: another server is there in its place
 * - `left`: the server ended, and said so
 * - `forgotten`: the server took this client for gone (its `idleTimeout`), or it asked on and did not read
 * - `refused`: the server cannot take it: another serialization or version, no handshake, or too many that wait; the detail
 *   says why
 * - `unreadable`: the server's answer cannot be read: the detail says what is wrong with it
 * - `closed`: the client is closed
 *
 * But for `refused`, the call may have been carried out, or not.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerLost extends Data.TaggedError("ServerLost")<{
  readonly endpoint: string
  readonly why: Loss
  readonly detail?: string | undefined
}> {
  override get message(): string {
    const { detail, endpoint, why } = this
    return `the server at ${endpoint} ${said[why]}${detail === undefined ? "" : ` (${detail})`}`
  }
}

const unknown = "the call may have been carried out, or not"

const said: Readonly<Record<Loss, string>> = {
  disconnected: `is lost, its connection has ended: ${unknown}`,
  silent: `is lost, it gave no sign of life: ${unknown}; look whether it runs, or give a longer timeout`,
  restarted: `was restarted: ${unknown}`,
  left: `has ended: ${unknown}`,
  forgotten: `had taken this client for gone: ${unknown}; give a shorter ping, or the server a longer idleTimeout`,
  refused: "refused the call",
  unreadable: "answered what is no answer: give both ends the same serialization, and the same version of this library",
  closed: `cannot be called any more, the client is closed: ${unknown}`
}

/**
 * Why a call failed, where that is what became of its server: `ServerLost`, out of an `RpcClientError`.
 *
 * @category errors
 * @since 0.1.0
 */
export const serverLost = (error: ClientError.RpcClientError): ServerLost | undefined => {
  const { reason } = error
  return reason._tag === "RpcClientDefect" && Predicate.isTagged(reason.cause, "ServerLost")
    ? (reason.cause as ServerLost) // what its tag says
    : undefined
}

const errorOf = (endpoint: string, why: Loss, detail: string | undefined): ClientError.RpcClientError => {
  const cause = new ServerLost({ endpoint, why, detail })
  return new ClientError.RpcClientError({ reason: new ClientError.RpcClientDefect({ message: cause.message, cause }) })
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/** Of both ends: who always reads at once can be asked for signs of life also on libzmq. */
const heartbeat = { interval: "1 second", timeout: "5 seconds" } as const

const reconnect = { initial: "100 millis", maximum: "1 second" } as const

/**
 * Makes a protocol for `RpcClient`, which lives as long as the scope.
 *
 * Fails as `Dealer.make` does, and with `InvalidOption`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<
  RpcClient.Protocol["Service"],
  ZmqError,
  Scope.Scope | Transport | RpcSerialization.RpcSerialization
> = Effect.fnUntraced(function* ({ connect, maxInFlight = Number.POSITIVE_INFINITY, ping, timeout, ...options }) {
  const endpoints = isArray(connect) ? connect : [connect]
  if (endpoints.length === 0) return yield* invalid("connect", connect, "it must be one endpoint, or several")
  if (!(maxInFlight >= 1)) return yield* invalid("maxInFlight", maxInFlight, "it must be 1 or more")
  const interval = Duration.toMillis(ping ?? "5 seconds")
  if (!(interval > 0)) return yield* invalid("ping", ping, "it must be longer than nothing")
  const patience = Duration.toMillis(timeout ?? "20 seconds")
  if (!(patience > 0)) return yield* invalid("timeout", timeout, "it must be longer than nothing")
  const serialization = yield* RpcSerialization.RpcSerialization
  // An array each: what is sent to one never goes to another.
  const dealers = yield* Effect.forEach(endpoints, (endpoint) =>
    Dealer.make({ heartbeat, reconnect, linger: 0, ...options, connect: endpoint })
  )
  const start = yield* starter
  const drops = new Drops("client", yield* Effect.context<never>())
  const instance = yield* Random.nextIntBetween(1, Number.MAX_SAFE_INTEGER)
  const decodeDefect = Schema.decodeUnknownResult(serialization.codecFor(Schema.Defect()))
  return yield* RpcClient.Protocol.make((write) =>
    Effect.gen(function* () {
      const dispatcher = yield* Effect.withFiber(({ currentDispatcher }) => Effect.succeed(currentDispatcher))
      const client = new Client(
        {
          write,
          start,
          drops,
          errorOf,
          decodeDefect: (encoded) => {
            const defect = Result.flatMap(
              Result.try(() => decodeDefect(encoded)),
              (decoded) => decoded
            )
            return Result.isSuccess(defect) ? defect.success : "a defect of the server, which cannot be read"
          },
          encodeDefect: Schema.encodeSync(serialization.codecFor(Schema.Defect()))
        },
        dispatcher,
        endpoints.length,
        {
          ...bodyCodec(serialization),
          instance,
          ping: interval,
          looks: Math.max(1, Math.ceil(patience / interval)),
          maxInFlight
        }
      )
      for (const [i, dealer] of dealers.entries()) {
        const epoch = yield* Random.nextIntBetween(1, 0xffff_ffff)
        const link = new Link(client, textOf(endpoints[i]), epoch, (message) => Dealer.send(dealer, message))
        client.links.push(link)
        let heard = 0
        yield* Stream.runForEach(Socket.events(dealer), (event) => {
          if (event._tag === "Disconnected") {
            link.disconnected()
            return Effect.andThen(
              untilStill(() => heard),
              Effect.sync(() => link.lost("disconnected"))
            )
          }
          return Effect.sync(() => {
            if (event._tag === "HandshakeSucceeded") link.connected()
            else if (event._tag === "HandshakeFailed" && event.problem !== "other") link.lost("refused", event.detail)
          })
        }).pipe(Effect.forkScoped({ startImmediately: true }))
        yield* Stream.runForEach(Dealer.batches(dealer), (batch) =>
          Effect.sync(() => {
            heard++
            link.receive(batch)
          })
        ).pipe(Effect.forkScoped({ startImmediately: true }))
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
      return {
        send: (clientId, request) => client.send(clientId, request),
        supportsAck: true,
        supportsTransferables: false,
        codecFor: serialization.codecFor
      }
    })
  )
})

/** Of turns of the event loop, so many without anything that came. */
const stillAfter = 3

const untilStill = (count: () => number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = count()
    return Effect.andThen(
      Effect.repeat(Effect.yieldNow, { times: stillAfter - 1 }),
      Effect.suspend(() => (count() === before ? Effect.void : untilStill(count)))
    )
  })

// `Array.isArray` does not narrow a readonly array.
const isArray = (connect: Options["connect"]): connect is ReadonlyArray<Endpoint.Input> => Array.isArray(connect)

const textOf = (endpoint: Endpoint.Input | undefined): string =>
  typeof endpoint === "string" ? endpoint : endpoint === undefined ? "" : Endpoint.format(endpoint)

const invalid = (option: string, value: unknown, problem: string) =>
  Effect.fail(
    new ZmqError({
      module: "ZmqRpcClient",
      method: "make",
      reason: new InvalidOption({ option, value: String(value), problem })
    })
  )

// -----------------------------------------------------------------------------
// Layers
// -----------------------------------------------------------------------------

/**
 * The protocol for `RpcClient`, over a DEALER for each server.
 *
 * Fails as `Dealer.make` does, and with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerProtocol = (
  options: Options
): Layer.Layer<RpcClient.Protocol, ZmqError, Transport | RpcSerialization.RpcSerialization> =>
  Layer.effect(RpcClient.Protocol, make(options))
