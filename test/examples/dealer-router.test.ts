import { assert, describe, it } from "@effect/vitest"
import { Dealer, Endpoint, Message, Rep, Req, Router } from "@effect-zmq/core"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { client } from "../../examples/dealer-router/client.ts"
import { envelopes } from "../../examples/dealer-router/envelopes.ts"
import { server } from "../../examples/dealer-router/server.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, run } from "./program.ts"

const listening = /^Listening on (.+)$/m
const tenWorlds = Array.from({ length: 10 }, (_, i) => `${i + 1}: World\n`).join("")

describe("dealer-router", () => {
  it.live("ten requests at once take a ROUTER one second, not ten; Ctrl-C in the middle ends it in peace", () =>
    Effect.gen(function* () {
      const server = yield* example("dealer-router/server", "--bind", "tcp://127.0.0.1:*")
      const [, endpoint = ""] = yield* server.prints(listening)
      const { code, stderr, stdout } = yield* run("dealer-router/client", "--connect", endpoint)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      const [, elapsed] =
        new RegExp(`^Making ten requests at once to ${endpoint}\n${tenWorlds}10 answers in (\\d+) ms\n$`).exec(
          stdout
        ) ?? []
      assert.isTrue(Number(elapsed) >= 900 && Number(elapsed) < 5000, stdout)

      const waiting = yield* example("dealer-router/client", "--connect", endpoint)
      yield* server.prints(/^("Hello", \d+ under way\n){11}/m)
      for (const program of [server, waiting]) {
        yield* program.signal("SIGINT")
        const { code, stderr } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      }
    })
  )

  it.live("the DEALER also speaks to a REP, and a REQ to the ROUTER", () =>
    Effect.gen(function* () {
      const rep = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*", "--delay", "1 millis")
      const [, ofRep = ""] = yield* rep.prints(listening)
      const router = yield* example("dealer-router/server", "--bind", "tcp://127.0.0.1:*")
      const [, ofRouter = ""] = yield* router.prints(listening)
      const dealer = yield* run("dealer-router/client", "--connect", ofRep)
      assert.include(dealer.stdout, tenWorlds)
      const req = yield* run("hello/client", "--connect", ofRouter, "--count", "1")
      assert.include(req.stdout, "1: World\n")
    })
  )

  for (const endpoint of [undefined, "tcp://127.0.0.1:*", "ipc://*"]) {
    it.live(`every frame is printed at every hop, over ${endpoint ?? "inproc"}`, () =>
      Effect.gen(function* () {
        const flags = endpoint === undefined ? [] : ["--bind", endpoint, "--bind", endpoint]
        const { code, stderr, stdout } = yield* run("dealer-router/envelopes", ...flags)
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.strictEqual(stdout, hops)
      })
    )
  }
})

const address = `      [003] "ada"     address\n      [000]           delimiter\n`
const hops = `A request, and the frames that each socket gives or takes:

  REQ sends          the body; on the wire an empty frame goes before it
      [005] "Hello"   body

  ROUTER receives    the id of who sent it, and then what was on the wire
${address}      [005] "Hello"   body

  DEALER sends       all of it, as it is
${address}      [005] "Hello"   body

  REP receives       the body; what is up to the empty frame it keeps
      [005] "Hello"   body

And its answer:

  REP sends          the body; on the wire what it kept goes before it
      [005] "World"   body

  DEALER receives    all that was on the wire
${address}      [005] "World"   body

  ROUTER sends       to whom the first frame names; the rest goes on the wire
${address}      [005] "World"   body

  REQ receives       the body; the empty frame is gone
      [005] "World"   body

`

describe("dealer-router, in memory", () => {
  const at = Endpoint.tcp("127.0.0.1", 1)

  it.effect("all requests are under way at once, and answered when each is ready", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: at, delay: "1 second" }))
      yield* prints(/^Listening on /)
      yield* Effect.forkScoped(client({ connect: at }))
      yield* prints(/^"Hello", 10 under way$/)
      yield* TestClock.adjust("999 millis")
      assert.notInclude(yield* printed, "1: World")
      yield* TestClock.adjust("1 millis")
      yield* prints(/^10 answers in 1\d\d\d ms$/)
    }).pipe(inMemory)
  )

  it.live("the envelope is kept, however long it is, and a client that left is nobody's loss", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: at, delay: 0 }))
      yield* Effect.scoped(Effect.flatMap(Dealer.make({ connect: at }), (dealer) => Dealer.send(dealer, ["", "Hello"])))
      const dealer = yield* Dealer.make({ connect: at })
      yield* Dealer.sendAll(dealer, ["Hello", ["hop", "", "Hello"]])
      assert.deepStrictEqual(yield* Dealer.receive(dealer), Message.make(["hop", "", "World"]))
      yield* prints(/^Skipped .+ \+ "Hello": expected an envelope, which ends with an empty frame, and a request$/)
    }).pipe(inMemory)
  )

  it.live("the client passes over what is no answer", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: at })
      const fiber = yield* Effect.forkScoped(client({ connect: at }))
      for (let i = 0; i < 10; i++) {
        const { from } = yield* Router.receive(router)
        if (i === 5) yield* Router.send(router, { to: from, message: "World" })
        yield* Router.send(router, { to: from, message: ["", "World"] })
      }
      yield* Fiber.join(fiber)
      yield* prints(/^Skipped "World": expected an empty frame, and an answer$/)
    }).pipe(inMemory)
  )

  it.live("REQ and REP speak to them as to each other", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: at, delay: 0 }))
      const req = yield* Req.make({ connect: at })
      assert.strictEqual(Message.text(yield* Req.request(req, "Hello")), "World")
      const rep = yield* Rep.make({ bind: Endpoint.tcp("127.0.0.1", 2) })
      yield* Effect.forkScoped(Rep.serve(rep, () => Effect.succeed("World")))
      yield* client({ connect: Endpoint.tcp("127.0.0.1", 2) })
      yield* prints(/^10: World$/)
    }).pipe(inMemory)
  )

  it.live("every frame is printed at every hop", () =>
    Effect.gen(function* () {
      yield* envelopes({ bind: ["inproc://frontend", "inproc://backend"] })
      assert.strictEqual(`${(yield* printed).join("\n")}\n`, hops)
    }).pipe(inMemory)
  )
})
