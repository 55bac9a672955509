/**
 * Reading messages by a schema, with a line for each one that does not fit.
 */
import { Message } from "@effect-zmq/core"
import { Console, Effect, Option, Schema, Stream } from "effect"

/**
 * What is in the messages, by a schema. A message of another kind is one line (`expected` says what was expected), and
 * the stream goes on.
 */
export const decode =
  <A>(schema: Schema.Codec<A, Message.Message>, expected: string) =>
  <E, R>(messages: Stream.Stream<Message.Message, E, R>): Stream.Stream<A, E, R> => {
    const read = Schema.decodeOption(schema)
    return messages.pipe(
      Stream.mapEffect((message) =>
        Option.match(read(message), {
          onSome: (value) => Effect.succeed([value]),
          onNone: () => Effect.as(Console.log(`Skipped ${show(message)}: expected ${expected}`), [])
        })
      ),
      Stream.flattenIterable
    )
  }

/** A message in one line, whatever is in it. */
export const show = (message: Message.Message): string =>
  message.map((frame) => quote(Message.text([frame]))).join(" + ")

const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)

/** A whole number in decimal text, no other: not `1e3`, not ` 1`. */
export const integer = (minimum: number, maximum: number) =>
  Schema.String.check(Schema.isPattern(/^-?[0-9]+$/)).pipe(
    Schema.decodeTo(Schema.NumberFromString),
    Schema.check(Schema.isBetween({ minimum, maximum }))
  )
