import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { anyPort, awaitEvent, endpointOf, live, reasonOf } from "./sockets.ts"

/** A SOCKS 5 proxy that asks for a username and a password, and tells what it was given. */
const proxy = (accounts: ReadonlyMap<string, string>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Net.Server; readonly seen: Array<string>; readonly open: Set<Net.Socket> }>(
      (resume) => {
        const seen: Array<string> = []
        const open = new Set<Net.Socket>()
        const server = Net.createServer((client) => {
          open.add(client)
          client.on("error", () => undefined)
          let step: "greeting" | "account" | "request" | "joined" = "greeting"
          client.on("data", (bytes) => {
            if (step === "greeting") {
              step = "account"
              client.write(Uint8Array.of(5, 2))
            } else if (step === "account") {
              step = "request"
              const length = bytes[1] ?? 0
              const username = bytes.subarray(2, 2 + length).toString()
              const password = bytes.subarray(3 + length).toString()
              seen.push(`${username}:${password}`)
              client.write(Uint8Array.of(1, accounts.get(username) === password ? 0 : 1))
            } else if (step === "request") {
              step = "joined"
              const port = bytes.readUInt16BE(bytes.length - 2)
              const peer = Net.connect(port, "127.0.0.1", () => {
                client.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
                client.pipe(peer).pipe(client)
              })
              open.add(peer)
              peer.on("error", () => client.destroy())
            }
          })
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, seen, open })))
      }
    ),
    ({ open, server }) =>
      Effect.callback<void>((resume) => {
        for (const socket of open) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )

const addressOf = (server: Net.Server): string => `127.0.0.1:${(server.address() as Net.AddressInfo).port}`

describe("a SOCKS proxy", () => {
  live("carries tcp connections, with a username and a password, which no error and no log shows", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* proxy(new Map([["user", "secret"]]))
      const pull = yield* Pull.make({ bind: anyPort })
      const socks = { proxy: addressOf(server), username: "user", password: Redacted.make("secret") }
      const push = yield* Push.make({ connect: yield* endpointOf(pull), socks })
      yield* Push.send(push, "through")
      assert.strictEqual(Message.text(yield* Pull.receive(pull)), "through")
      assert.deepStrictEqual(seen, ["user:secret"])
      assert.notInclude(JSON.stringify(push), "secret")
    })
  )

  live("that refuses is tried again, and nothing goes by another way", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* proxy(new Map())
      const pull = yield* Pull.make({ bind: anyPort, linger: 0 })
      const push = yield* Push.make({
        connect: yield* endpointOf(pull),
        socks: { proxy: addressOf(server), username: "user", password: Redacted.make("wrong") },
        reconnect: { initial: 5, maximum: 5 },
        linger: 0
      })
      yield* Push.send(push, "refused")
      while (seen.length < 2) yield* Effect.sleep(5)
      assert.strictEqual((yield* Effect.timeoutOption(Pull.receive(pull), 20))._tag, "None")
    })
  )

  live("is checked before it is used, and the password is not told", () =>
    Effect.gen(function* () {
      for (const [socks, option] of [
        [{ proxy: "nowhere" }, "socks.proxy"],
        [{ proxy: "host:1", username: "" }, "socks.username"],
        [{ proxy: "host:1", password: Redacted.make("secret") }, "socks.password"]
      ] as const) {
        const error = yield* Effect.flip(Push.make({ socks }))
        assert.include(error.reason, { _tag: "InvalidOption", option })
        assert.notInclude(error.message, "secret")
      }
    })
  )

  live("that is down harms nobody: the socket closes as ever, and its connection is tried again until then", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 5; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const reconnect = { initial: 5, maximum: 5 }
            const push = yield* Push.make({
              connect: "tcp://127.0.0.1:9",
              socks: { proxy: "127.0.0.1:1" },
              reconnect,
              linger: 0
            })
            yield* Push.send(push, "nowhere")
            const failed = yield* awaitEvent(push, "HandshakeFailed")
            assert.deepInclude(failed, { endpoint: "tcp://127.0.0.1:9" })
          })
        )
      }
    })
  )

  live("gets what was sent before the socket closes, within linger", () =>
    Effect.gen(function* () {
      const { server } = yield* proxy(new Map([["user", ""]]))
      const pull = yield* Pull.make({ bind: anyPort, highWaterMark: { receive: "unlimited" } })
      const connect = yield* endpointOf(pull)
      const bodies = Array.from({ length: 500 }, (_, index) => [new Uint8Array(10_000), `${index}`] as const)
      yield* Effect.scoped(
        Effect.flatMap(
          Push.make({ connect, socks: { proxy: addressOf(server), username: "user" }, linger: "5 seconds" }),
          (push) => Push.sendAll(push, bodies)
        )
      )
      for (const [, body] of bodies) assert.strictEqual(Message.text(yield* Pull.receive(pull)), body)
    })
  )

  live("(libzmq's own aborts the process where a socket closes while its proxy is down)", () =>
    Effect.gen(function* () {
      const program = `
        const socket = new (require("zeromq").Push)({ linger: 0, reconnectInterval: 50, socksProxy: "127.0.0.1:1" })
        socket.connect("tcp://127.0.0.1:9")
        setTimeout(() => socket.close(), 20)
        setTimeout(() => undefined, 200)`
      const { signal } = yield* Effect.callback<{ readonly signal: string | null }>((resume) => {
        const child = ChildProcess.spawn(process.execPath, ["-e", program], {
          cwd: import.meta.dirname,
          stdio: "ignore"
        })
        child.on("exit", (_code, signal) => resume(Effect.succeed({ signal })))
      })
      assert.strictEqual(signal, "SIGABRT")
    })
  )
})

describe("the physical network", () => {
  live("options of packets, buffers and batches are set, and messages pass, over tcp, ipc and inproc", () =>
    Effect.gen(function* () {
      const options = {
        packetPriority: 3,
        retransmitTimeout: "5 seconds",
        systemBuffer: { send: 65_536, receive: 65_536 },
        batchSize: { send: 65_536, receive: 65_536 }
      } as const
      for (const bind of [anyPort, "ipc://*", "inproc://network"] as const) {
        const pull = yield* Pull.make({ bind, ...options })
        const push = yield* Push.make({ connect: yield* endpointOf(pull), ...options })
        const bodies = Array.from({ length: 200 }, (_, index) => [new Uint8Array(10_000), `${index}`] as const)
        yield* Effect.forkChild(Push.sendAll(push, bodies))
        for (const [, body] of bodies) assert.strictEqual(Message.text(yield* Pull.receive(pull)), body)
      }
    })
  )

  live("a device that does not exist makes a bind fail AddressUnavailable, naming it", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(Pull.make({ bind: anyPort, device: "nosuch0" }))
      assert.strictEqual(reason._tag, "AddressUnavailable")
      assert.include(String(reason.problem), "nosuch0")
    })
  )

  live("ipcPeers lets in processes of the users named, and no others", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-zmq-"))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
      const own = process.getuid?.() ?? 0
      const group = process.getgid?.() ?? 0
      for (const [name, ipcPeers, welcome] of [
        ["user", { users: [own] }, true],
        ["group", { groups: [group] }, true],
        ["others", { users: [own + 1], groups: [group + 1] }, false]
      ] as const) {
        const pull = yield* Pull.make({ bind: `ipc://${directory}/${name}`, ipcPeers, linger: 0 })
        const push = yield* Push.make({
          connect: yield* endpointOf(pull),
          reconnect: { initial: 5, maximum: 5 },
          linger: 0
        })
        yield* Push.send(push, "hello")
        if (welcome) assert.strictEqual(Message.text(yield* Pull.receive(pull)), "hello")
        else {
          yield* awaitEvent(pull, "AcceptFailed")
          assert.strictEqual((yield* Effect.timeoutOption(Pull.receive(pull), 20))._tag, "None")
        }
      }
    })
  )

  live("no endpoint is preferred to another by packetPriority: it is of packets", () =>
    Effect.gen(function* () {
      const pull = yield* Pull.make({ linger: 0 })
      const pushes = yield* Effect.forEach([0, 6], (packetPriority) =>
        Push.make({ bind: anyPort, linger: 0, packetPriority })
      )
      for (const push of pushes) yield* Socket.connect(pull, yield* endpointOf(push))
      for (const push of pushes) yield* awaitEvent(push, "HandshakeSucceeded")
      for (const [index, push] of pushes.entries()) {
        yield* Push.sendAll(
          push,
          Array.from({ length: 20 }, () => `${index}`)
        )
      }
      yield* Effect.sleep(50)
      const received: Array<string> = []
      while (received.length < 40) received.push(Message.text(yield* Pull.receive(pull)))
      // One of each in turn.
      assert.sameMembers(received.slice(0, 20), [...Array(10).fill("0"), ...Array(10).fill("1")])
    })
  )
})
