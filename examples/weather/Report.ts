/**
 * What the weather programs send.
 *
 * - `Report`: one frame, `"<zip code> <temperature> <humidity>"`
 * - `Enveloped`: two frames, the topic `"<zip code>/"` and the body `"<temperature> <humidity>"`
 */
import { Message } from "@effect-zmq/core"
import { Effect, Random, Schema, SchemaTransformation } from "effect"
import { integer } from "../messages.ts"

const Zip = integer(1, 99_999)
const Temperature = integer(-80, 134)
const Humidity = integer(10, 59)

const Fields = Schema.Struct({ zip: Schema.Number, temperature: Schema.Number, humidity: Schema.Number })

/** A report: a zip code, degrees Fahrenheit, per cent. */
export type Report = typeof Fields.Type

export const Report = Message.frame(
  Message.Utf8.pipe(
    Schema.decodeTo(Schema.TemplateLiteralParser([Zip, " ", Temperature, " ", Humidity])),
    Schema.decodeTo(
      Fields,
      SchemaTransformation.transform({
        decode: ([zip, , temperature, , humidity]) => ({ zip, temperature, humidity }),
        encode: ({ zip, temperature, humidity }) => [zip, " ", temperature, " ", humidity] as const
      })
    )
  )
)

/** A report in an envelope. Its topic ends in a separator, so that a subscription to 1000 does not match 10001. */
export const Enveloped = Message.frames([
  Message.Utf8.pipe(Schema.decodeTo(Schema.TemplateLiteralParser([Zip, "/"]))),
  Message.Utf8.pipe(Schema.decodeTo(Schema.TemplateLiteralParser([Temperature, " ", Humidity])))
]).pipe(
  Schema.decodeTo(
    Fields,
    SchemaTransformation.transform({
      decode: ([[zip], [temperature, , humidity]]) => ({ zip, temperature, humidity }),
      encode: ({ zip, temperature, humidity }) =>
        [
          [zip, "/"],
          [temperature, " ", humidity]
        ] as const
    })
  )
)

/** The topic of the reports of one place. */
export const topic = (zip: number): string => `${zip}/`

/** The weather of some place. */
export const madeUp: Effect.Effect<Report> = Effect.gen(function* () {
  const zip = yield* Random.nextIntBetween(1, 99_999)
  const temperature = yield* Random.nextIntBetween(-80, 134)
  const humidity = yield* Random.nextIntBetween(10, 59)
  return { zip, temperature, humidity }
})
