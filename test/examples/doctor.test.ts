import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { type Fault, sick } from "../../examples/doctor/main.ts"
import { inMemory, printed } from "./inMemory.ts"
import { run } from "./program.ts"

/** What is found of each fault: the finding, and the socket that has it. */
const expected: ReadonlyArray<readonly [Fault, found: RegExp]> = [
  ["none", /^Nothing is wrong\.\n\n✓ Nothing is found\n$/],
  [
    "subscription",
    /^.+typo.+\n\n✗ No subscription matches what is published\n {2}socket {2}listener, SUB .+\n(.+\n)+ {2}fix {5}yield\* Sub\.subscribe\(.+\n$/
  ],
  [
    "address",
    /^.+wrong address\.\n\n✗ Nobody is bound\n {2}socket {2}ada, PULL .+\n(.+\n)+ {2}fix {5}yield\* Push\.make\(.+\n$/
  ],
  [
    "server",
    /^.+does not come back\.\n\n✗ A request waits for a peer that is gone\n {2}socket {2}client, REQ .+\n(.+\n)+ {2}fix {5}yield\* Req\.request\(.+retry.+\n$/
  ],
  [
    "worker",
    /^.+before the other.+\n\n✗ Who was first has everything\n {2}socket {2}ventilator, PUSH .+\n(.+\n)+ {2}fix {5}yield\* Socket\.awaitPeers\(push, 2\).+\n$/
  ]
]

describe("doctor", () => {
  for (const [fault, found] of expected) {
    it.live(`--fault ${fault}: what is found is printed, and it ends`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* run("doctor/main", "--fault", fault, "--grace", "500 millis")
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.match(stdout, found)
      })
    )

    it.live(`in memory, fault ${fault}: the same`, () =>
      inMemory(
        Effect.gen(function* () {
          yield* sick({ fault, grace: Duration.millis(200) })
          assert.match(`${(yield* printed).join("\n")}\n`, found)
        })
      )
    )
  }

  it.live("a fault that it does not know is one line", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* run("doctor/main", "--fault", "cold")
      assert.strictEqual(code, 1)
      assert.match(stderr, /fault/)
    })
  )
})
