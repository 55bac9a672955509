/**
 * The context of a trace in a message: a frame before all others of its body, `traceparent: ` and the value that W3C's
 * Trace Context gives that header, in ASCII. Who is asked to trace looks for it, and takes nothing else for it.
 */
import * as Tracer from "effect/Tracer"
import type { Message } from "../Message.ts"

const key = "traceparent: "
const encoder = new TextEncoder()
const decoder = new TextDecoder("latin1")

/** `traceparent: 00-` and a trace id, a span id and flags in hexadecimal digits. */
const length = key.length + 55
const pattern = /^traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** The message with the context of a span. */
export const inject = (message: Message, span: Tracer.AnySpan): Message => [
  encoder.encode(`${key}00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`),
  ...message
]

/** The message without the context that it came with, and that, where it came with one. */
export const extract = (
  message: Message
): { readonly message: Message; readonly parent: Tracer.ExternalSpan | undefined } => {
  const [frame] = message
  const match = frame.length === length && message.length > 1 ? pattern.exec(decoder.decode(frame)) : null
  const [, traceId = "", spanId = "", flags = ""] = match ?? []
  // Zeros are no ids.
  if (match === null || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return { message, parent: undefined }
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  // Frames follow it.
  const rest = message.slice(1) as unknown as Message
  return { message: rest, parent: Tracer.externalSpan({ traceId, spanId, sampled }) }
}

/** What a span says of its socket, by the names of OpenTelemetry where it has them. */
export const attributesOf = (socket: { readonly name: string; readonly type: string }) => ({
  "messaging.system": "zeromq",
  "zmq.name": socket.name,
  "zmq.type": socket.type
})
