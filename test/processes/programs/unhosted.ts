/** Starts a thread that has sockets, and has not loaded the transport itself. Prints what the thread tells. */
import { Worker } from "node:worker_threads"

const worker = new Worker(new URL("./socketless.ts", import.meta.url))
worker.once("message", (told) => console.log(told))
