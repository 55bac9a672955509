import { guide } from "./blocks.ts"

guide("observability.md")
