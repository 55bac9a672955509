/**
 * The code of a guide, as files that can be checked and run.
 *
 * Every `ts` block of a page in docs/ is code that its reader would write. A block whose first line is a comment with the
 * name of a file (`// orders.ts`) is that file, and the blocks after it can import it; the others are files of their own.
 * Tests in a block are vitest's; a block without any is run to its end.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "vitest"

/** One block of a page. */
export interface Block {
  /** Of the file it becomes. */
  readonly name: string
  /** The heading it stands under. */
  readonly heading: string
  /** Its first line in the page. */
  readonly line: number
  readonly code: string
}

/** The blocks of a page in a language, in their order. */
export const blocksOf = (page: string, language = "ts"): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  let heading = ""
  let open: { readonly line: number; readonly isCode: boolean; readonly lines: Array<string> } | undefined
  page.split("\n").forEach((text, index) => {
    const fence = /^\s*```(\w*)/.exec(text)
    if (open === undefined && fence !== null) open = { line: index + 2, isCode: fence[1] === language, lines: [] }
    else if (open === undefined) heading = /^#+ (.*)/.exec(text)?.[1] ?? heading
    else if (fence === null) open.lines.push(text)
    else {
      const { isCode, line, lines } = open
      const name = /^\/\/ ([\w.-]+\.ts)$/.exec(lines[0] ?? "")?.[1] ?? `line-${line}.ts`
      if (isCode) blocks.push({ name, heading, line, code: `${lines.join("\n")}\n` })
      open = undefined
    }
  })
  return blocks
}

const root = Path.join(import.meta.dirname, "../..")

/** A page in docs/. */
export const readPage = (page: string): string => readFileSync(Path.join(root, "docs", page), "utf8")

/** Where the blocks of a page are files. */
export const directoryOf = (page: string): string =>
  Path.join(import.meta.dirname, ".blocks", Path.basename(page, ".md"))

/** Checks the types of all blocks of a page in docs/, and runs each: the one call of a guide's test file. */
export const guide = (page: string): void => {
  const blocks = blocksOf(readPage(page))
  const directory = directoryOf(page)
  write(directory, blocks)
  describe(`docs/${page}`, () => {
    it("type-checks", { timeout: 60_000 }, () => {
      const tsc = Path.join(root, "node_modules/typescript/bin/tsc")
      const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", directory], { encoding: "utf8" })
      assert.strictEqual(status, 0, `the blocks in ${directory}:\n${stdout}`)
    })
    for (const { heading, line, name } of blocks) {
      describe(`${heading} (line ${line})`, async () => {
        // Its own tests are added here.
        const failure: unknown = await import(Path.join(directory, name)).then(
          () => undefined,
          (error) => error
        )
        it("runs", () => {
          if (failure !== undefined) throw failure
        })
      })
    }
  })
}

/** Beside the tests, so that the packages are found; what has not changed is not touched, or a watcher would never rest. */
const write = (directory: string, blocks: ReadonlyArray<Block>): void => {
  mkdirSync(directory, { recursive: true })
  const files = new Map(blocks.map(({ code, name }) => [name, code]))
  assert.strictEqual(files.size, blocks.length, "two blocks have the same name")
  const settings = { extends: Path.relative(directory, Path.join(root, "tsconfig.json")), include: ["*.ts"] }
  files.set("tsconfig.json", JSON.stringify(settings))
  for (const old of readdirSync(directory)) if (!files.has(old)) rmSync(Path.join(directory, old))
  for (const [name, content] of files) {
    const path = Path.join(directory, name)
    if (!existsSync(path) || readFileSync(path, "utf8") !== content) writeFileSync(path, content)
  }
}
