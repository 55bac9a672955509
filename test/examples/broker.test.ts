import { assert, describe, it } from "@effect/vitest"
import { Dealer, Endpoint, Message, Rep, Req } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Fiber } from "effect"
import { broker } from "../../examples/broker/broker.ts"
import { client } from "../../examples/broker/client.ts"
import { proxy } from "../../examples/broker/proxy.ts"
import { worker } from "../../examples/broker/worker.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, freeEndpoint, run } from "./program.ts"

const listening = /^Clients connect to (\S+), workers to (\S+)$/m
const anyPort = ["--bind", "tcp://127.0.0.1:*"]
const tenWorlds = Array.from({ length: 10 }, (_, i) => `${i + 1}: World\n`).join("")

/** Many clients of the wire at once, each of several requests: every answer is to the request that was made. */
const manyClients = (connect: Endpoint.Input, clients: number, requests: number) =>
  Effect.forEach(
    Array.from({ length: clients }, (_, i) => i),
    Effect.fnUntraced(function* (i) {
      const req = yield* Req.make({ connect })
      for (let n = 0; n < requests; n++) {
        const answer = Message.text(yield* Req.request(req, `${i}/${n}`))
        assert.isTrue(answer === "World" || answer === `${i}/${n}`, answer)
      }
    }, Effect.scoped),
    { concurrency: "unbounded", discard: true }
  )

for (const name of ["broker", "proxy"]) {
  describe(`broker/${name}`, () => {
    it.live("a client gets ten answers from two workers, which it does not know; Ctrl-C ends each in peace", () =>
      Effect.gen(function* () {
        const broker = yield* example(`broker/${name}`, ...anyPort, ...anyPort)
        const [, clients = "", workers = ""] = yield* broker.prints(listening)
        const both = [
          yield* example("broker/worker", "--connect", workers),
          yield* example("broker/worker", "--connect", workers)
        ]
        for (const worker of both) yield* worker.prints(/^Working for /m)
        const client = yield* run("broker/client", "--connect", clients)
        assert.deepStrictEqual(client, {
          code: 0,
          signal: null,
          stdout: `Making ten requests to ${clients}\n${tenWorlds}`,
          stderr: ""
        })
        const waiting = yield* example("broker/client", "--connect", yield* freeEndpoint)
        yield* waiting.prints(/^Making ten requests/)
        for (const program of [waiting, ...both, broker]) {
          yield* program.signal("SIGINT")
          const { code, stderr } = yield* program.ended
          assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
        }
      })
    )

    it.live("100 clients at once get 10 answers each", () =>
      Effect.gen(function* () {
        const broker = yield* example(`broker/${name}`, ...anyPort, ...anyPort)
        const [, clients = "", workers = ""] = yield* broker.prints(listening)
        yield* example("broker/worker", "--connect", workers)
        yield* manyClients(yield* Effect.fromResult(Endpoint.parse(clients)), 100, 10)
      }).pipe(Effect.provide(ZmqTransport.layer))
    )
  })
}

describe("broker", () => {
  it.live("they may be started in any order, and a worker that is killed is not missed", () =>
    Effect.gen(function* () {
      const [clients, workers] = [yield* freeEndpoint, yield* freeEndpoint]
      const client = yield* example("broker/client", "--connect", clients)
      yield* client.prints(/^Making/)
      const first = yield* example("broker/worker", "--connect", workers)
      yield* first.prints(/^Working/)
      yield* example("broker/broker", "--bind", clients, "--bind", workers)
      assert.include((yield* client.ended).stdout, tenWorlds)

      const second = yield* example("broker/worker", "--connect", workers)
      yield* second.prints(/^Working/)
      yield* first.signal("SIGKILL")
      yield* first.ended
      assert.include((yield* run("broker/client", "--connect", clients)).stdout, tenWorlds)
      yield* second.prints(/(Got "Hello"\n){10}/)
    })
  )

  it.live("a taken port is one line, and exit code 1", () =>
    Effect.gen(function* () {
      const broker = yield* example("broker/broker", ...anyPort, ...anyPort)
      const [, clients = ""] = yield* broker.prints(listening)
      const { code, stderr, stdout } = yield* run("broker/broker", "--bind", clients, ...anyPort)
      assert.match(stderr, new RegExp(`^${clients} is in use already.*\n$`))
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
    })
  )
})

describe("broker, in memory", () => {
  const [frontend, backend] = [Endpoint.tcp("127.0.0.1", 1), Endpoint.tcp("127.0.0.1", 2)]
  const bind = [frontend, backend] as const

  for (const [name, program] of [
    ["broker", broker],
    ["proxy", proxy]
  ] as const) {
    it.live(`${name}: clients and workers`, () =>
      Effect.gen(function* () {
        yield* Effect.forkScoped(client({ connect: frontend }))
        yield* Effect.forkScoped(program({ bind }))
        for (let i = 0; i < 2; i++) yield* Effect.forkScoped(worker({ connect: backend }))
        yield* prints(/^10: World$/)
        assert.strictEqual((yield* printed).filter((line) => line === `Got "Hello"`).length, 10)
      }).pipe(inMemory)
    )

    it.live(`${name}: 200 clients at once get their own answers, of several workers`, () =>
      Effect.gen(function* () {
        yield* Effect.forkScoped(program({ bind }))
        for (let i = 0; i < 4; i++) {
          const rep = yield* Rep.make({ connect: backend })
          yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.as(Effect.yieldNow, Message.bytes(request))))
        }
        yield* manyClients(frontend, 200, 5)
      }).pipe(inMemory)
    )

    it.live(`${name}: envelopes pass through untouched, however long`, () =>
      Effect.gen(function* () {
        yield* Effect.forkScoped(program({ bind }))
        const rep = yield* Rep.make({ connect: backend })
        yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(request)))
        const dealer = yield* Dealer.make({ connect: frontend })
        const message = ["hop", "correlation", "", "a", "", "b"] as const
        yield* Dealer.send(dealer, message)
        assert.deepStrictEqual(yield* Dealer.receive(dealer), Message.make(message))
      }).pipe(inMemory)
    )
  }

  it.live("broker: an answer to a client that has left disturbs nobody", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(broker({ bind }))
      const rep = yield* Rep.make({ connect: backend })
      const leaving = yield* Effect.forkScoped(
        Effect.scoped(Effect.flatMap(Req.make({ connect: frontend }), (req) => Req.request(req, "Hello")))
      )
      yield* Rep.receive(rep)
      yield* Fiber.interrupt(leaving)
      yield* Rep.reply(rep, "World")
      yield* prints(/^A client left before its answer came$/)
      yield* Effect.forkScoped(Rep.serve(rep, () => Effect.succeed("World")))
      yield* client({ connect: frontend })
    }).pipe(inMemory)
  )

  it.live("broker: what a worker sends without a client's id is passed over", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(broker({ bind }))
      const wrong = yield* Dealer.make({ connect: backend })
      yield* Dealer.send(wrong, "World")
      yield* prints(/^Skipped "World": expected a client's id, and what it is to get$/)
    }).pipe(inMemory)
  )
})
