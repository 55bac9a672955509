/** In memory, under virtual time. */
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import type { Target } from "./suite.ts"

export const memory: Target = {
  name: "memory",
  layer: MemoryTransport.layer,
  schemes: ["tcp", "ipc", "inproc"],
  run: "virtual",
  lacks: [],
  gaps: {}
}
