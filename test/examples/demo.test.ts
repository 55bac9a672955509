/** The demo, `pnpm demo`, run as a reader would run it: what it counts, and how it ends when things go wrong. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schedule, Terminal } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { progress } from "../../examples/word-count/report.ts"
import { example, type Program, run } from "./program.ts"

/** A directory with these files, for as long as the scope. */
const tree = (files: Readonly<Record<string, string | Uint8Array>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(path.join(tmpdir(), "effect-zmq-demo-"))
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
        writeFileSync(path.join(root, name), content)
      }
      return root
    }),
    (root) => Effect.sync(() => rmSync(root, { recursive: true }))
  )

/** The process ids of the demo's workers. */
const workersOf = (demo: Program) =>
  Effect.map(demo.prints(/\(pid ([0-9, ]+)\)/), ([, pids = ""]) => pids.split(", ").map(Number))

/** Waits until a process is gone; one that only waits to be reaped is. */
const gone = (pid: number) =>
  Effect.sync(() => !isRunning(pid)).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("10 seconds")
  )

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0) // throws where there is none
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch (error) {
    // Without /proc, that it can be signalled is all there is to know.
    return error instanceof Error && "code" in error && error.code === "ENOENT" && process.platform !== "linux"
  }
}

/** All that is installed of effect: work for some seconds. */
const muchWork = path.dirname(fileURLToPath(import.meta.resolve("effect/package.json")))

describe("the demo", () => {
  it.live("counts a tree, with the same figures as one process (--verify)", () =>
    Effect.gen(function* () {
      const root = yield* tree({
        "a.txt": "The quick brown fox jumps over the lazy dog. THE END",
        "below/b.md": "Füße füße FÜßE; naïve, don't, x1y2\n",
        // More than one part, the cuts in the middle of nowhere, and at last a part without an end.
        "large.txt": `${"lorem ipsum\n".repeat(40_000)}${"z".repeat(200_000)}`,
        ".hidden": "hidden",
        "node_modules/c.txt": "installed",
        binary: new Uint8Array([104, 105, 0, 1]),
        "empty.txt": ""
      })
      symlinkSync(root, path.join(root, "loop"))

      const { code, stderr, stdout } = yield* run("word-count/main", "--input", root, "--workers", "2", "--verify")
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /^Counting the words of 3 files, 0\.7 MB, in /)
      assert.match(
        stdout,
        /\nby 2 worker processes \(pid \d+, \d+\), which get their parts from tcp:\/\/127\.0\.0\.1:\d+\n/
      )
      assert.match(stdout, /\n {2}100 % {3}3 of 3 files, 0\.7 MB\n/)
      assert.match(stdout, /\n +all +3 +0\.7 +80,020 /)
      assert.match(stdout, /\n +1 {2}ipsum {2}40,000 .*\n +2 {2}lorem {2}40,000 .*\n +3 {2}füße +3 .*\n +4 {2}the +3 /)
      assert.match(stdout, /\n {2}Verified: one process alone counts the same\n$/)
      assert.notMatch(stdout, /hidden|installed/)
    })
  )

  it.live("gives every worker a good part of the work", () =>
    Effect.gen(function* () {
      const root = yield* tree(
        Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}.txt`, "word ".repeat(i * 100)]))
      )
      const { stdout } = yield* run("word-count/main", "--input", root, "--workers", "3")
      const words = [1, 2, 3].map((worker) => {
        const row = new RegExp(`^ +${worker} {2,}\\d+ +[0-9.]+ +([0-9,]+) `, "m").exec(stdout)
        return Number(row?.[1]?.replaceAll(",", ""))
      })
      assert.strictEqual(
        words.reduce((a, b) => a + b),
        177_000,
        stdout
      )
      for (const each of words) assert.isAtLeast(each, 30_000, stdout)
    })
  )

  it.live("says in one line that there is nothing to count, with exit code 1", () =>
    Effect.gen(function* () {
      const root = yield* tree({ "empty/.keep": "", "binary/x": new Uint8Array(9), "file.txt": "text" })
      const cases = [
        ["missing", "does not exist"],
        ["empty", "has no text files"],
        ["binary", "has no text files"],
        ["file.txt", "is not a directory"]
      ]
      for (const [name = "", problem] of cases) {
        const input = path.join(root, name)
        const ended = yield* run("word-count/main", "--input", input)
        assert.deepStrictEqual(ended, { code: 1, signal: null, stdout: "", stderr: `${input} ${problem}\n` })
      }
    })
  )

  it.live("says what is wrong with a flag, with exit code 1", () =>
    Effect.gen(function* () {
      for (const [flag, value, says] of [
        ["--workers", "0", "a whole number from 1 to 64"],
        ["--workers", "many", "a whole number from 1 to 64"],
        ["--wokrers", "3", "Did you mean this?\n    --workers"]
      ] as const) {
        const { code, stderr, stdout } = yield* run("word-count/main", flag, value)
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
        assert.include(stderr, says)
      }
    })
  )

  it.live("--help says what a word is", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run("word-count/main", "--help")
      assert.strictEqual(code, 0)
      assert.include(stdout, "A word is a run of letters of any script; upper and lower case are the same.")
      for (const flag of ["--input DIR", "--workers NUMBER", "--verify", "--kill"]) assert.include(stdout, flag)
    })
  )

  for (const [when, prepare] of [
    ["before it has begun", () => Effect.void],
    ["at work", (demo: Program) => demo.prints(/^ +25 %/m)]
  ] as const) {
    it.live(`a worker that is killed by hand ${when} is told, and every word is counted once all the same`, () =>
      Effect.gen(function* () {
        const demo = yield* example("word-count/main", "--input", muchWork, "--verify")
        const pids = yield* workersOf(demo)
        yield* prepare(demo)
        process.kill(pids[1] ?? 0, "SIGKILL")
        const { code, stderr, stdout } = yield* demo.ended
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.match(stdout, new RegExp(`✗ worker 2 \\(pid ${pids[1]}\\) is gone: killed`))
        assert.include(stdout, "\n  1 worker died")
        assert.match(stdout, /\n {2}Verified: one process alone counts the same\n$/)
        for (const pid of pids) yield* gone(pid)
      })
    )
  }

  for (const [when, prepare] of [
    ["at work", (demo: Program) => demo.prints(/^ +25 %/m)],
    [
      "one of which is stuck",
      (_: Program, pids: ReadonlyArray<number>) => Effect.sync(() => process.kill(pids[0] ?? 0, "SIGSTOP"))
    ]
  ] as const) {
    it.live(`Ctrl-C ends all processes, ${when}, within two seconds`, () =>
      Effect.gen(function* () {
        const demo = yield* example("word-count/main", "--input", muchWork)
        const pids = yield* workersOf(demo)
        yield* prepare(demo, pids)
        yield* demo.signal("SIGINT")
        const [elapsed, { code, stderr }] = yield* Effect.timed(demo.ended)
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
        assert.deepStrictEqual(pids.filter(isRunning), [], "still running")
        assert.isBelow(Duration.toMillis(elapsed), 2000)
      })
    )
  }

  it.live("--kill: workers are killed, and what was lost with them is counted all the same (--verify)", () =>
    Effect.gen(function* () {
      const demo = yield* example("word-count/main", "--input", muchWork, "--kill", "--verify")
      const pids = yield* workersOf(demo)
      const { code, stderr, stdout } = yield* demo.ended
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /\nOne of them is killed every 500 ms; it is started again, and what it had is given to/)

      const died = [
        ...stdout.matchAll(
          /✗ worker \d \(pid (\d+)\) is gone: killed by SIGKILL; noticed after ([0-9,]+) ms(?:; \d parts? given to others)?\n/g
        )
      ].map(([, pid, noticed]) => ({ pid: Number(pid), noticed }))
      const back = [...stdout.matchAll(/✓ worker \d is back after [0-9,]+ ms, as pid (\d+)\n/g)].map(([, pid]) =>
        Number(pid)
      )
      assert.isAtLeast(died.length, 1)
      assert.strictEqual(died.length, stdout.split("✗").length - 1)
      for (const { pid } of died) assert.include([...pids, ...back], pid)

      // The table has them as well: what each of the workers did again for another, and how soon its deaths were noticed.
      const rows = [...stdout.matchAll(/^ +(\d) +\d+ +[0-9.]+ +[0-9,]+ +[0-9,]+ +(\d+) +(\d+)(?: +([0-9, ]+) ms)?$/gm)]
      assert.deepStrictEqual(
        rows.map(([, worker]) => worker),
        ["1", "2", "3", "4"]
      )
      assert.sameMembers(
        rows.flatMap(([, , , , noticed]) => (noticed === undefined ? [] : noticed.split(", "))),
        died.map(({ noticed }) => noticed)
      )
      const sum = (column: 2 | 3) => rows.reduce((sum, row) => sum + Number(row[column]), 0)
      assert.strictEqual(sum(3), died.length)
      const redone =
        sum(2) === 0
          ? "Nothing had"
          : `${sum(2)} part${sum(2) === 1 ? "" : "s"} done again by another worker, and counted once`
      assert.include(stdout, `\n  ${redone}`)
      assert.include(stdout, `\n  ${died.length} worker${died.length === 1 ? "" : "s"} died; noticed after `)
      assert.match(stdout, /\n {2}Verified: one process alone counts the same\n$/)
      for (const pid of [...pids, ...back]) yield* gone(pid)
    })
  )

  it.live("--kill: Ctrl-C ends all processes", () =>
    Effect.gen(function* () {
      const demo = yield* example("word-count/main", "--input", muchWork, "--kill")
      const pids = yield* workersOf(demo)
      yield* demo.prints(/✗ worker \d/)
      yield* demo.signal("SIGINT")
      const [elapsed, { code, stderr, stdout }] = yield* Effect.timed(demo.ended)
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      const all = [...pids, ...[...stdout.matchAll(/as pid (\d+)/g)].map(([, pid]) => Number(pid))]
      assert.deepStrictEqual(all.filter(isRunning), [], "still running")
      assert.isBelow(Duration.toMillis(elapsed), 2000)
    })
  )

  it.live("workers end by themselves when the demo is killed", () =>
    Effect.gen(function* () {
      const demo = yield* example("word-count/main", "--input", muchWork)
      const pids = yield* workersOf(demo)
      yield* demo.prints(/^ +25 %/m)
      yield* demo.signal("SIGKILL")
      const [elapsed] = yield* Effect.timed(Effect.forEach(pids, gone))
      assert.isBelow(Duration.toMillis(elapsed), 2000)
    })
  )

  it.effect("the bar is one line, however narrow the terminal is", () =>
    Effect.gen(function* () {
      for (const columns of [0, 12, 24, 40, 60, 80, 200]) {
        let shown = ""
        const terminal = Terminal.make({
          columns: Effect.succeed(columns),
          rows: Effect.succeed(24),
          size: Effect.never,
          readInput: Effect.never,
          readLine: Effect.never,
          display: (text) => Effect.sync(() => void (shown += text))
        })
        yield* Effect.gen(function* () {
          const { step } = yield* progress(1234, 100_000_000)
          for (const bytes of [1, 50_000_000, 100_000_000]) yield* step({ files: 1234, bytes, words: 0, redone: 0 })
        }).pipe(
          Effect.scoped,
          Effect.provideService(Terminal.Terminal, terminal),
          Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
            canAnimate: true,
            canColor: false,
            canPrompt: false
          })
        )
        const lines = shown.trim().split("\r")
        assert.lengthOf(lines, 2)
        for (const line of lines) assert.isBelow(line.length, columns === 0 ? 80 : columns, line)
        assert.include(lines[1] ?? "", "100 %")
        if (columns >= 60) assert.include(lines[1] ?? "", "1234 of 1234 files, 100.0 MB")
      }
    })
  )
})
