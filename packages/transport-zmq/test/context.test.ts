import * as Fs from "node:fs"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as SocketType from "@effect-zmq/core/SocketType"
import { Transport } from "@effect-zmq/core/Transport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ZmqTransport } from "../src/index.ts"
import { anyPort, live, pipeline, reasonOf } from "./sockets.ts"

const build = (options: ZmqTransport.Options) => Effect.scoped(Layer.build(ZmqTransport.layerWith(options)))

describe("the context", () => {
  it.live("its options are set before the first socket; later, another value is refused by the option's name", () =>
    Effect.gen(function* () {
      yield* build({ ioThreads: 2, maxSockets: 500 })
      yield* build({ ioThreads: 1, maxSockets: 1023 })
      yield* Effect.provide(Effect.scoped(pipeline()), ZmqTransport.layer)
      yield* build({ ioThreads: 1, maxSockets: 1023 })
      for (const options of [{ ioThreads: 2 }, { maxSockets: 500 }]) {
        const reason = yield* reasonOf(build(options))
        assert.strictEqual(reason._tag, "InvalidState")
        assert.include(String(reason.message), Object.keys(options).join())
      }
      yield* build({ ioThreads: 2, isolated: true })
    })
  )

  it.live("an option that cannot be is refused", () =>
    Effect.gen(function* () {
      for (const options of [
        { ioThreads: 0 },
        { maxSockets: 1.5 },
        { maxSockets: 30_000 },
        { maxSockets: Number.NaN }
      ]) {
        assert.strictEqual((yield* reasonOf(build(options)))._tag, "InvalidOption")
      }
    })
  )

  live("inproc reaches the worker threads of the process", () =>
    Effect.gen(function* () {
      const worker = new Worker(new URL("./inprocWorker.ts", import.meta.url))
      const told = yield* Effect.forkChild(
        Effect.callback<unknown>((resume) => {
          worker.once("message", (message) => resume(Effect.succeed(message)))
          worker.once("error", (error) => resume(Effect.die(error)))
        }),
        { startImmediately: true }
      )
      const push = yield* Push.make({ connect: "inproc://worker" })
      yield* Push.sendAll(push, ["a", "b", "end"])
      assert.deepStrictEqual(yield* Fiber.join(told), ["a", "b", "end"])
      yield* Effect.callback<void>((resume) => void worker.once("exit", () => resume(Effect.void)))
    })
  )

  it.live("an isolated context has inproc endpoints of its own", () =>
    Effect.gen(function* () {
      const shared = yield* Effect.provide(Pull.make({ bind: "inproc://mine" }), ZmqTransport.layer)
      yield* Effect.gen(function* () {
        const pull = yield* Pull.make({ bind: "inproc://mine" })
        const push = yield* Push.make({ connect: "inproc://mine" })
        yield* Push.send(push, "isolated")
        assert.strictEqual(Message.text(yield* Pull.receive(pull)), "isolated")
        assert.isTrue(Option.isNone(yield* Pull.poll(shared)))
      }).pipe(Effect.scoped, Effect.provide(ZmqTransport.layerWith({ isolated: true })))
    })
  )

  live("version and capabilities can be asked", () =>
    Effect.gen(function* () {
      const { capabilities, name, version } = yield* Transport
      assert.strictEqual(name, "zmq")
      assert.strictEqual(version, "libzmq 4.3.5, zeromq 6.8.0")
      assert.sameMembers([...capabilities], [...SocketType.all, "tcp", "ipc", "inproc", "null", "plain", "curve"])
    })
  )

  it.live("the socket past the limit fails with LimitReached, which names the option; one fewer, and it opens", () =>
    Effect.gen(function* () {
      const sockets: Array<Pull.Pull> = []
      for (let i = 0; i < 100; i++) sockets.push(yield* Pull.make({}))
      const reason = yield* reasonOf(Pull.make({}))
      assert.deepInclude(reason, {
        _tag: "LimitReached",
        maximum: 100,
        option: "ZmqTransport.layerWith({ maxSockets })"
      })
      const [first] = sockets
      if (first !== undefined) yield* Socket.drain(first, 0)
      yield* Pull.make({})
      yield* reasonOf(Pull.make({}))
    }).pipe(Effect.scoped, Effect.provide(ZmqTransport.layerWith({ maxSockets: 100, isolated: true })))
  )

  it.live("1,023 sockets can be open at once, each with its monitor", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 1023; i++) yield* Pull.make({})
      assert.deepInclude(yield* reasonOf(Pull.make({})), { _tag: "LimitReached", maximum: 1023 })
    }).pipe(Effect.scoped, Effect.provide(ZmqTransport.layerWith({ isolated: true })))
  )

  live("10,000 sockets opened and closed in turn leave no descriptor, no thread and no memory behind", () =>
    Effect.gen(function* () {
      const some = (count: number) =>
        Effect.gen(function* () {
          for (let i = 0; i < count; i++) {
            if (i % 500 === 0) collect()
            yield* i % 2 === 0
              ? Effect.scoped(Pull.make({ bind: anyPort }))
              : Effect.scoped(Push.make({ connect: "tcp://127.0.0.1:1" }))
          }
        })
      yield* some(3000)
      const before = resources()
      yield* some(10_000)
      const after = resources()
      // A few are still on their way out.
      assert.closeTo(after.descriptors, before.descriptors, 12)
      assert.isAtMost(after.threads, before.threads)
      assert.isBelow(after.megabytes - before.megabytes, 20)
    })
  )
})

/** The collector of garbage, so that what it has not got to yet does not count. */
const collect: () => void = (() => {
  V8.setFlagsFromString("--expose-gc")
  return Vm.runInNewContext("gc")
})()

const resources = () => {
  collect()
  return {
    descriptors: Fs.readdirSync("/proc/self/fd").length,
    threads: Fs.readdirSync("/proc/self/task").length,
    megabytes: process.memoryUsage().rss / 2 ** 20
  }
}
