/**
 * The addon wrapped as one would at first: a promise becomes an Effect, and a scope closes the socket. The tests that
 * matter run against it too, and are seen to fail.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as zeromq from "zeromq"

export interface NaiveSocket<A> {
  readonly socket: A
  readonly send: (body: string) => Effect.Effect<void, unknown>
  readonly receive: Effect.Effect<string, unknown>
}

const make = <A extends zeromq.Socket>(open: () => A): Effect.Effect<NaiveSocket<A>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(open), (socket) => Effect.sync(() => socket.close())),
    (socket) => {
      // Every class of the addon has both at run time.
      const both = socket as unknown as zeromq.Dealer
      return {
        socket,
        send: (body) => Effect.tryPromise(() => both.send(body)),
        receive: Effect.map(
          Effect.tryPromise(() => both.receive()),
          (frames) => `${frames[0]}`
        )
      }
    }
  )

export const push = (endpoint?: string) =>
  Effect.tap(
    make(() => new zeromq.Push({ linger: 0 })),
    ({ socket }) => Effect.sync(() => endpoint !== undefined && socket.connect(endpoint))
  )

export const pull = Effect.flatMap(
  make(() => new zeromq.Pull({ linger: 0 })),
  (naive) =>
    Effect.as(
      Effect.promise(() => naive.socket.bind("tcp://127.0.0.1:*")),
      naive
    )
)

export const request = (endpoint: string) =>
  Effect.tap(
    make(() => new zeromq.Request({ linger: 0, relaxed: true })),
    ({ socket }) => Effect.sync(() => socket.connect(endpoint))
  )
