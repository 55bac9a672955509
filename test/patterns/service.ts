/** A group of RPCs that has one of everything, served, and called. */
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as ZmqRpcClient from "@effect-zmq/patterns/ZmqRpcClient"
import * as ZmqRpcServer from "@effect-zmq/patterns/ZmqRpcServer"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { endpointOf, type Place } from "./targets.ts"

export class TooMuch extends Schema.TaggedError<TooMuch>()("TooMuch", { most: Schema.Int }) {}

export const Group = RpcGroup.make(
  Rpc.make("Double", { payload: { n: Schema.Int }, success: Schema.Int, error: TooMuch }),
  Rpc.make("Echo", { payload: { bytes: Schema.Uint8Array }, success: Schema.Uint8Array }),
  Rpc.make("Nothing"),
  Rpc.make("Count", {
    payload: { to: Schema.Int, chunk: Schema.Int },
    success: Schema.Int,
    error: TooMuch,
    stream: true
  }),
  Rpc.make("Wait", { payload: { name: Schema.String }, success: Schema.String }),
  Rpc.make("Endless", { payload: { name: Schema.String }, success: Schema.Int, stream: true }),
  Rpc.make("Die", { payload: { message: Schema.String } }),
  Rpc.make("Header", { payload: { name: Schema.String }, success: Schema.NullOr(Schema.String) }),
  Rpc.make("Trace", { success: Schema.NullOr(Schema.String) })
)

/** What happens to handlers. */
export class Happenings extends Context.Service<
  Happenings,
  {
    readonly began: Queue.Queue<string>
    readonly ended: Queue.Queue<string>
    readonly open: Deferred.Deferred<void>
    readonly sent: { chunks: number }
  }
>()("test/Happenings") {}

export const handlers = Group.toLayer(
  Effect.gen(function* () {
    const { began, ended, open, sent } = yield* Happenings
    const waiting = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
      Effect.andThen(Queue.offer(began, name), effect).pipe(Effect.onInterrupt(() => Queue.offer(ended, name)))
    return Group.of({
      Double: ({ n }) => (n > 1000 ? Effect.fail(new TooMuch({ most: 1000 })) : Effect.succeed(2 * n)),
      Echo: ({ bytes }) => Effect.succeed(bytes),
      Nothing: () => Effect.void,
      Count: ({ chunk, to }) =>
        to > 100_000 ? Stream.fail(new TooMuch({ most: 100_000 })) : Stream.rechunk(Stream.range(1, to), chunk),
      Wait: ({ name }) => waiting(name, Effect.as(Deferred.await(open), name)),
      Endless: ({ name }) =>
        Stream.concat(
          Stream.fromEffectDrain(Queue.offer(began, name)),
          Stream.rechunk(
            Stream.iterate(0, (n) => n + 1),
            10
          ).pipe(
            Stream.mapArray((values) => {
              sent.chunks++
              return values
            })
          )
        ).pipe(Stream.ensuring(Queue.offer(ended, name))),
      Die: ({ message }) => Effect.die(new Error(message)),
      Header: ({ name }, { headers }) => Effect.succeed(headers[name] ?? null),
      Trace: () =>
        Effect.map(
          Effect.orElseSucceed(Effect.currentParentSpan, () => undefined),
          (span) => span?.traceId ?? null
        )
    })
  })
)

export const happenings = Effect.gen(function* () {
  return Happenings.of({
    began: yield* Queue.unbounded<string>(),
    ended: yield* Queue.unbounded<string>(),
    open: yield* Deferred.make<void>(),
    sent: { chunks: 0 }
  })
})

export interface Serving {
  readonly connect: Endpoint.Endpoint
  readonly server: ZmqRpcServer.ZmqRpcServer["Service"]
  readonly happenings: Happenings["Service"]
  /** Ends the server. */
  readonly end: Effect.Effect<void>
}

export const serve = (
  place: Place,
  serialization: Layer.Layer<RpcSerialization.RpcSerialization>,
  options?: Partial<ZmqRpcServer.Options>
) =>
  Effect.gen(function* () {
    const told = yield* happenings
    const scope = yield* Scope.fork(yield* Effect.scope)
    const context = yield* ZmqRpcServer.layer(Group).pipe(
      Layer.provide(handlers),
      Layer.provide(Layer.succeed(Happenings, told)),
      Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind: place(), ...options })),
      Layer.provide(serialization),
      Layer.buildWithScope(scope)
    )
    const server = Context.get(context, ZmqRpcServer.ZmqRpcServer)
    const connect = yield* endpointOf(server.socket)
    return { server, connect, happenings: told, end: Scope.close(scope, Exit.void) } satisfies Serving
  })

export const clientOf = (
  serialization: Layer.Layer<RpcSerialization.RpcSerialization>,
  options: ZmqRpcClient.Options
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Layer.provide(ZmqRpcClient.layerProtocol(options), serialization))
    return yield* Effect.provideContext(RpcClient.make(Group), context)
  })

export const json = RpcSerialization.layerJson
export const binary = RpcSerialization.layerSchemaBinary()
