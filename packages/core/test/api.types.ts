/**
 * What compiles, as what, and what does not. Nothing here runs: the type checker reads it with everything else, and an
 * expected error that is no error is one.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { pipe } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Endpoint from "../src/Endpoint.ts"
import * as Message from "../src/Message.ts"
import * as Poller from "../src/Poller.ts"
import * as Pub from "../src/Pub.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Rep from "../src/Rep.ts"
import * as Req from "../src/Req.ts"
import * as Socket from "../src/Socket.ts"
import type { CloseReport, SocketEvent } from "../src/SocketEvent.ts"
import type * as SocketType from "../src/SocketType.ts"
import * as Sub from "../src/Sub.ts"
import type { Transport } from "../src/Transport.ts"
import type { AddressInUse, ZmqError } from "../src/ZmqError.ts"

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

declare const is: <A>(value: A) => {
  /** Compiles where the inferred type is this one, letter for letter. */
  readonly as: <B>(...proof: Same<A, B> extends true ? [] : [expected: B]) => void
  /** Compiles where the inferred type and this one are assignable to each other. */
  readonly like: <B>(...proof: [A] extends [B] ? ([B] extends [A] ? [] : [expected: B]) : [expected: B]) => void
}

declare const push: Push.Push
declare const pull: Pull.Pull
declare const pub: Pub.Pub
declare const sub: Sub.Sub
declare const req: Req.Req
declare const rep: Rep.Rep
declare const message: Message.Message
declare const text: string

class Db extends Context.Service<Db, { readonly answer: (m: Message.Message) => Effect.Effect<string> }>()("test/Db") {}
class Log extends Context.Service<Log, { readonly note: (u: unknown) => Effect.Effect<string> }>()("test/Log") {}

// -----------------------------------------------------------------------------
// What a socket can do
// -----------------------------------------------------------------------------

// @ts-expect-error: a PULL does not send
Push.send(pull, "x")
// @ts-expect-error: a PULL does not send, data last
pipe(pull, Push.send("x"))
// @ts-expect-error: a SUB does not publish
Pub.send(sub, "x")
// @ts-expect-error: a PUB is no PUSH
Push.send(pub, "x")
// @ts-expect-error: a PULL has no sink
Push.sink(pull)
// @ts-expect-error: the module of PULL cannot send
Pull.send
// @ts-expect-error: the module of PUSH cannot receive
Push.stream
// @ts-expect-error: the module of PUSH cannot receive
Push.receive
// @ts-expect-error: a PUSH does not receive
Pull.receive(push)
// @ts-expect-error: a PUSH has no stream
Pull.stream(push)
// @ts-expect-error: the module of PUB cannot receive
Pub.receive
// @ts-expect-error: a PUB does not receive
Sub.receive(pub)
// @ts-expect-error: a PUB has no batches
Sub.batches(pub)
// @ts-expect-error: a SUB is no PULL
Pull.receive(sub)
// @ts-expect-error: a PULL cannot subscribe
Sub.subscribe(pull, "x")
// @ts-expect-error: a REP does not ask
Req.request(rep, "x")
// @ts-expect-error: a REQ does not serve
Rep.serve(req, () => Effect.succeed("x"))
// @ts-expect-error: a REQ has requests, not a stream
Req.stream
// @ts-expect-error: a PUSH cannot be polled
Poller.merge({ push })
// @ts-expect-error: nor with others
Poller.prioritize([
  ["pull", pull],
  ["pub", pub]
])
// @ts-expect-error: a poller in order of priority has at least one socket
Poller.prioritize([])
// @ts-expect-error: there is no close: scopes are the only lifecycle
Socket.close

// -----------------------------------------------------------------------------
// Endpoints
// -----------------------------------------------------------------------------

Pull.make({
  bind: ["tcp://127.0.0.1:*", "ipc:///tmp/a", "inproc://a", Endpoint.tcp("127.0.0.1", 0)],
  connect: "tcp://[::1]:5555"
})
Pull.make({ bind: `tcp://${text}:5555`, connect: `ipc://${text}` })
Socket.bind(pull, "tcp://*:*")

// @ts-expect-error: no such scheme
Pull.make({ bind: "tpc://127.0.0.1:5555" })
// @ts-expect-error: no such scheme, in a list
Pull.make({ connect: ["inproc://a", "tpc://127.0.0.1:5555"] })
// @ts-expect-error: schemes are in lower case
Pull.make({ bind: "TCP://127.0.0.1:5555" })
// @ts-expect-error: no port
Pull.make({ bind: "tcp://127.0.0.1" })
// @ts-expect-error: no scheme
Pull.make({ bind: "127.0.0.1:5555" })
// @ts-expect-error: any text: it goes through Endpoint.parse
Pull.make({ bind: text })
// @ts-expect-error: no such scheme, later
Socket.connect(pull, "tpc://127.0.0.1:5555")
// @ts-expect-error: no such scheme, later and data last
pipe(pull, Socket.connect("tpc://127.0.0.1:5555"))
// @ts-expect-error: a number is no endpoint
Pull.make({ bind: 5555 })

// -----------------------------------------------------------------------------
// Options
// -----------------------------------------------------------------------------

Pull.make({})
Pull.make({
  highWaterMark: { receive: "unlimited" },
  linger: "1 second",
  heartbeat: { interval: "2 seconds" },
  reconnect: false
})
Push.make({ highWaterMark: { send: 10 }, conflate: true, tcpKeepalive: { idle: "1 minute" } })
Sub.make({ subscribe: "" })
Sub.make({ subscribe: ["a", new Uint8Array(1)] })
Req.make({ bind: "inproc://a", correlate: true })
Req.make({ connect: "inproc://a" })
Req.make({ connect: "inproc://a", correlate: true, highWaterMark: { send: 1, receive: 1 } })

// @ts-expect-error: what to subscribe to must be said
Sub.make({ connect: "tcp://127.0.0.1:5556" })
// @ts-expect-error: and is text or bytes
Sub.make({ subscribe: 1 })
// @ts-expect-error: a REQ that binds must correlate
Req.make({ bind: "inproc://a" })
// @ts-expect-error: a REQ that binds must correlate
Req.make({ bind: "inproc://a", correlate: false })
// @ts-expect-error: a PULL has no mark for sending
Pull.make({ highWaterMark: { send: 10 } })
// @ts-expect-error: a PUSH has no mark for receiving
Push.make({ highWaterMark: { receive: 10 } })
// @ts-expect-error: nor one in bytes
Push.make({ highWaterMark: { receiveBytes: 10 } })
// @ts-expect-error: metadata has names that begin with X-
Push.make({ metadata: { Room: "blue" } })
Push.make({ highWaterMark: { send: 10, sendBytes: 1_000_000 }, metadata: { "X-Room": "blue" } })
// @ts-expect-error: only a PUB does not drop
Push.make({ noDrop: true })
// @ts-expect-error: only a REQ correlates
Rep.make({ correlate: true })
// @ts-expect-error: a REP does not conflate
Rep.make({ conflate: true })
// @ts-expect-error: a unit that does not exist
Pull.make({ linger: "1 secnd" })
// @ts-expect-error: a heartbeat has an interval
Pull.make({ heartbeat: { timeout: "1 second" } })
// @ts-expect-error: an option that does not exist
Pull.make({ receiveHighWaterMark: 10 })
// @ts-expect-error: `true` says nothing about how to reconnect
Pull.make({ reconnect: true })

is(Pull.make({})).as<Effect.Effect<Pull.Pull, ZmqError, Transport | Scope.Scope>>()
is(Req.make({})).as<Effect.Effect<Req.Req, ZmqError, Transport | Scope.Scope>>()

class Tasks extends Context.Service<Tasks, Pull.Pull>()("test/Tasks") {
  static readonly layer = Layer.effect(Tasks, Pull.make({ connect: "tcp://127.0.0.1:5557" }))
}
is(Tasks.layer).as<Layer.Layer<Tasks, ZmqError, Transport>>()

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

Push.send(push, "text")
Push.send(push, new Uint8Array(1))
Push.send(push, ["topic", new Uint8Array(1)])
Push.send(push, message)
Push.sendAll(push, ["one", ["two", "frames"], message])

// @ts-expect-error: a number is no message
Push.send(push, 1)
// @ts-expect-error: a message has at least one frame
Push.send(push, [])
// @ts-expect-error: frames are not nested
Push.send(push, [["a"]])
// @ts-expect-error: frames are text or bytes
Push.send(push, ["a", 1])
// @ts-expect-error: null is no message
Push.send(push, null)
// @ts-expect-error: an object is no message
Push.send(push, { body: "a" })
// @ts-expect-error: bytes are a Uint8Array
Push.send(push, new ArrayBuffer(1))
// @ts-expect-error: a number is no message, data last
Push.send(1)
// @ts-expect-error: an empty message among several
Push.sendAll(push, [[]])
// @ts-expect-error: a number among several
Push.sendAll(push, ["a", 1])
// @ts-expect-error: a number is no message to make
Message.make(1)
// @ts-expect-error: a request is a message
Req.request(req, 1)
// @ts-expect-error: a reply is a message
Rep.reply(rep, [])
// @ts-expect-error: received frames are not to be written to in their array
message[0] = new Uint8Array(1)

is(Message.bytes(message)).as<Uint8Array>()
is(Message.text(message)).as<string>()
is(Message.copy(message)).as<[Uint8Array, ...Array<Uint8Array>]>()

// -----------------------------------------------------------------------------
// Sending and receiving: data first, data last, as methods of a pipe
// -----------------------------------------------------------------------------

is(Push.send(push, "x")).as<Effect.Effect<void, ZmqError>>()
is(Push.send("x")(push)).as<Effect.Effect<void, ZmqError>>()
is(push.pipe(Push.send("x"))).as<Effect.Effect<void, ZmqError>>()
is(Push.sendAll(push, ["x"])).as<Effect.Effect<void, ZmqError>>()
is(push.pipe(Push.sendAll(["x"]))).as<Effect.Effect<void, ZmqError>>()
is(Push.sink(push)).as<Sink.Sink<void, Message.Input, never, ZmqError>>()
is(Push.sinkBatches(push)).as<Sink.Sink<void, ReadonlyArray<Message.Input>, never, ZmqError>>()
is(Pub.send(pub, "x")).as<Effect.Effect<void, ZmqError>>()
is(pub.pipe(Pub.send("x"))).as<Effect.Effect<void, ZmqError>>()
is(pub.pipe(Pub.sendAll(["x"]))).as<Effect.Effect<void, ZmqError>>()
Stream.run(Stream.make("x"), Push.sink(push))
Stream.run(Stream.make(["topic", "x"] as const), Pub.sink(pub))
Stream.run(Pull.stream(pull), Push.sink(push))
Stream.run(Pull.batches(pull), Push.sinkBatches(push))

is(Pull.receive(pull)).as<Effect.Effect<Message.Message, ZmqError>>()
is(Pull.poll(pull)).as<Effect.Effect<Option.Option<Message.Message>, ZmqError>>()
is(Pull.stream(pull)).as<Stream.Stream<Message.Message>>()
is(Pull.batches(pull)).as<Stream.Stream<NonEmptyReadonlyArray<Message.Message>>>()
is(Sub.receive(sub)).as<Effect.Effect<Message.Message, ZmqError>>()
is(sub.pipe(Sub.stream)).as<Stream.Stream<Message.Message>>()

declare const handle: (message: Message.Message) => Effect.Effect<number, "no", Db>
is(Pull.runForEach(pull, handle)).as<Effect.Effect<void, "no", Db>>()
is(pull.pipe(Pull.runForEach(handle))).as<Effect.Effect<void, "no", Db>>()
is(Sub.runForEach(sub, handle)).as<Effect.Effect<void, "no", Db>>()
is(sub.pipe(Sub.runForEach(handle))).as<Effect.Effect<void, "no", Db>>()
is(Pull.runForEach(pull, (m) => Effect.log(Message.text(m)))).as<Effect.Effect<void>>()

is(Sub.subscribe(sub, "a")).as<Effect.Effect<void, ZmqError>>()
is(sub.pipe(Sub.subscribe(new Uint8Array(1)))).as<Effect.Effect<void, ZmqError>>()
is(sub.pipe(Sub.unsubscribe("a"))).as<Effect.Effect<void, ZmqError>>()

is(Socket.bind(pull, "inproc://a")).as<Effect.Effect<Endpoint.Text, ZmqError>>()
is(pull.pipe(Socket.bind("inproc://a"))).as<Effect.Effect<Endpoint.Text, ZmqError>>()
is(push.pipe(Socket.unbind("inproc://a"))).as<Effect.Effect<void, ZmqError>>()
is(Socket.connect(push, Endpoint.inproc("a"))).as<Effect.Effect<void, ZmqError>>()
is(push.pipe(Socket.disconnect("inproc://a"))).as<Effect.Effect<void, ZmqError>>()
is(Socket.drain(push, "1 second")).as<Effect.Effect<CloseReport>>()
is(push.pipe(Socket.drain("1 second"))).as<Effect.Effect<CloseReport>>()
is(Socket.endpoints(push)).as<Effect.Effect<ReadonlyArray<Endpoint.Text>>>()
declare const printed: Endpoint.Text
Pull.make({ connect: printed })
is(Socket.events(push)).as<Stream.Stream<SocketEvent>>()
// @ts-expect-error: there is no such unit
Socket.drain(push, "1 secnd")

// -----------------------------------------------------------------------------
// Schemas
// -----------------------------------------------------------------------------

const Report = Message.frames([
  Message.Utf8,
  Message.json(Schema.Struct({ n: Schema.Int, at: Schema.Date })),
  Message.Bytes
])
type Report = readonly [string, { readonly n: number; readonly at: Date }, Uint8Array]

is(Pull.streamSchema(pull, Report)).as<Stream.Stream<Report>>()
is(pull.pipe(Pull.streamSchema(Report))).as<Stream.Stream<Report>>()
is(Sub.streamSchema(sub, Report, {})).as<Stream.Stream<Report>>()
is(Sub.streamSchema(sub, Report, { onMalformed: "drop" })).as<Stream.Stream<Report>>()
is(sub.pipe(Sub.streamSchema(Report, { onMalformed: "drop" }))).as<Stream.Stream<Report>>()
is(Sub.streamSchema(sub, Report, { onMalformed: "fail" })).as<Stream.Stream<Report, Schema.SchemaError>>()
is(pull.pipe(Pull.streamSchema(Report, { onMalformed: "fail" }))).as<Stream.Stream<Report, Schema.SchemaError>>()
is(Pull.streamSchema(pull, Message.frame(Message.Utf8))).as<Stream.Stream<string>>()
declare const explain: (message: Message.Message, error: Schema.SchemaError) => Effect.Effect<void, "no", Db>
is(Pull.streamSchema(pull, Report, { onMalformed: explain })).as<Stream.Stream<Report, "no", Db>>()
is(sub.pipe(Sub.streamSchema(Report, { onMalformed: explain }))).as<Stream.Stream<Report, "no", Db>>()
is(Pull.streamSchema(pull, Report, { onMalformed: () => Effect.void })).as<Stream.Stream<Report>>()
// @ts-expect-error: malformed messages are dropped, or fail the stream, or are given to a function
Pull.streamSchema(pull, Report, { onMalformed: "ignore" })
// @ts-expect-error: a schema of a frame is none of a message
Pull.streamSchema(pull, Message.Utf8)
// @ts-expect-error: a message has at least one frame
Message.frames([])
// @ts-expect-error: a frame is bytes in the end
Message.frames([Schema.Number])
// @ts-expect-error: a PUSH does not receive
Pull.streamSchema(push, Report)

declare const report: Report
is(Push.sendSchema(push, Report)(report)).as<Effect.Effect<void, ZmqError | Schema.SchemaError>>()
is(pub.pipe(Pub.sendSchema(Report))(report)).as<Effect.Effect<void, ZmqError | Schema.SchemaError>>()
// @ts-expect-error: a value is what the schema says
Push.sendSchema(push, Report)(["10001", { n: 1 }])

// -----------------------------------------------------------------------------
// Requests
// -----------------------------------------------------------------------------

is(Req.request(req, "x")).as<Effect.Effect<Message.Message, ZmqError>>()
is(req.pipe(Req.request("x"))).as<Effect.Effect<Message.Message, ZmqError>>()
is(Rep.receive(rep)).as<Effect.Effect<Message.Message, ZmqError>>()
is(Rep.reply(rep, "x")).as<Effect.Effect<void, ZmqError>>()
is(rep.pipe(Rep.reply("x"))).as<Effect.Effect<void, ZmqError>>()

const answers = (m: Message.Message) => Effect.flatMap(Db, (db) => db.answer(m))
const fails = (m: Message.Message): Effect.Effect<string, "no", Db> =>
  Effect.andThen(answers(m), Effect.fail("no" as const))
const onError = (cause: Cause.Cause<"no">) => Effect.flatMap(Log, (log) => log.note(cause))

is(Rep.serve(rep, (m) => Effect.succeed(m))).as<Effect.Effect<void, ZmqError>>()
is(Rep.serve(rep, answers)).as<Effect.Effect<void, ZmqError, Db>>()
is(rep.pipe(Rep.serve(answers))).as<Effect.Effect<void, ZmqError, Db>>()
is(Rep.serve(rep, fails, { onError })).as<Effect.Effect<void, ZmqError, Db | Log>>()
is(rep.pipe(Rep.serve(fails, { onError }))).as<Effect.Effect<void, ZmqError, Db | Log>>()
is(Rep.serve(rep, () => Effect.fail("no"), { onError: () => Effect.succeed("x") })).as<Effect.Effect<void, ZmqError>>()
// @ts-expect-error: a handler that can fail needs onError: every request is answered
Rep.serve(rep, fails)
// @ts-expect-error: a handler that can fail needs onError, data last
rep.pipe(Rep.serve(fails))
// @ts-expect-error: a handler answers with a message
Rep.serve(rep, () => Effect.succeed(1))
// @ts-expect-error: a handler answers
Rep.serve(rep, () => Effect.void)
// @ts-expect-error: onError cannot fail either
Rep.serve(rep, fails, { onError: () => Effect.fail("again") })
// @ts-expect-error: onError answers with a message
Rep.serve(rep, fails, { onError: () => Effect.void })

// -----------------------------------------------------------------------------
// The poller
// -----------------------------------------------------------------------------

type TaskOrWeather =
  | { readonly _tag: "task"; readonly value: Message.Message }
  | { readonly _tag: "weather"; readonly value: Message.Message }

const merged = Poller.merge({ task: pull, weather: sub })
const prioritized = Poller.prioritize([
  ["task", pull],
  ["weather", sub]
])
declare const element: <A>(stream: Stream.Stream<A>) => A
is(element(merged)).like<TaskOrWeather>()
is(element(prioritized)).like<TaskOrWeather>()
is(element(merged)._tag).as<"task" | "weather">()
is(element(prioritized)._tag).as<"task" | "weather">()

// A socket that gives something else than messages keeps what it gives, by its name.
declare const typed: Socket.Readable<{ readonly from: string }>
const mixed = element(Poller.merge({ pull, typed }))
if (mixed._tag === "typed") is(mixed.value.from).as<string>()
else is(mixed.value).as<Message.Message>()
const [one] = [
  element(
    Poller.prioritize([
      ["typed", typed],
      ["pull", pull]
    ])
  )
]
if (one._tag === "typed") is(one.value.from).as<string>()
else is(one.value).as<Message.Message>()
// @ts-expect-error: a name that no socket has
mixed._tag === "other"

// -----------------------------------------------------------------------------
// Errors
// -----------------------------------------------------------------------------

const recovered = Pull.make({}).pipe(
  Effect.catchReason("ZmqError", "AddressInUse", (reason) => {
    is(reason).as<AddressInUse>()
    return Effect.succeed(reason.endpoint)
  })
)
is(recovered).as<Effect.Effect<Pull.Pull | string, ZmqError, Transport | Scope.Scope>>()
Pull.make({}).pipe(
  // @ts-expect-error: a reason that does not exist
  Effect.catchReason("ZmqError", "AddressTaken", () => Effect.void)
)
const reasons = Pull.receive(pull).pipe(
  Effect.catchReasons("ZmqError", {
    Closed: () => Effect.succeed("closed"),
    Unexpected: (reason) => Effect.succeed(reason.code)
  })
)
is(reasons).like<Effect.Effect<Message.Message | string, ZmqError>>()

// -----------------------------------------------------------------------------
// Socket types
// -----------------------------------------------------------------------------

declare const peerOf: <A extends SocketType.SocketType>(type: A) => SocketType.Peer<A>
is(peerOf("REP")).as<"REQ" | "DEALER">()
is(peerOf("PUSH")).as<"PULL">()
