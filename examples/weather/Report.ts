/**
 * What the weather programs send: one frame, `"<zip code> <temperature> <humidity>"`.
 */
import { Message } from "@effect-zmq/core"
import { Schema, SchemaTransformation } from "effect"
import { integer } from "../messages.ts"

const Line = Schema.TemplateLiteralParser([integer(1, 99_999), " ", integer(-80, 134), " ", integer(10, 59)])

/** A report: a zip code, degrees Fahrenheit, per cent. */
export const Report = Message.frame(
  Message.Utf8.pipe(
    Schema.decodeTo(Line),
    Schema.decodeTo(
      Schema.Struct({ zip: Schema.Number, temperature: Schema.Number, humidity: Schema.Number }),
      SchemaTransformation.transform({
        decode: ([zip, , temperature, , humidity]) => ({ zip, temperature, humidity }),
        encode: ({ zip, temperature, humidity }) => [zip, " ", temperature, " ", humidity] as const
      })
    )
  )
)
