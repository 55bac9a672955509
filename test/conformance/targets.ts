/** Every target, in the order of the report. */
import { memory } from "./memory.ts"
import type { Target } from "./suite.ts"
import { zmq } from "./zmq.ts"

export const targets: ReadonlyArray<Target> = [memory, zmq]
