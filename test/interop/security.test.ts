/**
 * CURVE, with certificate files, and PLAIN, between our sockets and pyzmq's with its `zmq.auth`: each in each role, let in
 * and not.
 */
import * as path from "node:path"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Curve, Endpoint, Message, Rep, Req, Router, Security, Socket, type Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, FileSystem, Layer, Option, Redacted, type Scope, Stream } from "effect"
import { missing, peer, python } from "./python.ts"

if (python === undefined) console.log(`skipped: ${missing}`)

const live = <E>(
  title: string,
  body: Effect.Effect<unknown, E, Transport.Transport | FileSystem.FileSystem | Scope.Scope>
): void => it.live(title, () => Effect.provide(body, Layer.merge(ZmqTransport.layer, NodeFileSystem.layer)))

/** A directory of certificates: of a server, of `alice`, who is in `clients`, and of `mallory`, who is not. */
const certificates = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped({ prefix: "effect-zmq-" })
  yield* files.makeDirectory(path.join(directory, "clients"))
  const certificate = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
    const file = path.join(directory, ...names)
    const keyPair = yield* Curve.keyPair
    yield* Curve.writeCertificate(file, keyPair)
    return { file, keyPair }
  })
  return {
    directory,
    server: yield* certificate("server.key"),
    alice: yield* certificate("clients", "alice.key"),
    mallory: yield* certificate("mallory.key")
  }
})

/** Who sees first that the mechanisms differ, closes the connection: the other one may see no more than that. */
const mismatch = /^failed: (protocol|other)$/

const users = { alice: Redacted.make("open sesame") }

const request = (endpoint: string, security: Security.Security | undefined) =>
  Effect.gen(function* () {
    const connect = yield* Effect.fromResult(Endpoint.parse(endpoint))
    const req = yield* Req.make({ connect, linger: 0, security })
    return yield* Effect.raceFirst(
      Effect.map(Req.request(req, "hello"), Message.text),
      Socket.events(req).pipe(
        Stream.filter((event) => event._tag === "HandshakeFailed"),
        Stream.runHead,
        Effect.map((event) => `failed: ${Option.getOrThrow(event).problem}`)
      )
    )
  })

describe.runIf(python !== undefined)("pyzmq's servers and our clients", () => {
  live(
    "CURVE: who has a certificate in the directory is let in, and nobody else",
    Effect.gen(function* () {
      const { alice, directory, mallory, server } = yield* certificates
      const program = yield* peer("authenticating_server", "--certificates", directory)
      const [, endpoint = ""] = yield* program.prints(/^bound (.+)$/m)
      const curve = ({ keyPair }: typeof alice, { keyPair: { publicKey } } = server) =>
        Security.curve({ keyPair, serverKey: publicKey })
      assert.strictEqual(yield* request(endpoint, curve(mallory)), "failed: authentication")
      assert.strictEqual(yield* request(endpoint, curve(alice, mallory)), "failed: other")
      assert.match(yield* request(endpoint, undefined), mismatch)
      assert.strictEqual(yield* request(endpoint, curve(alice)), "answer to hello")
      // Nothing of the others came through before it.
      assert.deepStrictEqual((yield* program.prints(/^(request .+\n)+/m))[0], "request hello\n")
    })
  )

  live(
    "PLAIN: who has the password is let in, and nobody else",
    Effect.gen(function* () {
      const program = yield* peer("authenticating_server", "--username", "alice", "--password", "open sesame")
      const [, endpoint = ""] = yield* program.prints(/^bound (.+)$/m)
      const plain = (username: string, password: string) =>
        Security.plain({ username, password: Redacted.make(password) })
      assert.strictEqual(yield* request(endpoint, plain("alice", "let me in")), "failed: authentication")
      assert.strictEqual(yield* request(endpoint, plain("mallory", "open sesame")), "failed: authentication")
      assert.match(yield* request(endpoint, undefined), mismatch)
      assert.strictEqual(yield* request(endpoint, plain("alice", "open sesame")), "answer to hello")
      assert.deepStrictEqual((yield* program.prints(/^(request .+\n)+/m))[0], "request hello\n")
    })
  )
})

describe.runIf(python !== undefined)("our servers and pyzmq's clients", () => {
  const refused = "HANDSHAKE_FAILED_AUTH 400\n"
  const letIn = "HANDSHAKE_SUCCEEDED\nreply hello, alice\n"

  /** What a client prints. */
  const output = (...flags: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { stderr, stdout } = yield* (yield* peer("authenticating_client", ...flags)).ended
      assert.strictEqual(stderr, "")
      return stdout
    })

  live(
    "CURVE: a ROUTER lets in whom it knows, and tells who it is, whatever its routing id",
    Effect.gen(function* () {
      const { alice, mallory, server } = yield* certificates
      const router = yield* Router.make({
        bind: "tcp://127.0.0.1:*",
        linger: 0,
        security: Security.curve({
          keyPair: (yield* Curve.readSecretCertificate(server.file)) satisfies Curve.KeyPair,
          authenticate: Security.allow({ alice: alice.keyPair.publicKey })
        })
      })
      yield* Effect.forkScoped(
        Router.runForEach(router, ({ from, message, user }) =>
          Router.send(router, { to: from, message: ["", `${Message.text(message)}, ${user?.id}`] })
        )
      )
      const endpoint = yield* Socket.endpoint(router)
      const client = (file: string, ...more: ReadonlyArray<string>) =>
        output("--connect", `${endpoint}`, "--certificate", `${file}_secret`, "--server", server.file, ...more)
      assert.strictEqual(yield* client(mallory.file), refused)
      assert.strictEqual(yield* client(mallory.file, "--routing-id", "alice"), refused)
      assert.strictEqual(yield* client(alice.file), letIn)
      assert.strictEqual(yield* client(alice.file, "--routing-id", "mallory"), letIn)
      assert.match(yield* output("--connect", `${endpoint}`), /^HANDSHAKE_FAILED_(PROTOCOL|NO_DETAIL) /)
    })
  )

  live(
    "PLAIN: a REP lets in who has the password",
    Effect.gen(function* () {
      const security = Security.plain({ authenticate: Security.passwords(users) })
      const rep = yield* Rep.make({ bind: "tcp://127.0.0.1:*", linger: 0, security })
      yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(`${Message.text(request)}, alice`)))
      const endpoint = yield* Socket.endpoint(rep)
      const client = (username: string, password: string) =>
        output("--connect", `${endpoint}`, "--username", username, "--password", password)
      assert.strictEqual(yield* client("alice", "let me in"), refused)
      assert.strictEqual(yield* client("mallory", "open sesame"), refused)
      assert.strictEqual(yield* client("alice", "open sesame"), letIn)
    })
  )
})
