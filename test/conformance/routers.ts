/** The steps that tests of ROUTERs are made of. */
import * as Message from "@effect-zmq/core/Message"
import * as Router from "@effect-zmq/core/Router"
import type * as RoutingId from "@effect-zmq/core/RoutingId"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import { aWhile } from "./steps.ts"

/** The next message as text, and whom it is from. */
export const heard = (
  socket: Router.Router
): Effect.Effect<readonly [from: RoutingId.RoutingId, text: string], ZmqError> =>
  Effect.map(Router.receive(socket), ({ from, message }) => [from, Message.text(message)])

/** The texts of all messages that are still to come. */
export const unheard = (socket: Router.Router): Effect.Effect<Array<string>, ZmqError> =>
  Effect.gen(function* () {
    const all: Array<string> = []
    const hearing = yield* Effect.forkChild(
      Router.runForEach(socket, ({ message }) => Effect.sync(() => all.push(Message.text(message))))
    )
    for (let before = -1; before < all.length; ) {
      before = all.length
      yield* Effect.sleep(aWhile)
    }
    yield* Fiber.interrupt(hearing)
    return all
  })

export const isOf = (id: Uint8Array, text: string): boolean => new TextDecoder().decode(id) === text

/** Sends 1 MB at a time, or `size` bytes, until one has to wait, and tells how many had not. */
export const fillPeer = (socket: Router.Router, to: RoutingId.Input, size = 1_000_000) =>
  Effect.gen(function* () {
    let sent = 0
    const bytes = new Uint8Array(size)
    const sender = yield* Effect.forkChild(
      Effect.gen(function* () {
        for (; sent < 200; sent++) yield* Router.send(socket, { to, message: [bytes, `${sent}`] })
      })
    )
    for (let before = -1; before < sent; ) {
      before = sent
      yield* Effect.sleep(aWhile)
    }
    assert.isUndefined(sender.pollUnsafe(), "it should have waited")
    return { sent, sender }
  })
