/** The steps that the suites' tests are made of. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pair from "@effect-zmq/core/Pair"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Sub from "@effect-zmq/core/Sub"
import type * as Transport from "@effect-zmq/core/Transport"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import { isZmqError, type Reason, type ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import type { Place } from "./suite.ts"

// -----------------------------------------------------------------------------
// Sockets that are connected
// -----------------------------------------------------------------------------

/** How long is waited for what must not happen. */
export const aWhile = "60 millis"

/** What was sent has most likely come: on a machine that is busy the time may be up before the event loop had its turns. */
export const come: Effect.Effect<void> = Effect.andThen(
  Effect.sleep(aWhile),
  Effect.replicateEffect(Effect.sleep("1 millis"), 20, { discard: true })
)

/** What a socket is bound to (or connected to), to be connected to by another. */
export const endpointOf = (socket: Socket.Socket, index = 0): Effect.Effect<Endpoint.Endpoint> =>
  Effect.map(Socket.endpoints(socket), (all) => endpoint(all[index] ?? ""))

/** The port that a socket is bound to. */
export const portOf = (socket: Socket.Socket): Effect.Effect<number> =>
  Effect.map(endpointOf(socket), (endpoint) => (endpoint._tag === "Tcp" ? endpoint.port : 0))

/** The endpoint that text is. */
export const endpoint = (text: string): Endpoint.Endpoint => Result.getOrThrow(Endpoint.parse(text))

/** An endpoint as the text that errors and events have. */
export const textOf = (endpoint: Endpoint.Input): string =>
  typeof endpoint === "string" ? endpoint : Endpoint.format(endpoint)

export type Make<S> = Effect.Effect<S, ZmqError, Transport.Transport | Scope.Scope>

// Sockets of tests close at once, unless the test is about that.
export const push = (options: Push.Options): Make<Push.Push> => Push.make({ linger: 0, ...options })
export const pull = (options: Pull.Options): Make<Pull.Pull> => Pull.make({ linger: 0, ...options })
export const pub = (options: Pub.Options): Make<Pub.Pub> => Pub.make({ linger: 0, ...options })
export const sub = (options: Sub.Options): Make<Sub.Sub> => Sub.make({ linger: 0, ...options })
export const req = (options: Req.Options): Make<Req.Req> => Req.make({ linger: 0, ...options })
export const rep = (options: Rep.Options): Make<Rep.Rep> => Rep.make({ linger: 0, ...options })
export const dealer = (options: Dealer.Options): Make<Dealer.Dealer> => Dealer.make({ linger: 0, ...options })
export const router = (options: Router.Options): Make<Router.Router> => Router.make({ linger: 0, ...options })
export const xpub = (options: XPub.Options): Make<XPub.XPub> => XPub.make({ linger: 0, ...options })
export const xsub = (options: XSub.Options): Make<XSub.XSub> => XSub.make({ linger: 0, ...options })
export const pair = (options: Pair.Options): Make<Pair.Pair> => Pair.make({ linger: 0, ...options })

/** Waits until a bound or connecting socket has had `count` connections. libzmq tells of none over inproc. */
export const connected = (place: Place, socket: Socket.Socket, count = 1): Effect.Effect<void> =>
  place.scheme === "inproc" ? Effect.sleep("20 millis") : happened(socket, "HandshakeSucceeded", count)

/** Waits until a socket has lost `count` connections. libzmq tells of none over inproc. */
export const disconnected = (place: Place, socket: Socket.Socket, count = 1): Effect.Effect<void> =>
  place.scheme === "inproc" ? Effect.sleep("20 millis") : happened(socket, "Disconnected", count)

/** Waits until an event has happened so many times, counted from the first event on. */
export const happened = (socket: Socket.Socket, tag: SocketEvent["_tag"], count = 1): Effect.Effect<void> =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === tag),
    Stream.take(count),
    Stream.runDrain
  )

/** The events of a socket so far, by their names. */
export const eventsSoFar = (socket: Socket.Socket): Effect.Effect<ReadonlyArray<SocketEvent>> =>
  Effect.gen(function* () {
    const events: Array<SocketEvent> = []
    const listener = yield* Effect.forkChild(
      Stream.runForEach(Socket.events(socket), (event) => Effect.sync(() => events.push(event)))
    )
    yield* Effect.sleep(aWhile)
    listener.interruptUnsafe()
    return events
  })

let probes = 0

/**
 * Waits until the subscriptions of a SUB have reached a PUB, of which no event tells: subscribes to one more, last of
 * all, and publishes to it until that comes.
 */
export const subscribed = (publisher: Pub.Pub, subscriber: Sub.Sub): Effect.Effect<void, ZmqError> =>
  Effect.gen(function* () {
    const prefix = `probe ${probes++} `
    yield* Sub.subscribe(subscriber, prefix)
    let sent = 0
    let seen = 0
    while (seen === 0 || seen < sent) {
      const message = yield* Effect.timeoutOption(Sub.receive(subscriber), 5 + 2 * sent)
      const text = Option.isSome(message) ? Message.text(message.value) : ""
      if (text.startsWith(prefix)) seen = Number(text.slice(prefix.length))
      // Once one has come, so do the others that were sent; but one of them may have found no room.
      if (Option.isNone(message)) yield* Pub.send(publisher, `${prefix}${++sent}`)
    }
    yield* Sub.unsubscribe(subscriber, prefix)
  })

// -----------------------------------------------------------------------------
// Sending and receiving
// -----------------------------------------------------------------------------

export type Receiver = Pull.Pull | Sub.Sub | Dealer.Dealer | XSub.XSub | Pair.Pair

interface Receiving {
  readonly receive: Effect.Effect<Message.Message, ZmqError>
  readonly poll: Effect.Effect<Option.Option<Message.Message>, ZmqError>
}

const receiving = (socket: Receiver): Receiving => {
  switch (socket.type) {
    case "PULL":
      return { receive: Pull.receive(socket), poll: Pull.poll(socket) }
    case "SUB":
      return { receive: Sub.receive(socket), poll: Sub.poll(socket) }
    case "DEALER":
      return { receive: Dealer.receive(socket), poll: Dealer.poll(socket) }
    case "XSUB":
      return { receive: XSub.receive(socket), poll: XSub.poll(socket) }
    case "PAIR":
      return { receive: Pair.receive(socket), poll: Pair.poll(socket) }
  }
}

export const receive = (socket: Receiver): Effect.Effect<Message.Message, ZmqError> => receiving(socket).receive

export type Sender = Push.Push | Dealer.Dealer | Pair.Pair

export const send = (socket: Sender, message: Message.Input): Effect.Effect<void, ZmqError> => {
  switch (socket.type) {
    case "PUSH":
      return Push.send(socket, message)
    case "DEALER":
      return Dealer.send(socket, message)
    case "PAIR":
      return Pair.send(socket, message)
  }
}

export const sendTexts = (socket: Sender, all: ReadonlyArray<string>): Effect.Effect<void, ZmqError> =>
  Effect.forEach(all, (text) => send(socket, text), { discard: true })

/** The bodies of the next `count` messages, as text. */
export const texts = (socket: Receiver, count: number): Effect.Effect<Array<string>, ZmqError> =>
  Effect.gen(function* () {
    const all: Array<string> = []
    while (all.length < count) all.push(Message.text(yield* receive(socket)))
    return all
  })

/** The bodies of all messages that are still to come, as text: so many of them however long they take. */
export const rest = (socket: Receiver, atLeast = 0): Effect.Effect<Array<string>, ZmqError> =>
  Effect.gen(function* () {
    const all = yield* texts(socket, atLeast)
    for (;;) {
      const waited = yield* Effect.timeoutOption(receive(socket), aWhile)
      // On a machine that is busy the time may be up before what has arrived was looked at.
      const message = Option.isSome(waited) ? waited : yield* receiving(socket).poll
      if (Option.isNone(message)) return all
      all.push(Message.text(message.value))
    }
  })

/** The bodies of the messages that come are these, and no more. */
export const receives = (socket: Receiver, expected: ReadonlyArray<string>): Effect.Effect<void, ZmqError> =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* texts(socket, expected.length), [...expected])
    yield* silent(socket)
  })

/** Nothing is there, and nothing comes. */
export const silent = (socket: Receiver): Effect.Effect<void, ZmqError> =>
  Effect.map(rest(socket), (all) => assert.deepStrictEqual(all, []))

/** `count` texts, each its own: `a0`, `a1`, … */
export const numbered = (name: string, count: number): Array<string> =>
  Array.from({ length: count }, (_, index) => `${name}${index}`)

const inputs: ReadonlyArray<Message.Input> = [
  "plain",
  "",
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  new Uint8Array(100_000).fill(7),
  ["one", "two", "three"],
  ["", "after an empty frame"],
  ["before an empty frame", ""],
  ["", "", ""],
  [new Uint8Array(70_000), "", "\u{1F426}"]
]

/** Messages of all sorts: no bytes, every byte, much, several frames, frames without bytes. */
export const sorts: ReadonlyArray<Message.Message> = inputs.map(Message.make)

/** The bytes of a message as text, to be compared: the frames may be of other classes than those that were sent. */
export const plain = (message: Message.Message): Array<string> =>
  message.map((frame) => Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("hex"))

/** Runs an effect aside, which must still wait after a while. */
export const suspended = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* Effect.sleep(aWhile)
    assert.isUndefined(fiber.pollUnsafe(), "it should have waited")
    return fiber
  })

/** Sends `name0`, `name1`, … until one has to wait, and tells how many had not; the one that waits goes on waiting. */
export const fill = (
  socket: Sender,
  options: { readonly name?: string; readonly size?: number; readonly most: number }
): Effect.Effect<number, ZmqError> =>
  Effect.gen(function* () {
    let sent = 0
    const bytes = new Uint8Array(options.size ?? 0)
    const message = (text: string): Message.Input => (bytes.length === 0 ? text : [bytes, text])
    const sender = yield* Effect.forkChild(
      Effect.gen(function* () {
        for (; sent < options.most; sent++) yield* send(socket, message(`${options.name ?? ""}${sent}`))
      })
    )
    for (let before = -1; before < sent && sender.pollUnsafe() === undefined; ) {
      before = sent
      yield* Effect.sleep(aWhile)
    }
    return sent
  })

/** Answers requests by what a function makes of their bodies, aside, until the test ends. */
export const answering = (
  socket: Rep.Rep,
  answer: (request: string) => string
): Effect.Effect<Fiber.Fiber<void, ZmqError>> =>
  Effect.forkChild(Rep.serve(socket, (request) => Effect.succeed(answer(Message.text(request)))))

/** The body of the reply to a request, as text. */
export const ask = (socket: Req.Req, request: Message.Input): Effect.Effect<string, ZmqError> =>
  Effect.map(Req.request(socket, request), Message.text)

// -----------------------------------------------------------------------------
// Failures
// -----------------------------------------------------------------------------

/** The effect fails with this reason. */
export const failsWith = <Tag extends Reason["_tag"], A, R>(
  tag: Tag,
  effect: Effect.Effect<A, ZmqError, R>
): Effect.Effect<Extract<Reason, { readonly _tag: Tag }>, never, R> =>
  Effect.flip(effect).pipe(
    Effect.orDie,
    Effect.map((error) => {
      assert.isTrue(isZmqError(error))
      assert.strictEqual(error.reason._tag, tag)
      return error.reason as Extract<Reason, { readonly _tag: Tag }> // as was just checked
    })
  )
