/**
 * The programs in Python once more, with ours on ZMTP in TypeScript. It has no CURVE yet, so certificates are left out, and
 * no inproc between threads, so ours are not the programs that have threads.
 */
process.env.INTEROP_TRANSPORT = "zmtp"
const { lacks, printTable } = await import("./roles.ts")
lacks.push({ example: "threads, the service", ours: "service" }, { example: "async-server", ours: "server" })
await import("./rows/requestReply.ts")
await import("./rows/publishSubscribe.ts")
await import("./rows/pipeline.ts")
await import("./rows/brokers.ts")
await import("./rows/chat.ts")
await import("./rows/files.ts")

printTable()
