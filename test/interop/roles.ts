/**
 * An example's roles, each of which can be played by our program or by one in Python, and the table of who has played with
 * whom.
 */
import { tmpdir } from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Scope, Semaphore } from "effect"
import { example, type Program, type Unprinted } from "../examples/program.ts"
import { missing, peer, python } from "./python.ts"

// Most of what these tests do is to start programs: Node keeps what it has compiled for the next one, and starts in half the
// time.
process.env.NODE_COMPILE_CACHE ??= path.join(tmpdir(), "node-compile-cache")

/** What our programs run on, where that is not what they run on by themselves: a test file sets it before it imports rows. */
const transport = process.env.INTEROP_TRANSPORT

type Side = "ours" | "python"

/** How a side plays a role. */
interface Player {
  /** `hello/server` of ours, `hello_server` of the peers in Python. */
  readonly program: string
  readonly flags?: ReadonlyArray<string>
  /** What shows that it has got from the others what it is to get. */
  readonly did: RegExp
}

/** A part in an example. */
export interface Role {
  readonly ours: Player & {
    /** Where our program says what it is bound to, an endpoint each. Python says it always in the same way. */
    readonly bound?: ReadonlyArray<RegExp>
  }
  readonly python: Player
}

/** A program that plays a role. */
export interface Running {
  readonly program: Program
  /** What it is bound to. */
  readonly endpoints: ReadonlyArray<string>
  /** Waits until it has got what it is to get. */
  readonly did: Effect.Effect<unknown, Unprinted>
  /** Waits until it has, and has ended by itself, without a complaint. */
  readonly ended: Effect.Effect<void, Unprinted>
}

/** Starts whoever plays a role, with its endpoints in the order of the example's table; a number is as many free ports. */
export type Cast = (
  endpoints: { readonly bind?: number | ReadonlyArray<string>; readonly connect?: ReadonlyArray<string> },
  ...flags: ReadonlyArray<string>
) => Effect.Effect<Running, Unprinted, Scope.Scope>

const cast =
  (role: Role, side: Side, played: Array<Program>): Cast =>
  ({ bind = [], connect = [] }, ...flags) =>
    Effect.gen(function* () {
      const binds = typeof bind === "number" ? Array.from({ length: bind }, () => "tcp://127.0.0.1:*") : bind
      const all = [
        ...binds.flatMap((endpoint) => ["--bind", endpoint]),
        ...connect.flatMap((endpoint) => ["--connect", endpoint]),
        ...(side === "ours" && transport !== undefined ? ["--transport", transport] : []),
        ...(role[side].flags ?? []),
        ...flags
      ]
      const program = yield* side === "ours" ? example(role.ours.program, ...all) : peer(role.python.program, ...all)
      played.push(program)
      const says = (role.ours.bound ?? []).map((pattern, i) =>
        side === "ours" ? pattern : new RegExp(`^(?:bound \\S+\\n){${i}}bound (\\S+)$`, "m")
      )
      const endpoints = yield* Effect.forEach(says, (pattern) =>
        Effect.map(program.prints(pattern), ([, endpoint = ""]) => endpoint)
      )
      const did = program.prints(role[side].did)
      return {
        program,
        endpoints,
        did,
        ended: Effect.gen(function* () {
          const { code, stderr } = yield* program.ended
          assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" }, role[side].program)
          yield* did
        })
      }
    })

// -----------------------------------------------------------------------------
// The table
// -----------------------------------------------------------------------------

interface Row {
  readonly example: string
  readonly python: string
  readonly ours: string
  result: "ok" | "failed" | "skipped"
}

const rows: Array<Row> = []

/** Prints who played with whom when all tests of a file are done; where there is no Python, at once, and why. */
export const printTable = (): void => {
  if (python === undefined) console.log(`Interoperation with Python is skipped: ${missing}\n\n${table()}`)
  else afterAll(() => console.log(table()))
}

const table = (): string => {
  const lines = [
    ["example", "Python is", "ours are", "result"],
    ...rows.map((r) => [r.example, r.python, r.ours, r.result])
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => (line[column] ?? "").length)))
  return lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("   ")).join("\n")
}

// -----------------------------------------------------------------------------
// Tests
// -----------------------------------------------------------------------------

/** Longer than anything takes: what is awaited does not come. */
const patience = "40 seconds"

/** So many at a time: each is several programs. */
const turn = Semaphore.makeUnsafe(3)

/** Tests who plays with whom, and keeps a row about it. `watched` are programs whose output tells where it is stuck. */
export const row = (
  names: { readonly example: string; readonly python: ReadonlyArray<string>; readonly ours: ReadonlyArray<string> },
  play: (watched: Array<Program>) => Effect.Effect<unknown, unknown, Scope.Scope>
): void => {
  const row: Row = {
    example: names.example,
    python: names.python.join(", "),
    ours: names.ours.join(", "),
    result: "skipped"
  }
  rows.push(row)
  describe.runIf(python !== undefined)(names.example, { concurrent: true }, () => {
    it.live(
      `Python is ${row.python}, ours ${names.ours.length === 1 ? "is" : "are"} ${row.ours}`,
      () => {
        const watched: Array<Program> = []
        return Effect.suspend(() => play(watched)).pipe(
          Effect.timeoutOrElse({ duration: patience, orElse: () => stuck(watched) }),
          Effect.scoped,
          turn.withPermit,
          Effect.onExit((exit) => Effect.sync(() => (row.result = Exit.isSuccess(exit) ? "ok" : "failed")))
        )
      },
      180_000
    )
  })
}

/**
 * Tests an example whose roles are played by both sides, in every mixture; of more than two roles, those in which one of
 * them is of the other side.
 */
export const mixed = <Name extends string>(
  example: string,
  roles: Readonly<Record<Name, Role>>,
  play: (cast: Readonly<Record<Name, Cast>>) => Effect.Effect<unknown, Unprinted, Scope.Scope>,
  options: { readonly python?: ReadonlyArray<ReadonlyArray<NoInfer<Name>>> } = {}
): void => {
  // The keys of a record are its names.
  const names = Object.keys(roles) as Array<Name>
  const alone = names.map((name) => [name])
  const others = names.length === 2 ? [] : names.map((name) => names.filter((other) => other !== name))
  for (const inPython of options.python ?? [...alone, ...others]) {
    row({ example, python: inPython, ours: names.filter((name) => !inPython.includes(name)) }, (watched) => {
      const casts = Object.fromEntries(
        names.map((name) => [name, cast(roles[name], inPython.includes(name) ? "python" : "ours", watched)])
        // An entry for each name.
      ) as Record<Name, Cast>
      return play(casts)
    })
  }
}

/** Says what was printed until nothing came any more. */
const stuck = (played: ReadonlyArray<Program>) =>
  Effect.flatMap(
    Effect.forEach(played, (program) => program.prints(/[\s\S]*/)),
    (printed) => Effect.die(`nothing more came, after:\n${printed.map(([all]) => all).join("\n--\n")}`)
  )
