/**
 * The in-process link, for transports that carry inproc beside what is theirs.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../Endpoint.ts"
import type { SocketType } from "../SocketType.ts"
import { MemoryNetwork } from "./internal/network.ts"
import type { Link } from "./Link.ts"

/**
 * What the inproc endpoints of a transport are in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inproc {
  /** The link of one socket, until its scope is closed. Pipes that it did not make are none of its business. */
  readonly open: (type: SocketType) => Effect.Effect<Link, never, Scope.Scope>
  /** Whether a socket is bound there. */
  readonly has: (endpoint: Endpoint) => boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Inproc, never, Scope.Scope> = Effect.gen(function* () {
  const network = new MemoryNetwork(yield* Clock.Clock, yield* Random.nextIntBetween(0, 2 ** 32))
  yield* Effect.forkScoped(network.agenda.run, { startImmediately: true })
  return {
    has: (endpoint) => network.find(endpoint) !== undefined,
    open: Effect.fnUntraced(function* (type) {
      const link = network.open("inproc", type)
      link.context = yield* Effect.context<never>()
      yield* Effect.addFinalizer(() => Effect.sync(() => network.close(link)))
      // A pipe is dialled by the link that made it.
      return link as unknown as Link
    })
  }
})
