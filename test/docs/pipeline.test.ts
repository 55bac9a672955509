import { guide } from "./blocks.ts"

guide("pipeline.md")
