/**
 * What sender and receiver say to each other: messages of several frames, each frame with one thing in it.
 *
 * A file is sent in parts, from its beginning. Each part says all there is to know: the name and the date of the file, its
 * size, where in the file the part belongs, and its bytes. A small file is one part.
 *
 * The first part may be sent at once. Whoever sends the others has to be asked for them: `more` says how many further parts
 * there is room for. That is credit, and keeps a large file from filling anyone's memory.
 */
import { Message } from "@effect-zmq/core"
import { Schema } from "effect"
import { integer } from "../messages.ts"

const Count = integer(0, Number.MAX_SAFE_INTEGER)
const Text = Message.Utf8

/** `name`, `date` (ISO 8601), `size`, `offset`, `bytes` */
export const Part = Message.frames([
  Text,
  Text.pipe(Schema.decodeTo(Schema.DateFromString)),
  Text.pipe(Schema.decodeTo(Count)),
  Text.pipe(Schema.decodeTo(Count)),
  Message.Bytes
])
export type Part = typeof Part.Type

/** `more` and how many parts; `saved` and the name; `refused` and why */
export const Answer = Message.frames([Text.pipe(Schema.decodeTo(Schema.Literals(["more", "saved", "refused"]))), Text])
export type Answer = typeof Answer.Type

/** How many bytes a part has, but the last. */
export const partSize = 65_536

/** The largest frame that a receiver takes. */
export const maximumPartSize = 1_048_576

/** How many parts may be on their way. */
export const window = 8
