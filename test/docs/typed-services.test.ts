import { guide } from "./blocks.ts"

guide("typed-services.md")
