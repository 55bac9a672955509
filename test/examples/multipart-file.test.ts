import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Dealer, Endpoint, Message, Router } from "@effect-zmq/core"
import { Effect, Fiber, Schedule, type Scope } from "effect"
import { Answer, partSize, window } from "../../examples/multipart-file/messages.ts"
import { receiver } from "../../examples/multipart-file/receiver.ts"
import { sender } from "../../examples/multipart-file/sender.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example, freeEndpoint, run } from "./program.ts"

/** A directory for what is sent and one for what is saved, for as long as the scope. */
const directories = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), "effect-zmq-files-"))),
    (root) => Effect.sync(() => rmSync(root, { recursive: true }))
  ),
  (root) => {
    const [from, to] = [path.join(root, "from"), path.join(root, "to")]
    mkdirSync(from)
    mkdirSync(to)
    return { from, to }
  }
)

/** What was saved: what is on its way has no name yet. */
const saved = (directory: string) => readdirSync(directory).filter((name) => !name.startsWith(".receiving-"))

/** Waits until the receiver has something of a file. */
const begins = (directory: string) =>
  Effect.repeat(
    Effect.sync(() => {
      const parts = readdirSync(directory).find((name) => name.startsWith(".receiving-"))
      return parts === undefined ? [] : readdirSync(path.join(directory, parts))
    }),
    { until: (parts) => parts.length > 0, schedule: Schedule.spaced("5 millis") }
  )

/** Bytes of which each position is told from the others. */
const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255)

const date = "2001-02-03T04:05:06.000Z"
const at = Endpoint.tcp("127.0.0.1", 1)

describe("multipart-file", () => {
  it.live("files of several senders arrive whole, with their names and dates", () =>
    Effect.gen(function* () {
      const { from, to } = yield* directories
      const directory = path.join(to, "made", "here")
      const contents: Record<string, Uint8Array> = {
        "empty file": new Uint8Array(0),
        "one part.bin": bytes(partSize),
        "größe.bin": bytes(partSize * (window + 3) + 1),
        "other.txt": new TextEncoder().encode("other\n")
      }
      for (const [name, content] of Object.entries(contents)) {
        writeFileSync(path.join(from, name), content)
        utimesSync(path.join(from, name), new Date(), new Date(date))
      }
      const receiver = yield* example(
        "multipart-file/receiver",
        "--bind",
        "tcp://127.0.0.1:*",
        "--directory",
        directory
      )
      const [, endpoint = ""] = yield* receiver.prints(/^Saving files in .+, from whoever sends to (.+)$/m)
      const file = (name: string) => ["--file", path.join(from, name)]
      const senders = yield* Effect.all([
        example(
          "multipart-file/sender",
          ...["--connect", endpoint, ...file("empty file"), ...file("one part.bin"), ...file("größe.bin")]
        ),
        example("multipart-file/sender", "--connect", endpoint, ...file("other.txt"))
      ])
      const [first, second] = [yield* senders[0].ended, yield* senders[1].ended]
      const sending = `Sending to ${endpoint}, once it is there\n`
      assert.deepStrictEqual(first, {
        code: 0,
        signal: null,
        stdout: `${sending}empty file, 0 bytes: saved\none part.bin, 65.5 KB: saved\ngröße.bin, 720.9 KB: saved\n`,
        stderr: ""
      })
      assert.deepStrictEqual(second, {
        code: 0,
        signal: null,
        stdout: `${sending}other.txt, 6 bytes: saved\n`,
        stderr: ""
      })
      assert.sameMembers(saved(directory), Object.keys(contents))
      for (const [name, content] of Object.entries(contents)) {
        const file = path.join(directory, name)
        assert.isTrue(Buffer.from(content).equals(readFileSync(file)), name)
        assert.strictEqual(statSync(file).mtime.toISOString(), date)
      }

      const again = yield* run(
        "multipart-file/sender",
        "--connect",
        endpoint,
        ...file("other.txt"),
        ...file("empty file")
      )
      const there = "refused: there is a file of that name already"
      assert.deepStrictEqual(again, {
        code: 1,
        signal: null,
        stdout: `${sending}other.txt, 6 bytes: ${there}\nempty file, 0 bytes: ${there}\n`,
        stderr: "2 of 2 files were not saved\n"
      })

      yield* receiver.signal("SIGINT")
      const { code, stderr, stdout } = yield* receiver.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      assert.include(stdout, "größe.bin, 720.9 KB: saved\n")
      assert.sameMembers(readdirSync(directory), Object.keys(contents), "nothing else is left")
    })
  )

  it.live("a sender that is killed in the middle is a line, and leaves no file; others go on", () =>
    Effect.gen(function* () {
      const { from, to } = yield* directories
      const [large, small] = [path.join(from, "large.bin"), path.join(from, "small.txt")]
      writeFileSync(large, "")
      truncateSync(large, 8e9)
      writeFileSync(small, "small")
      const receiver = yield* example("multipart-file/receiver", "--bind", "tcp://127.0.0.1:*", "--directory", to)
      const [, endpoint = ""] = yield* receiver.prints(/ from whoever sends to (.+)$/m)
      const killed = yield* example("multipart-file/sender", "--connect", endpoint, "--file", large)
      yield* killed.prints(/once it is there/)
      const { code } = yield* run("multipart-file/sender", "--connect", endpoint, "--file", small)
      assert.strictEqual(code, 0)
      yield* begins(to)
      yield* killed.signal("SIGKILL")
      yield* receiver.prints(/^large\.bin: its sender left when \d+ % was there; nothing is kept$/m)
      assert.deepStrictEqual(saved(to), ["small.txt"])
    })
  )

  it.live("a receiver that is killed in the middle is told, and leaves no file under its name", () =>
    Effect.gen(function* () {
      const { from, to } = yield* directories
      const large = path.join(from, "large.bin")
      writeFileSync(large, "")
      truncateSync(large, 8e9)
      const receiver = yield* example("multipart-file/receiver", "--bind", "tcp://127.0.0.1:*", "--directory", to)
      const [, endpoint = ""] = yield* receiver.prints(/ from whoever sends to (.+)$/m)
      const sender = yield* example("multipart-file/sender", "--connect", endpoint, "--file", large)
      yield* begins(to)
      yield* receiver.signal("SIGKILL")
      const { code, stderr } = yield* sender.ended
      assert.strictEqual(code, 1)
      // Before it there may be a line about the part that was on its way.
      assert.match(
        stderr,
        /^(not everything may have been delivered .+\n)?The receiver left before it had saved large\.bin\n$/
      )
      assert.deepStrictEqual(saved(to), [])
    })
  )

  it.live("a file that cannot be sent is one line, before anything is sent", () =>
    Effect.gen(function* () {
      const { from } = yield* directories
      const endpoint = yield* freeEndpoint
      const missing = path.join(from, "missing")
      const cases = [
        [missing, `${missing} does not exist\n`],
        [from, `${from} is not a file\n`]
      ] as const
      for (const [file, stderr] of cases) {
        const ended = yield* run("multipart-file/sender", "--connect", endpoint, "--file", file)
        assert.deepStrictEqual(ended, { code: 1, signal: null, stdout: "", stderr })
      }
      const file = path.join(from, "file")
      writeFileSync(file, "")
      const ended = yield* run("multipart-file/receiver", "--bind", "tcp://127.0.0.1:*", "--directory", file)
      assert.deepStrictEqual(ended, { code: 1, signal: null, stdout: "", stderr: `${file} is not a directory\n` })
    })
  )

  /** Sends parts as given, and gives the answers until there are so many. */
  const converse = (to: string, parts: ReadonlyArray<Message.Input>, answers: number) =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(receiver({ bind: at, directory: to }))
      const dealer = yield* Dealer.make({ connect: at })
      yield* Dealer.sendAll(dealer, parts)
      const got: Array<string> = []
      while (got.length < answers)
        got.push((yield* Dealer.receive(dealer)).map((frame) => Message.text([frame])).join(": "))
      return got
    })

  const inTwo = <A, E>(
    body: (directories: {
      from: string
      to: string
    }) => Effect.Effect<A, E, Effect.Services<ReturnType<typeof receiver>> | Scope.Scope>
  ) => inMemory(Effect.scoped(Effect.flatMap(directories, body))).pipe(Effect.provide(NodeServices.layer))

  it.live("in memory: a file of one part is one message of five frames, and is saved at once", () =>
    inTwo(({ to }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* converse(to, [["a.txt", date, "2", "0", "hi"]], 1), ["saved: a.txt"])
        assert.strictEqual(readFileSync(path.join(to, "a.txt"), "utf8"), "hi")
      })
    )
  )

  it.live("in memory: a name that is more than a name is refused, and nothing is written", () =>
    inTwo(({ to }) =>
      Effect.gen(function* () {
        const names = [
          "../a",
          "/a",
          "a/b",
          "..",
          ".",
          "a\\b",
          "",
          "a\nb",
          "\u001b[2Ja",
          "a".repeat(256),
          "ä".repeat(128)
        ]
        const answers = yield* converse(
          to,
          names.map((name) => [name, date, "2", "0", "hi"] as const),
          names.length
        )
        const leads = "refused: its name is a path, and must be a name only"
        const prints = "refused: its name has characters that cannot be printed"
        const long = "refused: its name has more than 255 bytes"
        assert.deepStrictEqual(answers, [
          ...[leads, leads, leads, leads, leads, leads],
          "refused: it has no name",
          ...[prints, prints, long, long]
        ])
        assert.deepStrictEqual(saved(to), [])
        assert.deepStrictEqual(readdirSync(path.dirname(to)), ["from", "to"])
        for (const line of yield* printed) assert.notMatch(line, /\p{Cc}/u)
      })
    )
  )

  it.live("in memory: a file or a link that is there is not written to", () =>
    inTwo(({ from, to }) =>
      Effect.gen(function* () {
        writeFileSync(path.join(to, "file"), "old")
        symlinkSync(path.join(from, "outside"), path.join(to, "link"))
        const parts = ["file", "link"].map((name) => [name, date, "2", "0", "hi"] as const)
        const answers = yield* converse(to, parts, 2)
        for (const answer of answers) assert.match(answer, /^refused: there is a .*already$/)
        assert.strictEqual(readFileSync(path.join(to, "file"), "utf8"), "old")
        assert.isFalse(existsSync(path.join(from, "outside")))
      })
    )
  )

  it.live("in memory: what is no part, or not the next one, is refused", () =>
    inTwo(({ to }) =>
      Effect.gen(function* () {
        const noPart = "refused: a part has five frames: name, date, size, offset, bytes"
        const cases: ReadonlyArray<readonly [parts: ReadonlyArray<Message.Input>, answers: ReadonlyArray<string>]> = [
          [["hi"], [noPart]],
          [[["a", date, "2", "0"]], [noPart]],
          [[["a", "yesterday", "2", "0", "hi"]], [noPart]],
          [[["a", date, "-2", "0", "hi"]], [noPart]],
          [[["a", date, "2", "0x0", "hi"]], [noPart]],
          [[["a", date, "1", "0", "hi"]], ["refused: it is larger than its size"]],
          [[["a", date, "2", "0", ""]], ["refused: a part is empty"]],
          [
            [
              ["a", date, "3", "0", "h"],
              ["a", date, "3", "2", "i"]
            ],
            ["more: 8", "refused: the part at byte 1 is missing"]
          ],
          [
            [
              ["a", date, "3", "0", "h"],
              ["b", date, "3", "1", "i"],
              // What is left of it is passed over.
              ["a", date, "3", "1", "i"],
              ["b", date, "1", "0", "i"]
            ],
            ["more: 8", "refused: a part of another file came in the middle of it", "saved: b"]
          ]
        ]
        for (const [i, [parts, expected]] of cases.entries()) {
          const directory = path.join(to, `${i}`)
          assert.deepStrictEqual(yield* Effect.scoped(converse(directory, parts, expected.length)), expected)
          assert.deepStrictEqual(readdirSync(directory), expected.includes("saved: b") ? ["b"] : [])
        }
      })
    )
  )

  it.live("in memory: a sender sends no more parts than it was asked for", () =>
    inTwo(({ from }) =>
      Effect.gen(function* () {
        const file = path.join(from, "file")
        writeFileSync(file, bytes(partSize * 4))
        utimesSync(file, new Date(), new Date(date))
        const router = yield* Router.make({ bind: at })
        yield* Effect.forkScoped(sender({ connect: at, files: [file] }))
        const answer = Router.sendSchema(router, Answer)
        const offset = Effect.map(Router.receive(router), ({ from, message }) => {
          assert.strictEqual(message.length, 5)
          return {
            from,
            offset: message
              .slice(0, 4)
              .map((frame) => Message.text([frame]))
              .join(" ")
          }
        })
        const first = yield* offset
        assert.strictEqual(first.offset, `file ${date} ${partSize * 4} 0`)
        const none = Effect.map(Effect.timeoutOption(Router.receive(router), "20 millis"), (more) =>
          assert.isTrue(more._tag === "None")
        )
        yield* none
        yield* answer({ to: first.from, message: ["more", "2"] })
        assert.match((yield* offset).offset, / 65536$/)
        assert.match((yield* offset).offset, / 131072$/)
        yield* none
        yield* answer({ to: first.from, message: ["refused", "enough"] })
        yield* prints(/^file, 262\.1 KB: refused: enough$/)
      })
    )
  )

  it.live("in memory: what a receiver has answered before it left counts, and for the rest it is missed", () =>
    inTwo(({ from }) =>
      Effect.gen(function* () {
        const files = ["one", "two"].map((name) => path.join(from, name))
        for (const file of files) writeFileSync(file, "")
        const failing = yield* Effect.forkScoped(Effect.flip(sender({ connect: at, files })))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const router = yield* Router.make({ bind: at })
            const { from } = yield* Router.receive(router)
            yield* Router.send(router, { to: from, message: ["saved", "one"] })
          })
        )
        const error = yield* Fiber.join(failing)
        assert.strictEqual(error.message, "The receiver left before it had saved two")
        assert.include(yield* printed, "one, 0 bytes: saved")
      })
    )
  )

  it.live("in memory: a file that became shorter is one line", () =>
    inTwo(({ from }) =>
      Effect.gen(function* () {
        const file = path.join(from, "file")
        writeFileSync(file, bytes(partSize * 2))
        const router = yield* Router.make({ bind: at })
        const failing = yield* Effect.forkScoped(Effect.flip(sender({ connect: at, files: [file] })))
        const { from: peer } = yield* Router.receive(router)
        truncateSync(file, 10)
        yield* Router.send(router, { to: peer, message: ["more", "1"] })
        const error = yield* Fiber.join(failing)
        assert.strictEqual(error.message, `${file} has become shorter while it was sent`)
      })
    )
  )
})
