/** Every suite, in the order of the report. */
import type { Suite } from "../suite.ts"
import { byteMarks } from "./byteMarks.ts"
import { contract } from "./contract.ts"
import { dealers } from "./dealers.ts"
import { envelopes } from "./envelopes.ts"
import { highWaterMarks } from "./highWaterMarks.ts"
import { lifecycle } from "./lifecycle.ts"
import { metadata } from "./metadata.ts"
import { options } from "./options.ts"
import { pairs } from "./pairs.ts"
import { peers } from "./peers.ts"
import { pipeline } from "./pipeline.ts"
import { poller } from "./poller.ts"
import { proxies } from "./proxies.ts"
import { publishSubscribe } from "./publishSubscribe.ts"
import { requestReply } from "./requestReply.ts"
import { revival } from "./revival.ts"
import { routers } from "./routers.ts"
import { users } from "./users.ts"
import { xpubs } from "./xpub.ts"
import { xsubs } from "./xsub.ts"

export const suites: ReadonlyArray<Suite> = [
  requestReply,
  dealers,
  routers,
  peers,
  envelopes,
  publishSubscribe,
  xpubs,
  xsubs,
  pipeline,
  pairs,
  contract,
  lifecycle,
  revival,
  highWaterMarks,
  byteMarks,
  options,
  metadata,
  poller,
  proxies,
  users
]
