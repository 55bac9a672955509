/**
 * Envelopes: what stands before the body of a message that goes through ROUTERs.
 *
 * A REQ puts an empty frame before its body, the delimiter; each ROUTER on the way puts the routing id of who it received
 * the message from before all that. So what a server gets from a REQ through one proxy is, outermost first,
 *
 * ```text
 * [ id of the proxy's DEALER ] [ id of the REQ ] [ ] [ body ]
 * ```
 *
 * and what it sends back begins with the same frames: each ROUTER takes the first one away, and sends the rest to whom it
 * names. REQ and REP do all of this by themselves. DEALER and ROUTER leave it to the program: this module is for those.
 *
 * `Router.receive` has taken the first id away already (`from`), and `Router.send` puts it there (`to`): what is left to
 * split is the rest. The first empty frame is the delimiter; empty frames behind it are of the body.
 *
 * **Example** (A ROUTER that answers REQs)
 *
 * ```ts
 * Router.streamSchema(router, Envelope.delimited(Message.frame(Message.Utf8))).pipe(
 *   Stream.runForEach(({ from, message }) =>
 *     Router.sendSchema(router, Envelope.delimited(Message.frame(Message.Utf8)))({ to: from, message: `${message}!` })
 *   )
 * )
 * ```
 *
 * @see RFC 28
 * @since 0.1.0
 */
import * as Message from "@effect-zmq/core/Message"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"

/**
 * A message, taken apart at its delimiter.
 *
 * @category models
 * @since 0.1.0
 */
export interface Envelope {
  /** What stands before the delimiter, outermost first: routing ids, and a REQ's number of the request where it `correlate`s. */
  readonly addresses: ReadonlyArray<Message.Frame>
  /** What stands behind it. */
  readonly body: Message.Message
}

/**
 * A message that has no envelope: it has no empty frame, or nothing behind it.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedEnvelope extends Data.TaggedError("MalformedEnvelope")<{
  readonly problem: string
  readonly received: Message.Message
}> {
  override get message(): string {
    return `no envelope: ${this.problem}, in ${Message.inspect(this.received)}; a peer that is no REQ sends the empty frame before its body itself (Envelope.delimit)`
  }
}

const delimiter: Message.Frame = new Uint8Array(0)

// -----------------------------------------------------------------------------
// Apart, and together
// -----------------------------------------------------------------------------

/**
 * Takes a message apart at its delimiter, the first empty frame; or says why it cannot be.
 *
 * @category envelopes
 * @since 0.1.0
 */
export const split = (message: Message.Message): Result.Result<Envelope, MalformedEnvelope> => {
  const at = message.findIndex((frame) => frame.length === 0)
  if (at === -1) return Result.fail(new MalformedEnvelope({ problem: "it has no empty frame", received: message }))
  const body = message.slice(at + 1)
  return isMessage(body)
    ? Result.succeed({ addresses: message.slice(0, at), body })
    : Result.fail(new MalformedEnvelope({ problem: "nothing is behind the empty frame", received: message }))
}

const isMessage = (frames: ReadonlyArray<Message.Frame>): frames is Message.Message => frames.length > 0

/**
 * Puts a message together: the addresses, outermost first, the empty frame, and the body. The inverse of `split`.
 *
 * Throws `InvalidMessage` for a body that is no `Message.Input`, which only untyped code can pass.
 *
 * @category envelopes
 * @since 0.1.0
 */
export const join: {
  (body: Message.Input): (addresses: ReadonlyArray<Message.Frame>) => Message.Message
  (addresses: ReadonlyArray<Message.Frame>, body: Message.Input): Message.Message
} = dual(
  2,
  (addresses: ReadonlyArray<Message.Frame>, body: Message.Input): Message.Message =>
    // It has the delimiter at least.
    [...addresses, delimiter, ...Message.make(body)] as unknown as Message.Message
)

/**
 * The body behind the envelope that a message came in: to answer who asked, however many ROUTERs are between.
 *
 * @category envelopes
 * @since 0.1.0
 */
export const reply: {
  (body: Message.Input): (self: Envelope) => Message.Message
  (self: Envelope, body: Message.Input): Message.Message
} = dual(2, (self: Envelope, body: Message.Input): Message.Message => join(self.addresses, body))

/**
 * Puts the empty frame before a body: what a DEALER sends to a REP, and a ROUTER to a REQ.
 *
 * @category delimiters
 * @since 0.1.0
 */
export const delimit = (body: Message.Input): Message.Message => join([], body)

/**
 * Takes the empty frame before a body away: what a DEALER receives from a REP, and a ROUTER from a REQ. Fails where the
 * first frame is not empty, or nothing is behind it.
 *
 * @category delimiters
 * @since 0.1.0
 */
export const undelimit = (message: Message.Message): Result.Result<Message.Message, MalformedEnvelope> =>
  Result.flatMap(split(message), ({ addresses, body }) =>
    addresses.length === 0
      ? Result.succeed(body)
      : Result.fail(new MalformedEnvelope({ problem: "its first frame is not empty", received: message }))
  )

// -----------------------------------------------------------------------------
// Schemas
// -----------------------------------------------------------------------------

/**
 * A schema of messages, behind an empty frame: for the `sendSchema` and `streamSchema` of a DEALER that speaks to REPs, or of
 * a ROUTER that speaks to REQs. A message without the empty frame is malformed.
 *
 * @category schemas
 * @since 0.1.0
 */
export const delimited = <A, RD, RE>(
  schema: Schema.Codec<A, Message.Message, RD, RE>
): Schema.Codec<A, Message.Message, RD, RE> =>
  Frames.pipe(
    Schema.decodeTo(schema, {
      decode: SchemaGetter.transformEffect((message: Message.Message, options) =>
        Effect.mapError(
          Effect.fromResult(undelimit(message)),
          (error) => new SchemaIssue.InvalidValue({ message: error.message }, message, options)
        )
      ),
      encode: SchemaGetter.transform((body: Message.Message) => delimit(body))
    })
  )

/**
 * A schema of messages, behind an envelope of any number of addresses, which is kept: for who answers through several
 * ROUTERs.
 *
 * @category schemas
 * @since 0.1.0
 */
export const enveloped = <A, RD, RE>(
  schema: Schema.Codec<A, Message.Message, RD, RE>
): Schema.Codec<{ readonly addresses: ReadonlyArray<Message.Frame>; readonly body: A }, Message.Message, RD, RE> =>
  Frames.pipe(
    Schema.decodeTo(Schema.Struct({ addresses: Schema.Array(Message.Bytes), body: schema }), {
      decode: SchemaGetter.transformEffect((message: Message.Message, options) =>
        Effect.mapError(
          Effect.fromResult(split(message)),
          (error) => new SchemaIssue.InvalidValue({ message: error.message }, message, options)
        )
      ),
      encode: SchemaGetter.transform(({ addresses, body }: Envelope) => join(addresses, body))
    })
  )

const Frames: Schema.Codec<Message.Message> = Schema.NonEmptyArray(Message.Bytes)

// -----------------------------------------------------------------------------
// To look
// -----------------------------------------------------------------------------

/**
 * A message as people read envelopes: a line a frame, with its length in bytes, what is in it, and what it is. Text is
 * quoted, and what is no printable text is hexadecimal; 60 characters of either are shown.
 *
 * ```text
 * [005] 00c8a1b2f3   address
 * [000]              delimiter
 * [005] "Hello"      body
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const format = (message: NonEmptyReadonlyArray<Message.Frame>): string => {
  const at = message.findIndex((frame) => frame.length === 0)
  const shown = message.map(show)
  const width = Math.max(...shown.map((text) => text.length))
  return message
    .map((frame, i) => {
      const what = at === -1 || i > at ? "body" : i === at ? "delimiter" : "address"
      return `[${String(frame.length).padStart(3, "0")}] ${(shown[i] ?? "").padEnd(width)}   ${what}`
    })
    .join("\n")
}

/** More than is shown of any frame. */
const most = 256

const show = (frame: Message.Frame): string => {
  if (frame.length === 0) return ""
  // With `stream`, a character that is cut at the end is left out, and does not count as wrong.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(frame.subarray(0, most), {
    stream: frame.length > most
  })
  if (/[\p{Cc}\u{fffd}]/u.test(text)) {
    return cut(Array.from(frame.subarray(0, 32), (byte) => byte.toString(16).padStart(2, "0")).join(""))
  }
  return JSON.stringify(cut(text))
}

const cut = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)
