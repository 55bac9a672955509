/**
 * `pnpm build`: makes `dist` of every package. What is left of an earlier build goes first, so that a module that was
 * renamed or removed is not published.
 */
import { spawnSync } from "node:child_process"
import { globSync, rmSync } from "node:fs"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "..")

for (const dist of globSync("packages/*/dist", { cwd: root })) {
  rmSync(path.join(root, dist), { recursive: true })
}

const tsc = path.join(root, "node_modules/typescript/bin/tsc")
const build = spawnSync(process.execPath, [tsc, "--build", "tsconfig.build.json"], { cwd: root, stdio: "inherit" })
process.exitCode = build.status ?? 1
