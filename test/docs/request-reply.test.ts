import { guide } from "./blocks.ts"

guide("request-reply.md")
