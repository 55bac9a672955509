import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe } from "@effect/vitest"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as zeromq from "zeromq"
import { attempt, Failure } from "../src/internal/addon.ts"
import { anyPort, awaitEvent, endpointOf, live, naively, pipeline, reasonOf } from "./sockets.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-zmq-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

/** A port that was free a moment ago. */
const freePort = Effect.scoped(Effect.flatMap(Pull.make({ bind: anyPort }), endpointOf))

/** Sends a message through, so that both know that they are connected. */
const exchange = (pull: Pull.Pull, push: Push.Push) =>
  Effect.gen(function* () {
    yield* Push.send(push, "through")
    assert.strictEqual(Message.text(yield* Pull.receive(pull)), "through")
  })

describe("endpoints", () => {
  live("bind, close, bind on one port, 200 times: never AddressInUse", () =>
    Effect.gen(function* () {
      const endpoint = yield* freePort
      for (let i = 0; i < 200; i++) yield* Effect.scoped(Pull.make({ bind: endpoint }))
    })
  )

  live("the same with a live peer, which comes back each time", () =>
    Effect.gen(function* () {
      const endpoint = yield* freePort
      yield* Push.make({ connect: endpoint, reconnect: { initial: 1, maximum: 1 } })
      for (let i = 0; i < 200; i++) {
        yield* Effect.scoped(
          Effect.flatMap(Pull.make({ bind: endpoint }), (pull) => awaitEvent(pull, "HandshakeSucceeded"))
        )
      }
    })
  )

  live("the same with unbind, and over inproc and ipc", () =>
    Effect.gen(function* () {
      const inDirectory: Endpoint.Input = `ipc://${yield* directory}/socket`
      for (const endpoint of [yield* freePort, "inproc://again", inDirectory] as const) {
        const pull = yield* Pull.make({})
        for (let i = 0; i < 100; i++) {
          yield* Socket.bind(pull, endpoint)
          yield* Socket.unbind(pull, endpoint)
          assert.deepStrictEqual(yield* Socket.endpoints(pull), [])
          yield* Effect.scoped(Pull.make({ bind: endpoint }))
        }
      }
    })
  )

  naively("the addon as it is: EADDRINUSE, for close returns before the address is free", () =>
    Effect.gen(function* () {
      const first = new zeromq.Pull()
      first.bindSync("tcp://127.0.0.1:*")
      const endpoint = `${first.lastEndpoint}`
      first.close()
      // It is a race, which is lost sooner or later: the sooner, the busier the machine.
      for (let i = 0; i < 20_000; i++) {
        const code = yield* Effect.sync(() => {
          const socket = new zeromq.Pull({ linger: 0 })
          const failure = attempt(() => socket.bindSync(endpoint))
          socket.close()
          return failure instanceof Failure ? failure.code : undefined
        })
        // Nothing else is what is shown here.
        if (code === "EADDRINUSE") return yield* Effect.fail(code)
        if (i % 100 === 0) yield* Effect.yieldNow
      }
    })
  )

  live("a taken address is AddressInUse, which names it, over tcp, ipc and inproc; the socket stays usable", () =>
    Effect.gen(function* () {
      const inDirectory: Endpoint.Input = `ipc://${yield* directory}/socket`
      for (const endpoint of [yield* freePort, inDirectory, "ipc://@effect-zmq-taken", "inproc://taken"] as const) {
        const owner = yield* Pull.make({ bind: endpoint })
        const other = yield* Pull.make({})
        const reason = yield* reasonOf(Socket.bind(other, endpoint))
        assert.deepInclude(reason, { _tag: "AddressInUse", endpoint })
        const bound = yield* Socket.bind(other, anyPort)
        // `bind` answers with an endpoint.
        const push = yield* Push.make({ connect: [bound as Endpoint.Input], linger: 0 })
        yield* exchange(other, push)
        const toOwner = yield* Push.make({ connect: endpoint, linger: 0 })
        yield* exchange(owner, toOwner)
      }
    })
  )

  live("wildcards are resolved: to a port, to a path", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: [anyPort, "ipc://*", "tcp://[::1]:*"] })
      const [tcp = "", ipc = "", ipv6 = ""] = yield* Socket.endpoints(pull)
      assert.match(tcp, /^tcp:\/\/127\.0\.0\.1:\d+$/)
      assert.match(ipc, /^ipc:\/\/\/.+[^*]$/)
      assert.match(ipv6, /^tcp:\/\/\[::1\]:\d+$/)
      for (const endpoint of [tcp, ipc, ipv6]) {
        // What a socket is bound to is an endpoint.
        yield* exchange(pull, yield* Push.make({ connect: endpoint as Endpoint.Input, linger: 0 }))
      }
    })
  )

  live("what cannot be bound here is AddressUnavailable, with the reason in words", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({})
      for (const endpoint of [
        "tcp://192.0.2.1:5555",
        "tcp://no-such-interface:5555",
        "ipc:///no/such/directory/socket"
      ] as const) {
        const reason = yield* reasonOf(Socket.bind(pull, endpoint))
        assert.deepInclude(reason, { _tag: "AddressUnavailable", endpoint })
      }
    })
  )

  live("what the socket is not bound or connected to is UnknownEndpoint", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: "inproc://known" })
      for (const effect of [
        Socket.unbind(pull, "inproc://unknown"),
        Socket.disconnect(pull, "inproc://known"),
        Socket.unbind(pull, "tcp://127.0.0.1:5555")
      ]) {
        assert.deepInclude(yield* reasonOf(effect), { _tag: "UnknownEndpoint", endpoints: ["inproc://known"] })
      }
    })
  )

  live("who unbinds what is being unbound is told, too", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind: anyPort })
      const unbind = Socket.unbind(pull, yield* endpointOf(pull))
      yield* Effect.timeout(Effect.all([unbind, unbind], { concurrency: 2 }), "2 seconds")
      yield* Effect.timeout(Effect.flip(unbind), "2 seconds")
    })
  )

  live("after unbind no new peer is accepted, and the socket goes on with its other endpoints", () =>
    Effect.gen(function* () {
      const { endpoint, pull } = yield* pipeline()
      const other = yield* Socket.bind(pull, "inproc://other")
      yield* Socket.unbind(pull, endpoint)
      assert.deepStrictEqual(yield* Socket.endpoints(pull), [other])
      yield* Effect.callback<void>((resume) => {
        const probe = Net.connect(Number(`${endpoint}`.split(":").at(-1)), "127.0.0.1")
        probe.once("connect", () => resume(Effect.die("it was accepted")))
        probe.once("error", () => resume(Effect.void))
      })
      const push = yield* Push.make({ connect: "inproc://other", linger: 0 })
      yield* exchange(pull, push)
      yield* Socket.unbind(pull, "inproc://other")
      yield* exchange(pull, push)
    })
  )

  live("disconnect ends a connection also where nobody uses the socket, 20 times", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 20; i++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { endpoint, pull, push } = yield* pipeline()
            yield* Push.send(push, "hello")
            yield* Pull.receive(pull)
            yield* Socket.disconnect(push, endpoint)
            yield* awaitEvent(pull, "Disconnected")
          })
        )
      }
    })
  )

  live("connect succeeds before the peer exists, and reaches it when it appears", () =>
    Effect.gen(function* () {
      const endpoint = yield* freePort
      const push = yield* Push.make({ connect: endpoint, reconnect: { initial: 5 }, linger: 0 })
      yield* Push.send(push, "early")
      const pull = yield* Pull.make({ bind: endpoint })
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "early")
    })
  )
})

describe("ipc files", () => {
  live("a file that is no socket is not deleted", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "document")
      Fs.writeFileSync(path, "precious")
      const reason = yield* reasonOf(Pull.make({ bind: `ipc://${path}` }))
      assert.strictEqual(reason._tag, "AddressUnavailable")
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "precious")
    })
  )

  naively("the addon as it is deletes it", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "document")
      Fs.writeFileSync(path, "precious")
      const socket = new zeromq.Pull()
      socket.bindSync(`ipc://${path}`)
      socket.close()
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "precious")
    })
  )

  live("an abstract name does not delete the file of that name in the working directory", () =>
    Effect.gen(function* () {
      const name = `@effect-zmq-${process.pid}`
      yield* Effect.acquireRelease(
        Effect.sync(() => Fs.writeFileSync(name, "precious")),
        () => Effect.sync(() => Fs.rmSync(name))
      )
      const reason = yield* reasonOf(Pull.make({ bind: `ipc://${name}` }))
      assert.strictEqual(reason._tag, "AddressUnavailable")
      assert.strictEqual(Fs.readFileSync(name, "utf8"), "precious")
    })
  )

  live("our own file is gone after unbind and after close; another's that took its place is not", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "socket")
      const endpoint = `ipc://${path}` as const
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Pull.make({ bind: endpoint })
          assert.isTrue(Fs.existsSync(path))
          yield* Socket.unbind(pull, endpoint)
          assert.isFalse(Fs.existsSync(path))
          yield* Socket.bind(pull, endpoint)
          assert.isTrue(Fs.existsSync(path))
        })
      )
      assert.isFalse(Fs.existsSync(path))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Pull.make({ bind: endpoint })
          Fs.rmSync(path)
          Fs.writeFileSync(path, "another's")
        })
      )
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "another's")
    })
  )

  live("the file that a killed process left is taken over; that of a live one never", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "socket")
      const program = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.stdout.write("listening"))`
      const child = ChildProcess.spawn(process.execPath, ["-e", program])
      yield* Effect.callback<void>((resume) => void child.stdout.once("data", () => resume(Effect.void)))
      assert.strictEqual((yield* reasonOf(Pull.make({ bind: `ipc://${path}` })))._tag, "AddressInUse")
      yield* Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
      assert.isTrue(Fs.existsSync(path))
      const pull = yield* Pull.make({ bind: `ipc://${path}` })
      yield* exchange(pull, yield* Push.make({ connect: `ipc://${path}`, linger: 0 }))
    })
  )

  live("of 20 that bind a stale path at once, one does, and the others are told", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* directory, "socket")
      for (let round = 0; round < 10; round++) {
        yield* stale(path)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const results = yield* Effect.all(
              Array.from({ length: 20 }, () => Effect.result(Pull.make({ bind: `ipc://${path}` }))),
              { concurrency: "unbounded" }
            )
            const failures = results.filter((result) => result._tag === "Failure")
            assert.strictEqual(failures.length, 19)
            for (const { failure } of failures) assert.strictEqual(failure.reason._tag, "AddressInUse")
          })
        )
      }
    })
  )
})

/** Leaves a socket's file behind, as the addon does. */
const stale = (path: string) =>
  Effect.promise(async () => {
    const socket = new zeromq.Pull()
    const { events } = socket
    socket.bindSync(`ipc://${path}`)
    socket.close()
    while ((await events.receive()).type !== "end");
    assert.isTrue(Fs.existsSync(path))
  })
