import { guide } from "./blocks.ts"

guide("publish-subscribe.md")
