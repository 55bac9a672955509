/** docs/reliability.md: its blocks are run, and every promise names tests that are there. */
import { assert, describe, it } from "vitest"
import { guide, readPage } from "./blocks.ts"
import { missingLinks, problemOf, targetsIn } from "./targets.ts"

guide("reliability.md")

const page = readPage("reliability.md")

/** The rows of the tables that end with `shown by`: the promise, and what shows it. */
const promises = page.split("\n\n").flatMap((paragraph) => {
  const [header = "", , ...rows] = paragraph.split("\n").map((line) => line.split(" | "))
  if (header[header.length - 1] !== "shown by |") return []
  return rows.map((cells) => ({
    promise: cells[cells.length - 2] ?? "",
    shownBy: targetsIn((cells[cells.length - 1] ?? "").replace(/ \|$/, ""))
  }))
})

describe("the promises of docs/reliability.md", () => {
  it("are made for every pattern, and for all that is around them", () => {
    assert.isAtLeast(promises.length, 50)
    const tables = page.split("\n").filter((line) => line.endsWith("| shown by |"))
    assert.strictEqual(tables.length, 10)
  })

  it("name what shows them: tests that are there, and sections whose blocks are run", () => {
    const problems = promises.flatMap(({ promise, shownBy }) =>
      shownBy.length === 0
        ? [`${promise}: nothing shows it`]
        : shownBy.flatMap((target) => {
            const problem = problemOf(target)
            return problem === undefined ? [] : [`${promise}: ${target}: ${problem}`]
          })
    )
    assert.deepStrictEqual(problems, [])
  })

  it("have a test that `pnpm test` runs, beside a proof in large numbers", () => {
    const without = promises.filter(({ shownBy }) => shownBy.every((target) => target.includes("test/prove/")))
    assert.deepStrictEqual(without, [])
  })

  it("are linked to what is there", () => {
    assert.deepStrictEqual(missingLinks(page), [])
  })
})
