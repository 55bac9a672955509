import { guide } from "./blocks.ts"

guide("worker-pools.md")
