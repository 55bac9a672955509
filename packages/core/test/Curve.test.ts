import { inspect } from "node:util"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Curve from "../src/Curve.ts"
import { random } from "./engine/pipes.ts"

/** The pair of the manual of zmq_curve(7). */
const open = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
const secret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

const problemOf = <E extends { readonly problem: string }>(result: Result.Result<unknown, E>): string =>
  Result.isFailure(result) ? result.failure.problem : assert.fail("it should have failed")

describe("Z85", () => {
  it("has the example of RFC 32", () => {
    const bytes = Uint8Array.of(0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b)
    assert.strictEqual(Result.getOrThrow(Curve.encodeZ85(bytes)), "HelloWorld")
    assert.deepStrictEqual(Result.getOrThrow(Curve.decodeZ85("HelloWorld")), bytes)
  })

  it("gives back every byte, of any part of a buffer", () => {
    const { below } = random(1)
    for (let length = 0; length <= 64; length += 4) {
      const buffer = Uint8Array.from({ length: length + 3 }, () => below(256))
      for (const bytes of [buffer.subarray(3), new Uint8Array(length), new Uint8Array(length).fill(255)]) {
        const text = Result.getOrThrow(Curve.encodeZ85(bytes))
        assert.strictEqual(text.length, (length / 4) * 5)
        assert.deepStrictEqual([...Result.getOrThrow(Curve.decodeZ85(text))], [...bytes])
      }
    }
  })

  it("says what is wrong, without saying what was given", () => {
    assert.strictEqual(problemOf(Curve.encodeZ85(new Uint8Array(5))), "5 bytes are not a multiple of 4")
    assert.strictEqual(problemOf(Curve.decodeZ85("HelloWor")), "8 characters are not a multiple of 5")
    assert.strictEqual(problemOf(Curve.decodeZ85("Hello Worl")), "character 6 is none of its 85")
    assert.strictEqual(problemOf(Curve.decodeZ85('Hell"World')), "character 5 is none of its 85")
    assert.strictEqual(problemOf(Curve.decodeZ85("Hell\u{1F426}Wor")), "9 characters are not a multiple of 5")
    assert.strictEqual(problemOf(Curve.decodeZ85("00000#####")), "characters 6 to 10 stand for more than 4 bytes")
    assert.strictEqual(Result.getOrThrow(Curve.encodeZ85(new Uint8Array(4).fill(255))), "%nSc0")
    assert.strictEqual(problemOf(Curve.decodeZ85("%nSc1")), "characters 1 to 5 stand for more than 4 bytes")
  })
})

describe("Curve", () => {
  it.effect("makes a new pair each time, of which the public key follows from the secret one", () =>
    Effect.gen(function* () {
      const pairs = yield* Effect.all([Curve.keyPair, Curve.keyPair])
      assert.notStrictEqual(pairs[0].publicKey, pairs[1].publicKey)
      for (const { publicKey, secretKey } of pairs) {
        assert.strictEqual(publicKey.length, 40)
        assert.strictEqual(Curve.bytes(publicKey).length, 32)
        assert.strictEqual((yield* Curve.keyPairOf(secretKey)).publicKey, publicKey)
        assert.strictEqual(
          (yield* Curve.keyPairOf(Redacted.make(Curve.bytes(Redacted.value(secretKey))))).publicKey,
          publicKey
        )
      }
    })
  )

  it.effect("derives the public key that libzmq does", () =>
    Effect.gen(function* () {
      const pair = yield* Curve.keyPairOf(Redacted.make(secret))
      assert.strictEqual(pair.publicKey, open)
      assert.strictEqual(Redacted.value(pair.secretKey), secret)
    })
  )

  it("takes a key as text and as bytes, and says what is none", () => {
    const key = Result.getOrThrow(Curve.publicKey(open))
    assert.strictEqual(Result.getOrThrow(Curve.publicKey(Curve.bytes(key))), key)
    assert.strictEqual(problemOf(Curve.publicKey(new Uint8Array(31))), "it has 31 bytes, and must have 32")
    assert.strictEqual(problemOf(Curve.publicKey(open.slice(5))), "it has 35 characters, and must have 40")
    assert.strictEqual(problemOf(Curve.publicKey(`${open.slice(0, 39)}'`)), "character 40 is none of its 85")
    assert.strictEqual(problemOf(Curve.publicKey(Object(1))), "it must be text, or bytes")
  })

  it.effect("shows no secret key, however it is printed", () =>
    Effect.gen(function* () {
      const pair = yield* Curve.keyPairOf(Redacted.make(secret))
      const error = yield* Effect.flip(Curve.keyPairOf(Redacted.make(`${secret.slice(0, 39)}"`)))
      assert.strictEqual(error._tag, "InvalidKey")
      const texts = [pair, pair.secretKey, error, { nested: [pair] }].flatMap((value) => [
        inspect(value, { depth: 9, showHidden: true }),
        JSON.stringify(value),
        String(value),
        `${(value as { readonly stack?: string }).stack}`
      ])
      for (const text of texts) assert.notInclude(text, secret.slice(0, 10))
      assert.include(texts.join(), open)
    })
  )
})

const inDirectory = (
  body: (path: string, files: FileSystem.FileSystem) => Effect.Effect<unknown, unknown, FileSystem.FileSystem>
) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    yield* body(`${yield* files.makeTempDirectoryScoped()}/server.cert`, files)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

describe("certificates", () => {
  it.effect("are read as they were written", () =>
    inDirectory((path) =>
      Effect.gen(function* () {
        const pair = yield* Curve.keyPair
        const metadata = { name: "the server", "e-mail": `it's "me"`.slice(0, 4), note: 'a # and "quotes"', empty: "" }
        yield* Curve.writeCertificate(path, pair, metadata)
        assert.deepStrictEqual(yield* Curve.readCertificate(path), { publicKey: pair.publicKey, metadata })
        const read = yield* Curve.readSecretCertificate(path)
        assert.deepStrictEqual([read.publicKey, read.metadata], [pair.publicKey, metadata])
        assert.strictEqual(Redacted.value(read.secretKey), Redacted.value(pair.secretKey))
      })
    )
  )

  it.effect("keep the secret key in a file of its own, which only its owner may read", () =>
    inDirectory((path, files) =>
      Effect.gen(function* () {
        const pair = yield* Curve.keyPairOf(Redacted.make(secret))
        yield* Curve.writeCertificate(path, pair)
        assert.strictEqual((yield* files.stat(`${path}_secret`)).mode & 0o777, 0o600)
        assert.include(yield* files.readFileString(`${path}_secret`), `    secret-key = "${secret}"\n`)
        assert.notInclude(yield* files.readFileString(path), secret)
      })
    )
  )

  it.effect("are never overwritten, and leave nothing behind where one of the two files is there", () =>
    inDirectory((path, files) =>
      Effect.gen(function* () {
        const pair = yield* Curve.keyPair
        yield* files.writeFileString(path, "mine")
        const error = yield* Effect.flip(Curve.writeCertificate(path, pair))
        assert.strictEqual(error._tag, "PlatformError")
        assert.strictEqual(yield* files.readFileString(path), "mine")
        assert.isFalse(yield* files.exists(`${path}_secret`))
      })
    )
  )

  it.effect("leave no secret behind where the writing is interrupted", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const reached = yield* Deferred.make<void>()
      const files = FileSystem.makeNoop({
        writeFileString: (path) =>
          path === "a" ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) : note(path),
        remove: (path) => note(`${path} is removed`)
      })
      const note = (text: string) => Effect.sync(() => void done.push(text))
      const write = Effect.flatMap(Curve.keyPair, (pair) => Curve.writeCertificate("a", pair))
      const writing = yield* Effect.forkChild(Effect.provideService(write, FileSystem.FileSystem, files))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(writing)
      assert.deepStrictEqual(done, ["a_secret", "a_secret is removed"])
    })
  )

  it.effect("of CZMQ and of pyzmq are understood", () =>
    inDirectory((path, files) =>
      Effect.gen(function* () {
        // As zcert_save and zmq.auth.create_certificates write them.
        const head =
          "#   ****  Generated on 2026-11-20 09:02:15 by a peer  ****\n#   ZeroMQ CURVE **Secret** Certificate\n\n"
        const czmq = `metadata\n    name = "Fred"\n    age = "39"\ncurve\n    public-key = "${open}"\n    secret-key = "${secret}"\n`
        const pyzmq = `metadata\n    name = Fred  # who\n    age = 39\r\ncurve  \n    public-key = "${open}"\n    secret-key = "${secret}"\n`
        for (const body of [czmq, pyzmq]) {
          yield* files.writeFileString(`${path}_secret`, head + body)
          const { metadata, publicKey, secretKey } = yield* Curve.readSecretCertificate(path)
          assert.deepStrictEqual({ ...metadata }, { name: "Fred", age: "39" })
          assert.deepStrictEqual([publicKey, Redacted.value(secretKey)], [open, secret])
        }
      })
    )
  )

  it.effect("that are none are refused, with what is wrong and without what is secret", () =>
    inDirectory((path, files) =>
      Effect.gen(function* () {
        const other = yield* Curve.keyPair
        const cases: ReadonlyArray<readonly [string, string]> = [
          ["", "it has no public-key"],
          [`metadata\n    public-key = "${open}"\n`, "it has no public-key"],
          [`curve\n    public-key = "${open}"\n`, "it has no secret-key"],
          [
            `curve\n    public-key = "${secret}x"\n`,
            "its public-key is not a key: 41 characters are not a multiple of 5"
          ],
          [
            `curve\n    public-key = "${open}"\n    secret-key = "${secret.slice(5)}"\n`,
            "its secret-key is not a key: it has 35 characters, and must have 40"
          ],
          [
            `curve\n    public-key = "${other.publicKey}"\n    secret-key = "${secret}"\n`,
            "its public-key is not the one of its secret-key"
          ]
        ]
        for (const [text, problem] of cases) {
          yield* files.writeFileString(`${path}_secret`, text)
          const error = yield* Effect.flip(Curve.readSecretCertificate(path))
          assert.strictEqual(error._tag, "InvalidCertificate")
          assert.strictEqual(error.message, `${path}_secret is no certificate: ${problem}`)
          assert.notInclude(inspect(error, { depth: 9 }), secret.slice(6, 20))
        }
        for (const metadata of [{ "a b": "" }, { "": "" }, { a: "two\nlines" }, { a: `"'` }]) {
          const error = yield* Effect.flip(Curve.writeCertificate(`${path}.2`, other, metadata))
          assert.strictEqual(error._tag, "InvalidCertificate")
          assert.isFalse(yield* files.exists(`${path}.2`))
        }
        assert.strictEqual((yield* Effect.flip(Curve.readCertificate(`${path}.3`)))._tag, "PlatformError")
      })
    )
  )
})
