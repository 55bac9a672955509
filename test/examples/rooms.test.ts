import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@effect-zmq/core"
import { Effect, Fiber } from "effect"
import { client } from "../../examples/rooms/client.ts"
import { server } from "../../examples/rooms/server.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example } from "./program.ts"
import { atPrompt } from "./someone.ts"

const connect = Endpoint.tcp("127.0.0.1", 1)

const someone = (name: string, room = "lobby") => atPrompt((prompt) => client({ connect, name, room, prompt }))

describe("rooms", () => {
  it.live("in memory: what one says everyone in the room reads, and nobody elsewhere; who leaves is missed", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: connect }))
      const ada = yield* someone("ada")
      yield* ada.sees("· ada is here")
      const bob = yield* someone("bob")
      const eve = yield* someone("eve", "elsewhere")
      yield* Effect.all([ada.sees("· bob is here"), bob.sees("· bob is here"), eve.sees("· eve is here")])
      assert.sameMembers(
        (yield* printed).filter((line) => line.endsWith("opens")),
        ["lobby opens", "elsewhere opens"]
      )

      yield* ada.types("hello")
      yield* bob.sees("ada: hello")
      yield* bob.types("hi, ada")
      yield* ada.sees("bob: hi, ada")
      yield* bob.leaves
      yield* ada.sees("· bob has left")
      assert.deepStrictEqual(ada.seen.slice(1), [
        "· ada is here",
        "· bob is here",
        "ada: hello",
        "bob: hi, ada",
        "· bob has left"
      ])
      assert.deepStrictEqual(eve.seen.slice(1), ["· eve is here"])
      const cat = yield* someone("cat")
      yield* ada.sees("· cat is here")
      yield* cat.vanishes
      yield* ada.sees("· cat has left")
    }).pipe(Effect.scoped, inMemory)
  )

  it.live("in memory: who waits for a server is let in when it is there, also by the next one", () =>
    Effect.gen(function* () {
      const ada = yield* someone("ada")
      yield* ada.types("anyone?")
      const first = yield* Effect.forkScoped(server({ bind: connect }))
      yield* ada.sees("ada: anyone?")
      yield* Fiber.interrupt(first)
      yield* prints(/^lobby closes$/)
      yield* ada.sees("· the room is lost: waiting for it")
      yield* Effect.forkScoped(server({ bind: connect }))
      yield* prints(/^lobby opens$/, 2)
      yield* ada.types("still there?")
      yield* ada.sees("ada: still there?")
    }).pipe(Effect.scoped, inMemory)
  )

  for (const transport of ["zmq", "zmtp"]) {
    it.live(`${transport}: two processes talk, one is killed, and Ctrl-C ends the others in peace`, () =>
      Effect.gen(function* () {
        const server = yield* example("rooms/server", "--bind", "tcp://127.0.0.1:*", "--transport", transport)
        const [, endpoint = ""] = yield* server.prints(/^Rooms are at (.+)$/m)
        const flags = ["--connect", endpoint, "--transport", transport]
        const ada = yield* example("rooms/client", "--name", "ada", ...flags)
        yield* ada.prints(/^· ada is here$/m)
        const bob = yield* example("rooms/client", "--name", "bob", ...flags)
        yield* ada.prints(/^· bob is here$/m)
        yield* ada.input("hello\n")
        yield* bob.prints(/^ada: hello$/m)
        yield* bob.signal("SIGKILL")
        yield* ada.prints(/^· bob has left$/m)
        for (const program of [ada, server]) {
          yield* program.signal("SIGINT")
          const { code, stderr } = yield* program.ended
          assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
        }
      })
    )
  }
})
