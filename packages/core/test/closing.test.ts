import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Endpoint from "../src/Endpoint.ts"
import * as MemoryTransport from "../src/MemoryTransport.ts"
import * as Pub from "../src/Pub.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Simulation from "../src/Simulation.ts"
import * as Socket from "../src/Socket.ts"
import type { Transport } from "../src/Transport.ts"

/** What a program logs, under virtual time. */
const logged = <A, E>(program: Effect.Effect<A, E, Transport>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel}: ${message}`))
  Simulation.run({
    seed: 1,
    program: program.pipe(Effect.provide(MemoryTransport.layer), Effect.provide(Logger.layer([logger])))
  })
  return lines
}

describe("what is lost at the close of a socket", () => {
  const unsent = (linger: Push.Options["linger"]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const push = yield* Push.make({ connect: "tcp://127.0.0.1:1", linger })
        yield* Push.sendAll(push, ["a", "b"])
      })
    )

  it("is logged as a warning, with the count, the linger and the endpoint", () => {
    assert.deepStrictEqual(logged(unsent("500 millis")), [
      "Warn: 2 messages were not delivered within the linger of 500ms: a PUSH socket of tcp://127.0.0.1:1 is closed"
    ])
  })

  it("is not, where the program wanted it so: linger 0, or a PUB without subscribers", () => {
    assert.deepStrictEqual(logged(unsent(0)), [])
    const pub = Effect.scoped(Effect.flatMap(Pub.make({ bind: "inproc://p" }), (pub) => Pub.send(pub, "a")))
    assert.deepStrictEqual(logged(pub), [])
  })

  it("nothing is logged when everything was delivered", () => {
    const delivered = Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "inproc://p" })
      yield* Effect.scoped(Effect.flatMap(Push.make({ connect: "inproc://p" }), (push) => Push.send(push, "a")))
      yield* Pull.receive(pull)
    })
    assert.deepStrictEqual(logged(Effect.scoped(delivered)), [])
  })
})

describe("a socket", () => {
  it.effect("tells its endpoint, ready to be connected to; InvalidState where it has none", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const endpoint = yield* Socket.endpoint(pull)
      assert.match(endpoint, /^tcp:\/\/127\.0\.0\.1:\d+$/)
      yield* Push.make({ connect: endpoint })
      const { reason } = yield* Effect.flip(Socket.endpoint(yield* Push.make({})))
      assert.strictEqual(reason._tag, "InvalidState")
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("prints as what it is, and not with all that is in it", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({})
      assert.strictEqual(inspect(pull), "{ _id: 'Socket', type: 'PULL', transport: 'memory' }")
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("refuses an endpoint that is none, also where no compiler has looked", () =>
    Effect.gen(function* () {
      for (const connect of [5555, null, {}, [5555]]) {
        const { reason } = yield* Effect.flip(Push.make({ connect: connect as never }))
        assert.strictEqual(reason._tag, "InvalidEndpoint")
      }
    }).pipe(Effect.provide(MemoryTransport.layer))
  )
})

describe("Endpoint.FromString", () => {
  const read = (text: string) =>
    Effect.provide(
      Effect.gen(function* () {
        return yield* Config.schema(Endpoint.FromString, "TASKS")
      }),
      ConfigProvider.layer(ConfigProvider.fromEnv({ env: { TASKS: text } }))
    )

  it.effect("reads an endpoint from the configuration, or says what is wrong with it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read("tcp://127.0.0.1:5557"), Endpoint.tcp("127.0.0.1", 5557))
      const error = yield* Effect.flip(read("tcp://127.0.0.1"))
      assert.include(String(error), "it has no port")
      assert.strictEqual(Schema.encodeSync(Endpoint.FromString)(Endpoint.inproc("a")), "inproc://a")
    })
  )
})
