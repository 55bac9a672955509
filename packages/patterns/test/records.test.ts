import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Records from "../src/internal/records.ts"
import { packBody, packRequest, readBody, readRequest, Unsendable } from "../src/internal/rpc/bodies.ts"
import { below, chance, mutate, randomBytes } from "./mutations.ts"

const { Flag, Kind, Packer } = Records

const u32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))
const u8 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xff }))
const kind = Schema.Int.check(Schema.isBetween({ minimum: Kind.Hello, maximum: Kind.Stale }))
const instance = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

const numbers = {
  kind,
  flags: u8,
  attempt: u8,
  id: u32,
  epoch: u32,
  instance,
  sequence: u32
}

const One = Schema.Struct({ ...numbers, tag: Schema.String, body: Schema.Uint8Array })

const pack = (records: ReadonlyArray<typeof One.Type>): Uint8Array => {
  const packer = new Packer()
  for (const { body, tag, ...header } of records)
    packer.add({ ...header, kind: header.kind as Records.Kind }, tag, body)
  return packer.take() ?? new Uint8Array(0)
}

const plain = (record: Records.Record) => ({
  kind: record.kind,
  flags: record.flags,
  attempt: record.attempt,
  id: record.id,
  epoch: record.epoch,
  instance: record.instance,
  sequence: record.sequence,
  tag: record.tag,
  body: record.body.slice()
})

const encoder = new TextEncoder()
const wellFormed = (text: string) => new TextDecoder().decode(encoder.encode(text))

describe("records", () => {
  it.prop("come out of a message as they were packed, in their order", [Schema.NonEmptyArray(One)], ([records]) => {
    const { malformed, records: got } = Records.read([pack(records)])
    assert.deepStrictEqual(malformed, [])
    assert.deepStrictEqual(
      got.map(plain),
      records
        .map((record) => ({
          ...record,
          kind: record.kind as Records.Kind,
          tag: wellFormed(record.tag),
          body: record.body.slice()
        }))
        // A tag that is too long is cut.
        .map((record, i) => (Records.fitsTag(record.tag) ? record : { ...record, tag: got[i]?.tag ?? "" }))
    )
  })

  it.prop("are copied as they are, but for id, epoch and attempt", [One, u32, u32, u8], ([one, id, epoch, attempt]) => {
    const { records } = Records.read([pack([one, one])])
    const packer = new Packer()
    for (const record of records) packer.copy(record, { id, epoch, attempt })
    const [original] = records
    for (const copy of Records.read([packer.take() ?? new Uint8Array(0)]).records) {
      assert.deepStrictEqual(plain(copy), { ...plain(original as Records.Record), id, epoch, attempt })
    }
  })

  it("are packed on and on, and what was taken is never written to again", () => {
    const packer = new Packer()
    const taken: Array<{ readonly message: Uint8Array; readonly copy: Uint8Array; readonly count: number }> = []
    const random = chance(7)
    for (let i = 0; i < 1000; i++) {
      const count = below(random, 5)
      for (let j = 0; j < count; j++) {
        packer.add({ kind: Kind.Exit, id: i, sequence: j }, "tag", randomBytes(random, below(random, 400)))
      }
      assert.strictEqual(packer.count, count)
      const message = packer.take()
      assert.strictEqual(message === undefined, count === 0)
      if (message !== undefined) taken.push({ message, copy: message.slice(), count })
    }
    packer.add({ kind: Kind.Chunk }, "", new Uint8Array(300_000).fill(1))
    assert.strictEqual(packer.take()?.length, 300_000 + Records.headerSize)
    for (const { copy, count, message } of taken) {
      assert.deepStrictEqual(message, copy)
      assert.lengthOf(Records.read([message]).records, count)
    }
  })

  it("that wait to be taken are forgotten by clear", () => {
    const packer = new Packer()
    packer.add({ kind: Kind.Ping, id: 1 })
    packer.clear()
    assert.isUndefined(packer.take())
    packer.add({ kind: Kind.Ping, id: 2 })
    assert.deepStrictEqual(
      Records.read([packer.take() ?? new Uint8Array(0)]).records.map(({ id }) => id),
      [2]
    )
  })

  it("that are none are told with why and where, and those whose length holds are passed over", () => {
    const good = pack([
      {
        kind: Kind.Ping,
        flags: 0,
        attempt: 0,
        id: 1,
        epoch: 1,
        instance: 1,
        sequence: 1,
        tag: "t",
        body: Uint8Array.of(1)
      }
    ])
    const size = good.length
    const problem = (change: (bytes: Uint8Array) => void) => {
      const bytes = new Uint8Array(size * 2)
      bytes.set(good)
      bytes.set(good, size)
      change(bytes)
      const { malformed, records } = Records.read([bytes])
      return [records.length, malformed.map(({ offset, problem }) => `${problem} at ${offset}`).join(", ")]
    }
    assert.deepStrictEqual(
      problem(() => {}),
      [2, ""]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(0, 4, 5)),
      [1, "kind at 0"]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(Kind.Stale + 1, 4, 5)),
      [1, "kind at 0"]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(3, 6, 7)),
      [1, "tag at 0"]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(0x20, 17, 18)),
      [1, "instance at 0"]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(0, 0, 4)),
      [0, "length at 0"]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(0xff, 0, 4)),
      [0, "length at 0"]
    )
    assert.deepStrictEqual(
      problem((bytes) => bytes.fill(0xff, size, size + 4)),
      [1, `length at ${size}`]
    )
    assert.deepStrictEqual(Records.read([good.slice(0, 27)]).malformed, [{ problem: "truncated", offset: 0 }])
    assert.deepStrictEqual(Records.read([new Uint8Array(0)]).malformed, [{ problem: "truncated", offset: 0 }])
    assert.deepStrictEqual(Records.read([good, good]).malformed, [{ problem: "frames", offset: 0 }])
    assert.deepStrictEqual(Records.read([]).malformed, [{ problem: "frames", offset: 0 }])
  })

  it("of which a long message has none take no longer than it is long", () => {
    // A megabyte of the smallest records, each of a kind that there is none of.
    const count = 40_000
    const frame = new Uint8Array(count * Records.headerSize)
    for (let i = 0; i < count; i++) frame.set([0, 0, 0, Records.headerSize, 200], i * Records.headerSize)
    const since = performance.now()
    assert.lengthOf(Records.read([frame]).malformed, count)
    assert.isBelow(performance.now() - since, 1_000)
  })

  it("are taken by as many as a message may have bytes, or by one that has more, in their order", () => {
    const packer = new Packer()
    const sizes = [10, 50, 200, 10, 10, 70, 0, 0]
    for (const [id, size] of sizes.entries()) packer.add({ kind: Kind.Exit, id }, "", new Uint8Array(size))
    const messages: Array<Uint8Array> = []
    for (let message = packer.take(120); message !== undefined; message = packer.take(120)) {
      messages.push(message)
      packer.add({ kind: Kind.Pong, id: 100 + messages.length })
      if (messages.length === 7) packer.clear()
    }
    const ids = messages.map((message) => Records.read([message]).records.map(({ id }) => id))
    assert.deepStrictEqual(ids.slice(0, 4), [[0, 1], [2], [3, 4], [5]])
    assert.deepStrictEqual(
      ids.flat().filter((id) => id < 100),
      [0, 1, 2, 3, 4, 5, 6, 7]
    )
    for (const message of messages) assert.isTrue(message.length <= 120 || Records.read([message]).records.length === 1)
    assert.deepStrictEqual([packer.count, packer.size], [0, 0])
  })

  it("take little memory of who packs few of them", () => {
    const packer = new Packer()
    packer.add({ kind: Kind.Pong })
    assert.isBelow(packer.take()?.buffer.byteLength ?? 0, 4_096)
  })

  it("say Hello with a role, a codec and a credit", () => {
    const packer = new Packer()
    Records.packHello(packer, { epoch: 5 }, { role: "worker", codec: "application/jsön", credit: 0xffff_fffe })
    packer.add({ kind: Kind.Hello }, "", Uint8Array.of(1, 9, 0, 0, 0, 0))
    packer.add({ kind: Kind.Hello }, "", Uint8Array.of(1, 0))
    const [hello, ...bad] = Records.read([packer.take() ?? new Uint8Array(0)]).records
    assert.deepStrictEqual(Records.readHello(hello as Records.Record), {
      version: Records.version,
      role: "worker",
      codec: "application/jsön",
      credit: 0xffff_fffe
    })
    assert.deepStrictEqual(bad.map(Records.readHello), [undefined, undefined])
  })
})

const first = (packer: Records.Packer): Records.Record =>
  Records.read([packer.take() ?? new Uint8Array(0)]).records[0] ?? assert.fail("there is no record")

const Text = Schema.String.check(Schema.isMaxLength(40))

describe("the body of a call", () => {
  it.prop(
    "comes out as it went in, with headers and trace, as JSON or bytes",
    {
      tag: Text,
      payload: Schema.Union([Schema.Uint8Array, Schema.Struct({ text: Text, n: Schema.Int }), Schema.Null]),
      headers: Schema.Array(Schema.Tuple([Text, Text])),
      sampled: Schema.Boolean
    },
    ({ headers, payload, sampled, tag }) => {
      const packer = new Packer()
      const trace = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled }
      const request = { _tag: "Request", id: 7, tag, payload, headers, ...trace } as const
      assert.isUndefined(packRequest(packer, { id: 7, epoch: 1 }, request as never))
      const got = readRequest(first(packer), "key", payload instanceof Uint8Array)
      const text = (value: unknown) => wellFormed(JSON.stringify(value))
      assert.strictEqual(text(got), text({ ...request, id: "key", payload, tag: wellFormed(tag) }))
    },
    { arbitrary: { runs: 100 } }
  )

  it("of nothing is nothing, and has no prefix", () => {
    const packer = new Packer()
    packRequest(packer, { id: 1 }, { _tag: "Request", id: 1, tag: "T", payload: undefined, headers: [], discard: true })
    const record = first(packer)
    assert.strictEqual(record.end - record.bodyStart, 0)
    assert.deepStrictEqual(readRequest(record, 9, false), {
      _tag: "Request",
      id: 9,
      tag: "T",
      payload: undefined,
      headers: [],
      discard: true
    })
    assert.strictEqual(readRequest(record, 9, true), "codec")
  })

  it("that cannot be sent packs nothing, and says why", () => {
    const packer = new Packer()
    const request = { _tag: "Request", id: 1, tag: "T", payload: 1n, headers: [] } as const
    assert.instanceOf(packRequest(packer, { id: 1 }, request), Unsendable)
    assert.instanceOf(packRequest(packer, { id: 1 }, { ...request, payload: 1, tag: "x".repeat(256) }), Unsendable)
    assert.instanceOf(packBody(packer, { kind: Kind.Exit }, { n: 1n }), Unsendable)
    assert.isUndefined(packer.take())
  })

  it("of another shape is told", () => {
    const packer = new Packer()
    const read = (flags: number, body: Uint8Array | string) => {
      packer.add({ kind: Kind.Request, flags }, "T", body)
      return readRequest(first(packer), 1, false)
    }
    assert.strictEqual(read(0, "{"), "json")
    assert.strictEqual(read(Flag.Prefix, "x"), "prefix")
    assert.strictEqual(read(Flag.Prefix, Uint8Array.of(0, 0, 0, 0, 0, 9, 1)), "prefix")
    assert.strictEqual(read(Flag.Prefix, "\0\0\0\0\0\x03[1]{}"), "prefix")
    assert.strictEqual(read(Flag.Prefix, "\xff\0\0\0\0\0"), "prefix")
  })
})

/** Each kind of record, well made. */
const corpus = (): Array<Uint8Array> => {
  const packer = new Packer()
  const messages: Array<Uint8Array> = []
  const take = () => messages.push(packer.take() ?? assert.fail("there is no record"))
  for (const kind of Object.values(Kind)) {
    packer.add({ kind, id: 3, epoch: 4, instance: 5, sequence: 6, attempt: 1 }, "tag", "{}")
    take()
  }
  Records.packHello(packer, {}, { role: "client", codec: "application/json", credit: 1 })
  take()
  const request = { _tag: "Request", id: 1, tag: "Tag", headers: [["a", "b"]], traceId: "ab", spanId: "cd" } as const
  packRequest(packer, { id: 1 }, { ...request, headers: [["a", "b"]], payload: { n: 1 } })
  packRequest(packer, { id: 2 }, { ...request, headers: [], payload: Uint8Array.of(1, 2) })
  take()
  return messages
}

export const readMutations = (count: number, seed: number) => {
  const random = chance(seed)
  const messages = corpus()
  let records = 0
  let malformed = 0
  for (let i = 0; i < count; i++) {
    const message =
      random() < 0.3
        ? randomBytes(random, below(random, 200))
        : mutate(random, messages[below(random, messages.length)] as Uint8Array, messages)
    const got = Records.read(random() < 0.02 ? [message, message] : [message])
    if (got.records.length === 0 && got.malformed.length === 0) assert.fail("a message must say something")
    malformed += got.malformed.length
    for (const record of got.records) {
      records++
      plain(record)
      if (record.end > message.length || record.bodyStart > record.end) assert.fail("it is not within its frame")
      Records.readHello(record)
      readRequest(record, 1, false)
      readRequest(record, 1, true)
      Option.getOrUndefined(readBody(record))
    }
  }
  return { records, malformed }
}

describe("random and mutated messages", () => {
  it("are read or told as malformed, every one, and nothing is thrown", () => {
    const { malformed, records } = readMutations(10_000, 1)
    assert.isAbove(records, 1000)
    assert.isAbove(malformed, 1000)
  })
})
