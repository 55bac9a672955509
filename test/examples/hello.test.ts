import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { example, freeEndpoint, run } from "./program.ts"

const listening = /^Listening on (.+)$/m

describe("hello", () => {
  it.live("a client gets as many answers as it asks for, and ends", () =>
    Effect.gen(function* () {
      const server = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*", "--delay", "1 millis")
      const [, endpoint = ""] = yield* server.prints(listening)

      const client = yield* run("hello/client", "--connect", endpoint, "--count", "3")
      assert.deepStrictEqual(client, {
        code: 0,
        signal: null,
        stdout: `Saying Hello to ${endpoint}, once it is there\n1: World\n2: World\n3: World\n`,
        stderr: ""
      })
      yield* server.prints(/(Hello\n){3}/)
    })
  )

  it.live("a client that is started before its server gets its answers all the same", () =>
    Effect.gen(function* () {
      const endpoint = yield* freeEndpoint
      const client = yield* example("hello/client", "--connect", endpoint, "--count", "2")
      yield* client.prints(/^Saying Hello/)
      yield* example("hello/server", "--bind", endpoint, "--delay", "1 millis")
      const { code, stdout } = yield* client.ended
      assert.strictEqual(code, 0)
      assert.include(stdout, "1: World\n2: World\n")
    })
  )

  it.live("Ctrl-C ends a server in peace, and its address is free again", () =>
    Effect.gen(function* () {
      const server = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*")
      const [, endpoint = ""] = yield* server.prints(listening)
      yield* server.signal("SIGINT")
      const { code, stderr } = yield* server.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })

      const next = yield* example("hello/server", "--bind", endpoint)
      yield* next.prints(listening)
    })
  )

  it.live("a taken port is one line, and exit code 1", () =>
    Effect.gen(function* () {
      const server = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*")
      const [, endpoint = ""] = yield* server.prints(listening)
      const second = yield* run("hello/server", "--bind", endpoint)
      assert.strictEqual(second.code, 1)
      assert.match(second.stderr, new RegExp(`^${endpoint} is in use already.*\n$`))
    })
  )

  it.live("a flag that is wrong is a line that says what is wrong, and exit code 1", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [flags: ReadonlyArray<string>, says: string]> = [
        [["--bind", "tcp://127.0.0.1"], `--bind: "tcp://127.0.0.1" is not an endpoint: it has no port`],
        [["--delay", "soon"], `such as "1 second"`],
        [["--bnid", "tcp://127.0.0.1:*"], "Did you mean this?\n    --bind"]
      ]
      for (const [flags, says] of cases) {
        const { code, stderr, stdout } = yield* run("hello/server", ...flags)
        assert.strictEqual(code, 1)
        assert.include(stderr, says)
        assert.notMatch(stderr, /\n\s+at /, "no stack trace")
        assert.strictEqual(stdout, "")
      }
    })
  )
})
