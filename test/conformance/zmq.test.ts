import { conformance } from "./suite.ts"
import { suites } from "./suites/index.ts"
import { zmq } from "./zmq.ts"

conformance(zmq, suites)
