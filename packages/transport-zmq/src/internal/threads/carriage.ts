/**
 * What goes between a worker thread and the main thread, over a MessagePort for each socket: calls and their answers, in
 * what the port can clone.
 */
import type { MessagePort } from "node:worker_threads"
import type { Message } from "@effect-zmq/core/Message"
import type { SocketType } from "@effect-zmq/core/SocketType"
import {
  AddressInUse,
  AddressUnavailable,
  Closed,
  HandshakeFailed,
  InvalidEndpoint,
  InvalidMessage,
  InvalidOption,
  InvalidState,
  LimitReached,
  PeerFull,
  type Reason,
  Unexpected,
  UnknownEndpoint,
  Unroutable,
  Unsupported
} from "@effect-zmq/core/ZmqError"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"

/** Raised when what goes over the port changes: the two threads may have loaded different versions. */
export const protocol = 1

/** The first message, to the main thread; the port is the socket's. */
export interface Invitation {
  readonly "@effect-zmq/transport-zmq": number
  readonly port: MessagePort
  /** Names a context that is not the shared one. */
  readonly context: string | undefined
  readonly ask:
    | { readonly _tag: "Open"; readonly type: SocketType; readonly options: unknown }
    | { readonly _tag: "Configure"; readonly options: unknown }
}

/** From the thread: what a socket is asked to do. Each with an `id` is answered. */
export type Call =
  | { readonly _tag: "Call"; readonly id: number; readonly name: CallName; readonly args: unknown }
  | { readonly _tag: "Send"; readonly id: number; readonly messages: Packed }
  /** What drops rather than waits. */
  | { readonly _tag: "Give"; readonly id: number; readonly messages: Packed }
  /** Takes what is here, or, where it is to wait, what comes. */
  | { readonly _tag: "Take"; readonly id: number; readonly max: number; readonly wait: boolean }
  /** Withdraws a `Send`, or a `Take` that waits: it is answered all the same. */
  | { readonly _tag: "Cancel"; readonly id: number }
  | { readonly _tag: "Verdict"; readonly id: number; readonly verdict: unknown }

export type CallName =
  | "bind"
  | "unbind"
  | "connect"
  | "disconnect"
  | "subscribe"
  | "unsubscribe"
  | "withdraw"
  | "peers"
  | "endpoints"
  | "drain"

/** From the main thread. */
export type Answer =
  | { readonly _tag: "Answer"; readonly id: number; readonly value?: unknown; readonly reason?: unknown }
  | {
      readonly _tag: "Sent"
      readonly id: number
      readonly sent: number
      /** How many sends of the socket have waited so far. */
      readonly suspensions: number
      readonly reason?: unknown
    }
  | {
      readonly _tag: "Taken"
      readonly id: number
      readonly messages: Packed
      /** Who sent them, where the socket can tell. */
      readonly users?: ReadonlyArray<unknown>
      readonly reason?: unknown
    }
  | { readonly _tag: "Event"; readonly event: unknown }
  | { readonly _tag: "Judge"; readonly id: number; readonly request: unknown }

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

/**
 * Messages, their bytes in one piece. A view would take the whole of its buffer along, which may be that of many messages.
 * `layout` has the number of frames of each message, and the length of each frame behind it.
 */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly layout: Uint32Array<ArrayBuffer>
}

export const pack = (messages: ReadonlyArray<Message>): Packed => {
  let entries = messages.length
  let size = 0
  for (const message of messages) {
    entries += message.length
    for (const frame of message) size += frame.length
  }
  const bytes = new Uint8Array(size)
  const layout = new Uint32Array(entries)
  let entry = 0
  let offset = 0
  for (const message of messages) {
    layout[entry++] = message.length
    for (const frame of message) {
      layout[entry++] = frame.length
      bytes.set(frame, offset)
      offset += frame.length
    }
  }
  return { bytes, layout }
}

export const unpack = ({ bytes, layout }: Packed): Array<Message> => {
  const messages: Array<Message> = []
  let offset = 0
  for (let entry = 0; entry < layout.length; ) {
    const frames: Array<Uint8Array> = []
    for (let count = layout[entry++] ?? 0; count > 0; count--) {
      const length = layout[entry++] ?? 0
      frames.push(bytes.subarray(offset, offset + length))
      offset += length
    }
    // A message has frames, as it had when it was packed.
    messages.push(frames as unknown as Message)
  }
  return messages
}

/** What the port is to take along rather than copy. */
export const buffersOf = ({ bytes, layout }: Packed): Array<ArrayBuffer> => [bytes.buffer, layout.buffer]

// -----------------------------------------------------------------------------
// Values
// -----------------------------------------------------------------------------

/** A value that the port can clone: options, events, endpoints. A function becomes a mark of it. */
export const encode = (value: unknown): unknown => {
  if (typeof value === "function") return { [mark]: "function" }
  if (typeof value !== "object" || value === null) return value
  if (Duration.isDuration(value)) return { [mark]: "duration", millis: Duration.toMillis(value) }
  if (Redacted.isRedacted(value)) return { [mark]: "redacted", value: Redacted.value(value) }
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(encode)
  return mapValues(value, encode)
}

/** The value that was encoded; `revive` stands in for its functions. */
export const decode = (value: unknown, revive: () => unknown = () => undefined): unknown => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map((element) => decode(element, revive))
  const marked = value as { readonly [mark]?: string; readonly millis?: number; readonly value?: string } // looked at
  switch (marked[mark]) {
    case "function":
      return revive()
    case "duration":
      return Duration.millis(marked.millis ?? 0)
    case "redacted":
      return Redacted.make(marked.value)
    default:
      return mapValues(value, (element) => decode(element, revive))
  }
}

const mark = "~effect-zmq"

const mapValues = (value: object, f: (element: unknown) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).map(([key, element]) => [key, f(element)]))

export const encodeReason = (reason: Reason): unknown => {
  const { _tag, ...fields } = reason
  // Whatever it is, it is shown as text.
  return { _tag, fields: encode(_tag === "Unexpected" ? { ...fields, cause: textOf(reason.cause) } : fields) }
}

export const decodeReason = (encoded: unknown): Reason => {
  const { _tag, fields } = encoded as { readonly _tag: Reason["_tag"]; readonly fields: never } // as `encodeReason` made it
  // What was encoded has the fields of its tag.
  const Class = reasons[_tag] as new (fields: never) => Reason
  return new Class(decode(fields) as never) // likewise
}

const reasons = {
  AddressInUse,
  AddressUnavailable,
  InvalidEndpoint,
  UnknownEndpoint,
  Unroutable,
  PeerFull,
  Unsupported,
  Closed,
  LimitReached,
  HandshakeFailed,
  InvalidMessage,
  InvalidOption,
  InvalidState,
  Unexpected
} satisfies Record<Reason["_tag"], unknown>

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
