/** DEALER, as RFC 28 has it, and DEALER with REP. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import {
  acceptsWhatHasRoom,
  deliversAll,
  discardsNothing,
  discardsWithItsPeer,
  givesWhatWasDelivered,
  passesOverWhoIsFull,
  queuesEachWay,
  queuesEarly,
  receivesInTurn,
  waitsForAPeer
} from "../queues.ts"
import {
  aWhile,
  connected,
  dealer,
  endpointOf,
  numbered,
  plain,
  receives,
  rep,
  sendTexts,
  silent,
  sorts,
  texts
} from "../steps.ts"
import { suite } from "../suite.ts"

const sides = { sender: dealer, receiver: dealer }

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

    test(
      "DEALER SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently",
      queuesEachWay(dealer)
    )

    test(
      "DEALER SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established",
      queuesEarly(dealer)
    )

    test(
      "DEALER SHALL create a double queue when a peer connects to it. If this peer disconnects, the DEALER socket SHALL destroy its double queue and SHALL discard any messages it contains",
      discardsWithItsPeer(sides)
    )

    test("a DEALER still gives what a peer that has left had delivered", givesWhatWasDelivered(sides))

    test(
      "DEALER SHALL consider a peer as available only when it has a outgoing queue that is not full",
      passesOverWhoIsFull(sides)
    )

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

    test(
      "DEALER SHALL block on sending, or return a suitable error, when it has no available peers",
      waitsForAPeer(sides)
    )

    test("DEALER SHALL not accept further messages when it has no available peers", acceptsWhatHasRoom(sides))

    test("DEALER SHALL NOT discard messages that it cannot queue", discardsNothing(sides))

    test("DEALER SHALL receive incoming messages from its peers using a fair-queuing strategy", receivesInTurn(sides))

    test("DEALER SHALL deliver these to its calling application", deliversAll(sides))

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
