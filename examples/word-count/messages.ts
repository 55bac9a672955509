/**
 * What travels: parts of files to the workers, and back what they counted. The main process and the workers have this in
 * common, and nothing else.
 */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"

export class Words extends RpcGroup.make(
  Rpc.make("Count", {
    payload: { text: Schema.Uint8Array },
    success: Schema.Struct({
      worker: Schema.Int,
      /** From the second on, another worker had this part before, and died. */
      attempt: Schema.Int,
      /** Its words, and how often each occurs: two columns take a third of the time that pairs do. */
      words: Schema.Array(Schema.String),
      times: Schema.Array(Schema.Int)
    })
  })
) {}
