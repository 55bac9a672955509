import { assert, describe, it } from "@effect/vitest"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Audience, claimOf, presenceOf } from "../src/internal/audience.ts"
import * as Topic from "../src/Topic.ts"

const Weather = Topic.make("weather", {
  schema: Schema.Struct({ zip: Schema.String, at: Schema.DateTimeUtc }),
  key: (report) => report.zip
})

const Chat = Topic.make("chat", { schema: Schema.String })

const endpoint = "tcp://127.0.0.1:5556"

/** What a PUB that sends `frame` first would send to a SUB of `prefix`. */
const matches = (prefix: Uint8Array, frame: Uint8Array) => prefix.every((byte, i) => frame[i] === byte)

const bytes = (text: string) => new TextEncoder().encode(text)

describe("a topic", () => {
  it("has a name of text without a /, and says what is wrong with others", () => {
    for (const [name, problem] of [
      ["", "empty"],
      ["a/b", "at character 1"],
      ["\0a", "NUL"],
      ["\ud800", "half a character"]
    ] as const) {
      assert.throws(() => Topic.make(name, { schema: Schema.String }), Topic.InvalidName, problem)
    }
    assert.isTrue(Topic.isTopic(Weather))
    assert.isFalse(Topic.isTopic({}))
  })

  it.effect("is on the wire two frames of UTF-8, to the byte", () =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Chat, { bind: endpoint })
      const sub = yield* Sub.make({ connect: endpoint, subscribe: "" })
      yield* Topic.awaitSubscribers(publisher, 1)
      yield* Topic.publishAs(publisher, "käse 🧀", "\u0000\ufeffja")
      const [key, body, ...more] = yield* Sub.receive(sub)
      assert.deepStrictEqual(key, bytes("chat/käse 🧀/"))
      assert.deepStrictEqual(body, bytes('"\\u0000\ufeffja"'))
      assert.deepStrictEqual(more, [])
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("tells which key is none, wherever it is given", () =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Weather, { bind: endpoint })
      const report = Schema.decodeSync(Schema.toCodecJson(Weather.schema))({
        zip: "a/b",
        at: "2026-01-01T00:00:00.000Z"
      })
      const failure = yield* Effect.flip(Topic.publish(publisher, report))
      assert.instanceOf(failure, Topic.InvalidKey)
      assert.include(failure.message, '"a/b" cannot be a key of the topic "weather": it has a "/" (at character 1)')
      const all = [{ ...report, zip: "1" }, report]
      assert.instanceOf(yield* Effect.flip(publisher.pipe(Topic.publishAll(all))), Topic.InvalidKey)
      for (const keys of ["", "a/", ["a", "\udc00"], Topic.prefix("/"), ["a", Topic.prefix("\ud800b")]] as const) {
        assert.instanceOf(yield* Effect.flip(Topic.subscriber(Weather, { connect: endpoint, keys })), Topic.InvalidKey)
      }
      yield* Topic.subscriber(Weather, { connect: endpoint, keys: "ok" })
      yield* Topic.awaitSubscribers(publisher, 1)
      yield* publisher.pipe(Topic.publishAs("a key of its own", report))
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.prop(
    "never gives the subscriber of a key another key, however the one begins",
    [Schema.NonEmptyString, Schema.String],
    ([start, rest]) => {
      const keyOf = (text: string) => text.toWellFormed().replaceAll("/", "|")
      const frameOf = (key: string) => Schema.encodeSync(Topic.codec(Chat))([key, ""])[0]
      const [short, long] = [keyOf(start), keyOf(start + rest)]
      assert.strictEqual(matches(frameOf(short), frameOf(long)), short === long)
      assert.strictEqual(matches(frameOf(long), frameOf(short)), short === long)
    }
  )

  it.effect.prop(
    "is read as it was published, by whoever holds the key or a prefix of it",
    { key: Schema.NonEmptyString, value: Schema.String, cut: Schema.Int },
    ({ cut, key: any, value }) =>
      Effect.gen(function* () {
        const key = any.toWellFormed().replaceAll("/", "|")
        const prefix = Topic.prefix(key.slice(0, Math.abs(cut) % (key.length + 1)).toWellFormed() === key ? key : "")
        const publisher = yield* Topic.publisher(Chat, { bind: endpoint })
        for (const keys of [key, prefix]) {
          const subscriber = yield* Topic.subscriber(Chat, { connect: endpoint, keys })
          yield* Topic.awaitSubscribers(publisher, keys === key ? 1 : 2)
          yield* Topic.publishAs(publisher, key, value)
          const [entry] = yield* Stream.runCollect(Stream.take(Topic.entries(subscriber), 1))
          assert.deepStrictEqual(entry, { key, value })
        }
      }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true })),
    { arbitrary: { runs: 50 } }
  )

  it.effect("has services of its own, which cannot be taken for those of another topic", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const publisher = yield* Chat.Publisher
        yield* Topic.awaitSubscribers(publisher, 1)
        yield* publisher.pipe(Topic.publishAs("lobby", "hello"))
        return yield* (yield* Chat.Subscriber).pipe(Topic.stream(), Stream.take(1), Stream.runCollect)
      })
      const layers = Layer.mergeAll(
        Chat.layerPublisher({ bind: endpoint }),
        Chat.layerSubscriber({ connect: endpoint, keys: Topic.all }),
        Weather.layerPublisher({ bind: "tcp://127.0.0.1:*" })
      )
      assert.deepStrictEqual(yield* Effect.provide(program, layers), ["hello"])
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it("does not compile where a key is missing, or the value is another's", () => {
    const mistakes = (chat: Topic.Publisher<Schema.String, "given">) => [
      // @ts-expect-error: the key is to be given
      Topic.publish(chat, "hello"),
      // @ts-expect-error: no string
      Topic.publishAs(chat, "lobby", 1),
      // @ts-expect-error: keys are missing
      Topic.subscriber(Chat, { connect: endpoint }),
      // @ts-expect-error: no keys
      Topic.subscriber(Chat, { connect: endpoint, keys: [] })
    ]
    assert.isFunction(mistakes)
  })

  it.effect("waits for no subscriber that leaves meanwhile: who leaves is never counted once more", () =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Chat, { bind: endpoint })
      const counts: Array<number> = []
      yield* Topic.subscriberChanges(publisher).pipe(
        Stream.runForEach((count) => Effect.sync(() => counts.push(count))),
        Effect.forkChild({ startImmediately: true })
      )
      const keys = ["a", "b", Topic.all] as const
      yield* Effect.scoped(
        Effect.andThen(Topic.subscriber(Chat, { connect: endpoint, keys }), Topic.awaitSubscribers(publisher, 1))
      )
      yield* Stream.runDrain(Stream.takeUntil(Topic.subscriberChanges(publisher), (count) => count === 0))
      assert.deepStrictEqual(counts, [0, 1, 0])
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("counts nobody, and waits for nobody, once the publisher is closed", () =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Chat, { bind: endpoint })
      yield* Topic.subscriber(Chat, { connect: endpoint, keys: Topic.all })
      yield* Topic.awaitSubscribers(publisher, 1)
      yield* Socket.drain(publisher.socket, 0)
      const failure = yield* Effect.flip(Topic.awaitSubscribers(publisher, 1))
      assert.strictEqual(failure.reason._tag, "Closed")
      assert.strictEqual(yield* Topic.subscribers(publisher), 0)
      assert.strictEqual((yield* Effect.flip(Topic.awaitSubscribers(publisher, 0))).reason._tag, "Closed")
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("publishes to nobody without waiting, and ends the streams of a subscriber that is closed", () =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Chat, { bind: endpoint })
      for (let i = 0; i < 2000; i++) yield* Topic.publishAs(publisher, "lobby", `${i}`)
      const subscriber = yield* Topic.subscriber(Chat, { connect: endpoint, keys: Topic.all })
      yield* Socket.drain(subscriber.socket, 0)
      assert.deepStrictEqual(yield* Stream.runCollect(Topic.stream(subscriber)), [])
    }).pipe(Effect.provide(MemoryTransport.layer))
  )
})

describe("the audience of a topic", () => {
  const id = (n: number) => `${n}`.padStart(32, "0")

  it("is counted from what is told of subscriptions: ours by themselves, others by what most of them hold", () => {
    const audience = new Audience("t")
    const told = (isNew: boolean, ...subscriptions: ReadonlyArray<string | Uint8Array>) => {
      for (const one of subscriptions) audience.told(isNew, typeof one === "string" ? bytes(one) : one)
      return audience.size
    }
    const claim = (n: number, prefix: string) => claimOf("t", id(n), bytes(prefix))
    const here = (n: number) => presenceOf("t", id(n))
    // Who is not there yet does not count, whatever of its subscriptions is.
    assert.strictEqual(told(true, claim(1, "t/a/"), "t/a/"), 0)
    assert.strictEqual(told(true, here(1)), 1)
    assert.strictEqual(told(true, claim(2, "t/a/"), claim(2, "t/b/"), "t/a/", "t/b/", here(2)), 2)
    assert.strictEqual(told(true, "t/a/", "t/a/", "", "t/c/"), 4)
    assert.strictEqual(told(true, "other/", "tt/a/", "ta"), 4)
    assert.strictEqual(told(true, presenceOf("tt", id(3)), Uint8Array.of(255), Uint8Array.of(0), bytes("t")), 4)
    assert.strictEqual(told(false, "t/a/", "t/b/", here(2), claim(2, "t/a/"), claim(2, "t/b/")), 3)
    assert.strictEqual(told(false, "t/a/", "t/a/"), 2)
    assert.strictEqual(told(false, "", "t/c/", "t"), 1)
    // A connection that is lost is noticed after the next one is made.
    assert.strictEqual(told(true, claim(1, "t/a/"), "t/a/", here(1)), 1)
    assert.strictEqual(told(false, claim(1, "t/a/"), here(1), "t/a/"), 1)
    assert.strictEqual(told(false, claim(1, "t/a/"), here(1), "t/a/"), 0)
  })

  it("is counted behind a proxy, which tells of several subscriptions to one prefix as one, beside others", () => {
    const audience = new Audience("t")
    const told = (isNew: boolean, ...subscriptions: ReadonlyArray<string | Uint8Array>) => {
      for (const one of subscriptions) audience.told(isNew, typeof one === "string" ? bytes(one) : one)
      return audience.size
    }
    const claim = (n: number) => claimOf("t", id(n), bytes("t/a/"))
    const here = (n: number) => presenceOf("t", id(n))
    assert.strictEqual(told(true, claim(1), "t/a/", here(1)), 1)
    assert.strictEqual(told(true, claim(2), here(2)), 2)
    assert.strictEqual(told(true, "t/a/", "t/a/"), 3) // two of them: one is hidden behind the proxy's
    assert.strictEqual(told(false, claim(1), here(1)), 3)
    assert.strictEqual(told(false, claim(2), "t/a/", here(2)), 2)
    assert.strictEqual(told(false, "t/a/", "t/a/"), 0)
  })

  it.prop(
    "is never more than who is there, and is exact where plain subscribers hold one prefix each of the same",
    [Schema.Array(Schema.Struct({ who: Schema.Int, key: Schema.Int, ours: Schema.Boolean }))],
    ([peers]) => {
      const audience = new Audience("t")
      const subscriptions = peers.map(({ key, ours }, n) => {
        const prefix = bytes(`t/${Math.abs(key) % 3}/`)
        return ours ? [claimOf("t", id(n), prefix), prefix, presenceOf("t", id(n))] : [prefix]
      })
      const exact = () => {
        const plain = [0, 1, 2].map((key) =>
          there.filter((n) => !peers[n]?.ours && Math.abs(peers[n]?.key ?? 0) % 3 === key)
        )
        return there.filter((n) => peers[n]?.ours).length + Math.max(...plain.map((all) => all.length))
      }
      const there: Array<number> = []
      const tell = (n: number, isNew: boolean) => {
        const most = there.length + (isNew ? 1 : 0)
        const all = subscriptions[n] ?? []
        // Ends are told in one order or the other.
        for (const subscription of isNew || n % 2 === 0 ? all : all.toReversed()) {
          audience.told(isNew, subscription)
          assert.isAtMost(audience.size, most) // also in the middle
        }
        if (isNew) there.push(n)
        else there.splice(there.indexOf(n), 1)
        assert.strictEqual(audience.size, exact())
        assert.isAtMost(audience.size, there.length)
      }
      for (const n of peers.keys()) tell(n, true)
      for (const n of [...peers.keys()].sort((a, b) => (peers[a]?.who ?? 0) - (peers[b]?.who ?? 0))) tell(n, false)
    }
  )
})
