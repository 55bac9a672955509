import { readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, it } from "vitest"
import { expected, page } from "./table.ts"

it("docs/conformance.md is what `pnpm conformance` writes when every test does what is expected of it", () => {
  const docs = readFileSync(path.join(import.meta.dirname, "../../docs/conformance.md"), "utf8")
  assert.strictEqual(docs, page(expected), "run `npx --yes pnpm@12 conformance`, and commit docs/conformance.md")
})
