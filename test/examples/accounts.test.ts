import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@effect-zmq/core"
import { Effect } from "effect"
import { bank } from "../../examples/accounts/bank.ts"
import { client } from "../../examples/accounts/client.ts"
import * as Journal from "../../examples/accounts/journal.ts"
import { runner } from "../../examples/accounts/runner.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, run } from "./program.ts"

const at = (port: number): Endpoint.Tcp => Endpoint.tcp("127.0.0.1", port)

/** A directory that goes with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "effect-zmq-accounts-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const free = ["--bind", "tcp://127.0.0.1:*"]

const isHere = /^account-\d+ is here, with \d+\.\d\d$/

const bankProcess = Effect.fnUntraced(function* (directory: string, ...flags: ReadonlyArray<string>) {
  const bank = yield* example("accounts/bank", ...free, ...free, "--directory", directory, ...flags)
  const [, clients = "", runners = ""] = yield* bank.prints(/^Clients connect to (.+), and runners to (.+)$/m)
  return { bank, clients, runners }
})

describe("accounts", () => {
  it.live("in memory: a bank and two runners have the accounts, and no money is made or lost", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      yield* Effect.forkScoped(bank({ bind: [at(1), at(2)], directory, lock: "2 seconds" }))
      for (const port of [3, 4]) {
        yield* Effect.forkScoped(runner({ bind: at(port), connect: at(2), directory }))
      }
      yield* prints(/^Taking a share of the accounts$/, 2)
      yield* client({ connect: at(1), accounts: 5, transfers: 30 })
      const lines = yield* printed
      assert.include(lines, "5 accounts have 500.00")
      assert.include(lines, "5 accounts have 500.00, as before")
      assert.strictEqual(lines.filter((line) => /^\d+: /.test(line)).length, 30)
      assert.isAtLeast(lines.filter((line) => isHere.test(line)).length, 5)
      // A second time, what is in the files counts: nobody is given money again.
      yield* client({ connect: at(1), accounts: 5, transfers: 1 })
      assert.strictEqual((yield* printed).filter((line) => line === "5 accounts have 500.00").length, 2)
    }).pipe(Effect.scoped, inMemory, Effect.provide(NodeServices.layer))
  )

  it.live("a runner is killed in the middle: its accounts go on elsewhere, and nothing counts twice", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const { bank, clients, runners } = yield* bankProcess(directory, "--lock", "1 second")
      const other = yield* example("accounts/runner", "--connect", runners, "--directory", directory)
      yield* other.prints(/^Taking a share/m)
      const paying = yield* example("accounts/client", "--connect", clients, "--transfers", "150")
      yield* other.prints(/is here, with/)
      yield* paying.prints(/^20: /m)
      // What the library logs is a line among the others.
      yield* other.prints(/^a runner is there: tcp/m)
      yield* other.signal("SIGKILL")
      const { code, stdout } = yield* paying.ended
      assert.include(stdout, "10 accounts have 1000.00, as before\n")
      assert.strictEqual(code, 0)
      const transactions = readdirSync(directory).flatMap((file) =>
        [...readFileSync(path.join(directory, file), "utf8").matchAll(/"transaction":"(.+?)"/g)].map(
          ([, transaction]) => `${file} ${transaction}`
        )
      )
      assert.strictEqual(new Set(transactions).size, transactions.length)

      yield* bank.signal("SIGINT")
      const ended = yield* bank.ended
      assert.deepStrictEqual({ code: ended.code, stderr: ended.stderr }, { code: 130, stderr: "" })
    })
  )

  it.live("Ctrl-C at a runner hands its accounts over at once", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const { clients, runners } = yield* bankProcess(directory, "--transport", "zmtp")
      const flags = ["--transport", "zmtp"]
      const other = yield* example("accounts/runner", "--connect", runners, "--directory", directory, ...flags)
      yield* other.prints(/^Taking a share/m)
      const pay = run("accounts/client", "--connect", clients, "--transfers", "5", "--accounts", "8", ...flags)
      assert.include((yield* pay).stdout, "8 accounts have 800.00, as before\n")
      yield* other.signal("SIGINT")
      const { code, stderr } = yield* other.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      assert.include((yield* pay).stdout, "8 accounts have 800.00, as before\n")
    })
  )

  it.live("a directory that cannot be written is said at once, with exit code 1", () =>
    Effect.gen(function* () {
      const directory = path.join(yield* temporary, "file")
      writeFileSync(directory, "")
      const { code, stderr, stdout } = yield* run("accounts/bank", "--directory", directory, ...free, ...free)
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
      assert.match(stderr, new RegExp(`^[^\\n]*${directory}[^\\n]*\\n$`))
    })
  )

  it.live(
    "who has an account, and does not know yet that another has it, pays from the same money, and nothing twice",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const stopped = yield* Journal.open(directory, "a")
        yield* stopped.add({ transaction: "1", amount: 100 })
        const next = yield* Journal.open(directory, "a")
        yield* next.add({ transaction: "2", amount: -70 })
        assert.strictEqual(yield* stopped.balance, 30)
        assert.strictEqual((yield* stopped.add({ transaction: "2", amount: -70 })).balance, 30)
        // Refused by the next one, and so by the one that was stopped, who had been asked before.
        assert.strictEqual((yield* next.add({ transaction: "4", amount: 0 })).amount, 0)
        assert.strictEqual((yield* stopped.add({ transaction: "4", amount: -20 })).amount, 0)
        yield* stopped.add({ transaction: "3", amount: 5 })
        assert.strictEqual(yield* next.balance, 35)
        // Both had looked before either wrote.
        appendFileSync(path.join(directory, "a.jsonl"), '{"transaction":"3","amount":5}\n')
        assert.deepStrictEqual([yield* stopped.balance, yield* next.balance], [35, 35])
        assert.strictEqual(yield* (yield* Journal.open(directory, "a")).balance, 35)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("a payment of which only half is in the file was not made", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const file = path.join(directory, "a.jsonl")
      writeFileSync(file, '{"transaction":"1","amount":100}\n{"transaction":"2","amo')
      const journal = yield* Journal.open(directory, "a")
      assert.strictEqual(yield* journal.balance, 100)
      assert.deepStrictEqual(yield* journal.add({ transaction: "2", amount: 5 }), { amount: 5, balance: 105 })
      assert.deepStrictEqual(yield* journal.add({ transaction: "2", amount: 7 }), { amount: 5, balance: 105 })
      assert.strictEqual(yield* (yield* Journal.open(directory, "a")).balance, 105)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
