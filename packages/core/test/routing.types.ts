/**
 * What compiles of DEALER, ROUTER, XPUB, XSUB and PAIR, as what, and what does not; as in `api.types.ts`.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Dealer from "../src/Dealer.ts"
import * as Message from "../src/Message.ts"
import * as Pair from "../src/Pair.ts"
import * as Poller from "../src/Poller.ts"
import * as Pub from "../src/Pub.ts"
import type * as Pull from "../src/Pull.ts"
import * as Req from "../src/Req.ts"
import * as Router from "../src/Router.ts"
import type * as RoutingId from "../src/RoutingId.ts"
import * as Socket from "../src/Socket.ts"
import * as Sub from "../src/Sub.ts"
import type { Transport } from "../src/Transport.ts"
import * as XPub from "../src/XPub.ts"
import * as XSub from "../src/XSub.ts"
import type { ZmqError } from "../src/ZmqError.ts"

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

declare const is: <A>(value: A) => {
  readonly as: <B>(...proof: Same<A, B> extends true ? [] : [expected: B]) => void
  readonly like: <B>(...proof: [A] extends [B] ? ([B] extends [A] ? [] : [expected: B]) : [expected: B]) => void
}

declare const dealer: Dealer.Dealer
declare const router: Router.Router
declare const xpub: XPub.XPub
declare const xsub: XSub.XSub
declare const pair: Pair.Pair
declare const pull: Pull.Pull
declare const sub: Sub.Sub
declare const message: Message.Message
declare const from: RoutingId.RoutingId

// -----------------------------------------------------------------------------
// Making
// -----------------------------------------------------------------------------

is(Dealer.make({})).as<Effect.Effect<Dealer.Dealer, ZmqError, Transport | Scope.Scope>>()
is(Router.make({})).as<Effect.Effect<Router.Router, ZmqError, Transport | Scope.Scope>>()
is(XPub.make({})).as<Effect.Effect<XPub.XPub, ZmqError, Transport | Scope.Scope>>()
is(XSub.make({})).as<Effect.Effect<XSub.XSub, ZmqError, Transport | Scope.Scope>>()
is(Pair.make({})).as<Effect.Effect<Pair.Pair, ZmqError, Transport | Scope.Scope>>()
Dealer.make({ routingId: "a", probeRouter: true, conflate: true, highWaterMark: { send: 1, receive: 1 } })
Router.make({ routingId: new Uint8Array(1), onFull: "drop", handover: true, probeRouter: true })
XPub.make({ verbosity: "all", manual: true, welcomeMessage: "hello", noDrop: true, invertMatching: true })
XSub.make({ subscribe: ["a", new Uint8Array(1)], verboseUnsubscribe: true })
Req.make({ routingId: "me" })

// @ts-expect-error: a routing id is text or bytes
Router.make({ routingId: 7 })
// @ts-expect-error: no such thing to do when a peer is full
Router.make({ onFull: "wait" })
// @ts-expect-error: a ROUTER does not conflate
Router.make({ conflate: true })
// @ts-expect-error: only a ROUTER hands over
Dealer.make({ handover: true })
// @ts-expect-error: a DEALER waits
Dealer.make({ onFull: "drop" })
// @ts-expect-error: there are three kinds of verbosity
XPub.make({ verbosity: true })
// @ts-expect-error: a welcome is one frame
XPub.make({ welcomeMessage: ["a", "b"] })
// @ts-expect-error: an XPUB does not subscribe
XPub.make({ subscribe: "a" })
// @ts-expect-error: an XSUB does not filter
XSub.make({ invertMatching: true })
// @ts-expect-error: a PAIR has no routing id
Pair.make({ routingId: "a" })
// @ts-expect-error: a PUB does not tell of subscriptions
Pub.make({ verbosity: "all" })

// -----------------------------------------------------------------------------
// ROUTER: messages and peers
// -----------------------------------------------------------------------------

is(Router.receive(router)).as<Effect.Effect<Router.Received, ZmqError>>()
is(Router.poll(router)).as<Effect.Effect<Option.Option<Router.Received>, ZmqError>>()
is(Router.stream(router)).as<Stream.Stream<Router.Received>>()
is(Router.batches(router)).as<Stream.Stream<NonEmptyReadonlyArray<Router.Received>>>()
declare const received: Router.Received
is(received.from).as<RoutingId.RoutingId>()
is(received.message).as<Message.Message>()
is(Router.peers(router)).as<Effect.Effect<ReadonlyArray<RoutingId.RoutingId>>>()

is(Router.send(router, { to: from, message })).as<Effect.Effect<void, ZmqError>>()
is(Router.send({ to: from, message: "x" })(router)).as<Effect.Effect<void, ZmqError>>()
is(router.pipe(Router.send({ to: "named", message: ["a", new Uint8Array(1)] }))).as<Effect.Effect<void, ZmqError>>()
is(router.pipe(Router.sendAll([{ to: from, message: "x" }]))).as<Effect.Effect<void, ZmqError>>()
is(Router.sink(router)).as<Sink.Sink<void, Router.Input, never, ZmqError>>()
is(router.pipe(Router.connectAs("inproc://a", "named"))).as<Effect.Effect<void, ZmqError>>()
is(Router.runForEach(router, ({ from, message }) => Router.send(router, { to: from, message }))).as<
  Effect.Effect<void, ZmqError>
>()

// @ts-expect-error: a message to nobody
Router.send(router, { message: "x" })
// @ts-expect-error: nothing to send
Router.send(router, { to: from })
// @ts-expect-error: a message is sent to somebody
Router.send(router, "x")
// @ts-expect-error: a message is sent to somebody, data last
Router.send("x")
// @ts-expect-error: frames with the id before them are how it is on the wire, not here
Router.send(router, [from, "x"])
// @ts-expect-error: a peer is text or bytes
Router.send(router, { to: 1, message: "x" })
// @ts-expect-error: a message has at least one frame
Router.send(router, { to: from, message: [] })
// @ts-expect-error: what came is not what goes
Router.send(router, received)
// @ts-expect-error: a DEALER sends to anybody
Dealer.send(dealer, { to: from, message: "x" })
// @ts-expect-error: a ROUTER is no DEALER
Dealer.send(router, "x")
// @ts-expect-error: a DEALER is no ROUTER
Router.receive(dealer)
// @ts-expect-error: a DEALER does not know its peers
Router.peers(dealer)
// @ts-expect-error: a name is text or bytes
Router.connectAs(router, "inproc://a", 1)

const Text = Message.frame(Message.Utf8)
is(Router.streamSchema(router, Text)).as<Stream.Stream<Router.Received<string>>>()
is(router.pipe(Router.streamSchema(Text))).as<Stream.Stream<Router.Received<string>>>()
is(Router.streamSchema(router, Text, { onMalformed: "fail" })).as<
  Stream.Stream<Router.Received<string>, Schema.SchemaError>
>()
is(
  Router.streamSchema(router, Text, { onMalformed: ({ from }) => Router.send(router, { to: from, message: "?" }) })
).as<Stream.Stream<Router.Received<string>, ZmqError>>()
is(Router.sendSchema(router, Text)({ to: from, message: "x" })).as<Effect.Effect<void, ZmqError | Schema.SchemaError>>()
// @ts-expect-error: a value is what the schema says
Router.sendSchema(router, Text)({ to: from, message: 1 })

// -----------------------------------------------------------------------------
// XPUB and XSUB
// -----------------------------------------------------------------------------

is(XPub.receive(xpub)).as<Effect.Effect<XPub.Event, ZmqError>>()
is(XPub.stream(xpub)).as<Stream.Stream<XPub.Event>>()
is(XPub.send(xpub, ["topic", "x"])).as<Effect.Effect<void, ZmqError>>()
XPub.runForEach(xpub, (event) => {
  if (event._tag === "Message") return XSub.send(xsub, event.message)
  is(event.topic).as<Uint8Array>()
  return event._tag === "Subscribe" ? XSub.subscribe(xsub, event.topic) : XSub.unsubscribe(xsub, event.topic)
})
declare const subscription: XPub.Subscription
declare const event: XPub.Event
is(XPub.confirm(xpub, subscription)).as<Effect.Effect<void, ZmqError>>()
is(xpub.pipe(XPub.confirm(subscription, { topic: "other" }))).as<Effect.Effect<void, ZmqError>>()
// @ts-expect-error: a message is no subscription
XPub.confirm(xpub, event)
// @ts-expect-error: what was received is confirmed
XPub.confirm(xpub, "topic")
// @ts-expect-error: an XPUB does not subscribe
XSub.subscribe(xpub, "a")
// @ts-expect-error: an XPUB is no PUB
Pub.send(xpub, "x")

is(XSub.receive(xsub)).as<Effect.Effect<Message.Message, ZmqError>>()
is(xsub.pipe(XSub.subscribe("a"))).as<Effect.Effect<void, ZmqError>>()
is(xsub.pipe(XSub.unsubscribe(new Uint8Array(1)))).as<Effect.Effect<void, ZmqError>>()
is(XSub.send(xsub, "x")).as<Effect.Effect<void, ZmqError>>()
is(XSub.streamSchema(xsub, Text)).as<Stream.Stream<string>>()
Stream.run(XSub.stream(xsub), XPub.sink(xpub))
// @ts-expect-error: a SUB does not send
XSub.send(sub, "x")
// @ts-expect-error: an XSUB is no SUB
Sub.receive(xsub)

// -----------------------------------------------------------------------------
// DEALER and PAIR
// -----------------------------------------------------------------------------

is(Dealer.receive(dealer)).as<Effect.Effect<Message.Message, ZmqError>>()
is(dealer.pipe(Dealer.send(["", "x"]))).as<Effect.Effect<void, ZmqError>>()
is(Dealer.streamSchema(dealer, Text)).as<Stream.Stream<string>>()
is(Dealer.sendSchema(dealer, Text)("x")).as<Effect.Effect<void, ZmqError | Schema.SchemaError>>()
is(Pair.receive(pair)).as<Effect.Effect<Message.Message, ZmqError>>()
is(pair.pipe(Pair.send("x"))).as<Effect.Effect<void, ZmqError>>()
Stream.run(Pair.batches(pair), Pair.sinkBatches(pair))
// @ts-expect-error: a PAIR is no DEALER
Dealer.send(pair, "x")
// @ts-expect-error: a DEALER does not request
Req.request(dealer, "x")
// @ts-expect-error: a PULL is no PAIR
Pair.receive(pull)

// -----------------------------------------------------------------------------
// Polling, each with what it gives
// -----------------------------------------------------------------------------

declare const element: <A>(stream: Stream.Stream<A>) => A
const one = element(Poller.merge({ dealer, router, xpub, pair }))
is(one._tag).as<"dealer" | "router" | "xpub" | "pair">()
if (one._tag === "router") is(one.value).as<Router.Received>()
if (one._tag === "xpub") is(one.value).as<XPub.Event>()
if (one._tag === "dealer" || one._tag === "pair") is(one.value).as<Message.Message>()

Stream.runForEach(Socket.events(router), (event) => {
  if (event._tag === "PeerJoined") is(event.routingId).as<RoutingId.RoutingId>()
  return Effect.void
})
