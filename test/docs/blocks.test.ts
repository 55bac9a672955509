import { assert, describe, it } from "vitest"
import { blocksOf } from "./blocks.ts"

const page = `# Guide
## First
\`\`\`ts
// a.ts
export const a = 1
\`\`\`
\`\`\`text
## no heading
\`\`\`
## Second
\`\`\`ts
a

b
\`\`\`
`

describe("the blocks of a page", () => {
  it("are those of its language, with their names, headings, lines and code", () => {
    assert.deepStrictEqual(blocksOf(page), [
      { name: "a.ts", heading: "First", line: 4, code: "// a.ts\nexport const a = 1\n" },
      { name: "line-12.ts", heading: "Second", line: 12, code: "a\n\nb\n" }
    ])
    assert.deepStrictEqual(
      blocksOf(page, "text").map(({ code }) => code),
      ["## no heading\n"]
    )
  })
})
