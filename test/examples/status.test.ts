import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Push, Sub } from "@effect-zmq/core"
import { Effect, Random } from "effect"
import { client } from "../../examples/status/client.ts"
import { server } from "../../examples/status/server.ts"
import { inMemory, prints } from "./inMemory.ts"
import { example, run } from "./program.ts"

const at = (port: number): Endpoint.Tcp => Endpoint.tcp("127.0.0.1", port)

describe("status", () => {
  it.live("every client hears what any of them reports", () =>
    Effect.gen(function* () {
      const server = yield* example("status/server", "--bind", "tcp://127.0.0.1:*", "--bind", "tcp://127.0.0.1:*")
      const [, updates = "", reports = ""] = yield* server.prints(/^Publishing on (.+) what is reported to (.+)$/m)
      const clients = yield* Effect.forEach(["1", "2"], (id) =>
        example("status/client", "--id", id, "--poll", "1 millis", "--connect", updates, "--connect", reports)
      )
      for (const [i, client] of clients.entries()) {
        yield* client.prints(new RegExp(`^${i + 1}: reported \\(${i + 1}:O(N|FF)\\)$`, "m"))
        yield* client.prints(new RegExp(`^${i + 1}: received \\(1:O(N|FF)\\)$`, "m"))
        yield* client.prints(new RegExp(`^${i + 1}: received \\(2:O(N|FF)\\)$`, "m"))
      }
      yield* server.prints(/^Publishing \(1:O(N|FF)\)$/m)

      for (const program of [...clients, server]) {
        yield* program.signal("SIGINT")
        const { code, stderr } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      }
    })
  )

  it.live("an id that would break a report is refused", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* run("status/client", "--id", "1)")
      assert.strictEqual(code, 1)
      assert.include(stderr, `Invalid value for flag --id: "1)"`)
    })
  )

  it.live("in memory: a client reports (<id>:ON) below 10 and (<id>:OFF) above 90, in one frame each", () =>
    inMemory(
      Effect.gen(function* () {
        const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
        yield* Effect.forkScoped(server({ bind: [at(1), at(2)] }))
        yield* Effect.forkScoped(
          Random.withSeed(client({ connect: [at(1), at(2)], id: "7", poll: "1 millis" }), "seed")
        )
        const seen = new Set<string>()
        while (seen.size < 2) {
          const report = yield* Sub.receive(sub)
          assert.strictEqual(report.length, 1)
          seen.add(Message.text(report))
        }
        assert.sameMembers([...seen], ["(7:ON)", "(7:OFF)"])
      }).pipe(Effect.scoped)
    )
  )

  it.live("in memory: a client without an id reports numbers below 10", () =>
    inMemory(
      Effect.gen(function* () {
        const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
        yield* Effect.forkScoped(server({ bind: [at(1), at(2)] }))
        yield* Effect.forkScoped(client({ connect: [at(1), at(2)], id: undefined, poll: "1 millis" }))
        for (let i = 0; i < 5; i++) assert.match(Message.text(yield* Sub.receive(sub)), /^[1-9]$/)
      }).pipe(Effect.scoped)
    )
  )

  it.live("in memory: the server publishes every report unchanged, whatever it is", () =>
    inMemory(
      Effect.gen(function* () {
        yield* Effect.forkScoped(server({ bind: [at(1), at(2)] }))
        const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
        const push = yield* Push.make({ connect: at(2) })
        yield* Push.send(push, "first")
        yield* prints(/^Publishing first$/)
        const report = ["(", new Uint8Array([0, 255]), ""] as const
        yield* Push.send(push, report)
        yield* prints(/^Publishing "\(" \+ <00ff> \+ ""$/)
        let got = yield* Sub.receive(sub)
        if (Message.text(got) === "first") got = yield* Sub.receive(sub)
        assert.deepStrictEqual(got, Message.make(report))
      }).pipe(Effect.scoped)
    )
  )
})
