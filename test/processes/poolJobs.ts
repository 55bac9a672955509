/** What the pools of these tests do: jobs that take a while, and say who did them. */
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"

export class Jobs extends RpcGroup.make(
  Rpc.make("Do", {
    payload: { n: Schema.Number, millis: Schema.Number },
    success: Schema.Struct({ n: Schema.Number, pid: Schema.Number, requestId: Schema.String })
  })
) {}
