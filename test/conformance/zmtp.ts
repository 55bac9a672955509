/** ZMTP in TypeScript, live. */
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import type { Target } from "./suite.ts"

const curve = "there is no CURVE yet: a socket with it fails Unsupported"

export const zmtp: Target = {
  name: "zmtp",
  layer: ZmtpTransport.layer,
  schemes: ["tcp", "ipc", "inproc"],
  run: "live",
  lacks: [],
  gaps: {
    "a ROUTER tells which user of CURVE has sent a message": curve,
    "a ROUTER calls a user of CURVE by the routing id that its client announces": curve,
    "a REP tells who has asked": curve
  }
}
