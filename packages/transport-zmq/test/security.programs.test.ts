import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as Path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Curve from "@effect-zmq/core/Curve"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** All that a program prints until it ends by itself. */
const output = (file: string, env: Record<string, string> = {}) =>
  Effect.callback<string>((resume) => {
    const child = spawn(process.execPath, [Path.join(import.meta.dirname, "programs", file)], {
      env: { ...process.env, ...env }
    })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8")
      stream.on("data", (data) => {
        text += data
      })
    }
    child.once("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** A secret, as bytes and texts may be printed. */
const forms = (text: string, bytes: Uint8Array): Array<string> => {
  const buffer = Buffer.from(bytes)
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    buffer.toString("hex"),
    buffer.toString("base64").replace(/=+$/, ""),
    buffer.toString("base64url"),
    [...bytes].join(),
    [...bytes].join(", "),
    // As Node prints bytes.
    [...bytes.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(" "),
    [...bytes].map((byte, index) => `"${index}":${byte}`).join()
  ]
}

it.live("nothing that a program prints has a secret key or a password in it", () =>
  Effect.gen(function* () {
    const [server, client] = yield* Effect.all([Curve.keyPair, Curve.keyPair])
    const [serverKey, clientKey] = [Redacted.value(server.secretKey), Redacted.value(client.secretKey)]
    const password = `hunter-${randomBytes(6).toString("hex")}`
    const printed = yield* output("printing.ts", { SERVER: serverKey, CLIENT: clientKey, PASSWORD: password })
    const secrets = [
      ...forms(serverKey, Curve.bytes(serverKey)),
      ...forms(clientKey, Curve.bytes(clientKey)),
      ...forms(password, Buffer.from(password))
    ]
    for (const form of secrets) {
      const at = printed.indexOf(form)
      assert.isTrue(at < 0, `${form} is in: ${printed.slice(Math.max(0, at - 300), at + 300)}`)
    }
    // It has printed what it was to print.
    for (const text of [
      server.publicKey,
      "HandshakeFailed",
      "HandshakeSucceeded",
      "span NativeSpan",
      "authenticate died",
      "InvalidOption",
      "InvalidKey",
      "Unsupported",
      "Unroutable",
      "<redacted"
    ]) {
      assert.include(printed, text)
    }
  })
)

it.live("a program that had servers ends by itself, whoever still waits to be let in", () =>
  Effect.gen(function* () {
    assert.strictEqual(yield* output("secured.ts"), "done\n")
  })
)
