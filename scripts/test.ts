/**
 * `pnpm test`: everything that must hold, in one readable run. Stops at the first step that fails. The last line is the
 * count of tests, for people and for CI.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"

const results = mkdtempSync(path.join(tmpdir(), "effect-zmq-test-"))
const report = path.join(results, "vitest.json")

const steps: ReadonlyArray<readonly [title: string, command: string]> = [
  ["types", "pnpm types"],
  ["lint and format", "pnpm lint"],
  ["tests", `vitest run --reporter=default --reporter=json --outputFile.json=${report}`],
  ["the demo, its figures verified", "pnpm demo --verify"]
]

const seconds = (since: number) => `${((Date.now() - since) / 1000).toFixed(1)} s`

/** What vitest's report counts; nothing where it never got so far. */
const counts = (): { readonly passed: number; readonly failed: number } => {
  if (!existsSync(report)) return { passed: 0, failed: 0 }
  const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(report, "utf8"))
  return { passed: numPassedTests, failed: numFailedTests }
}

const start = Date.now()
let failed: string | undefined
const summary: Array<string> = []

for (const [title, command] of steps) {
  console.log(`\n━━ ${title} ━━  ${command.replace(/ --reporter.*/, "")}\n`)
  const began = Date.now()
  // A shell finds pnpm and vitest on the PATH that `pnpm test` has set, on every system.
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" })
  summary.push(`${status === 0 ? "✓" : "✗"} ${title} (${seconds(began)})`)
  if (status !== 0) {
    failed = title
    break
  }
}

const { passed, failed: failedTests } = counts()
rmSync(results, { recursive: true })

console.log(`\n━━ ${failed === undefined ? "all passed" : `stopped: ${failed} failed`} (${seconds(start)}) ━━`)
console.log(summary.join("\n"))
// A step that failed without a failed test (types, a file that does not load, the demo) counts as one.
console.log(`\n${passed} passed, ${failed === undefined ? 0 : Math.max(failedTests, 1)} failed`)
process.exitCode = failed === undefined ? 0 : 1
