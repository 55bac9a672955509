/**
 * `pnpm conformance`: runs the suites on every target, prints the table of results, and writes it to docs/conformance.md
 * where everything went as expected. That the page is up to date, `docs.test.ts` sees to.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { gapOf, lacking } from "./suite.ts"
import { page, print, type StateOf } from "./table.ts"
import { targets } from "./targets.ts"

const root = path.join(import.meta.dirname, "../..")
const docs = path.join(root, "docs/conformance.md")

/** Runs vitest, and gives its status and how each test went, by its full name. */
const run = (): { readonly status: number; readonly results: ReadonlyMap<string, string> } => {
  const directory = mkdtempSync(path.join(tmpdir(), "effect-zmq-conformance-"))
  const file = path.join(directory, "results.json")
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
  const files = ["requirements", ...targets.map(({ name }) => name)].map((name) => `test/conformance/${name}.test.ts`)
  const { status } = spawnSync(
    process.execPath,
    [vitest, "run", ...files, "--reporter=dot", "--reporter=json", `--outputFile.json=${file}`],
    { cwd: root, stdio: "inherit" }
  )
  const results = new Map<string, string>()
  for (const { assertionResults } of JSON.parse(readFileSync(file, "utf8")).testResults) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      results.set([...ancestorTitles, title].join(" > "), status)
    }
  }
  rmSync(directory, { recursive: true })
  return { status: status ?? 1, results }
}

const { results, status } = run()

const stateOf: StateOf = (target, suite, scheme, { title }) => {
  if (lacking(target, suite).length > 0) return "lacks"
  const result = results.get([target.name, `${suite.name}, ${scheme}`, title].join(" > "))
  if (result === undefined) return undefined
  if (result !== "passed") return "fail"
  return gapOf(target, title, scheme) === undefined ? "pass" : "gap"
}

console.log(`\n${print(stateOf, Math.max(60, Math.min(110, (process.stdout.columns ?? 150) - 45)))}\n`)

const text = page(stateOf)
// A page with failures in it is not for the docs.
if (!text.includes("**✗**")) writeFileSync(docs, text)
if (status !== 0) process.exitCode = 1
