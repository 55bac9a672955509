import { guide } from "./blocks.ts"

guide("zeromq.md")
