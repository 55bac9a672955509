/** A small service of counters, and its handlers: what the tests of entities serve. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class Negative extends Schema.TaggedError<Negative>()("Negative", { by: Schema.Int }) {}

const id = { id: Schema.String }

export class Counters extends RpcGroup.make(
  Rpc.make("Add", { payload: { ...id, by: Schema.Int }, success: Schema.Int, error: Negative }),
  Rpc.make("Total", { payload: id, success: Schema.Int }),
  Rpc.make("Upwards", { payload: { ...id, count: Schema.Int }, success: Schema.Int, error: Negative, stream: true }),
  Rpc.make("Hold", { payload: id })
) {}

/** What happens in handlers: which layers were built and closed, which calls were held and interrupted. */
export class Log {
  built = 0
  closed = 0
  interrupted = 0
  readonly held = Deferred.makeUnsafe<void>()
  readonly release = Deferred.makeUnsafe<void>()
}

/** Each time that the layer is built there is another count. */
export const handlers = (log: Log) =>
  Counters.toLayer(
    Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => log.built++),
        () => Effect.sync(() => log.closed++)
      )
      let total = 0
      return Counters.of({
        Add: ({ by }) => (by < 0 ? Effect.fail(new Negative({ by })) : Effect.sync(() => (total += by))),
        Total: () => Effect.sync(() => total),
        Upwards: ({ count }) =>
          Stream.range(total + 1, total + count).pipe(
            Stream.concat(count > 3 ? Stream.fail(new Negative({ by: -count })) : Stream.empty)
          ),
        Hold: () =>
          Deferred.succeed(log.held, undefined).pipe(
            Effect.andThen(Deferred.await(log.release)),
            Effect.onInterrupt(() => Effect.sync(() => void log.interrupted++))
          )
      })
    })
  )
