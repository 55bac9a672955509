import { assert, describe, it } from "@effect/vitest"
import { Dealer, Endpoint, Message } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { client } from "../../examples/async-server/client.ts"
import { server } from "../../examples/async-server/server.ts"
import { client as threadedClient } from "../../examples/async-server/threaded-client.ts"
import { worker } from "../../examples/async-server/worker.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, run } from "./program.ts"

const listening = /^Listening on (.+)$/m

/** A client of the wire, which makes requests and collects what comes back. */
const make = (connect: Endpoint.Input, id: string, requests: number) =>
  Effect.gen(function* () {
    const dealer = yield* Dealer.make({ connect, routingId: id })
    const all = Array.from({ length: requests }, (_, i) => `request #${i + 1} of ${id}`)
    const answers = yield* Effect.forkChild(Stream.runCollect(Stream.take(Dealer.stream(dealer), requests)))
    yield* Dealer.sendAll(dealer, all)
    // One frame each, and none but its own; several workers answer in any order.
    assert.sameMembers(
      (yield* Fiber.join(answers)).map(Message.inspect),
      all.map((text) => JSON.stringify(text))
    )
  }).pipe(Effect.scoped)

const endpointOf = (text: string) => Effect.fromResult(Endpoint.parse(text))

describe("async-server", () => {
  it.live("clients get their own answers from worker threads, and Ctrl-C ends each in peace", () =>
    Effect.gen(function* () {
      const server = yield* example("async-server/server", "--bind", "tcp://127.0.0.1:*", "--workers", "2")
      const [, endpoint = ""] = yield* server.prints(listening)
      const ada = yield* example("async-server/client", "--connect", endpoint, "--id", "ada")
      const bob = yield* example("async-server/threaded-client", "--connect", endpoint, "--id", "bob")
      yield* ada.prints(
        new RegExp(`^Client ada makes requests to ${endpoint}\nSent request #1\nada received "request #1"`)
      )
      yield* bob.prints(/^Sent request #1\nbob received "request #1"\nSent request #2\nbob received "request #2"$/m)
      yield* server.prints(/^Worker [12] got "request #1" from "ada"$/m)
      yield* server.prints(/^Worker 1 got /m)
      yield* server.prints(/^Worker 2 got /m)
      for (const program of [ada, bob, server]) {
        yield* program.signal("SIGINT")
        const { code, stderr } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      }
      const next = yield* example("async-server/server", "--bind", endpoint, "--workers", "1")
      yield* next.prints(listening)
    })
  )

  it.live("100 clients at once get 20 answers each", () =>
    Effect.gen(function* () {
      const server = yield* example("async-server/server", "--bind", "tcp://127.0.0.1:*", "--workers", "2")
      const endpoint = yield* endpointOf((yield* server.prints(listening))[1] ?? "")
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => make(endpoint, `client ${i}`, 20)),
        (client) => client,
        {
          concurrency: "unbounded"
        }
      )
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.live("Ctrl-C in the middle of the work ends the threads, then the sockets, and is no crash", () =>
    Effect.gen(function* () {
      const server = yield* example("async-server/server", "--bind", "tcp://127.0.0.1:*", "--workers", "3")
      const endpoint = yield* endpointOf((yield* server.prints(listening))[1] ?? "")
      const dealer = yield* Dealer.make({ connect: endpoint, linger: 0 })
      // 500 requests are under way at any time.
      yield* Dealer.sendAll(
        dealer,
        Array.from({ length: 500 }, () => "request")
      )
      yield* Effect.forkScoped(Dealer.runForEach(dealer, () => Dealer.send(dealer, "request")))
      yield* server.prints(/(Worker \d got "request" from .+\n){20}/)
      yield* server.signal("SIGINT")
      const { code, stderr } = yield* server.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    }).pipe(Effect.scoped, Effect.provide(ZmqTransport.layer))
  )

  it.live("a taken port, and flags that are wrong, are a line, and exit code 1", () =>
    Effect.gen(function* () {
      const server = yield* example("async-server/server", "--bind", "tcp://127.0.0.1:*", "--workers", "1")
      const [, endpoint = ""] = yield* server.prints(listening)
      const cases: ReadonlyArray<readonly [name: string, flags: ReadonlyArray<string>, says: RegExp]> = [
        ["server", ["--bind", endpoint], new RegExp(`^${endpoint} is in use already.*\n$`)],
        ["server", ["--workers", "none"], /a whole number from 1 to 64/],
        ["client", ["--id", ""], /--id must have 1 to 255 bytes/]
      ]
      for (const [name, flags, says] of cases) {
        const { code, stderr, stdout } = yield* run(`async-server/${name}`, ...flags)
        assert.strictEqual(code, 1)
        assert.match(stderr, says)
        assert.notMatch(stderr, /\n\s+at /, "no stack trace")
        assert.strictEqual(stdout, "")
      }
    })
  )
})

describe("async-server, in memory", () => {
  const at = Endpoint.tcp("127.0.0.1", 1)
  const start = (index: number) => Effect.map(Effect.forkScoped(worker(index)), Fiber.join)

  it.effect("workers may be fibers; the client looks for answers five times, a second each, between its requests", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: at, workers: 2, start }))
      yield* prints(/^Listening on /)
      yield* Effect.forkScoped(client({ connect: at, id: "ada" }))
      yield* prints(/^ada received "request #1"$/)
      yield* TestClock.adjust("3900 millis")
      assert.notInclude(yield* printed, "Sent request #2")
      yield* TestClock.adjust("100 millis")
      yield* prints(/^ada received "request #2"$/)
    }).pipe(inMemory)
  )

  it.effect("the threaded client does not wait for answers, and gets them when the server comes", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(threadedClient({ connect: at, id: "bob" }))
      yield* TestClock.adjust("3 seconds")
      yield* prints(/^Sent request #3$/)
      yield* Effect.forkScoped(server({ bind: at, workers: 1, start }))
      yield* TestClock.adjust("6 seconds")
      yield* prints(/^bob received /, 3)
      assert.deepStrictEqual(
        (yield* printed).filter((line) => line.startsWith("bob")).slice(0, 3),
        [1, 2, 3].map((n) => `bob received "request #${n}"`)
      )
    }).pipe(inMemory)
  )

  it.live("a worker passes over what has no body or several", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: at, workers: 1, start }))
      const dealer = yield* Dealer.make({ connect: at, routingId: "eve" })
      yield* Dealer.sendAll(dealer, [["", "request #1"], "request #2"])
      assert.strictEqual(Message.inspect(yield* Dealer.receive(dealer)), `"request #2"`)
      yield* prints(/^Skipped "eve" \+ "" \+ "request #1": expected a routing id and a request$/)
    }).pipe(inMemory)
  )

  it.live("100 clients at once get 20 answers each", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: at, workers: 3, start }))
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => make(at, `client ${i}`, 20)),
        (client) => client,
        {
          concurrency: "unbounded"
        }
      )
    }).pipe(inMemory)
  )

  it.live("a worker that fails ends the server", () =>
    Effect.gen(function* () {
      const failing = () => Effect.succeed(Effect.andThen(Effect.sleep("1 millis"), Effect.fail("no luck")))
      assert.strictEqual(yield* Effect.flip(server({ bind: at, workers: 2, start: failing })), "no luck")
    }).pipe(inMemory)
  )
})
