/** People and peers who talk to each other. */
import { createServer } from "node:net"
import { Effect } from "effect"
import { mixed, type Role } from "../roles.ts"

const server: Role = {
  ours: {
    program: "chat/server",
    bound: [/^Clients listen to (\S+), and speak to \S+$/m, /^Clients listen to \S+, and speak to (\S+)$/m],
    did: /^Clients listen/
  },
  python: { program: "chat_server", did: /bound/ }
}

/** What a client shows, it shows alike on both sides. */
const client: Role = {
  ours: { program: "chat/client", did: /^· /m },
  python: { program: "chat_client", did: /^· /m }
}

mixed(
  "chat",
  { server, ada: client, bob: client },
  (cast) =>
    Effect.gen(function* () {
      const server = yield* cast.server({ bind: 2 })
      const ada = yield* cast.ada({ connect: server.endpoints }, "--name", "ada")
      yield* ada.program.prints(/^· ada is here$/m)
      const bob = yield* cast.bob({ connect: server.endpoints }, "--name", "bob")
      yield* ada.program.prints(/^· bob is here$/m)
      yield* ada.program.input("hello there\n")
      yield* bob.program.prints(/^ada: hello there$/m)
      yield* ada.program.prints(/^ada: hello there$/m)
      yield* bob.program.input("grüß dich\n")
      yield* ada.program.prints(/^bob: grüß dich$/m)
      yield* bob.program.signal("SIGKILL")
      yield* ada.program.prints(/^· bob has left$/m)
    }),
  { python: [["server"], ["ada"], ["ada", "bob"]] }
)

/** A port of which the next three are free, too. */
const freePorts = Effect.gen(function* () {
  while (true) {
    const first = yield* listen(0)
    if (first === undefined) continue
    const next = yield* Effect.forEach([1, 2, 3], (offset) => listen(first.port + offset))
    yield* Effect.forEach([first, ...next], (listening) => listening?.close ?? Effect.void)
    if (next.every((listening) => listening !== undefined)) return first.port
  }
})

const listen = (port: number) =>
  Effect.callback<{ readonly port: number; readonly close: Effect.Effect<void> } | undefined>((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.undefined))
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      resume(
        Effect.succeed({
          port: typeof address === "object" && address !== null ? address.port : port,
          close: Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
        })
      )
    })
  })

const peer: Role = {
  ours: { program: "peer-to-peer/peer", flags: ["--hosts", "127.0.0.1"], did: /is here/ },
  python: { program: "peer", flags: ["--hosts", "127.0.0.1"], did: /is here/ }
}

mixed("peer-to-peer", { nameserver: peer, peer }, (cast) =>
  Effect.gen(function* () {
    const bind = [`tcp://127.0.0.1:${yield* freePorts}`]
    const ada = yield* cast.nameserver({ bind }, "--name", "ada")
    yield* ada.program.prints(/^I am the nameserver, at 127\.0\.0\.1$/m)
    const bob = yield* cast.peer({ bind }, "--name", "bob")
    yield* ada.program.prints(/^bob \(127\.0\.0\.1\) is here$/m)
    yield* bob.program.prints(/^ada \(127\.0\.0\.1\) is here$/m)
    yield* ada.program.prints(/^← \(bob,127\.0\.0\.1:(ON|OFF)\)$/m)
    yield* bob.program.prints(/^← \(ada,127\.0\.0\.1:(ON|OFF)\)$/m)
    yield* bob.program.signal("SIGKILL")
    yield* ada.program.prints(/^bob \(127\.0\.0\.1\) has left$/m)
  })
)
