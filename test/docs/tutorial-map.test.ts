/** docs/tutorial-map.md names every row of the tutorials, and for each what shows it: tests, and blocks that tests run. */
import { assert, describe, it } from "vitest"
import { readPage } from "./blocks.ts"
import { missingLinks, problemOf, targetsIn } from "./targets.ts"

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
    return [{ id, here, shownBy: targetsIn(shownBy) }]
  })

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
    assert.deepStrictEqual(missingLinks(page), [])
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
