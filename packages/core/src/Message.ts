/**
 * Messages: one or more frames of bytes, sent and received whole.
 *
 * A message is a plain non-empty array of `Uint8Array`; there is no wrapper to make or to unwrap. Whatever sends takes
 * a `Message.Input`: a string (UTF-8), one frame of bytes, or an array of either, which is one message of several
 * frames. By convention the last frame is the body, and frames before it are addresses, topics or metadata.
 *
 * Frames are immutable by agreement. Sending hands the frames over: do not write to them afterwards. A received frame is
 * read-only and may share its memory with others; `copy` a message to change it, or to keep a small frame for long.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { InvalidMessage } from "./ZmqError.ts"

/**
 * One frame: bytes, possibly none.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = Uint8Array

/**
 * One message: one or more frames.
 *
 * @category models
 * @since 0.1.0
 */
export type Message = NonEmptyReadonlyArray<Frame>

/**
 * What can be sent as one message: a string (sent as UTF-8), one frame of bytes, or a non-empty array of either, which
 * is one message of several frames.
 *
 * @category models
 * @since 0.1.0
 */
export type Input = string | Frame | NonEmptyReadonlyArray<string | Frame>

const encoder = new TextEncoder()
// By `ignoreBOM` a byte order mark is text like any other: what was sent is what is read.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Makes a message of what can be sent as one.
 *
 * Throws `InvalidMessage` for anything that is not a `Message.Input`, which only untyped code can pass.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (input: Input): Message => {
  const message = fromInput(input)
  if (message instanceof InvalidMessage) throw message
  return message
}

/**
 * Makes a message of what can be sent as one, or says what is wrong with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromInput = (input: Input): Message | InvalidMessage => {
  if (typeof input === "string") return [encoder.encode(input)]
  if (input instanceof Uint8Array) return [input]
  return Array.isArray(input) ? fromFrames(input) : new InvalidMessage({ problem: describe(input) })
}

/** The delimiter of envelopes, most often. */
const empty = new Uint8Array(0)

const fromFrames = (input: ReadonlyArray<unknown>): Message | InvalidMessage => {
  const frames: Array<Frame> = []
  for (let i = 0; i < input.length; i++) {
    const frame = input[i]
    if (frame instanceof Uint8Array) frames.push(frame)
    else if (typeof frame === "string") frames.push(frame === "" ? empty : encoder.encode(frame))
    else return new InvalidMessage({ problem: `${describe(frame)} as frame ${i}` })
  }
  return Arr.isReadonlyArrayNonEmpty(frames)
    ? frames
    : new InvalidMessage({ problem: "an empty array, which has no frame" })
}

const describe = (u: unknown): string => {
  if (u === null || u === undefined) return String(u)
  return typeof u === "object" ? `a value of ${u.constructor?.name ?? "no class"}` : `a ${typeof u}`
}

/**
 * Tells whether a value is a message: a non-empty array of `Uint8Array`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isMessage = (u: unknown): u is Message =>
  // `every` skips holes; `from` fills them.
  Array.isArray(u) && u.length > 0 && Array.from(u).every((frame) => frame instanceof Uint8Array)

/**
 * The body of a message: its last frame.
 *
 * @category getters
 * @since 0.1.0
 */
// The last of at least one.
export const bytes = (self: Message): Frame => self[self.length - 1] as Frame

/**
 * The body of a message, its last frame, as text. Bytes that are not UTF-8 become U+FFFD; `Utf8` is the strict form.
 *
 * @category getters
 * @since 0.1.0
 */
export const text = (self: Message): string => decoder.decode(bytes(self))

/**
 * A message in one line, for logs: its frames as quoted text, each cut at 60 characters, joined by `+`. Bytes that are not
 * UTF-8 are shown in hexadecimal.
 *
 * @category getters
 * @since 0.1.0
 */
export const inspect = (self: Message): string => self.map(inspectFrame).join(" + ")

const inspectFrame = (frame: Frame): string => {
  const value = decoder.decode(frame)
  if (!value.includes("\u{fffd}")) return JSON.stringify(cut(value))
  return `<${cut(Array.from(frame.subarray(0, 32), (byte) => byte.toString(16).padStart(2, "0")).join(""))}>`
}

const cut = (value: string): string => (value.length > 60 ? `${value.slice(0, 60)}…` : value)

/**
 * The size of a message in bytes, over all its frames.
 *
 * @category getters
 * @since 0.1.0
 */
export const size = (self: Message): number => {
  let total = 0
  for (let i = 0; i < self.length; i++) total += (self[i] as Frame).length // below the length
  return total
}

/** What it costs to hold a frame, about, beside its bytes. */
const frameCost = 128

/**
 * What a message counts for in a high-water mark of bytes: its size, and 128 for each frame after the first, so that many
 * small frames are not taken for a small message.
 *
 * @category getters
 * @since 0.1.0
 */
export const weight = (self: Message): number => {
  let total = self[0].length
  for (let i = 1; i < self.length; i++) total += (self[i] as Frame).length + frameCost // below the length
  return total
}

/**
 * A message of its own memory, free to be changed or to be kept: a received frame can hold on to the whole chunk that
 * it arrived in.
 *
 * @category combinators
 * @since 0.1.0
 */
export const copy = (self: Message): [Frame, ...Array<Frame>] =>
  Arr.map(self, (frame) => Uint8Array.prototype.slice.call(frame))

// -----------------------------------------------------------------------------
// Schemas
// -----------------------------------------------------------------------------

/**
 * A frame of bytes, as it is.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Bytes: Schema.Codec<Frame> = Schema.Uint8Array

/**
 * A frame of UTF-8 text. Bytes that are not UTF-8 are malformed.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Utf8: Schema.Codec<string, Frame> = Schema.Uint8Array.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((frame, options) =>
      Effect.try({
        try: () => strictDecoder.decode(frame),
        catch: () => new SchemaIssue.InvalidValue({ expected: "UTF-8 text" }, frame, options)
      })
    ),
    encode: SchemaGetter.transform((value) => encoder.encode(value))
  })
)

/**
 * A frame of JSON, in UTF-8, of what a schema describes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const json = <A, I, RD, RE>(schema: Schema.Codec<A, I, RD, RE>): Schema.Codec<A, Frame, RD, RE> =>
  Utf8.pipe(Schema.decodeTo(Schema.fromJsonString(Schema.toCodecJson(schema))))

// biome-ignore lint/suspicious/noExplicitAny: the variance of a codec's type allows no narrower bound
type AnyFrame = Schema.Codec<any, Frame, any, any>

/**
 * A message of exactly these frames: a tuple. A message with another number of frames is malformed.
 *
 * @category schemas
 * @since 0.1.0
 */
export const frames = <const Frames extends NonEmptyReadonlyArray<AnyFrame>>(
  schemas: Frames
): Schema.Codec<
  { readonly [K in keyof Frames]: Frames[K]["Type"] },
  Message,
  Frames[number]["DecodingServices"],
  Frames[number]["EncodingServices"]
> =>
  // A tuple of frames is a message, which the compiler cannot tell of `Frames`; one of another length fails to decode.
  Schema.Tuple(schemas) as never

/**
 * A message of one frame: what is in it, without a tuple around it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const frame = <A, RD, RE>(schema: Schema.Codec<A, Frame, RD, RE>): Schema.Codec<A, Message, RD, RE> =>
  frames([schema]).pipe(
    Schema.decodeTo(Schema.toType(schema), {
      decode: SchemaGetter.transform(([value]) => value),
      encode: SchemaGetter.transform((value) => [value] as const)
    })
  )
