/**
 * What becomes of messages that are not what a program expects: a calm line each, and the program goes on.
 */
import { Message } from "@effect-zmq/core"
import { Console, Schema } from "effect"

/** The `onMalformed` of a stream of messages: a line that tells what was expected. */
export const skip = (expected: string) => (message: Message.Message) =>
  Console.log(`Skipped ${Message.inspect(message)}: expected ${expected}`)

/** A whole number in decimal text, no other: not `1e3`, not ` 1`. */
export const integer = (minimum: number, maximum: number) =>
  Schema.String.check(Schema.isPattern(/^-?[0-9]+$/)).pipe(
    Schema.decodeTo(Schema.NumberFromString),
    Schema.check(Schema.isBetween({ minimum, maximum }))
  )

/** What others say, to be shown on a terminal: it moves no cursor there, and colours nothing. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, "\u{fffd}")
