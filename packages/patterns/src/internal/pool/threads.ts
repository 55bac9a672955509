/**
 * Handlers that are in worker threads. Each thread is behind a port and an `RpcClient` of its own, so that one that is lost
 * fails its own calls and no others; those are handed back to the dispatcher, which gives them to somebody else.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as ClientError from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMessage from "effect/rpc/RpcMessage"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import * as Worker from "effect/workers/Worker"
import type { WorkerError } from "effect/workers/WorkerError"
import type * as WorkerRunner from "effect/workers/WorkerRunner"
import { handedBack } from "./hands.ts"

/** Tells a handler in a thread what the call is named in the pool: between threads it has a number of its own. */
const requestIdHeader = "zmq-request-id"

interface Thread {
  readonly call: (tag: string, payload: unknown, headers: Headers.Headers) => Effect.Effect<unknown, unknown>
  busy: number
}

/** The handlers of a group, which have the threads do it. */
export const hostHandlers = Effect.fnUntraced(function* <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  size: number
) {
  const threads: Array<Thread> = []
  for (let index = 0; index < size; index++) threads.push(yield* makeThread(group, index))
  const services = yield* Effect.context<never>()
  const handlers = new Map<string, unknown>()
  for (const [tag, { key }] of group.requests) {
    handlers.set(key, { tag, handler: forward(threads, tag), context: services })
  }
  // One for each key of the group.
  return Context.makeUnsafe<Rpc.ToHandler<Rpcs>>(handlers)
})

const makeThread = Effect.fnUntraced(function* <Rpcs extends Rpc.Any>(group: RpcGroup.RpcGroup<Rpcs>, index: number) {
  const spawner = yield* Worker.Spawner
  const protocol = yield* RpcClient.makeProtocolWorker({ size: 1, concurrency: 0xffff_ffff }).pipe(
    // Each has one thread: which of them it is, is told here.
    Effect.provideService(Worker.Spawner, () => spawner(index))
  )
  const made = yield* RpcClient.make(group, { disableTracing: true, flatten: true }).pipe(
    Effect.provideService(RpcClient.Protocol, protocol)
  )
  // The tags and payloads are the group's: a handler of it asks.
  const client = made as unknown as (
    tag: string,
    payload: unknown,
    options: { readonly headers: Headers.Headers }
  ) => Effect.Effect<unknown, unknown>
  const thread: Thread = { call: (tag, payload, headers) => client(tag, payload, { headers }), busy: 0 }
  return thread
})

type Asked = Parameters<Rpc.Handler<string>["handler"]>[1]

const forward =
  (threads: ReadonlyArray<Thread>, tag: string) =>
  (payload: unknown, { headers, requestId }: Asked): Effect.Effect<unknown, unknown> =>
    Effect.suspend(() => {
      let thread = threads[0] as Thread // `size` is 1 or more
      for (const other of threads) if (other.busy < thread.busy) thread = other
      thread.busy++
      return thread.call(tag, payload, Headers.set(headers, requestIdHeader, String(requestId))).pipe(
        Effect.onExit(() => Effect.sync(() => void thread.busy--)),
        Effect.catchIf(
          (error) => error instanceof ClientError.RpcClientError,
          (error) => {
            handedBack.add(String(requestId))
            return Effect.die(error)
          }
        )
      )
    })

/** Serves the handlers of a group in a thread, under the names that calls have in the pool. */
export const layerGuest = <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options: { readonly concurrency: number | "unbounded" }
): Layer.Layer<
  never,
  WorkerError,
  Rpc.ToHandler<Rpcs> | Rpc.Middleware<Rpcs> | Rpc.ServicesServer<Rpcs> | WorkerRunner.WorkerRunnerPlatform
> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const context = yield* Effect.context<
        Rpc.ToHandler<Rpcs> | Rpc.Middleware<Rpcs> | Rpc.ServicesServer<Rpcs> | Scope.Scope
      >()
      const named = new Map(context.mapUnsafe)
      for (const { key } of group.requests.values()) {
        // What the context has by the key of an `Rpc` is its handler.
        const entry = context.mapUnsafe.get(key) as Rpc.Handler<string> | undefined
        if (entry !== undefined) named.set(key, { ...entry, handler: renaming(entry.handler) })
      }
      yield* RpcServer.make(group, { ...options, disableFatalDefects: true, disableTracing: true }).pipe(
        Effect.provideContext(
          // As it was, with the same handlers under other names.
          Context.add(
            Context.makeUnsafe<Rpc.ToHandler<Rpcs> | Rpc.Middleware<Rpcs> | Rpc.ServicesServer<Rpcs> | Scope.Scope>(
              named
            ),
            RpcServer.Protocol,
            yield* RpcServer.makeProtocolWorkerRunner
          )
        ),
        Effect.forkScoped
      )
    })
  )

const renaming =
  (handler: Rpc.Handler<string>["handler"]): Rpc.Handler<string>["handler"] =>
  (payload, asked) => {
    const name = asked.headers[requestIdHeader]
    return handler(payload, name === undefined ? asked : { ...asked, requestId: RpcMessage.RequestId(name) })
  }
