/**
 * Each example that crosses processes, and the patterns, with programs in Python in any of the roles. They are written to
 * the tutorials' wire formats, not from our programs: what both of ours misunderstand, they do not.
 */
import "./rows/requestReply.ts"
import "./rows/publishSubscribe.ts"
import "./rows/pipeline.ts"
import "./rows/brokers.ts"
import "./rows/chat.ts"
import "./rows/files.ts"
import "./rows/patterns.ts"
import "./rows/certificates.ts"
import { printTable } from "./roles.ts"

printTable()
