/**
 * Valid handshakes and traffic with mistakes in them, at sockets that serve a good peer meanwhile: no crash, nobody else
 * disturbed, nothing kept.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { attack, hostile } from "./mutations/attack.ts"
import { layer, serve } from "./mutations/served.ts"

const count = 1000

it.live(`${count} mutations of handshakes and traffic crash nothing, and a good peer is served meanwhile`, () =>
  Effect.gen(function* () {
    const by = yield* hostile
    let begun = 0
    let slowest = 0
    const { counts, peers, places } = yield* serve(by.endpoints, {
      begun: () => {
        begun = performance.now()
      },
      answered: () => {
        slowest = Math.max(slowest, performance.now() - begun)
      }
    })
    const { undelivered } = yield* attack(count, places, by)
    assert.strictEqual(undelivered, 0)
    const { served, told } = counts()
    yield* Effect.sleep("50 millis")
    assert.isAbove(counts().served, served, "the good peer is served")
    // Many get through the handshake, and make their mistakes behind it.
    assert.isAbove(told.HandshakeSucceeded ?? 0, count / 5)
    assert.isAbove(told.HandshakeFailed ?? 0, count / 5)
    console.log(`${count} mutations: ${served} requests served meanwhile, the slowest in ${slowest.toFixed(1)} ms`)
    // Nobody is left.
    yield* Effect.timeout(
      Effect.gen(function* () {
        while ((yield* peers).length > 0) yield* Effect.sleep(5)
      }),
      "3 seconds"
    )
  }).pipe(Effect.scoped, Effect.provide(layer))
)
