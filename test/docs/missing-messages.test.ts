/** docs/missing-messages.md: its blocks are run, and its chart is the doctor's, leaf by leaf, each with its tests. */
import { existsSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Simulation from "@effect-zmq/core/Simulation"
import type * as Doctor from "@effect-zmq/patterns/Doctor"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { assert, describe, it } from "vitest"
import { faults, isFound, watched } from "../../packages/patterns/test/doctorFaults.ts"
import { blocksOf, guide, readPage } from "./blocks.ts"

guide("missing-messages.md")

/** All that the doctor can find: a new one does not compile before it is here, and is not here before it is in the chart. */
const all: { readonly [Tag in Doctor.Finding["_tag"]]: true } = {
  NoMatchingSubscription: true,
  SentTooEarly: true,
  IncompatiblePeer: true,
  HandshakeFailed: true,
  Denied: true,
  NobodyBound: true,
  AddressTaken: true,
  HighWaterMark: true,
  Unroutable: true,
  DuplicateRoutingId: true,
  DeadPeer: true,
  UnevenShare: true,
  ClosedUnsent: true,
  ShortLivedBinder: true
}
const tags = Object.keys(all)

const page = readPage("missing-messages.md")
const [chart] = blocksOf(page, "mermaid")

/** The arrows of the chart: from, to. */
const arrows = [...(chart?.code ?? "").matchAll(/^ *(\w+) (?:-- "[^"]+" )?--> (\w+)/gm)].map(
  ([, from = "", to = ""]) => [from, to] as const
)

/** What stands under the heading of a leaf. */
const sectionOf = (tag: string): string => page.split(`### ${tag}\n`)[1]?.split(/^##/m)[0] ?? ""

const memory = "../packages/patterns/test/Doctor.test.ts"
const zmq = "../test/patterns/doctor/zmq.test.ts"

describe("the chart of missing messages", () => {
  it("has the doctor's findings as its leaves, and no others", () => {
    const inner = new Set(arrows.map(([from]) => from))
    const leaves = new Set(arrows.map(([, to]) => to).filter((to) => !inner.has(to)))
    assert.sameMembers([...leaves], tags)
  })

  it("can be followed from its start to each leaf", () => {
    const reached = new Set(["start"])
    for (let size = 0; size < reached.size; ) {
      size = reached.size
      for (const [from, to] of arrows) if (reached.has(from)) reached.add(to)
    }
    for (const [from, to] of arrows) assert.isTrue(reached.has(from) && reached.has(to), `${from} --> ${to}`)
  })

  it("has a fault for each leaf, in memory, and on libzmq or with the reason why not", () => {
    for (const tag of tags)
      assert.isNotEmpty(
        faults.filter((fault) => fault.tag === tag),
        tag
      )
    for (const { title } of faults)
      assert.lengthOf(
        faults.filter((fault) => fault.title === title),
        1,
        title
      )
    // They are run by their titles, each of them.
    for (const file of [memory, zmq]) {
      const source = readFileSync(Path.join(import.meta.dirname, "../../docs", file), "utf8")
      assert.match(source, /for \(const fault of faults\) \{\n[^}]*it\(fault\.title,/)
    }
  })

  for (const tag of tags) {
    it(`links the leaf ${tag} to its tests, or says what libzmq cannot show`, () => {
      const lines = sectionOf(tag)
        .split("\n")
        .filter((line) => line.startsWith("- Test: "))
      const expected = faults
        .filter((fault) => fault.tag === tag)
        .map(({ gap, title }) => {
          const live = gap === undefined ? `[libzmq](${zmq})` : `libzmq cannot show it: ${gap}`
          return `- Test: "${title}", [memory](${memory}), ${live}`
        })
      assert.deepStrictEqual(lines, expected)
    })

    it(`says of the leaf ${tag} what the doctor says: why, and the fix`, () => {
      for (const fault of faults.filter((fault) => fault.tag === tag)) {
        const found = watched(isFound(fault, "tcp://127.0.0.1:*"), MemoryTransport.layer)
        const exit = Simulation.run({ seed: 1, program: found })
        if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
        const [, why = "?", fix = "?"] = /\n {2}why +(.+)\n {2}fix +(.+)$/.exec(exit.value) ?? []
        assert.include(
          sectionOf(tag),
          `- Why: ${why}.\n- Fix: \`${fix.replace(/127\.0\.0\.1:\d+/, "127.0.0.1:5555")}\``
        )
      }
    })
  }

  it("links only to what is there", () => {
    const missing = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !existsSync(Path.join(import.meta.dirname, "../../docs", link)))
    assert.deepStrictEqual(missing, [])
  })
})
