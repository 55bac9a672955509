import { guide } from "./blocks.ts"

guide("routing-and-envelopes.md")
