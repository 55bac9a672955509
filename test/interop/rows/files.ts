/** Files as messages. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { mixed } from "../roles.ts"

const date = new Date("2001-02-03T04:05:06Z")

/** More than one part, and any bytes. */
const content = Uint8Array.from({ length: 300_001 }, (_, i) => (i * 7) % 256)

const directory = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(path.join(tmpdir(), "effect-zmq-interop-"))
    for (const name of ["from", "to"]) mkdirSync(path.join(root, name))
    const file = path.join(root, "from", "photo ü.bin")
    writeFileSync(file, content)
    utimesSync(file, date, date)
    return { file, to: path.join(root, "to"), copy: path.join(root, "to", path.basename(file)) }
  }),
  ({ to }) => Effect.sync(() => rmSync(path.dirname(to), { recursive: true }))
)

mixed(
  "multipart-file",
  {
    receiver: {
      ours: {
        program: "multipart-file/receiver",
        bound: [/^Saving files in .*, from whoever sends to (\S+)$/m],
        did: /^photo ü\.bin, .*: saved$/m
      },
      python: { program: "file_receiver", did: /^photo ü\.bin, 300001 bytes: saved$/m }
    },
    sender: {
      ours: { program: "multipart-file/sender", did: /^photo ü\.bin, .*: saved$/m },
      python: { program: "file_sender", did: /^photo ü\.bin: saved photo ü\.bin$/m }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const { copy, file, to } = yield* directory
      const receiver = yield* cast.receiver({ bind: 1 }, "--directory", to)
      const sender = yield* cast.sender({ connect: receiver.endpoints }, "--file", file)
      yield* sender.ended
      yield* receiver.did
      assert.deepStrictEqual(new Uint8Array(readFileSync(copy)), content)
      assert.strictEqual(statSync(copy).mtimeMs, date.getTime())
    })
)
