import { conformance } from "./suite.ts"
import { suites } from "./suites/index.ts"
import { zmtp } from "./zmtp.ts"

conformance(zmtp, suites)
