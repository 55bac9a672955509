/** Programs in Python (`python/*.py`), one for each role of an example, and the Python that runs them. */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { start } from "../examples/program.ts"

const knowsZmq = (file: string) => spawnSync(file, ["-c", "import zmq"], { timeout: 20_000 }).status === 0

/** A Python that has pyzmq: the first on the PATH, or the system's, which is where Debian's python3-zmq is. */
export const python: string | undefined = ["python3", "python", "/usr/bin/python3"].find(knowsZmq)

/** Why there are no tests with Python, where there are none. */
export const missing = "no Python here has zmq: install python3-zmq (Debian, Ubuntu), or pyzmq"

/** Starts a program in Python, by the name of its file; the scope ends it, and its output is not buffered, nor compiled code kept. */
export const peer = (name: string, ...flags: ReadonlyArray<string>) =>
  start(python ?? "", "-uB", path.join(import.meta.dirname, "python", `${name}.py`), ...flags)
