/** Handlers of a group as those of an entity, and entities as the handlers of a group. */

import * as Context from "effect/Context"
import * as ClusterError from "effect/cluster/ClusterError"
import type * as Entity from "effect/cluster/Entity"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** What a handler is called with beside the payload, and what it gives. */
type Options = Parameters<Rpc.Handler<string>["handler"]>[1]
type Result = Rpc.WrapperOr<ReturnType<Rpc.Handler<string>["handler"]>>

/** Builds the layer in the scope of an entity, and gives handlers that take what an entity is sent. */
export const handlersOf = <Rpcs extends Rpc.Any, E, RX>(
  group: RpcGroup.RpcGroup<Rpcs>,
  layer: Layer.Layer<Rpc.ToHandler<Rpcs>, E, RX>
): Effect.Effect<Entity.HandlersFrom<Rpcs>, never, RX | Scope.Scope> =>
  Effect.gen(function* () {
    const around = yield* Effect.context<never>()
    const built = yield* Effect.orDie(Layer.build(Layer.fresh(layer)))
    const handlers: Record<string, (request: { readonly payload: unknown }, options: Options) => Result> = {}
    for (const rpc of group.requests.values()) {
      const handler = handlerOf(built, rpc)
      const own = ownServices(handler.context, around)
      handlers[rpc._tag] = (request, options) =>
        Rpc.wrapMap<ReturnType<typeof handler.handler>, ReturnType<typeof handler.handler>>(
          handler.handler(request.payload, options),
          (result) =>
            Stream.isStream(result)
              ? Stream.updateContext(result, (context: Context.Context<never>) => Context.merge(context, own))
              : Effect.updateContext(result, (context: Context.Context<never>) => Context.merge(context, own))
        )
    }
    // A handler for each tag of the group, which the server of an entity calls with the same two arguments as any other.
    return handlers as unknown as Entity.HandlersFrom<Rpcs>
  })

/** The layer's type says that it is there. */
const handlerOf = (context: Context.Context<never>, rpc: Rpc.Any): Rpc.Handler<string> =>
  context.mapUnsafe.get(rpc.key) as Rpc.Handler<string>

/**
 * What the layer of a handler has of its own: it goes before what is around the entity. The rest (the call's scope, its span,
 * its log annotations) is as the call has it.
 */
const ownServices = (context: Context.Context<never>, around: Context.Context<never>): Context.Context<never> =>
  Context.makeUnsafe(
    new Map(
      [...context.mapUnsafe].filter(
        ([key, service]) =>
          key !== Scope.Scope.key && key !== Layer.CurrentMemoMap.key && around.mapUnsafe.get(key) !== service
      )
    )
  )

/** Handlers of a group that pass each call on to the entity of its key. */
export const routed = <R extends Rpc.Any>(
  group: RpcGroup.RpcGroup<R>,
  clientOf: (entityId: string) => unknown,
  key: (payload: Rpc.Payload<R>, tag: R["_tag"]) => string
): Context.Context<Rpc.ToHandler<R>> => {
  const handlers = new Map<string, unknown>()
  for (const rpc of group.requests.values()) {
    // A group holds what `Rpc.make` gave.
    const { errorSchema, successSchema } = rpc as unknown as Rpc.AnyWithProps
    const streamed = RpcSchema.isStreamSchema(successSchema)
    const isDeclared = Schema.is(streamed ? Schema.Union([successSchema.error, errorSchema]) : errorSchema)
    const fitting = (error: unknown) =>
      isClusterError(error) && !isDeclared(error) ? Effect.die(error) : Effect.fail(error)
    const handler = (payload: Rpc.Payload<R>, { headers }: Options) => {
      // The entity serves the group, so that its client has a call of each tag, and it takes what the handler was given.
      const call = (clientOf(key(payload, rpc._tag)) as Calls)[rpc._tag]
      const result = call?.(payload, { headers }) ?? Effect.die(`the entity serves no ${rpc._tag}`)
      return Stream.isStream(result)
        ? Stream.catch(result, (error) => Stream.fromEffect(fitting(error)))
        : Effect.catch(result, fitting)
    }
    handlers.set(rpc.key, { tag: rpc._tag, handler, context: Context.empty() })
  }
  return Context.makeUnsafe(handlers)
}

type Calls = Readonly<
  Record<
    string,
    (
      payload: unknown,
      options: Pick<Options, "headers">
    ) => Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>
  >
>

/** What sending to an entity can fail with, beside the errors of its calls. */
const isClusterError = (error: unknown): boolean =>
  ClusterError.MailboxFull.is(error) ||
  ClusterError.AlreadyProcessingMessage.is(error) ||
  ClusterError.EntityNotAssignedToRunner.is(error) ||
  error instanceof ClusterError.PersistenceError
