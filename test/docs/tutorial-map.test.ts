/** docs/tutorial-map.md names every row of the tutorials, and for each what shows it: tests, and blocks that tests run. */
import { existsSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "vitest"
import { blocksOf, readPage } from "./blocks.ts"

const root = Path.join(import.meta.dirname, "../..")

const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, n) => `${letter}${n + 1}`)

/** Concepts and claims, programs and patterns, and whatever else the tutorials name. */
const rows = [
  ...numbered("C", 55),
  ...numbered("P", 34),
  ...["REQ", "REP", "PUB", "SUB", "PUSH", "PULL", "DEALER", "ROUTER", "PAIR", "XPUB", "XSUB"],
  ...["tcp", "ipc", "inproc", "udp", "pgm", "epgm"],
  ...["SUBSCRIBE", "identity", "LINGER", "HWM"],
  ...["Context", "socket", "bind", "connect", "setsockopt", "getsockopt", "send", "recv", "send_string", "recv_string"],
  ...["send_multipart", "recv_multipart", "poll", "Poller", "DONTWAIT", "proxy", "close", "term", "pyzmq_version"],
  ...["zmq_msg_send", "zmq_msg_recv"]
]

interface Row {
  readonly id: string
  readonly here: string
  readonly shownBy: ReadonlyArray<string>
}

/** The rows of all tables of the page: `| id | what they say | here | shown by |`. */
const rowsOf = (page: string): ReadonlyArray<Row> =>
  page.split("\n").flatMap((line) => {
    const [, id = "", , here = "", shownBy = "", ...rest] = line.split(/(?<!\\)\|/).map((cell) => cell.trim())
    if (rest.length !== 1 || id === "row" || /^-+$/.test(id)) return []
    return [{ id, here, shownBy: shownBy.split("<br>").filter((target) => target !== "") }]
  })

/** As headings are linked to. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-")

/** What is wrong with a target, if anything: it is a test by its title, or a section of a page whose blocks are run. */
const problemOf = (target: string): string | undefined => {
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

/** Every string that is the first argument of a call, as a test's title is; what is put into a template may be anything. */
const titlesIn = (source: string): ReadonlyArray<RegExp> =>
  [...source.matchAll(/\(\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|`([^`]*)`)/g)].flatMap(
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

const page = readPage("tutorial-map.md")
const mapped = rowsOf(page)

describe("docs/tutorial-map.md", () => {
  it("has every row of the tutorials, once, in their order", () => {
    assert.deepStrictEqual(
      mapped.map(({ id }) => id),
      rows
    )
  })

  it("says of every row what became of it, and what shows it", () => {
    const empty = mapped.filter(({ here, shownBy }) => here === "" || shownBy.length === 0)
    assert.deepStrictEqual(empty, [])
  })

  it("names only tests that are there, and sections whose blocks are run", () => {
    const problems = mapped.flatMap(({ id, shownBy }) =>
      shownBy.flatMap((target) => {
        const problem = problemOf(target)
        return problem === undefined ? [] : [`${id}: ${target}: ${problem}`]
      })
    )
    assert.deepStrictEqual(problems, [])
  })

  it("links only to what is there", () => {
    const missing = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !existsSync(Path.join(root, "docs", link)))
    assert.deepStrictEqual(missing, [])
  })
})

describe("the check of the map", () => {
  const wrong = [
    ["nothing", "neither a test and its title, nor a section of a page"],
    ['[x](../test/docs/nowhere.test.ts) "a title"', "there is no such file"],
    [
      `[x](../test/docs/tutorial-map.test.ts) "${["a", "title"].join(" ")} of no test"`,
      "there is no test of that title"
    ],
    ["[x](nowhere.md#a)", "there is no such page"],
    ["[x](tutorial-map.md#programs)", "no test runs the page"],
    ["[x](testing.md#testing)", "the section has no block that is run"]
  ] as const
  for (const [target, problem] of wrong) {
    it(`sees of ${target}: ${problem}`, () => assert.strictEqual(problemOf(target), problem))
  }

  it("accepts a test by its title, and a section with a block", () => {
    assert.isUndefined(
      problemOf('[x](../test/docs/tutorial-map.test.ts) "accepts a test by its title, and a section with a block"')
    )
    assert.isUndefined(problemOf("[x](testing.md#swap-the-transport)"))
  })
})
