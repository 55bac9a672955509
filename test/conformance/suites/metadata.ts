/** What sockets say of themselves. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Socket from "@effect-zmq/core/Socket"
import type { Peer, SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { heard } from "../routers.ts"
import { dealer, endpointOf, pull, push, receives, router, sendTexts } from "../steps.ts"
import { suite } from "../suite.ts"

/** What a socket is told of its first peer. */
const peerOf = (socket: Socket.Socket, tag: "HandshakeSucceeded" | "PeerJoined"): Effect.Effect<Peer | undefined> =>
  Socket.events(socket).pipe(
    Stream.filter((event): event is Extract<SocketEvent, { readonly _tag: typeof tag }> => event._tag === tag),
    Stream.runHead,
    Effect.map((event) => Option.getOrThrow(event).peer)
  )

/** As text, to be compared: the bytes may be of other classes than those that were given. */
const said = ({ metadata, routingId, type }: Partial<Peer> = {}) => ({
  type: `${type}`,
  routingId: routingId && Message.text([routingId]),
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, Message.text([value])]))
})

export const metadata = suite("metadata", (test) => {
  test("a socket is told its peer's type, its routing id, and its metadata by names in lower case", (place) =>
    Effect.gen(function* () {
      const server = yield* router({ bind: place.any(), metadata: { "X-Room": "blue" } })
      const client = yield* dealer({
        connect: yield* endpointOf(server),
        routingId: "a",
        metadata: { "X-Room": "green", "X-Seat": Uint8Array.of(55) }
      })
      yield* Dealer.send(client, "here")
      yield* heard(server)
      const ofClient = { type: "DEALER", routingId: "a", metadata: { "x-room": "green", "x-seat": "7" } }
      assert.deepStrictEqual(said(yield* peerOf(server, "PeerJoined")), ofClient)
      assert.deepStrictEqual(said(yield* peerOf(server, "HandshakeSucceeded")), ofClient)
      assert.deepStrictEqual(said(yield* peerOf(client, "HandshakeSucceeded")), {
        type: "ROUTER",
        routingId: undefined,
        metadata: { "x-room": "blue" }
      })
    }))

  test("sockets with metadata, and without, talk to each other", (place) =>
    Effect.gen(function* () {
      const value = "x".repeat(8000)
      const receiver = yield* pull({ bind: place.any(), metadata: { "X-Room": value } })
      const connect = yield* endpointOf(receiver)
      yield* sendTexts(yield* push({ connect }), ["without"])
      yield* receives(receiver, ["without"])
      yield* sendTexts(yield* push({ connect, metadata: { "X-Room": value } }), ["with"])
      yield* receives(receiver, ["with"])
    }))
})
