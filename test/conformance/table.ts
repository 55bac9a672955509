/** The table of results: on a terminal, and in docs/conformance.md. */
import { requirements } from "./requirements.ts"
import { gapOf, lacking, type Scheme, type Suite, type Target, type Test } from "./suite.ts"
import { suites } from "./suites/index.ts"
import { targets } from "./targets.ts"

/** How a test went on a target; `undefined` where it makes no sense there, or did not run. */
export type State = "pass" | "gap" | "fail" | "lacks" | undefined

export type StateOf = (target: Target, suite: Suite, scheme: Scheme, test: Test) => State

interface Column {
  readonly target: Target
  readonly scheme: Scheme
}

const columns: ReadonlyArray<Column> = targets.flatMap((target) => target.schemes.map((scheme) => ({ target, scheme })))

/** How it goes where every test does what is expected of it, which is what the docs show. */
export const expected: StateOf = (target, suite, scheme, test) => {
  if (lacking(target, suite).length > 0) return "lacks"
  if (!test.schemes.includes(scheme)) return undefined
  return gapOf(target, test.title, scheme) === undefined ? "pass" : "gap"
}

/** How many tests went so, by column. */
const count = (stateOf: StateOf, state: State): ReadonlyArray<number> =>
  columns.map(({ target, scheme }) =>
    suites.reduce(
      (sum, suite) => sum + suite.tests.filter((test) => stateOf(target, suite, scheme, test) === state).length,
      0
    )
  )

// -----------------------------------------------------------------------------
// On a terminal
// -----------------------------------------------------------------------------

const words: Readonly<Record<string, string>> = {
  pass: "pass",
  gap: "gap",
  fail: "FAIL",
  lacks: "lacks",
  undefined: "-"
}

/** `titleWidth` columns of a terminal are for the titles. */
export const print = (stateOf: StateOf, titleWidth: number): string => {
  const row = (title: string, cells: ReadonlyArray<string>) =>
    `${title.length > titleWidth ? `${title.slice(0, titleWidth - 1)}…` : title.padEnd(titleWidth)} ${cells.map((cell) => cell.padEnd(7)).join("")}`.trimEnd()
  const lines = [
    row(
      "",
      columns.map(({ target }) => target.name)
    ),
    row(
      "",
      columns.map(({ scheme }) => scheme)
    )
  ]
  for (const suite of suites) {
    lines.push("", suite.name)
    for (const test of suite.tests) {
      const states = columns.map(({ target, scheme }) => stateOf(target, suite, scheme, test))
      lines.push(
        row(
          `  ${test.title}`,
          states.map((state) => words[`${state}`] ?? "")
        )
      )
    }
  }
  lines.push("")
  for (const state of ["pass", "gap", "lacks", "fail"] as const)
    lines.push(row(state, count(stateOf, state).map(String)))
  return lines.join("\n")
}

// -----------------------------------------------------------------------------
// In the docs
// -----------------------------------------------------------------------------

const marks: Readonly<Record<string, string>> = { pass: "✓", gap: "gap", fail: "**✗**", lacks: "–", undefined: "" }

/** The page. It has no times and no machine in it, so that it changes only when what it says does. */
export const page = (stateOf: StateOf): string => {
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const head = (first: string) => [
    line([first, ...columns.map(({ target, scheme }) => `${target.name} ${scheme}`)]),
    line(["---", ...columns.map(() => ":-:")])
  ]
  const table = (suite: Suite) => [
    `## ${suite.name[0]?.toUpperCase()}${suite.name.slice(1)}`,
    "",
    ...head("promise"),
    ...suite.tests.map((test) =>
      line([
        cell(test.title),
        ...columns.map(({ target, scheme }) => marks[`${stateOf(target, suite, scheme, test)}`] ?? "")
      ])
    ),
    ""
  ]
  return [
    "<!-- Written by `pnpm conformance`; do not edit. -->",
    "",
    "# Conformance",
    "",
    "One text of each test runs on every transport: under virtual time in memory, live over libzmq. The titles quote the",
    "RFCs, or say what is promised.",
    "",
    "```sh",
    "npx --yes pnpm@12 conformance   # runs all of it, prints this table, and writes this page",
    "```",
    "",
    "✓ holds · gap: known not to hold, for the reason below; it runs as an expected failure, and fails when it is mended ·",
    "–: of socket types that the transport has not yet · empty: makes no sense there",
    "",
    ...head("tests"),
    ...(["pass", "gap", "lacks"] as const).map((state) => line([state, ...count(stateOf, state).map(String)])),
    "",
    ...suites.flatMap(table),
    "## Gaps of the transports",
    "",
    ...targets.flatMap(gapsOf),
    "## Requirements without a test",
    "",
    "Every requirement is listed with its tests in `test/conformance/requirements.ts`. These have none yet:",
    "",
    line(["source", "requirement", "reason"]),
    line(["---", "---", "---"]),
    ...requirements.flatMap(({ source, requires }) =>
      Object.entries(requires).flatMap(([requirement, held]) =>
        "gap" in held ? [line([source, cell(requirement), cell(held.gap)])] : []
      )
    ),
    ""
  ].join("\n")
}

const gapsOf = (target: Target): ReadonlyArray<string> => {
  const line = (title: string, schemes: ReadonlyArray<string>, reason: string) =>
    `- **${title}** (${schemes.join(", ")}): ${reason}.`
  const gaps = Object.entries(target.gaps).flatMap(([title, gap]) => {
    if (typeof gap === "string") return [line(title, target.schemes, gap)]
    const reasons = new Set(Object.values(gap))
    return Array.from(reasons, (reason) =>
      line(
        title,
        target.schemes.filter((scheme) => gap[scheme] === reason),
        reason
      )
    )
  })
  const lacks = target.lacks.length === 0 ? [] : [`It has no ${target.lacks.join(", ")} sockets yet.`, ""]
  return [`### ${target.name}`, "", ...lacks, ...(gaps.length === 0 ? ["None."] : gaps), ""]
}

const cell = (text: string): string => text.replaceAll("|", "\\|")
