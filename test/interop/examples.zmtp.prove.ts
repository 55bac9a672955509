/** The programs in Python once more, with ours on ZMTP in TypeScript. It has no CURVE yet: certificates are left out. */
process.env.INTEROP_TRANSPORT = "zmtp"
await import("./rows/requestReply.ts")
await import("./rows/publishSubscribe.ts")
await import("./rows/pipeline.ts")
await import("./rows/brokers.ts")
await import("./rows/chat.ts")
await import("./rows/files.ts")
const { printTable } = await import("./roles.ts")

printTable()
