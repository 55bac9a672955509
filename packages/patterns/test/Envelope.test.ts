import { assert, describe, it } from "@effect/vitest"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Envelope from "../src/Envelope.ts"

const Text = Message.frame(Message.Utf8)

const problem = (result: Result.Result<unknown, Envelope.MalformedEnvelope>) =>
  Result.isFailure(result) ? result.failure.message : assert.fail("it should have failed")

describe("an envelope", () => {
  it("is split at the first empty frame, and joined again", () => {
    const message = Message.make(["outer", "inner", "", "body", "", "more"])
    const envelope = Result.getOrThrow(Envelope.split(message))
    assert.deepStrictEqual(envelope.addresses, message.slice(0, 2))
    assert.deepStrictEqual([...envelope.body], message.slice(3))
    assert.deepStrictEqual([...Envelope.join(envelope.addresses, envelope.body)], [...message])
    assert.strictEqual(Message.inspect(Envelope.reply(envelope, "ok")), '"outer" + "inner" + "" + "ok"')
    assert.strictEqual(Message.inspect(Envelope.join("ok")(envelope.addresses)), '"outer" + "inner" + "" + "ok"')
  })

  it("cannot be split where it has no delimiter, or no body, and says so", () => {
    assert.include(
      problem(Envelope.split(Message.make("body"))),
      'it has no empty frame, in "body"; a peer that is no REQ'
    )
    assert.include(problem(Envelope.split(Message.make(["a", ""]))), "nothing is behind the empty frame")
    assert.include(problem(Envelope.undelimit(Message.make(["a", "", "b"]))), "its first frame is not empty")
    assert.strictEqual(Message.text(Result.getOrThrow(Envelope.undelimit(Envelope.delimit("b")))), "b")
    assert.strictEqual(Message.inspect(Envelope.delimit(["", "b"])), '"" + "" + "b"')
  })

  it.prop(
    "comes apart as it was put together",
    [Schema.Array(Schema.Uint8Array), Schema.NonEmptyArray(Schema.Uint8Array)],
    ([addresses, body]) => {
      const filled = addresses.filter(({ length }) => length > 0)
      const { addresses: a, body: b } = Result.getOrThrow(Envelope.split(Envelope.join(filled, body)))
      assert.deepStrictEqual([...a], filled)
      assert.deepStrictEqual([...b], [...body])
    }
  )

  it("is printed a line a frame, with lengths, whatever is in it", () => {
    const id = Uint8Array.of(0, 0xc8, 0xa1, 0xb2, 0xf3)
    assert.strictEqual(
      Envelope.format([id, ...Message.make(["", "Hello"])]),
      ["[005] 00c8a1b2f3   address", "[000]              delimiter", '[005] "Hello"      body'].join("\n")
    )
    assert.strictEqual(Envelope.format(Message.make("x")), '[001] "x"   body')
    const long = Envelope.format([new Uint8Array(70_000), ...Message.make("ä".repeat(1000))])
    assert.match(long, /^\[70000\] 0{60}… +body\n\[2000\] "ä{60}…" +body$/)
  })

  it.effect("lets a DEALER speak to a REP, and a ROUTER to a REQ, typed", () =>
    Effect.gen(function* () {
      const rep = yield* Rep.make({ bind: "tcp://127.0.0.1:1" })
      yield* Effect.forkScoped(Rep.serve(rep, (request) => Effect.succeed(`${Message.text(request)}!`)))
      const dealer = yield* Dealer.make({ connect: "tcp://127.0.0.1:1" })
      yield* Effect.forEach(["a", "b"], Dealer.sendSchema(dealer, Envelope.delimited(Text)))
      const replies = dealer.pipe(Dealer.streamSchema(Envelope.delimited(Text)), Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(yield* replies, ["a!", "b!"])

      const router = yield* Router.make({ bind: "tcp://127.0.0.1:2" })
      yield* router.pipe(
        Router.streamSchema(Envelope.delimited(Text)),
        Stream.runForEach(({ from, message }) =>
          Router.sendSchema(router, Envelope.delimited(Text))({ to: from, message: `${message}?` })
        ),
        Effect.forkScoped
      )
      const req = yield* Req.make({ connect: "tcp://127.0.0.1:2" })
      assert.strictEqual(Message.text(yield* Req.request(req, "c")), "c?")
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("is kept by who answers through several ROUTERs, typed", () =>
    Effect.gen(function* () {
      const [outer, inner] = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"] as const
      const front = yield* Router.make({ bind: outer })
      const back = yield* Dealer.make({ connect: inner })
      yield* Effect.forkScoped(Router.runForEach(front, ({ from, message }) => Dealer.send(back, [from, ...message])))
      yield* Effect.forkScoped(
        Dealer.runForEach(back, ([to, ...message]) =>
          Router.send(front, { to, message: message as unknown as Message.Message })
        )
      )
      const server = yield* Router.make({ bind: inner })
      const schema = Envelope.enveloped(Text)
      yield* server.pipe(
        Router.streamSchema(schema),
        Stream.runForEach(({ from, message: { addresses, body } }) =>
          Router.sendSchema(
            server,
            schema
          )({ to: from, message: { addresses, body: `${body} of ${addresses.length}` } })
        ),
        Effect.forkScoped
      )
      const req = yield* Req.make({ connect: outer })
      assert.strictEqual(Message.text(yield* Req.request(req, "a")), "a of 1")
      const correlating = yield* Req.make({ connect: outer, correlate: true })
      assert.strictEqual(Message.text(yield* Req.request(correlating, "b")), "b of 2")
    }).pipe(Effect.provide(MemoryTransport.layer))
  )

  it.effect("is malformed without the empty frame: counted and dropped, as any other message that does not fit", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ bind: "tcp://127.0.0.1:1" })
      const dealer = yield* Dealer.make({ connect: "tcp://127.0.0.1:1" })
      yield* Dealer.sendAll(dealer, ["no delimiter", ["x", "", "an address"], ["", "good"]])
      const wrong: Array<string> = []
      const onMalformed = (received: Router.Received) =>
        Effect.sync(() => wrong.push(Message.inspect(received.message)))
      const good = yield* router.pipe(
        Router.streamSchema(Envelope.delimited(Text), { onMalformed }),
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        good.map(({ message }) => message),
        ["good"]
      )
      assert.deepStrictEqual(wrong, ['"no delimiter"', '"x" + "" + "an address"'])
    }).pipe(Effect.provide(MemoryTransport.layer))
  )
})
