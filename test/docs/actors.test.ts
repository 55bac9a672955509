import { guide } from "./blocks.ts"

guide("actors.md")
