import { memory } from "./memory.ts"
import { conformance } from "./suite.ts"
import { suites } from "./suites/index.ts"

conformance(memory, suites)
