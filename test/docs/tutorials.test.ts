import { guide } from "./blocks.ts"

guide("tutorials.md")
