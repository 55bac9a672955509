/** ZMTP in TypeScript, live. */
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import type { Target } from "./suite.ts"

export const zmtp: Target = {
  name: "zmtp",
  layer: ZmtpTransport.layer,
  schemes: ["tcp", "ipc", "inproc"],
  run: "live",
  lacks: [],
  gaps: {}
}
