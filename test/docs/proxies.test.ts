import { guide } from "./blocks.ts"

guide("proxies.md")
