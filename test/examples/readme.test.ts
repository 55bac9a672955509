/** examples/README.md, against the programs: none is missing, and their flags and endpoints are what it says. */
import { readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"

const examples = path.join(import.meta.dirname, "../../examples")
const readme = readFileSync(path.join(examples, "README.md"), "utf8")
const [index = "", flags = ""] = readme.split("## Flags")

/** The programs: whatever ends with a main, but for what another program starts. */
const programs = readdirSync(examples, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && file.includes("/") && !file.includes("node_modules"))
  .filter(
    (file) => file !== "word-count/worker.ts" && /^main\($/m.test(readFileSync(path.join(examples, file), "utf8"))
  )
  .map((file) => file.slice(0, -3))

/** The rows of the table of flags, by program. */
const rows = new Map(
  [...(flags.split("## Messages")[0] ?? "").matchAll(/^\| ([a-z/, -]+) \| (.+) \|$/gm)].flatMap(
    ([, names = "", row = ""]) => names.split(", ").map((name) => [name, row] as const)
  )
)

describe("examples/README.md", () => {
  it("has every program in its index, and in its table of flags", () => {
    assert.isAbove(programs.length, 20)
    for (const program of programs) assert.include(index, `](${program}.ts)`)
    assert.sameMembers(
      [...rows.keys()].filter((name) => name !== "program"),
      programs
    )
  })

  for (const program of programs) {
    it(`has the flags and the endpoints of ${program}`, () => {
      const source = readFileSync(path.join(examples, `${program}.ts`), "utf8")
      const row = rows.get(program) ?? ""
      for (const [endpoint] of row.matchAll(/(tcp|ipc|inproc):\/\/[^\s,|]+/g)) assert.include(source, `"${endpoint}"`)
      for (const [endpoint] of source.matchAll(/(?<=(bind|connect)\(.*")(tcp|ipc|inproc):\/\/[^"]+/g)) {
        assert.include(row, endpoint)
      }
      const declared = [...source.matchAll(/(?:number|duration|toggle|Boolean|String|Literals|Int)\("([a-z-]+)"/g)].map(
        ([, name]) => name
      )
      for (const name of declared) assert.include(row, `--${name}`)
    })
  }
})
