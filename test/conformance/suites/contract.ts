/**
 * What every transport promises to sockets: the lines of the contract that `Transport` and the modules of the socket types
 * state. A long file, because it is read from its first line to its fifteenth.
 */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Poller from "@effect-zmq/core/Poller"
import * as Pub from "@effect-zmq/core/Pub"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Socket from "@effect-zmq/core/Socket"
import * as SocketOptions from "@effect-zmq/core/SocketOptions"
import * as SocketType from "@effect-zmq/core/SocketType"
import * as Sub from "@effect-zmq/core/Sub"
import * as Transport from "@effect-zmq/core/Transport"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import {
  aWhile,
  connected,
  endpointOf,
  failsWith,
  fill,
  happened,
  numbered,
  plain,
  pub,
  pull,
  push,
  receives,
  rest,
  sendTexts,
  silent,
  sub,
  subscribed,
  suspended,
  textOf,
  texts
} from "../steps.ts"
import { type Place, suite } from "../suite.ts"

/** A PUSH that is connected to a PULL. */
const pipe = (place: Place, options: { readonly send?: number; readonly receive?: number } = {}) =>
  Effect.gen(function* () {
    const receiver = yield* pull({ bind: place.any(), highWaterMark: { receive: options.receive } })
    const address = yield* endpointOf(receiver)
    const sender = yield* push({ connect: address, highWaterMark: { send: options.send } })
    yield* connected(place, sender)
    return { sender, receiver, address }
  })

/** A scope of its own, to be closed in the middle of a test: the socket, and how long its close takes. */
const closable = <S, E, R>(make: Effect.Effect<S, E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const socket = yield* Scope.provide(make, scope)
    const close = Effect.map(Effect.timed(Scope.close(scope, Exit.void)), ([took]) => Duration.toMillis(took))
    return { socket, close }
  })

/** What a machine that is busy adds to a time. */
const slack = 250

export const contract = suite("contract", (test) => {
  // ---------------------------------------------------------------------------
  // 1. Closing
  // ---------------------------------------------------------------------------

  test("closing the scope ends a suspended receive with Closed, at once", (place) =>
    Effect.gen(function* () {
      const { socket, close } = yield* closable(pull({ bind: place.any(), linger: "5 seconds" }))
      const receivers = [
        yield* suspended(failsWith("Closed", Pull.receive(socket))),
        yield* suspended(failsWith("Closed", Pull.receive(socket)))
      ]
      assert.isBelow(yield* close, slack)
      yield* Fiber.joinAll(receivers)
      yield* failsWith("Closed", Pull.receive(socket))
      yield* failsWith("Closed", Pull.poll(socket))
    }))

  test("closing the scope ends streams", (place) =>
    Effect.gen(function* () {
      const { socket, close } = yield* closable(pull({ bind: place.any() }))
      const streams = [
        yield* suspended(Stream.runDrain(Pull.stream(socket))),
        yield* suspended(Stream.runDrain(Pull.batches(socket))),
        yield* suspended(Pull.runForEach(socket, () => Effect.void)),
        yield* suspended(Stream.runDrain(Poller.merge({ socket })))
      ]
      yield* close
      yield* Fiber.joinAll(streams)
      assert.deepStrictEqual(yield* Stream.runCollect(Pull.stream(socket)), [])
    }))

  test("closing the scope ends a suspended send within linger, sent or Closed", (place) =>
    Effect.gen(function* () {
      const options = { connect: place.nobody(), highWaterMark: { send: 1 }, linger: "200 millis" } as const
      const { socket, close } = yield* closable(push(options))
      yield* Push.send(socket, "queued")
      const waiting = yield* suspended(failsWith("Closed", Push.send(socket, "waits")))
      assert.isBelow(yield* close, 200 + 100 + slack)
      yield* Fiber.join(waiting)
      yield* failsWith("Closed", Push.send(socket, "late"))

      const address = place.nobody()
      const second = yield* closable(push({ connect: address, highWaterMark: { send: 1 }, linger: "3 seconds" }))
      yield* Push.send(second.socket, "queued")
      const sent = yield* suspended(Push.send(second.socket, "waits"))
      const closing = yield* Effect.forkChild(second.close)
      yield* Effect.sleep("20 millis")
      const receiver = yield* pull({ bind: address })
      assert.deepStrictEqual(yield* texts(receiver, 2), ["queued", "waits"])
      yield* silent(receiver) // who asks for more learns that there is none
      yield* Fiber.join(sent)
      assert.isBelow(yield* Fiber.join(closing), 2900)
    }))

  test("closing the scope releases the address before the scope's close returns", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      for (let round = 0; round < 10; round++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const receiver = yield* pull({ bind: address })
            if (round % 2 === 1) {
              const sender = yield* push({ connect: address })
              yield* Push.send(sender, "alive")
              assert.deepStrictEqual(yield* texts(receiver, 1), ["alive"])
            }
          })
        )
      }
    }))

  // ---------------------------------------------------------------------------
  // 2. Receivers
  // ---------------------------------------------------------------------------

  test("concurrent receivers are served first come first served", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      const order: Array<string> = []
      const receivers = yield* Effect.forEach(numbered("", 10), (index) =>
        Effect.forkChild(
          Effect.map(Pull.receive(receiver), (message) => order.push(`${index}: ${Message.text(message)}`))
        )
      )
      yield* Effect.sleep(aWhile)
      for (const text of numbered("", 10)) {
        yield* Push.send(sender, text)
        yield* Effect.sleep("1 millis")
      }
      yield* Fiber.joinAll(receivers)
      assert.deepStrictEqual(
        order,
        numbered("", 10).map((index) => `${index}: ${index}`)
      )
    }))

  test("no message is given twice, and none is lost, to any number of receivers", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      const received: Array<string> = []
      const receivers = yield* Effect.forEach(numbered("", 20), () =>
        Effect.forkChild(
          Pull.runForEach(receiver, (message) => Effect.sync(() => received.push(Message.text(message))))
        )
      )
      yield* sendTexts(sender, numbered("", 2000))
      yield* Effect.sleep("200 millis")
      yield* Fiber.interruptAll(receivers)
      assert.strictEqual(received.length, 2000)
      assert.strictEqual(new Set(received).size, 2000)
    }))

  // ---------------------------------------------------------------------------
  // 3. Interruption
  // ---------------------------------------------------------------------------

  test("a receive that is interrupted or timed out while suspended loses nothing", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      const received: Array<string> = []
      const sending = yield* Effect.forkChild(
        Effect.forEach(numbered("", 300), (text) =>
          Effect.andThen(Push.send(sender, text), Number(text) % 3 === 0 ? Effect.sleep(1) : Effect.void)
        )
      )
      for (let round = 0; received.length < 300; round++) {
        const one = Effect.map(Pull.receive(receiver), (message) => received.push(Message.text(message)))
        if (round % 2 === 0) yield* Effect.timeoutOption(one, `${(round / 2) % 3} millis`)
        else {
          const fiber = yield* Effect.forkChild(one)
          if (round % 4 === 1) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          if (round % 8 === 7) yield* Effect.sleep(1)
        }
      }
      yield* Fiber.join(sending)
      assert.deepStrictEqual(received, numbered("", 300))
      yield* silent(receiver)
    }))

  test("what a stream's consumer did not see, a second consumer gets", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      yield* sendTexts(sender, numbered("", 100))
      const all = Pull.stream(receiver).pipe(Stream.map(Message.text))
      const received = [
        ...(yield* Stream.runCollect(Stream.take(all, 3))),
        ...(yield* Stream.runCollect(Stream.takeUntil(all, (text) => text === "9"))),
        ...Option.toArray(yield* Stream.runHead(all)),
        ...(yield* Stream.runCollect(Stream.take(Poller.merge({ receiver }), 5))).map(({ value }) =>
          Message.text(value)
        )
      ]
      const merged: Array<string> = []
      const merging = yield* Effect.forkChild(
        Stream.runForEach(Poller.merge({ receiver }), ({ value }) => {
          merged.push(Message.text(value))
          return merged.length === 20 ? Effect.never : Effect.void
        })
      )
      yield* Effect.sleep(aWhile)
      yield* Fiber.interrupt(merging)
      assert.deepStrictEqual([...received, ...merged, ...(yield* rest(receiver))], numbered("", 100))
    }))

  test("batches give arrays, each of which its consumer owns whole", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      yield* sendTexts(sender, numbered("", 500))
      const received: Array<string> = []
      while (received.length < 500) {
        const [batch = []] = yield* Stream.runCollect(Stream.take(Pull.batches(receiver), 1))
        assert.isNotEmpty(batch)
        received.push(...batch.map(Message.text))
      }
      assert.deepStrictEqual(received, numbered("", 500))
    }))

  test("poll gives what has arrived, and waits for nothing", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      assert.isTrue(Option.isNone(yield* Pull.poll(receiver)))
      yield* Push.send(sender, "a")
      yield* Effect.sleep(aWhile)
      assert.deepStrictEqual(Option.map(yield* Pull.poll(receiver), Message.text), Option.some("a"))
      assert.isTrue(Option.isNone(yield* Pull.poll(receiver)))
    }))

  // ---------------------------------------------------------------------------
  // 4. Senders
  // ---------------------------------------------------------------------------

  test("any number of fibers may send and receive at once, and order is kept per fiber", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place, { send: 10, receive: 10 })
      const names = numbered("fiber", 50)
      yield* Effect.forkChild(
        Effect.forEach(names, (name) => sendTexts(sender, numbered(`${name} `, 40)), { concurrency: "unbounded" })
      )
      const received = yield* texts(receiver, 2000)
      for (const name of names) {
        assert.deepStrictEqual(
          received.filter((text) => text.startsWith(`${name} `)),
          numbered(`${name} `, 40)
        )
      }
    }))

  test("an interrupted send of one message sent all of it or none", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place, { send: 2, receive: 2 })
      const sending = yield* Effect.forkChild(
        Effect.forEach(numbered("", 100), (text) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(Push.send(sender, [text, new Uint8Array(50_000), text]))
            yield* Effect.sleep(1)
            yield* Fiber.interrupt(fiber)
          })
        )
      )
      yield* Effect.sleep(aWhile)
      const received: Array<number> = []
      yield* Stream.runForEach(Pull.stream(receiver), (message) =>
        Effect.sync(() => {
          assert.strictEqual(message.length, 3)
          assert.strictEqual(message[1]?.length, 50_000)
          assert.strictEqual(Message.text(message), Message.text([message[0]]))
          received.push(Number(Message.text(message)))
        })
      ).pipe(Effect.timeoutOption("500 millis"))
      yield* Fiber.join(sending)
      assert.strictEqual(new Set(received).size, received.length)
      assert.deepStrictEqual(
        received,
        [...received].sort((a, b) => a - b)
      )
    }))

  test("an interrupted send of many sent a prefix of whole messages", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const sender = yield* push({ connect: address, highWaterMark: { send: 7 } })
      const sending = yield* suspended(Push.sendAll(sender, numbered("many ", 100)))
      yield* Fiber.interrupt(sending)
      const after = yield* Effect.forkChild(Push.send(sender, "after"))
      const receiver = yield* pull({ bind: address })
      // However long the next attempt to connect is away.
      const received = yield* rest(receiver, 1)
      yield* Fiber.join(after)
      assert.strictEqual(received.pop(), "after")
      assert.isBelow(received.length, 100)
      assert.deepStrictEqual(received, numbered("many ", received.length))
    }))

  // ---------------------------------------------------------------------------
  // 5. No room, no peer
  // ---------------------------------------------------------------------------

  test("send with no room or no peer suspends a PUSH and drops for a PUB", (place) =>
    Effect.gen(function* () {
      const lonely = yield* push({ bind: place.any() })
      yield* suspended(Push.send(lonely, "a"))
      const ahead = yield* push({ connect: place.nobody(), highWaterMark: { send: 1 } })
      yield* Push.send(ahead, "has room")
      yield* suspended(Push.send(ahead, "has none"))
      const publisher = yield* pub({ bind: place.any() })
      yield* Effect.forEach(numbered("", 5000), (text) => Pub.send(publisher, text), { discard: true })
      const subscriber = yield* sub({ connect: yield* endpointOf(publisher), subscribe: "" })
      yield* subscribed(publisher, subscriber)
      yield* silent(subscriber)
    }))

  // ---------------------------------------------------------------------------
  // 6. Multipart messages
  // ---------------------------------------------------------------------------

  test("multipart messages arrive whole or not at all", (place) =>
    Effect.gen(function* () {
      const publisher = yield* pub({ bind: place.any(), highWaterMark: { send: 3 } })
      const subscriber = yield* sub({
        connect: yield* endpointOf(publisher),
        subscribe: "",
        highWaterMark: { receive: 3 }
      })
      yield* subscribed(publisher, subscriber)
      const large = new Uint8Array(20_000)
      let received = 0
      const reading = yield* Effect.forkChild(
        Stream.runForEach(Sub.stream(subscriber), (message) => {
          received += 1
          assert.strictEqual(message.length, 5)
          assert.strictEqual(Message.text([message[0]]), Message.text(message))
          return received % 10 === 0 ? Effect.sleep("2 millis") : Effect.void
        })
      )
      for (const text of numbered("", 500)) {
        yield* Pub.send(publisher, [text, "", large, large, text])
        if (Number(text) % 50 === 0) yield* Effect.sleep("1 millis")
      }
      yield* Effect.sleep(aWhile)
      yield* Fiber.interrupt(reading) // and where it failed, this fails
      assert.isAbove(received, 3)
      assert.isUndefined(Exit.isFailure(reading.pollUnsafe() ?? Exit.void) ? undefined : "it ended by itself")
    }))

  // ---------------------------------------------------------------------------
  // 7. Endpoints
  // ---------------------------------------------------------------------------

  test("bind answers with the resolved endpoint", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({})
      const wanted = place.any()
      const bound = yield* Socket.bind(receiver, wanted)
      if (place.scheme === "tcp") assert.match(bound, /^tcp:\/\/127\.0\.0\.1:[1-9][0-9]*$/)
      else if (place.scheme === "ipc") assert.match(bound, /^ipc:\/\/[^*]+$/)
      else assert.strictEqual(bound, textOf(wanted))
      assert.deepStrictEqual(yield* Socket.endpoints(receiver), [bound])
      const sender = yield* push({ connect: Result.getOrThrow(Endpoint.parse(bound)) })
      yield* Push.send(sender, "found")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["found"])
    }))

  test("a taken address fails AddressInUse, naming it", (place) =>
    Effect.gen(function* () {
      const first = yield* pull({ bind: place.any() })
      const address = yield* endpointOf(first)
      const reason = yield* failsWith("AddressInUse", pull({ bind: address }))
      assert.strictEqual(reason.endpoint, textOf(address))
      const other = yield* pub({})
      assert.strictEqual((yield* failsWith("AddressInUse", Socket.bind(other, address))).endpoint, textOf(address))
      // The first one is as it was, and the other can be bound elsewhere.
      const sender = yield* push({ connect: address })
      yield* Push.send(sender, "alive")
      assert.deepStrictEqual(yield* texts(first, 1), ["alive"])
      yield* Socket.bind(other, place.any())
    }))

  test("bad endpoints are refused before any transport sees them", (place) =>
    Effect.gen(function* () {
      const bad =
        place.scheme === "tcp"
          ? ["tcp://127.0.0.1:99999", "tcp://127.0.0.1", "tcp://:5555", "tcp://in val id:1", "tcp://localhost:service"]
          : place.scheme === "ipc"
            ? ["ipc://", `ipc://${"x".repeat(108)}`, "ipc:///tmp/"]
            : ["inproc://", `inproc://${"x".repeat(257)}`]
      const transport = yield* Transport.Transport
      const untouched = Effect.provideService(Transport.Transport, {
        ...transport,
        open: () => Effect.die("the transport was asked")
      })
      for (const text of bad) {
        const input = text as Endpoint.Input // the compiler takes the form of it for good
        assert.strictEqual((yield* failsWith("InvalidEndpoint", untouched(pull({ bind: input })))).input, text)
        assert.strictEqual((yield* failsWith("InvalidEndpoint", untouched(pull({ connect: input })))).input, text)
      }
    }))

  test("a scheme that a transport lacks fails Unsupported, by name", () =>
    Effect.gen(function* () {
      const { capabilities, name } = yield* Transport.Transport
      const receiver = yield* pull({})
      for (const scheme of ["udp", "pgm", "epgm", "norm", "tipc", "vmci", "vsock"]) {
        assert.isFalse(new Set<string>(capabilities).has(scheme))
        const endpoint = Result.getOrThrow(Endpoint.parse(`${scheme}://127.0.0.1:5555`))
        const reason = yield* failsWith("Unsupported", Socket.bind(receiver, endpoint))
        assert.strictEqual(reason.transport, name)
        assert.include(reason.feature, `${scheme}://`)
        yield* failsWith("Unsupported", pull({ connect: endpoint }))
      }
    }))

  // ---------------------------------------------------------------------------
  // 8. Connecting
  // ---------------------------------------------------------------------------

  test("connect succeeds before the peer exists, and the peer is reached when it appears", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const sender = yield* push({ connect: address })
      yield* Push.send(sender, "early")
      yield* Effect.sleep("150 millis")
      const receiver = yield* pull({ bind: address })
      assert.deepStrictEqual(yield* texts(receiver, 1), ["early"])
    }))

  test(
    "reconnection is automatic",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* push({ connect: address, reconnect: { initial: "20 millis" } })
        for (let round = 1; round <= 3; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const receiver = yield* pull({ bind: address })
              yield* Push.send(sender, `round ${round}`)
              assert.deepStrictEqual(yield* texts(receiver, 1), [`round ${round}`])
            })
          )
          yield* happened(sender, "Disconnected", round)
        }
      }),
    ["tcp", "ipc"] // libzmq's inproc does not reconnect, and neither does a name of one process need to
  )

  // ---------------------------------------------------------------------------
  // 9. Subscriptions
  // ---------------------------------------------------------------------------

  test(
    "subscriptions survive reconnection",
    (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const subscriber = yield* sub({ connect: address, subscribe: ["a", "b"], reconnect: { initial: "20 millis" } })
        yield* Sub.unsubscribe(subscriber, "b")
        yield* Sub.subscribe(subscriber, "c")
        for (let round = 1; round <= 3; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const publisher = yield* pub({ bind: address })
              yield* subscribed(publisher, subscriber)
              for (const topic of ["a", "b", "c"]) yield* Pub.send(publisher, `${topic}${round}`)
              yield* receives(subscriber, [`a${round}`, `c${round}`])
            })
          )
        }
      }),
    ["tcp", "ipc"]
  )

  // ---------------------------------------------------------------------------
  // 10. Linger
  // ---------------------------------------------------------------------------

  test("when the scope closes, queued messages are delivered for at most linger, and only then does the close return", (place) =>
    Effect.gen(function* () {
      const address = place.nobody()
      const { socket, close } = yield* closable(push({ connect: address, linger: "3 seconds" }))
      yield* sendTexts(socket, numbered("", 500))
      const closing = yield* Effect.forkChild(close)
      yield* Effect.sleep("100 millis")
      assert.isUndefined(closing.pollUnsafe(), "it returned with messages left")
      const receiver = yield* pull({ bind: address })
      assert.deepStrictEqual(yield* texts(receiver, 500), numbered("", 500))
      yield* silent(receiver) // who asks for more learns that there is none
      const took = yield* Fiber.join(closing)
      assert.isBelow(took, 2900)
    }))

  test("what a connected peer has been given is delivered, whether it asks for it or not", (place) =>
    Effect.gen(function* () {
      for (const early of [true, false]) {
        const address = place.nobody()
        const first = early ? [yield* pull({ bind: address })] : []
        const { socket, close } = yield* closable(push({ connect: address, linger: "2 seconds" }))
        yield* sendTexts(socket, numbered("", 100))
        const closing = yield* Effect.forkChild(close)
        const receiver = first[0] ?? (yield* pull({ bind: address }))
        assert.isBelow(yield* Fiber.join(closing), 1000)
        assert.deepStrictEqual(yield* texts(receiver, 100), numbered("", 100))
      }
    }))

  test("a close never takes longer than linger and 100 milliseconds", (place) =>
    Effect.gen(function* () {
      for (const linger of [0, 150, 300]) {
        const { socket, close } = yield* closable(push({ connect: place.nobody(), linger }))
        yield* sendTexts(socket, numbered("", 100))
        const took = yield* close
        assert.isAtLeast(took, linger - 5)
        assert.isAtMost(took, linger + 100 + slack)
      }
    }))

  test("the last event is Closed, with how the socket closed", (place) =>
    Effect.gen(function* () {
      const flushed = yield* closable(push({ connect: place.nobody(), linger: "1 second" }))
      yield* flushed.close
      const last = yield* Stream.runLast(Socket.events(flushed.socket))
      assert.deepInclude(Option.getOrThrow(last), { _tag: "Closed", flushed: true })
      const dropping = yield* closable(push({ connect: place.nobody(), linger: 0 }))
      yield* sendTexts(dropping.socket, numbered("", 5))
      yield* dropping.close
      const report = Option.getOrThrow(yield* Stream.runLast(Socket.events(dropping.socket)))
      assert.deepInclude(report, { _tag: "Closed", flushed: false })
      if (report._tag === "Closed" && report.dropped !== undefined) assert.strictEqual(report.dropped, 5)
    }))

  test("drain ends the socket early, and tells how it closed", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      yield* sendTexts(sender, numbered("", 200))
      const received: Array<string> = []
      yield* Effect.forkChild(
        Pull.runForEach(receiver, (message) => Effect.sync(() => received.push(Message.text(message))))
      )
      const report = yield* Socket.drain(sender, "3 seconds")
      assert.isTrue(report.flushed)
      yield* Effect.sleep(aWhile)
      assert.deepStrictEqual(received, numbered("", 200))
      yield* failsWith("Closed", Push.send(sender, "late"))
      assert.deepStrictEqual(yield* Socket.drain(sender, "1 second"), report)

      const unheard = yield* push({ connect: place.nobody() })
      yield* sendTexts(unheard, numbered("", 5))
      const [took, lost] = yield* Effect.timed(Socket.drain(unheard, "150 millis"))
      assert.isFalse(lost.flushed)
      assert.isAtMost(Duration.toMillis(took), 150 + 100 + slack)
    }))

  // ---------------------------------------------------------------------------
  // 11. Events
  // ---------------------------------------------------------------------------

  test("events misses nothing, from before the first bind or connect on", (place) =>
    Effect.gen(function* () {
      const { socket, close } = yield* closable(pull({ bind: place.any() }))
      const bound = textOf(yield* endpointOf(socket))
      yield* Effect.sleep(aWhile)
      // A listener that comes late, one that comes later, and one after the end.
      const late = yield* Effect.forkChild(Stream.runCollect(Socket.events(socket)))
      yield* Effect.sleep(aWhile)
      yield* close
      const all = yield* Fiber.join(late)
      assert.deepStrictEqual(yield* Stream.runCollect(Socket.events(socket)), all)
      if (place.scheme !== "inproc") assert.deepStrictEqual(all[0], { ...all[0], _tag: "Listening", endpoint: bound })
      assert.strictEqual(all.at(-1)?._tag, "Closed")
      assert.strictEqual(all.filter(({ _tag }) => _tag === "Closed").length, 1)
    }))

  // ---------------------------------------------------------------------------
  // 12. What a transport cannot do
  // ---------------------------------------------------------------------------

  test("what a transport cannot do fails Unsupported at open", () =>
    Effect.gen(function* () {
      const transport = yield* Transport.Transport
      const options = Result.getOrThrow(SocketOptions.resolve({}, false))
      for (const type of SocketType.all) {
        const opened = yield* Effect.result(Effect.scoped(transport.open(type, options)))
        if (transport.capabilities.has(type)) assert.isTrue(Result.isSuccess(opened), type)
        else
          assert.deepInclude(Result.getOrThrow(Result.flip(opened)), { _tag: "Unsupported", transport: transport.name })
      }
    }))

  test("options of the physical network are accepted everywhere", (place) =>
    Effect.gen(function* () {
      const physical = {
        backlog: 10,
        ipv6: false,
        tcpKeepalive: { idle: "10 seconds", interval: "5 seconds", count: 3 },
        typeOfService: 8,
        packetPriority: 1,
        retransmitTimeout: "9 seconds",
        systemBuffer: { send: 100_000, receive: 100_000 },
        batchSize: { send: 16_384, receive: 16_384 },
        connectTimeout: "2 seconds",
        handshakeInterval: "5 seconds"
      } as const
      const receiver = yield* pull({ bind: place.any(), ...physical })
      const sender = yield* push({ connect: yield* endpointOf(receiver), ...physical })
      yield* Push.send(sender, "as ever")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["as ever"])
    }))

  // ---------------------------------------------------------------------------
  // 13. Frames
  // ---------------------------------------------------------------------------

  test("a copy of a received message shares no memory with it", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place)
      yield* Push.send(sender, ["one", new Uint8Array(1000).fill(1)])
      const message = yield* Pull.receive(receiver)
      const copy = Message.copy(message)
      assert.deepStrictEqual(plain(copy), plain(message))
      for (const frame of copy) frame.fill(9)
      assert.deepStrictEqual(plain(message), plain([new TextEncoder().encode("one"), new Uint8Array(1000).fill(1)]))
      for (const [index, frame] of copy.entries()) {
        assert.notStrictEqual(frame.buffer, message[index]?.buffer)
        assert.strictEqual(frame.buffer.byteLength, frame.byteLength)
      }
    }))

  // ---------------------------------------------------------------------------
  // 14. Fairness
  // ---------------------------------------------------------------------------

  test("fair queueing holds under flood", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any(), highWaterMark: { receive: 100 } })
      const address = yield* endpointOf(receiver)
      const senders = yield* Effect.forEach([0, 1, 2, 3], () =>
        push({ connect: address, highWaterMark: { send: 100 } })
      )
      yield* connected(place, receiver, 4)
      for (const [index, sender] of senders.entries()) {
        yield* Effect.forkChild(
          Effect.forever(
            Push.sendAll(
              sender,
              Array.from({ length: 50 }, () => `${index}`)
            )
          )
        )
      }
      yield* Effect.sleep("50 millis")
      const counts = [0, 0, 0, 0]
      let largest = 0
      for (let total = 0; total < 4000; ) {
        const [batch = []] = yield* Stream.runCollect(Stream.take(Pull.batches(receiver), 1))
        for (const message of batch)
          counts[Number(Message.text(message))] = (counts[Number(Message.text(message))] ?? 0) + 1
        largest = Math.max(largest, batch.length)
        total += batch.length
      }
      for (const count of counts) assert.isAbove(count, 400, `${counts}, in batches of up to ${largest}`)
    }))

  test("batches of messages of several peers are fair too", (place) =>
    Effect.gen(function* () {
      const receiver = yield* pull({ bind: place.any() })
      const address = yield* endpointOf(receiver)
      const senders = yield* Effect.forEach([0, 1, 2], () => push({ connect: address }))
      yield* connected(place, receiver, 3)
      for (const [index, sender] of senders.entries()) {
        yield* sendTexts(
          sender,
          Array.from({ length: 20 }, () => `${index}`)
        )
      }
      yield* Effect.sleep(aWhile)
      const received: Array<string> = []
      while (received.length < 60) {
        for (const batch of yield* Stream.runCollect(Stream.take(Pull.batches(receiver), 1))) {
          received.push(...batch.map(Message.text))
        }
      }
      for (let round = 0; round < 60; round += 3) {
        assert.sameMembers(received.slice(round, round + 3), ["0", "1", "2"], received.join(" "))
      }
    }))

  // ---------------------------------------------------------------------------
  // 15. Reading ahead
  // ---------------------------------------------------------------------------

  test("reading ahead of demand is bounded, so that back-pressure reaches the sender", (place) =>
    Effect.gen(function* () {
      const { sender, receiver } = yield* pipe(place, { send: 10, receive: 10 })
      // 20 queued, and what the buffers of the system hold.
      const sent = yield* fill(sender, { size: 100_000, most: 2000 })
      assert.isBelow(sent, 300)
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(yield* texts(receiver, 1), ["0"])
      assert.deepStrictEqual(yield* texts(receiver, sent), numbered("", sent + 1).slice(1))
    }))

  test("a receiver that stops asking does not hoard the work of others", (place) =>
    Effect.gen(function* () {
      const sender = yield* push({ bind: place.any(), highWaterMark: { send: 5 } })
      const address = yield* endpointOf(sender)
      const [stopped, busy] = [
        yield* pull({ connect: address, highWaterMark: { receive: 5 } }),
        yield* pull({ connect: address, highWaterMark: { receive: 5 } })
      ]
      yield* connected(place, sender, 2)
      const all = 600
      const bytes = new Uint8Array(100_000)
      yield* Effect.forkChild(Effect.forEach(numbered("", all), (text) => Push.send(sender, [bytes, text])))
      yield* Pull.receive(stopped)
      const begun = yield* Clock.currentTimeMillis
      let done = 0
      while ((yield* Effect.timeoutOption(Pull.receive(busy), "300 millis"))._tag === "Some") done += 1
      assert.isAbove(done, all / 2, `${begun}`)
      assert.isAbove(done + (yield* rest(stopped)).length, all - 2)
    }))
})
