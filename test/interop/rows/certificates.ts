/** Certificates that pyzmq made. Those that we make, and who is let in, are in security.test.ts. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { NodeFileSystem } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Curve, Endpoint, Message, Req, Security } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Layer, Result } from "effect"
import { peer } from "../python.ts"
import { row } from "../roles.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "effect-zmq-interop-"))),
  (root) => Effect.sync(() => rmSync(root, { recursive: true }))
)

row({ example: "Curve, certificates", python: ["server, who makes them"], ours: ["client"] }, (watched) =>
  Effect.gen(function* () {
    const certificates = yield* directory
    const server = yield* peer("curve_server", "--bind", "tcp://127.0.0.1:*", "--certificates", certificates)
    watched.push(server)
    const [, endpoint = ""] = yield* server.prints(/^bound (\S+)$/m)
    const { publicKey } = yield* Curve.readCertificate(path.join(certificates, "server.key"))
    const { metadata, ...keyPair } = yield* Curve.readSecretCertificate(path.join(certificates, "client.key"))
    // pyzmq writes them to the secret file only.
    assert.deepStrictEqual(metadata, { name: "client" })
    const req = yield* Req.make({
      connect: Result.getOrThrow(Endpoint.parseConnect(endpoint)),
      security: Security.curve({ keyPair, serverKey: publicKey })
    })
    assert.strictEqual(Message.text(yield* Req.request(req, "Hello")), "World")
  }).pipe(Effect.provide(Layer.merge(ZmqTransport.layer, NodeFileSystem.layer)))
)
