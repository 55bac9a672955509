/** What both ends of an RPC are made with. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Start } from "./outbox.ts"

/**
 * How bodies are written, by `RpcSerialization`: what matters of it is what its codec makes of values. Those that make JSON
 * understand each other, whatever their envelopes are.
 */
export const bodyCodec = (serialization: RpcSerialization.RpcSerialization["Service"]) => {
  const bytes = Schema.encodeSync(serialization.codecFor(Schema.String))("") instanceof Uint8Array
  return { bytes, codec: bytes ? serialization.contentType : RpcSerialization.json.contentType } as const
}

/** Starts effects at once, and interrupts those that still run when the scope closes. */
export const starter: Effect.Effect<Start, never, Scope.Scope> = Effect.gen(function* () {
  const context = yield* Effect.context<never>()
  const fibers = yield* FiberSet.make<unknown, unknown>()
  const run = Effect.runForkWith(context)
  return (effect) => {
    const fiber = run(effect)
    // Most are through by now, and cost no more than this.
    if (fiber.pollUnsafe() === undefined) FiberSet.addUnsafe(fibers, fiber)
    return fiber
  }
})
