/** Every suite, in the order of the report. */
import type { Suite } from "../suite.ts"
import { contract } from "./contract.ts"
import { highWaterMarks } from "./highWaterMarks.ts"
import { lifecycle } from "./lifecycle.ts"
import { options } from "./options.ts"
import { pipeline } from "./pipeline.ts"
import { poller } from "./poller.ts"
import { publishSubscribe } from "./publishSubscribe.ts"
import { requestReply } from "./requestReply.ts"

export const suites: ReadonlyArray<Suite> = [
  requestReply,
  publishSubscribe,
  pipeline,
  contract,
  lifecycle,
  highWaterMarks,
  options,
  poller
]
