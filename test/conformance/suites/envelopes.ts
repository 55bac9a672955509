/** What REQ and REP put on the wire (RFC 28), seen by a ROUTER and a DEALER. */

import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { isOf } from "../routers.ts"
import { ask, dealer, endpointOf, numbered, plain, rep, req, router, sorts } from "../steps.ts"
import { suite } from "../suite.ts"

export const envelopes = suite(
  "envelopes (RFC 28)",
  (test) => {
    test("REQ SHALL prefix the outgoing message with an empty delimiter frame", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const client = yield* req({ connect: yield* endpointOf(server), routingId: "R" })
        for (const sent of sorts) {
          const reply = yield* Effect.forkChild(Req.request(client, sent))
          const { from, message } = yield* Router.receive(server)
          assert.isTrue(isOf(from, "R"))
          assert.deepStrictEqual(plain(message), plain([new Uint8Array(0), ...sent]))
          yield* Router.send(server, { to: from, message })
          assert.deepStrictEqual(plain(yield* Fiber.join(reply)), plain(sent))
        }
      }))

    test("with correlate, a REQ's number of 4 bytes comes before the empty frame, another one for each request", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const client = yield* req({ connect: yield* endpointOf(server), correlate: true })
        const numbers: Array<number> = []
        for (const text of ["a", "b", "c"]) {
          const reply = yield* Effect.forkChild(ask(client, text))
          const { from, message } = yield* Router.receive(server)
          const [number = new Uint8Array(0), delimiter, body] = message
          assert.deepStrictEqual([number.length, delimiter?.length, message.length], [4, 0, 3])
          assert.strictEqual(Message.text([body ?? number]), text)
          numbers.push(new DataView(number.buffer, number.byteOffset).getUint32(0))
          yield* Router.send(server, { to: from, message: [number, "", text.toUpperCase()] })
          assert.strictEqual(yield* Fiber.join(reply), text.toUpperCase())
        }
        // In which order their bytes are is for the REQ alone to know.
        assert.strictEqual(new Set(numbers).size, 3)
      }))

    test("a reply with a bad envelope is dropped, and the good one behind it taken", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const client = yield* req({ connect: yield* endpointOf(server) })
        const reply = yield* Effect.forkChild(ask(client, "hello"))
        const { from } = yield* Router.receive(server)
        for (const message of ["no delimiter", ["b", "no delimiter either"], [""], ["", "good"]] as const) {
          yield* Router.send(server, { to: from, message })
        }
        assert.strictEqual(yield* Fiber.join(reply), "good")
      }))

    test("an envelope of several hops comes back through a device, to who asked", (place) =>
      Effect.gen(function* () {
        const frontend = yield* router({ bind: place.any() })
        const backend = yield* dealer({ bind: place.any() })
        yield* Effect.forkChild(
          Router.runForEach(frontend, ({ from, message }) => Dealer.send(backend, [from, ...message]))
        )
        yield* Effect.forkChild(
          Dealer.runForEach(backend, ([to, ...message]) =>
            Router.send(frontend, { to, message: message as unknown as Message.Message })
          )
        )
        const server = yield* rep({ connect: yield* endpointOf(backend) })
        yield* Effect.forkChild(Rep.serve(server, (request) => Effect.succeed(["re", ...request])))
        const address = yield* endpointOf(frontend)
        const clients = yield* Effect.forEach(numbered("", 5), () => req({ connect: address }))
        yield* Effect.forEach(
          clients,
          (client, index) =>
            Effect.forEach(numbered(`${index}.`, 20), (text) =>
              Effect.map(Req.request(client, [text, "", "second part"]), (reply) =>
                assert.deepStrictEqual(plain(reply), plain(Message.make(["re", text, "", "second part"])))
              )
            ),
          { concurrency: "unbounded" }
        )
      }))

    test("a ROUTER serves REQs that wait, each when it likes", (place) =>
      Effect.gen(function* () {
        const server = yield* router({ bind: place.any() })
        const address = yield* endpointOf(server)
        const clients = yield* Effect.forEach(numbered("", 5), () => req({ connect: address }))
        const replies = yield* Effect.forEach(clients, (client, index) => Effect.forkChild(ask(client, `${index}`)))
        const asked = yield* Stream.runCollect(Stream.take(Router.stream(server), 5))
        for (const { from, message } of [...asked].reverse()) {
          yield* Router.send(server, { to: from, message: ["", `for ${Message.text(message)}`] })
        }
        assert.deepStrictEqual(yield* Fiber.joinAll(replies), numbered("for ", 5))
      }))
  },
  ["DEALER", "ROUTER"]
)
