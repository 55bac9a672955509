import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Req } from "@effect-zmq/core"
import { Effect, Fiber } from "effect"
import { server } from "../../examples/interrupt/server.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example } from "./program.ts"

const listening = /^Listening on (\S+): press Ctrl-C while it works$/m

describe("interrupt", () => {
  it.live("Ctrl-C in the middle of work: the request is answered, the answer delivered, and the address is free", () =>
    Effect.gen(function* () {
      const server = yield* example("interrupt/server", "--bind", "tcp://127.0.0.1:*", "--delay", "300 millis")
      const [, endpoint = ""] = yield* server.prints(listening)
      const client = yield* example("hello/client", "--connect", endpoint, "--count", "1")
      yield* server.prints(/^Working on "Hello"$/m)
      yield* server.signal("SIGINT")

      const { code, stderr, stdout } = yield* server.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      assert.match(stdout, /\nAnswered\nInterrupted: answered 1 request, and delivered all answers\n$/)
      const { code: clientCode, stdout: clientOut } = yield* client.ended
      assert.deepStrictEqual(
        { clientCode, clientOut },
        { clientCode: 0, clientOut: clientOut.replace(/\n.*$/s, "\n1: World\n") }
      )

      const next = yield* example("interrupt/server", "--bind", endpoint)
      yield* next.prints(listening)
      yield* next.signal("SIGTERM")
      const ended = yield* next.ended
      assert.strictEqual(ended.code, 130)
      assert.match(ended.stdout, /\nInterrupted: answered 0 requests, and delivered all answers\n$/)
    })
  )

  it.live("in memory: who waits behind the request in hand is not begun with", () =>
    inMemory(
      Effect.gen(function* () {
        const bind = Endpoint.tcp("127.0.0.1", 1)
        const serving = yield* Effect.forkScoped(server({ bind, delay: "50 millis" }))
        const [first, second] = [yield* Req.make({ connect: bind }), yield* Req.make({ connect: bind })]
        const answers = yield* Effect.forEach([first, second], (req) => Effect.forkScoped(Req.request(req, "Hello")))
        yield* prints(/^Working on/)
        yield* Fiber.interrupt(serving)
        assert.strictEqual((yield* printed).filter((line) => line.startsWith("Working on")).length, 1)
        assert.include(yield* printed, "Interrupted: answered 1 request, and delivered all answers")
        const [answer] = answers
        assert.strictEqual(Message.text(yield* Effect.raceAll(answers.map(Fiber.join))), "World")
        assert.isDefined(answer)
      }).pipe(Effect.scoped)
    )
  )
})
