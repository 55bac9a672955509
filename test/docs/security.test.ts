import { guide } from "./blocks.ts"

guide("security.md")
