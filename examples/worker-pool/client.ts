/**
 * The worker pool, a client: an ordinary RPC client, with some hundred calls.
 *
 *     npx --yes pnpm@12 exec node examples/worker-pool/client.ts
 *
 * Kill a worker meanwhile: its pictures are made by others. Of a letter that it had, nobody knows whether it was sent: this
 * call fails, and says so.
 */
import type { Endpoint } from "@effect-zmq/core"
import { ZmqRpcClient } from "@effect-zmq/patterns"
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { connect, main, number, text } from "../main.ts"
import { Jobs } from "./jobs.ts"

export const client = Effect.fnUntraced(
  function* (options: { readonly connect: Endpoint.Input; readonly calls: number; readonly atOnce: number }) {
    const pool = yield* RpcClient.make(Jobs)
    const by = new Map<string, number>()
    let again = 0
    let failed = 0

    /** Every tenth is a letter. */
    const call = (i: number) => {
      const [what, done] =
        i % 10 === 0
          ? [`mail to reader ${i}`, pool.Mail({ to: `reader ${i}` })]
          : [`thumbnail of photo-${i}.jpg`, pool.Thumbnail({ image: `photo-${i}.jpg` })]
      return done.pipe(
        Effect.matchEffect({
          onSuccess: ({ attempt, worker }) => {
            by.set(worker, (by.get(worker) ?? 0) + 1)
            if (attempt > 1) again++
            return Console.log(`${i}: ${what}, by ${worker}${attempt > 1 ? ", for one that was lost" : ""}`)
          },
          onFailure: (error) => {
            failed++
            const lost = ZmqRpcClient.serverLost(error)
            return Console.log(`${i}: ${what} failed: ${lost?.detail ?? lost?.message ?? error.message}`)
          }
        })
      )
    }
    yield* Console.log(`Asking ${text(options.connect)} for ${options.calls} jobs, ${options.atOnce} at once`)
    yield* Effect.forEach(
      Array.from({ length: options.calls }, (_, i) => i + 1),
      call,
      { concurrency: options.atOnce, discard: true }
    )

    const shares = [...by].sort(([a], [b]) => (a < b ? -1 : 1)).map(([worker, n]) => `${n} by ${worker}`)
    yield* Console.log(
      `Of ${options.calls} jobs ${options.calls - failed} are done, ${again} of them for a worker that was lost, and ${failed} failed${shares.length === 0 ? "" : `: ${shares.join(", ")}`}`
    )
  },
  Effect.scoped,
  (effect, { connect }) =>
    Effect.provide(effect, ZmqRpcClient.layerProtocol({ connect }).pipe(Layer.provide(RpcSerialization.layerJson)))
)

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5576"),
      calls: number("calls", "how many", 100),
      atOnce: number("at-once", "how many of them are under way at once", 20)
    },
    client
  ).pipe(Command.withDescription("Has jobs done by whatever workers there are."))
)
