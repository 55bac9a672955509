/** The fix of a finding is a line of code: each of them is checked by the compiler. */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import * as Path from "node:path"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Exit from "effect/Exit"
import { assert, it } from "vitest"
import { faults, isFound, watched } from "../../../packages/patterns/test/doctorFaults.ts"

const root = Path.join(import.meta.dirname, "../../..")
/** Beside the tests, so that the packages are found. */
const directory = Path.join(root, "test/docs/.blocks/fixes")

/** What the lines leave to their reader. */
const names = `
import { Dealer, type Endpoint, Message, Pub, Pull, Push, Rep, Req, Router, Security, Socket, Sub } from "@effect-zmq/core"
import { Topic } from "@effect-zmq/patterns"
import { Effect, type Redacted, type Schema } from "effect"

declare const bind: Endpoint.Input
declare const connect: Endpoint.Input
declare const options: { readonly bind: Endpoint.Input }
declare const message: Message.Input
declare const password: Redacted.Redacted
declare const publisher: Topic.Publisher<Schema.Codec<string>>
declare const push: Push.Push
declare const received: Router.Received
declare const req: Req.Req
declare const router: Router.Router
declare const sub: Sub.Sub
`

it("the fixes of all faults compile", { timeout: 60_000 }, () => {
  const fixes = faults.map((fault) => {
    const exit = Simulation.run({
      seed: 1,
      program: watched(isFound(fault, "tcp://127.0.0.1:*"), MemoryTransport.layer)
    })
    return (Exit.isSuccess(exit) && / {2}fix +(.+)$/.exec(exit.value)?.[1]) || "no fix"
  })
  // Some need what others define.
  const security = "const security = Security.plain({ username: '', password })"
  const functions = fixes.map((fix, n) => {
    const given = fix.startsWith("const security") || !fix.includes("security") ? "" : security
    return `export const fix${n} = Effect.gen(function*() {\n  ${given}\n  ${fix}\n})`
  })
  const settings = {
    extends: Path.join(root, "tsconfig.json"),
    compilerOptions: { noUnusedLocals: false },
    include: ["*.ts"]
  }
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  writeFileSync(Path.join(directory, "fixes.ts"), `${names}\n${functions.join("\n\n")}\n`)
  writeFileSync(Path.join(directory, "tsconfig.json"), JSON.stringify(settings))
  const tsc = Path.join(root, "node_modules/typescript/bin/tsc")
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", directory], { encoding: "utf8" })
  assert.strictEqual(status, 0, stdout)
})
