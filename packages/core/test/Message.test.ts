import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Message from "../src/Message.ts"
import { InvalidMessage } from "../src/ZmqError.ts"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)
const utf8 = (text: string) => new TextEncoder().encode(text)

/** What only untyped code can pass. */
const make = (input: unknown) => Message.make(input as Message.Input)
const fromInput = (input: unknown) => Message.fromInput(input as Message.Input)

const decode = <A, R>(schema: Schema.Codec<A, Message.Message, R>, message: Message.Message) =>
  Effect.exit(Schema.decodeUnknownEffect(schema)(message))

const isMalformed = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit)

describe("Message.inspect", () => {
  it("shows a message in one line, whatever is in it", () => {
    assert.strictEqual(Message.inspect(Message.make(["10001", "", "a\nb"])), '"10001" + "" + "a\\nb"')
    assert.strictEqual(Message.inspect([bytes(0xff, 0x00, 0x0a)]), "<ff000a>")
    assert.strictEqual(Message.inspect(Message.make("x".repeat(100))), `"${"x".repeat(60)}…"`)
    assert.strictEqual(Message.inspect([new Uint8Array(1_000_000).fill(0xfe)]), `<${"fe".repeat(30)}…>`)
  })
})

describe("Message.make", () => {
  it("takes text, bytes, and arrays of either", () => {
    assert.deepStrictEqual(Message.make("ü"), [bytes(0xc3, 0xbc)])
    assert.deepStrictEqual(Message.make(""), [bytes()])
    assert.deepStrictEqual(Message.make(bytes(0, 255)), [bytes(0, 255)])
    assert.deepStrictEqual(Message.make(["a", bytes(), "", bytes(0)]), [bytes(97), bytes(), bytes(), bytes(0)])
  })

  it("hands frames over as they are, without a copy", () => {
    const frame = bytes(1, 2, 3)
    assert.strictEqual(Message.make(frame)[0], frame)
    assert.strictEqual(Message.make(["topic", frame])[1], frame)
    const buffer = Buffer.from("x")
    assert.strictEqual(Message.make(buffer)[0], buffer)
  })

  it("does not share the array it is given", () => {
    const input: [string, ...Array<string>] = ["a"]
    const message = Message.make(input)
    input.push("b")
    assert.strictEqual(message.length, 1)
  })

  const wrong: ReadonlyArray<readonly [unknown, string]> = [
    [1, "a number"],
    [1n, "a bigint"],
    [true, "a boolean"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "a symbol"],
    [() => "x", "a function"],
    [{}, "a value of Object"],
    [Object.create(null), "a value of no class"],
    [new Date(), "a value of Date"],
    [new ArrayBuffer(1), "a value of ArrayBuffer"],
    [new Uint16Array(1), "a value of Uint16Array"],
    [new Set(["a"]), "a value of Set"],
    [[], "an empty array"],
    [[1], "a number as frame 0"],
    [["a", undefined], "undefined as frame 1"],
    [["a", bytes(1), null], "null as frame 2"],
    [["a", ["b"]], "a value of Array as frame 1"],
    [[new DataView(new ArrayBuffer(1))], "a value of DataView as frame 0"],
    [new Array(2), "undefined as frame 0"]
  ]
  for (const [input, said] of wrong) {
    it(`refuses ${said}, and says so`, () => {
      const problem = fromInput(input)
      assert.instanceOf(problem, InvalidMessage)
      assert.strictEqual(problem.problem.startsWith(said), true, problem.problem)
      assert.include(problem.message, "send a string, a Uint8Array, or a non-empty array of either")
      assert.throws(() => make(input), InvalidMessage)
    })
  }
})

describe("Message.isMessage", () => {
  it("tells messages from everything else", () => {
    for (const yes of [[bytes()], [bytes(1), bytes(2)], Message.make("a"), [Buffer.from("x")]]) {
      assert.isTrue(Message.isMessage(yes))
    }
    for (const no of [
      [],
      ["a"],
      [bytes(), "a"],
      bytes(1),
      "a",
      undefined,
      null,
      {},
      { 0: bytes(), length: 1 },
      new Array(1)
    ]) {
      assert.isFalse(Message.isMessage(no))
    }
  })
})

describe("getters", () => {
  const message = Message.make(["topic", "", "body ü"])

  it("bytes and text read the last frame", () => {
    assert.strictEqual(Message.bytes(message), message[2])
    assert.strictEqual(Message.text(message), "body ü")
  })

  it("text replaces what is not UTF-8, and throws for nothing", () => {
    assert.strictEqual(Message.text([bytes(0x61, 0xff, 0x62)]), "a\ufffdb")
    assert.strictEqual(Message.text([bytes(0xe2, 0x82)]), "\ufffd")
  })

  it("text keeps a byte order mark, as it was sent", () => {
    assert.strictEqual(Message.text(Message.make("\ufeffa")), "\ufeffa")
  })

  it("size is that of all frames", () => {
    assert.strictEqual(Message.size(message), 5 + 0 + 7)
    assert.strictEqual(Message.size([bytes()]), 0)
  })

  it.prop("text is the inverse of make, for all well-formed text", [Schema.String], ([text]) => {
    assert.strictEqual(Message.text(Message.make(text)), text.toWellFormed())
  })
})

describe("Message.copy", () => {
  it("has memory of its own, and no more than it needs", () => {
    const chunk = new Uint8Array(65_536).fill(7)
    const message: Message.Message = [chunk.subarray(10, 12), Buffer.from(chunk.buffer, 20, 3)]
    const copy = Message.copy(message)
    assert.deepStrictEqual(
      copy.map((frame) => Array.from(frame)),
      [
        [7, 7],
        [7, 7, 7]
      ]
    )
    copy[0][0] = 1
    chunk.fill(9)
    assert.deepStrictEqual(
      copy.map((frame) => Array.from(frame)),
      [
        [1, 7],
        [7, 7, 7]
      ]
    )
    assert.isBelow(copy[0].buffer.byteLength, 1000)
    assert.notStrictEqual(copy[1]?.buffer, chunk.buffer)
  })
})

describe("schemas", () => {
  it.effect("Utf8 reads text strictly, and keeps every character", () =>
    Effect.gen(function* () {
      const schema = Message.frame(Message.Utf8)
      for (const text of ["", "ü", "\ufeffa", "\0", "😀"]) {
        assert.deepStrictEqual(yield* Schema.encodeEffect(schema)(text), [utf8(text)])
        assert.strictEqual(yield* Schema.decodeUnknownEffect(schema)([utf8(text)]), text)
      }
      for (const bad of [bytes(0xff), bytes(0xe2, 0x82), bytes(0xc0, 0x80), bytes(0xed, 0xa0, 0x80)]) {
        const exit = yield* decode(schema, [bad])
        assert.isTrue(isMalformed(exit))
        assert.include(String(exit), "UTF-8 text")
      }
    })
  )

  it.effect("Bytes leaves a frame as it is", () =>
    Effect.gen(function* () {
      const frame = bytes(0, 255)
      assert.strictEqual(yield* Schema.decodeUnknownEffect(Message.frame(Message.Bytes))([frame]), frame)
      const [sent] = yield* Schema.encodeEffect(Message.frame(Message.Bytes))(frame)
      assert.strictEqual(sent, frame)
    })
  )

  const Report = Schema.Struct({ zip: Schema.String, at: Schema.Date, celsius: Schema.Finite })
  const report = { zip: "10001", at: new Date(0), celsius: -3.5 }

  it.effect("json writes what its schema describes, and reads nothing else", () =>
    Effect.gen(function* () {
      const schema = Message.frame(Message.json(Report))
      const message = yield* Schema.encodeEffect(schema)(report)
      assert.deepStrictEqual(JSON.parse(Message.text(message)), { ...report, at: "1970-01-01T00:00:00.000Z" })
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(schema)(message), report)
      for (const bad of ["", "{", "null", "[]", '{"zip":1}', '{"zip":"1","at":"?","celsius":1}']) {
        assert.isTrue(isMalformed(yield* decode(schema, Message.make(bad))), bad)
      }
      assert.isTrue(isMalformed(yield* decode(schema, [bytes(0xff)])))
    })
  )

  it.effect("frames reads exactly so many frames, in their order", () =>
    Effect.gen(function* () {
      const schema = Message.frames([Message.Utf8, Message.Bytes, Message.json(Report)])
      const value = ["10001", bytes(1), report] as const
      const message = yield* Schema.encodeEffect(schema)(value)
      assert.isTrue(Message.isMessage(message))
      assert.strictEqual(message.length, 3)
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(schema)(message), value)
      const [a, b, c] = message as readonly [Uint8Array, Uint8Array, Uint8Array]
      for (const bad of [[a], [a, b], [a, b, c, c], [c, b, a], [a, b, c, bytes()]] as ReadonlyArray<Message.Message>) {
        assert.isTrue(isMalformed(yield* decode(schema, bad)), String(bad.length))
      }
    })
  )

  it.effect("frame reads messages of one frame only", () =>
    Effect.gen(function* () {
      const schema = Message.frame(Message.Utf8)
      assert.isTrue(isMalformed(yield* decode(schema, Message.make(["a", "b"]))))
      assert.isTrue(isMalformed(yield* decode(schema, [] as never)))
    })
  )

  const Pair = Message.frames([
    Message.Utf8,
    Message.json(Schema.Struct({ n: Schema.Int, tags: Schema.Array(Schema.String) }))
  ])
  it.effect.prop(
    "decoding is the inverse of encoding",
    { topic: Schema.String, n: Schema.Int, tags: Schema.Array(Schema.String) },
    ({ topic, n, tags }) =>
      Effect.gen(function* () {
        // JSON knows no -0, and UTF-8 no half of a surrogate pair.
        const value = [topic.toWellFormed(), { n: n + 0, tags }] as const
        const message = yield* Schema.encodeEffect(Pair)(value)
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(Pair)(message), value)
      })
  )
})
