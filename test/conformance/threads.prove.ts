import { conformance } from "./suite.ts"
import { suites } from "./suites/index.ts"
import { threads } from "./threads.ts"

conformance({ ...threads, schemes: ["tcp", "inproc"] }, suites)
