/** Those suites that touch every operation; `pnpm prove` runs them all. */
import { conformance } from "./suite.ts"
import { contract } from "./suites/contract.ts"
import { dealers } from "./suites/dealers.ts"
import { peers } from "./suites/peers.ts"
import { poller } from "./suites/poller.ts"
import { requestReply } from "./suites/requestReply.ts"
import { users } from "./suites/users.ts"
import { threads } from "./threads.ts"

conformance(threads, [requestReply, dealers, contract, peers, poller, users])
