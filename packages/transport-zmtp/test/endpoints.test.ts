/** Where sockets are bound: what this transport has to see to by itself. */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { threadAddress } from "../src/internal/net.ts"
import { dial, greeting, ready } from "./peer.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "effect-zmq-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const reasonOf = <A, E extends { readonly reason: { readonly _tag: string } }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

/** Leaves a socket's file behind, as a process does that is killed. */
const leave = (file: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const program = `require("net").createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, "SIGKILL"))`
    spawn(process.execPath, ["-e", program]).once("exit", () => resume(Effect.void))
  })

/** The servers of Node that listen from now on. */
const listening = Effect.acquireRelease(
  Effect.sync(() => {
    const servers: Array<Net.Server> = []
    const { listen } = Net.Server.prototype
    Net.Server.prototype.listen = function (this: Net.Server, ...args: ReadonlyArray<unknown>) {
      servers.push(this)
      return Reflect.apply(listen, this, args)
    }
    return { servers, restore: () => void (Net.Server.prototype.listen = listen) }
  }),
  ({ restore }) => Effect.sync(restore)
)

const talk = (bind: `ipc://${string}` | `tcp://${string}:${string}`, connect?: `tcp://${string}:${string}`) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pull = yield* Pull.make({ bind })
      const push = yield* Push.make({ connect: connect ?? ((yield* Socket.endpoint(pull)) as "tcp://:") })
      yield* Push.send(push, "hello")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
      return yield* Socket.endpoint(pull)
    })
  )

describe("endpoints", () => {
  it.live("a directory that does not exist is named as what is wrong", () =>
    Effect.gen(function* () {
      const bind = `ipc://${path.join(yield* directory, "none", "file")}` as const
      assert.include((yield* Effect.flip(Pull.make({ bind }))).message, "its directory does not exist")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("a source that this machine has not is looked for again and again: it may come", () =>
    Effect.gen(function* () {
      const push = yield* Push.make({ connect: "tcp://no-such-interface:*;127.0.0.1:5555", linger: 0 })
      const tried = Socket.events(push).pipe(
        Stream.filter(({ _tag }) => _tag === "Reconnecting"),
        Stream.take(2),
        Stream.runCollect
      )
      assert.lengthOf(yield* Effect.timeout(tried, "3 seconds"), 2)
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("what the system cannot accept is told of, each time, and others are served", () =>
    Effect.gen(function* () {
      const { servers } = yield* listening
      const pull = yield* Pull.make({ bind: "tcp://127.0.0.1:*" })
      const endpoint = yield* Socket.endpoint(pull)
      for (let n = 0; n < 2; n++) {
        servers[0]?.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }))
      }
      const failed = yield* Socket.events(pull).pipe(
        Stream.filter(({ _tag }) => _tag === "AcceptFailed"),
        Stream.take(2),
        Stream.runCollect,
        Effect.timeout("3 seconds")
      )
      for (const event of failed) assert.deepInclude(event, { endpoint, problem: "EMFILE" })
      const push = yield* Push.make({ connect: endpoint as "tcp://:" })
      yield* Push.send(push, "hello")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("the file of a process that was killed is taken away, and the one that a bind made is with its end", () =>
    Effect.gen(function* () {
      const file = path.join(yield* directory, "socket")
      yield* leave(file)
      assert.isTrue(existsSync(file))
      yield* talk(`ipc://${file}`)
      assert.isFalse(existsSync(file))
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("a live endpoint is not taken, and a file that is no socket is left alone", () =>
    Effect.gen(function* () {
      const place = yield* directory
      const live = `ipc://${path.join(place, "live")}` as const
      const pull = yield* Pull.make({ bind: live })
      assert.strictEqual(yield* reasonOf(Pull.make({ bind: live })), "AddressInUse")
      const push = yield* Push.make({ connect: live })
      yield* Push.send(push, "alive")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "alive")
      const file = path.join(place, "document")
      writeFileSync(file, "precious")
      assert.strictEqual(yield* reasonOf(Pull.make({ bind: `ipc://${file}` })), "AddressUnavailable")
      assert.strictEqual(readFileSync(file, "utf8"), "precious")
      const missing = `ipc://${path.join(place, "missing", "socket")}` as const
      assert.strictEqual(yield* reasonOf(Pull.make({ bind: missing })), "AddressUnavailable")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("names in the abstract namespace, wildcards, source addresses", () =>
    Effect.gen(function* () {
      if (process.platform === "linux") yield* talk(`ipc://@effect-zmq-test-${process.pid}`)
      assert.match(yield* talk("ipc://*"), /^ipc:\/\/\//)
      const pull = yield* Pull.make({ bind: "tcp://*:*" })
      const port = Number(/\d+$/.exec(yield* Socket.endpoint(pull))?.[0])
      const push = yield* Push.make({ connect: `tcp://127.0.0.1:*;localhost:${port}` })
      yield* Push.send(push, "from a source")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "from a source")
      assert.strictEqual(yield* reasonOf(Pull.make({ bind: "tcp://no-such-host.invalid:*" })), "AddressUnavailable")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("nobody but threads of this process gets to where they reach an inproc endpoint", () =>
    Effect.gen(function* () {
      const address = threadAddress("private")
      if (address === undefined || !("path" in address)) return
      const pull = yield* Pull.make({ bind: "inproc://private" })
      const stranger = yield* dial(`ipc://${address.path}`)
      yield* stranger.write(greeting, ready("PUSH"), Uint8Array.of(0, 1, 65))
      yield* Effect.timeout(stranger.ended, "3 seconds")
      const push = yield* Push.make({ connect: "inproc://private" })
      yield* Push.send(push, "of this process")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "of this process")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  it.live("who closes the socket when a peer is accepted leaves no connection behind", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pull = yield* Scope.provide(Pull.make({ bind: "tcp://127.0.0.1:*" }), scope)
      const endpoint = yield* Socket.endpoint(pull)
      const accepted = Stream.takeUntil(Socket.events(pull), ({ _tag }) => _tag === "Accepted")
      yield* Effect.forkChild(Effect.andThen(Stream.runDrain(accepted), Scope.close(scope, Exit.void)), {
        startImmediately: true
      })
      yield* Effect.timeout((yield* dial(endpoint)).ended, "1 second")
    }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
  )

  for (const bind of ["tcp://127.0.0.1:*", "ipc://*"] as const) {
    it.live(`nothing is lost on a clean close while the receiver is behind, ${bind}`, () =>
      Effect.gen(function* () {
        const pull = yield* Pull.make({ bind })
        const connect = (yield* Socket.endpoint(pull)) as "tcp://:"
        const count = 30_000
        yield* Effect.forkChild(
          Effect.scoped(
            Effect.gen(function* () {
              const push = yield* Push.make({ connect, linger: "30 seconds" })
              for (let i = 0; i < count; i++) yield* Push.send(push, `${i} ${"x".repeat(i % 2000)}`)
            })
          )
        )
        let next = 0
        yield* Pull.batches(pull).pipe(
          Stream.tap((batch) => {
            for (const message of batch) assert.strictEqual(Number.parseInt(Message.text(message), 10), next++)
            return Effect.sleep("2 millis")
          }),
          Stream.takeUntil(() => next === count),
          Stream.runDrain
        )
        assert.strictEqual(next, count)
      }).pipe(Effect.scoped, Effect.provide(ZmtpTransport.layer))
    )
  }
})
