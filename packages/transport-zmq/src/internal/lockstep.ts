/** Why a REQ or a REP, whose messages alternate, is not to send or to receive now. */
import { InvalidState } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"

export const unanswered = new InvalidState({ problem: "the last request is not answered yet" })
export const unasked = new InvalidState({ problem: "there is no request to be answered" })
export const failUnanswered = Effect.fail(unanswered)
export const failUnasked = Effect.fail(unasked)
