/** What the tests of this package share. */
import { assert, it } from "@effect/vitest"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Transport } from "@effect-zmq/core/Transport"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ZmqTransport } from "../src/index.ts"

/** A test over libzmq, on the real clock. */
export const live = <A, E>(
  title: string,
  body: () => Effect.Effect<A, E, Transport | Scope.Scope>,
  timeout?: number
): void => it.live(title, () => Effect.provide(body(), ZmqTransport.layer), timeout)

/** What is promised is not kept by the addon as it is: the same body fails, or what it comes to does. */
export const naively = <A, E>(title: string, body: () => Effect.Effect<A, E, Scope.Scope>): void =>
  it.live(`(${title})`, () =>
    Effect.map(Effect.exit(Effect.scoped(body())), (exit) =>
      assert.isTrue(Exit.isFailure(exit), "it has not failed: what does the test prove?")
    )
  )

export const anyPort = "tcp://127.0.0.1:*"

/** The first endpoint of a socket. */
export const endpointOf = (socket: Socket.Socket): Effect.Effect<Endpoint.Input> =>
  // What a socket is bound to is an endpoint.
  Effect.map(Socket.endpoints(socket), ([endpoint]) => endpoint as Endpoint.Input)

/** A PULL on a free port, and a PUSH connected to it. */
export const pipeline = (options: { readonly push?: Push.Options; readonly pull?: Pull.Options } = {}) =>
  Effect.gen(function* () {
    const pull = yield* Pull.make({ bind: anyPort, linger: 0, ...options.pull })
    const endpoint = yield* endpointOf(pull)
    const push = yield* Push.make({ connect: endpoint, ...options.push })
    return { pull, push, endpoint }
  })

/** Waits for an event of a socket. */
export const awaitEvent = (socket: Socket.Socket, tag: SocketEvent["_tag"]): Effect.Effect<SocketEvent | undefined> =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrUndefined)
  )

/** The reason that an effect fails with. */
export const reasonOf = <A, R>(effect: Effect.Effect<A, ZmqError, R>): Effect.Effect<Record<string, unknown>, A, R> =>
  // A reason is a record of what a person needs to know.
  Effect.map(Effect.flip(effect), ({ reason }) => reason as unknown as Record<string, unknown>)
