/**
 * The worker pool: what can be asked for, and what may be done with a call whose worker is lost.
 */
import { WorkerPool } from "@effect-zmq/patterns"
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"

/** Who did it, and to how many workers it was given for that. */
const Done = Schema.Struct({ worker: Schema.String, attempt: Schema.Int })

/** A small picture of a large one: to make it twice does no harm. */
const Thumbnail = Rpc.make("Thumbnail", { payload: { image: Schema.String }, success: Done })

/** A letter: before all pictures, and never twice. Where nobody knows whether it was sent, its caller is to decide. */
const Mail = Rpc.make("Mail", { payload: { to: Schema.String }, success: Done })
  .annotate(WorkerPool.Priority, 10)
  .annotate(WorkerPool.Idempotent, false)

export class Jobs extends RpcGroup.make(Thumbnail, Mail) {}
