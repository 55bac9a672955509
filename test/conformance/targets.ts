/** Every target, in the order of the report. */
import { memory } from "./memory.ts"
import type { Target } from "./suite.ts"
import { zmq } from "./zmq.ts"
import { zmtp } from "./zmtp.ts"

export const targets: ReadonlyArray<Target> = [memory, zmq, zmtp]
