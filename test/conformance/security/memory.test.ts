import { memory } from "../memory.ts"
import { matrix } from "./matrix.ts"

// libzmq knows no security over inproc; in memory there is no way around it.
matrix(memory, ["tcp", "ipc", "inproc"])
