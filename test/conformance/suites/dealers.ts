/** DEALER, as RFC 28 has it, and DEALER with REP. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import {
  aWhile,
  connected,
  dealer,
  disconnected,
  endpoint,
  endpointOf,
  fill,
  numbered,
  plain,
  receives,
  rep,
  rest,
  sendTexts,
  silent,
  sorts,
  suspended,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

export const dealers = suite(
  "dealers (RFC 28)",
  (test) => {
    test("DEALER SHALL not filter or modify outgoing or incoming messages in any way", (place) =>
      Effect.gen(function* () {
        const one = yield* dealer({ bind: place.any() })
        const other = yield* dealer({ connect: yield* endpointOf(one) })
        yield* Dealer.sendAll(other, sorts)
        for (const sent of sorts) {
          const received = yield* Dealer.receive(one)
          assert.deepStrictEqual(plain(received), plain(sent))
          yield* Dealer.send(one, received)
        }
        for (const sent of sorts) assert.deepStrictEqual(plain(yield* Dealer.receive(other)), plain(sent))
        yield* silent(one)
      }))

    test("DEALER SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently", (place) =>
      Effect.gen(function* () {
        const full = yield* dealer({ bind: place.any(), highWaterMark: { send: 2, receive: 2 } })
        const peer = yield* dealer({ connect: yield* endpointOf(full), highWaterMark: { send: 2, receive: 2 } })
        yield* connected(place, full)
        // Nothing more can be sent one way, which is nothing to the other.
        assert.isBelow(yield* fill(full, { size: 1_000_000, most: 100 }), 100)
        yield* Effect.forkChild(sendTexts(peer, numbered("", 50)))
        assert.deepStrictEqual(yield* texts(full, 50), numbered("", 50))
      }))

    test("DEALER SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const early = yield* dealer({ connect: address })
        yield* sendTexts(early, numbered("early ", 50))
        const late = yield* dealer({ bind: address })
        assert.deepStrictEqual(yield* texts(late, 50), numbered("early ", 50))
        yield* sendTexts(late, ["a", "b"])
        assert.deepStrictEqual(yield* texts(early, 2), ["a", "b"])
      }))

    test("DEALER SHALL create a double queue when a peer connects to it. If this peer disconnects, the DEALER socket SHALL destroy its double queue and SHALL discard any messages it contains", (place) =>
      Effect.gen(function* () {
        const sender = yield* dealer({ bind: place.any(), highWaterMark: { send: 2 } })
        const address = yield* endpointOf(sender)
        const scope = yield* Scope.make()
        yield* Scope.provide(dealer({ connect: address, highWaterMark: { receive: 2 } }), scope)
        yield* connected(place, sender)
        const sent = yield* fill(sender, { name: "old ", size: 1_000_000, most: 100 })
        assert.isBelow(sent, 100)
        yield* Scope.close(scope, Exit.void)
        yield* disconnected(place, sender)
        const receiver = yield* dealer({ connect: address })
        yield* Dealer.send(sender, "new")
        const received = yield* rest(receiver, 1)
        // What waited to be sent was in no queue, and goes to the peer that is there now.
        const old = received.filter((text) => text.startsWith("old ")).map((text) => Number(text.slice(4)))
        assert.isEmpty(old.filter((number) => number < sent))
        assert.include(received, "new")
      }))

    test("a DEALER still gives what a peer that has left had delivered", (place) =>
      Effect.gen(function* () {
        const receiver = yield* dealer({ bind: place.any() })
        const address = yield* endpointOf(receiver)
        yield* Effect.scoped(
          Effect.flatMap(dealer({ connect: address, linger: "1 second" }), (leaving) =>
            sendTexts(leaving, numbered("", 100))
          )
        )
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* texts(receiver, 100), numbered("", 100))
      }))

    test("DEALER SHALL consider a peer as available only when it has a outgoing queue that is not full", (place) =>
      Effect.gen(function* () {
        const receiver = yield* dealer({ bind: place.any() })
        const sender = yield* dealer({
          connect: [place.nobody(), yield* endpointOf(receiver)],
          highWaterMark: { send: 2 }
        })
        yield* sendTexts(sender, numbered("", 20))
        // The first two that went to nobody are queued for it; all others went to who is there.
        assert.deepStrictEqual(
          yield* rest(receiver),
          numbered("", 20).filter((text) => text !== "0" && text !== "2")
        )
      }))

    test("DEALER SHALL route outgoing messages to available peers using a round-robin strategy", (place) =>
      Effect.gen(function* () {
        const servers = yield* Effect.forEach([0, 1, 2], () => rep({ bind: place.any() }))
        const client = yield* dealer({ connect: yield* Effect.forEach(servers, (server) => endpointOf(server)) })
        for (const text of numbered("", 6)) yield* Dealer.send(client, ["", text])
        const received: Array<ReadonlyArray<string>> = []
        for (const server of servers) {
          const first = Message.text(yield* Rep.receive(server))
          yield* Rep.reply(server, "")
          received.push([first, Message.text(yield* Rep.receive(server))])
        }
        assert.deepStrictEqual(received, [
          ["0", "3"],
          ["1", "4"],
          ["2", "5"]
        ])
      }))

    test("DEALER SHALL block on sending, or return a suitable error, when it has no available peers", (place) =>
      Effect.gen(function* () {
        const sender = yield* dealer({ bind: place.any() })
        const waiting = yield* suspended(Dealer.send(sender, "a"))
        const second = yield* suspended(Dealer.send(sender, "b"))
        const receiver = yield* dealer({ connect: yield* endpointOf(sender) })
        assert.deepStrictEqual(yield* texts(receiver, 2), ["a", "b"])
        yield* Fiber.joinAll([waiting, second])
      }))

    test("DEALER SHALL not accept further messages when it has no available peers", (place) =>
      Effect.gen(function* () {
        const address = place.nobody()
        const sender = yield* dealer({ connect: address, highWaterMark: { send: 10 } })
        assert.strictEqual(yield* fill(sender, { most: 11 }), 10)
        const receiver = yield* dealer({ bind: address })
        assert.deepStrictEqual(yield* texts(receiver, 11), numbered("", 11))
      }))

    test("DEALER SHALL NOT discard messages that it cannot queue", (place) =>
      Effect.gen(function* () {
        const receiver = yield* dealer({ bind: place.any(), highWaterMark: { receive: 5 } })
        const sender = yield* dealer({ connect: yield* endpointOf(receiver), highWaterMark: { send: 5 } })
        const all = numbered("", 2000)
        yield* Effect.forkChild(sendTexts(sender, all))
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* texts(receiver, 2000), all)
      }))

    test("DEALER SHALL receive incoming messages from its peers using a fair-queuing strategy", (place) =>
      Effect.gen(function* () {
        const receiver = yield* dealer({ bind: place.any() })
        const address = yield* endpointOf(receiver)
        const senders = yield* Effect.forEach([0, 1, 2, 3, 4], () => dealer({ connect: address }))
        yield* connected(place, receiver, 5)
        for (const [index, sender] of senders.entries()) yield* sendTexts(sender, [`${index}`, `${index}`, `${index}`])
        yield* Effect.sleep(aWhile)
        const received = yield* texts(receiver, 15)
        for (const round of [0, 5, 10]) {
          assert.sameMembers(received.slice(round, round + 5), ["0", "1", "2", "3", "4"], received.join(" "))
        }
      }))

    test("DEALER SHALL deliver these to its calling application", (place) =>
      Effect.gen(function* () {
        const receiver = yield* dealer({ connect: [place.nobody(), place.nobody()] })
        const addresses = yield* Socket.endpoints(receiver)
        const senders = yield* Effect.forEach(addresses, (address) => dealer({ bind: endpoint(address) }))
        yield* Effect.forEach(senders, (sender, index) => sendTexts(sender, numbered(`${index}-`, 500)), {
          concurrency: "unbounded"
        })
        const received = yield* texts(receiver, 1000)
        for (const name of ["0-", "1-"]) {
          assert.deepStrictEqual(
            received.filter((text) => text.startsWith(name)),
            numbered(name, 500)
          )
        }
      }))

    test("a DEALER that conflates sees the newest message of its peer", (place) =>
      Effect.gen(function* () {
        const sender = yield* dealer({ bind: place.any() })
        const receiver = yield* dealer({ connect: yield* endpointOf(sender), conflate: true })
        yield* connected(place, sender)
        yield* sendTexts(sender, numbered("", 10))
        yield* Effect.sleep(aWhile)
        yield* receives(receiver, ["9"])
      }))

    test("a REP keeps the envelope of a DEALER's request, of any number of frames up to the empty one, and answers with it", (place) =>
      Effect.gen(function* () {
        const server = yield* rep({ bind: place.any() })
        const client = yield* dealer({ connect: yield* endpointOf(server) })
        for (const envelope of [[""], ["A", ""], ["A", "B", "C", ""]] as const) {
          yield* Dealer.send(client, [...envelope, "X", "Y"])
          assert.deepStrictEqual(plain(yield* Rep.receive(server)), plain(Message.make(["X", "Y"])))
          yield* Rep.reply(server, ["Z"])
          assert.deepStrictEqual(plain(yield* Dealer.receive(client)), plain(Message.make([...envelope, "Z"])))
        }
      }))

    test("a REP drops a request without an empty frame, and one without anything behind it", (place) =>
      Effect.gen(function* () {
        const server = yield* rep({ bind: place.any() })
        const client = yield* dealer({ connect: yield* endpointOf(server) })
        yield* Dealer.sendAll(client, ["no delimiter", ["none", "either"], "", ["no body", ""], ["", "good"]])
        assert.deepStrictEqual(plain(yield* Rep.receive(server)), plain(Message.make("good")))
        yield* Rep.reply(server, "yes")
        assert.deepStrictEqual(plain(yield* Dealer.receive(client)), plain(Message.make(["", "yes"])))
        yield* silent(client)
      }))

    test("a DEALER has any number of requests under way, each answered in its time", (place) =>
      Effect.gen(function* () {
        const servers = yield* Effect.forEach([0, 1], () => rep({ bind: place.any() }))
        const [slow, quick] = servers as [Rep.Rep, Rep.Rep]
        const client = yield* dealer({ connect: [yield* endpointOf(slow), yield* endpointOf(quick)] })
        for (const text of ["to the slow one", "to the quick one"]) yield* Dealer.send(client, ["", text])
        yield* Rep.receive(slow)
        yield* Rep.receive(quick)
        yield* Rep.reply(quick, "first")
        assert.deepStrictEqual(yield* texts(client, 1), ["first"])
        yield* Rep.reply(slow, "second")
        assert.deepStrictEqual(yield* texts(client, 1), ["second"])
      }))
  },
  ["DEALER"]
)
