/**
 * What a page names as its proof: a test, by its file and title, or a section of a page whose blocks are run.
 *
 * `[file](../path/to/file.test.ts) "title of the test"`, or `[page](page.md#section)`.
 */
import { existsSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import { blocksOf, readPage } from "./blocks.ts"

const root = Path.join(import.meta.dirname, "../..")

/** The targets in the cell of a table: one a line. */
export const targetsIn = (cell: string): ReadonlyArray<string> => cell.split("<br>").filter((target) => target !== "")

/** What is linked to and is not there, of the files of this repository. */
export const missingLinks = (page: string): ReadonlyArray<string> =>
  [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^https?:/.test(link) && !existsSync(Path.join(root, "docs", link)))

/** As headings are linked to. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-")

/** What is wrong with a target, if anything: it is a test by its title, or a section of a page whose blocks are run. */
export const problemOf = (target: string): string | undefined => {
  const test = /^\[[^\]]+\]\(\.\.\/(.+\.ts)\) "(.+)"$/.exec(target)
  if (test?.[1] !== undefined && test[2] !== undefined) return problemOfTest(test[1], test[2])
  const block = /^\[[^\]]+\]\(([\w-]+\.md)#([^)]+)\)$/.exec(target)
  if (block?.[1] !== undefined && block[2] !== undefined) return problemOfBlock(block[1], block[2])
  return "neither a test and its title, nor a section of a page"
}

const problemOfTest = (path: string, title: string): string | undefined => {
  const file = Path.join(root, path)
  if (!existsSync(file)) return "there is no such file"
  const isThere = titlesIn(readFileSync(file, "utf8")).some((pattern) => pattern.test(title))
  return isThere ? undefined : "there is no test of that title"
}

/**
 * Every string that is the first argument of a call, as a test's title is, or a key, as in a record of checks; what is put into
 * a template may be anything.
 */
const titlesIn = (source: string): ReadonlyArray<RegExp> =>
  [...source.matchAll(/(?:\(\s*|^\s*(?=".*":))(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|`([^`]*)`)/gm)].flatMap(
    ([, double, single, template = ""]) => {
      const literal = double?.replaceAll('\\"', '"') ?? single
      const parts = literal === undefined ? template.split(/\$\{[^}]*\}/) : [literal]
      if (parts.join("").length < 5) return [] // it would be any title
      return [new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".+")}$`)]
    }
  )

const problemOfBlock = (page: string, anchor: string): string | undefined => {
  if (!existsSync(Path.join(root, "docs", page))) return "there is no such page"
  const runner = Path.join(import.meta.dirname, page.replace(/\.md$/, ".test.ts"))
  if (!existsSync(runner) || !readFileSync(runner, "utf8").includes(`guide("${page}")`)) return "no test runs the page"
  const sections = blocksOf(readPage(page)).map(({ heading }) => anchorOf(heading))
  return sections.includes(anchor) ? undefined : "the section has no block that is run"
}
