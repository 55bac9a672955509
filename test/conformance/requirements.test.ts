import { assert, describe, it } from "vitest"
import { requirements } from "./requirements.ts"
import { gapOf, schemes } from "./suite.ts"
import { suites } from "./suites/index.ts"
import { targets } from "./targets.ts"

const tests = suites.flatMap(({ tests }) => tests)
const titles = tests.map(({ title }) => title)
const listed = requirements.flatMap(({ requires }) =>
  Object.values(requires).flatMap((held) => ("gap" in held ? [] : held))
)

describe("the list of requirements", () => {
  it("names tests that exist", () => {
    assert.deepStrictEqual(
      listed.filter((title) => !titles.includes(title)),
      []
    )
  })

  it("names every test", () => {
    assert.deepStrictEqual(
      titles.filter((title) => !listed.includes(title)),
      []
    )
  })

  it("has a test or a reason for each requirement", () => {
    for (const { source, requires } of requirements) {
      for (const [requirement, held] of Object.entries(requires)) {
        assert.isNotEmpty("gap" in held ? held.gap : held, `${source}: ${requirement}`)
      }
    }
  })
})

describe("the suites", () => {
  it("give each test a title of its own", () => {
    assert.deepStrictEqual(
      titles.filter((title, index) => titles.indexOf(title) !== index),
      []
    )
  })
})

describe("the gaps of a target", () => {
  it("are of tests that exist, on schemes where they run, and have a reason", () => {
    for (const target of targets) {
      for (const [title, reason] of Object.entries(target.gaps)) {
        assert.include(titles, title, target.name)
        const named = schemes.filter((scheme) => typeof reason === "string" || reason[scheme] !== undefined)
        for (const scheme of named) {
          assert.isNotEmpty(gapOf(target, title, scheme), `${target.name}, ${scheme}: ${title}`)
          if (typeof reason === "string") continue
          assert.include(target.schemes, scheme)
          assert.include(tests.find((test) => test.title === title)?.schemes ?? [], scheme)
        }
      }
    }
  })
})
