/** A server and a client that hear what is no message of theirs, and what nearly is one. */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Router from "@effect-zmq/core/Router"
import type * as RoutingId from "@effect-zmq/core/RoutingId"
import type { Transport } from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { below, chance, mutate, randomBytes } from "../../packages/patterns/test/mutations.ts"
import { binary, clientOf, json, serve } from "./service.ts"
import { endpointOf, type Place } from "./targets.ts"

/** What stands between one client and its server, and hears both. */
export const between = Effect.fnUntraced(function* (
  place: Place,
  server: Endpoint.Input,
  /** What the client is sent for what the server has said. */
  replies: (message: Uint8Array) => ReadonlyArray<Uint8Array> = (message) => [message]
) {
  const asked: Array<Uint8Array> = []
  const answered: Array<Uint8Array> = []
  const front = yield* Router.make({ bind: place() })
  const back = yield* Dealer.make({ connect: server })
  let client: RoutingId.RoutingId | undefined
  const there = Router.runForEach(front, ({ from, message }) => {
    client = from
    asked.push(...message)
    return Dealer.send(back, message)
  })
  const andBack = Stream.runForEach(Dealer.stream(back), ([message]) => {
    answered.push(message)
    const to = client
    return to === undefined
      ? Effect.void
      : Effect.forEach(replies(message), (message) => Effect.ignore(Router.send(front, { to, message })), {
          discard: true
        })
  })
  yield* Effect.forkScoped(there, { startImmediately: true })
  yield* Effect.forkScoped(andBack, { startImmediately: true })
  return { connect: yield* endpointOf(front), asked, answered }
})

type Client = Effect.Success<ReturnType<typeof clientOf>>

/** One call of each kind. */
const calls = (client: Client, n: number) =>
  Effect.gen(function* () {
    assert.strictEqual(yield* client.Double({ n }), 2 * n)
    assert.deepStrictEqual(yield* client.Echo({ bytes: Uint8Array.of(n) }), Uint8Array.of(n))
    assert.strictEqual(yield* client.Header({ name: "a" }, { headers: { a: "b" } }), "b")
    assert.lengthOf(yield* Stream.runCollect(client.Count({ to: 20, chunk: 5 })), 20)
    yield* Effect.exit(client.Double({ n: 2000 }))
  })

const garbage = (
  random: () => number,
  genuine: ReadonlyArray<Uint8Array>
): Uint8Array | readonly [Uint8Array, Uint8Array] => {
  if (random() < 0.2) return randomBytes(random, below(random, 300))
  const message = mutate(random, genuine[below(random, genuine.length)] ?? new Uint8Array(1), genuine)
  return random() < 0.02 ? [message, message] : message
}

export const serverHearsGarbage = (
  place: Place,
  count: number,
  seed: number
): Effect.Effect<{ readonly drops: number }, unknown, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    let drops = 0
    for (const serialization of [json, binary]) {
      const random = chance(seed)
      const { connect, server } = yield* serve(place, serialization)
      const line = yield* between(place, connect)
      yield* calls(yield* clientOf(serialization, { connect: line.connect }), 1)
      const good = yield* clientOf(serialization, { connect })
      let isOver = false
      const meanwhile = yield* Effect.forkChild(
        Effect.whileLoop({ while: () => !isOver, body: () => calls(good, 7), step: () => {} })
      )
      // It reads nothing of what it is answered, either.
      const bad = yield* Dealer.make({ connect, linger: 0 })
      for (let i = 0; i < count / 2; i++) {
        const message = garbage(random, line.asked)
        yield* Dealer.send(bad, message)
        if (i % 50 === 0) yield* good.Double({ n: 1 })
      }
      isOver = true
      yield* Fiber.join(meanwhile)
      yield* calls(good, 8)
      const status = yield* server.status
      for (const number of status.drops.values()) drops += number
      assert.isAbove(drops, count / 20)
    }
    return { drops }
  })

export const clientHearsGarbage = (
  place: Place,
  count: number,
  seed: number
): Effect.Effect<{ readonly calls: number }, unknown, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    let made = 0
    for (const serialization of [json, binary]) {
      const random = chance(seed)
      const { connect } = yield* serve(place, serialization)
      let left = count / 2
      const genuine: Array<Uint8Array> = []
      const line = yield* between(place, connect, (message) => {
        if (genuine.length < 100) genuine.push(message)
        const bad = Array.from({ length: Math.min(left, 10) }, () => {
          const bytes = garbage(random, genuine)
          return bytes instanceof Uint8Array ? bytes : bytes[0]
        })
        left -= bad.length
        return [message, ...bad]
      })
      const client = yield* clientOf(serialization, { connect: line.connect })
      while (left > 0) {
        made++
        // A mutated answer may be one, to a call that it is not of.
        const exit = yield* Effect.exit(client.Double({ n: made % 1000 }))
        if (Exit.isFailure(exit)) assert.isFalse(Cause.hasInterrupts(exit.cause))
      }
      // Nothing is left of it but what was under way.
      yield* Effect.exit(client.Double({ n: 1 }))
      yield* calls(client, 3)
    }
    return { calls: made }
  })
