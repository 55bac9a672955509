import { assert, describe, it } from "@effect/vitest"
import { Endpoint, MemoryTransport, Message, Rep, Sub, type Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Fiber, Layer } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import { client } from "../../examples/hello/client.ts"
import { publisher } from "../../examples/hello/publisher.ts"
import { server } from "../../examples/hello/server.ts"
import { subscriber } from "../../examples/hello/subscriber.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, freeEndpoint, run } from "./program.ts"

const listening = /^Listening on (.+)$/m

describe("hello", () => {
  it.live("a client gets as many answers as it asks for, and ends", () =>
    Effect.gen(function* () {
      const server = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*", "--delay", "1 millis")
      const [, endpoint = ""] = yield* server.prints(listening)

      const client = yield* run("hello/client", "--connect", endpoint, "--count", "3", "--transport", "zmq")
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
        [["--bnid", "tcp://127.0.0.1:*"], "Did you mean this?\n    --bind"],
        [["--transport", "carrier-pigeon"], `--transport: "carrier-pigeon". Expected: the name of a transport: zmq`]
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

  it.live("a hello in small letters gets a world in small letters", () =>
    Effect.gen(function* () {
      const server = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*", "--delay", "1 millis")
      const [, endpoint = ""] = yield* server.prints(listening)
      const flags = ["--say", "hello", "--interval", "10 millis", "--count", "2"]
      const { code, stdout } = yield* run("hello/client", "--connect", endpoint, ...flags)
      assert.strictEqual(code, 0)
      assert.match(stdout, /^Saying hello to .+\n1: world\n2: world\n$/)
      yield* server.prints(/^(Listening.*\n)(hello\n){2}$/)
    })
  )

  it.effect("in memory: the hello of every three seconds", () =>
    inMemory(
      Effect.gen(function* () {
        const bind = Endpoint.inproc("hello")
        yield* Effect.forkScoped(server({ bind, delay: 0 }))
        const asking = yield* Effect.forkScoped(
          client({ connect: bind, count: 3, interval: "3 seconds", say: "hello" })
        )
        const worlds = Effect.map(printed, (lines) => lines.filter((line) => line.endsWith(": world")).length)
        for (const count of [1, 2, 3]) {
          yield* TestClock.adjust("1 millis")
          assert.strictEqual(yield* worlds, count)
          yield* TestClock.adjust("2998 millis")
          assert.strictEqual(yield* worlds, count)
          yield* TestClock.adjust("1 millis")
        }
        yield* Fiber.join(asking)
      }).pipe(Effect.scoped)
    )
  )

  it.live("a publisher says Hello again and again, and a subscriber hears it", () =>
    Effect.gen(function* () {
      const publisher = yield* example("hello/publisher", "--bind", "tcp://127.0.0.1:*", "--interval", "20 millis")
      const [, endpoint = ""] = yield* publisher.prints(/^Publishing Hello on (.+), every 20ms$/m)
      const heard = yield* run("hello/subscriber", "--connect", endpoint, "--count", "3")
      assert.deepStrictEqual(heard, {
        code: 0,
        signal: null,
        stdout: `Listening to ${endpoint}\n1: Hello\n2: Hello\n3: Hello\n`,
        stderr: ""
      })
      yield* publisher.signal("SIGINT")
      const { code, stderr } = yield* publisher.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    })
  )

  it.live("in memory: what the publisher says is one frame, Hello, and the subscriber hears anything", () =>
    inMemory(
      Effect.gen(function* () {
        const bind = Endpoint.inproc("hello")
        yield* Effect.forkScoped(publisher({ bind, interval: "1 millis" }))
        const sub = yield* Sub.make({ connect: bind, subscribe: "" })
        assert.deepStrictEqual(yield* Sub.receive(sub), Message.make("Hello"))
        yield* subscriber({ connect: bind, count: 1 })
        yield* prints(/^1: Hello$/)
      }).pipe(Effect.scoped)
    )
  )

  const transports: ReadonlyArray<readonly [string, Layer.Layer<Transport.Transport>]> = [
    ["memory", MemoryTransport.layer],
    ["zmq", ZmqTransport.layer]
  ]
  for (const [name, layer] of transports) {
    for (const [scheme, bind] of [
      ["tcp", freeEndpoint],
      ["ipc", Effect.succeed(`ipc://@effect-zmq-hello-${process.pid}`)],
      ["inproc", Effect.succeed("inproc://hello")]
    ] as const) {
      it.live(`${name}, ${scheme}: a hundred clients at once all get their answers`, () =>
        Effect.gen(function* () {
          const endpoint = yield* Effect.fromResult(Endpoint.parse(yield* bind))
          yield* Effect.forkScoped(server({ bind: endpoint, delay: 0 }))
          const ask = client({ connect: endpoint, count: 3, interval: 0, say: "Hello" })
          yield* Effect.all(
            Array.from({ length: 100 }, () => ask),
            { concurrency: "unbounded", discard: true }
          )
          const answers = (yield* printed).filter((line) => /^\d: /.test(line))
          assert.strictEqual(answers.filter((line) => line.endsWith(": World")).length, 300)
        }).pipe(Effect.scoped, Effect.provide(Layer.merge(layer, TestConsole.layer)))
      )
    }
  }

  it.live("in memory: a client that wants world is told of World", () =>
    inMemory(
      Effect.gen(function* () {
        const bind = Endpoint.inproc("hello")
        const rep = yield* Rep.make({ bind })
        const serving = yield* Effect.forkScoped(Rep.serve(rep, () => Effect.succeed("World")))
        yield* client({ connect: bind, count: 1, say: "hello" })
        assert.include(yield* printed, `1: "World", not quite world`)
        yield* Fiber.interrupt(serving)
      }).pipe(Effect.scoped)
    )
  )
})
