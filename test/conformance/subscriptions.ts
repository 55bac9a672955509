/** The steps that tests of XPUBs are made of. */

import * as Message from "@effect-zmq/core/Message"
import * as XPub from "@effect-zmq/core/XPub"
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { aWhile } from "./steps.ts"

/** What an XPUB received, in a word: `+topic`, `-topic` or the message's text. */
export const word = (event: XPub.Event): string => {
  if (event._tag === "Message") return Message.text(event.message)
  return `${event._tag === "Subscribe" ? "+" : "-"}${Message.text([event.topic])}`
}

export const told = (socket: XPub.XPub): Effect.Effect<string, ZmqError> => Effect.map(XPub.receive(socket), word)

export const toldMany = (socket: XPub.XPub, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(XPub.stream(socket), count)), (events) => events.map(word))

/** Nothing is there, and nothing comes. */
export const toldNothing = (socket: XPub.XPub): Effect.Effect<void, ZmqError> =>
  Effect.gen(function* () {
    const event = yield* Effect.timeoutOption(told(socket), aWhile)
    assert.deepStrictEqual(event, Option.none())
    assert.deepStrictEqual(Option.map(yield* XPub.poll(socket), word), Option.none())
  })

/** Receives a subscription, and lets it hold for `topic`. */
export const confirmed = (socket: XPub.XPub, topic?: string) =>
  Effect.gen(function* () {
    const event = yield* XPub.receive(socket)
    if (event._tag === "Message") return assert.fail("a message")
    yield* XPub.confirm(socket, event, { topic })
    return word(event)
  })

export const publish = (socket: XPub.XPub, all: ReadonlyArray<Message.Input>) =>
  Effect.forEach(all, (message) => XPub.send(socket, message), { discard: true })
