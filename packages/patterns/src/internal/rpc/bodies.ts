/**
 * The bodies of records, for both ends of an RPC: what `RpcSerialization.codecFor` has made of payloads, exits and chunks,
 * as bytes where it is bytes, and as JSON otherwise (`Flag.Bytes`). Nothing is empty JSON.
 *
 * The body of a Request may have a prefix (`Flag.Prefix`):
 *
 * ```text
 * u8 length of the trace id | u8 length of the span id | u32 length of the headers | trace id | span id | headers
 * ```
 *
 * The headers are JSON, an array of pairs.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as RpcMessage from "effect/rpc/RpcMessage"
import { Flag, fitsTag, type Header, Kind, type Packer, type Record, textOf } from "../records.ts"

/** What cannot be sent: a tag of more than 255 bytes, or what JSON has no words for. */
export class Unsendable {
  readonly _tag = "Unsendable"
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

const prefixSize = 6

const jsonOf = (value: unknown): string | Unsendable => {
  const result = Result.try(() => JSON.stringify(value) ?? "")
  return Result.isSuccess(result) ? result.success : new Unsendable(result.failure)
}

const parse = (text: string): Option.Option<unknown> => {
  if (text === "") return Option.some(undefined)
  return Option.getSuccess(Result.try((): unknown => JSON.parse(text)))
}

/** A body without a prefix. Where it cannot be sent, nothing is packed. */
export const packBody = (packer: Packer, header: Header, value: unknown): Unsendable | undefined => {
  if (value instanceof Uint8Array) {
    packer.begin({ ...header, flags: (header.flags ?? 0) | Flag.Bytes })
    packer.bytes(value)
    packer.end()
    return undefined
  }
  const json = jsonOf(value)
  if (typeof json !== "string") return json
  packer.begin(header)
  packer.text(json)
  packer.end()
  return undefined
}

/** What a body has from an offset of its frame on; `None` where it is JSON and no JSON. */
export const readBody = (record: Record, from = record.bodyStart): Option.Option<unknown> =>
  (record.flags & Flag.Bytes) === 0
    ? parse(textOf(record.frame, from, record.end))
    : Option.some(record.frame.subarray(from, record.end))

/** The numbers of a Request. */
export type RequestHeader = Omit<Header, "kind" | "flags" | "attempt">

/** A call, as an `RpcClient` gives it to its protocol. Where it cannot be sent, nothing is packed. */
export const packRequest = (
  packer: Packer,
  header: RequestHeader,
  request: RpcMessage.RequestEncoded
): Unsendable | undefined => {
  const { headers, payload, spanId, tag, traceId } = request
  if (!fitsTag(tag)) return new Unsendable(`the tag ${JSON.stringify(tag)} has more than 255 bytes`)
  const isBytes = payload instanceof Uint8Array
  const body = isBytes ? payload : jsonOf(payload)
  if (body instanceof Unsendable) return body
  const hasTrace = spanId !== undefined && traceId !== undefined && fitsTag(spanId) && fitsTag(traceId)
  const hasPrefix = hasTrace || headers.length > 0
  const flags =
    (isBytes ? Flag.Bytes : 0) |
    (hasPrefix ? Flag.Prefix : 0) |
    (request.discard === true ? Flag.Discard : 0) |
    (request.isNotification === true ? Flag.Notification : 0) |
    (request.sampled === true ? Flag.Sampled : 0)
  const { epoch, id, instance, sequence } = header
  // One by one: a spread would cost as much as all else here.
  packer.begin({ kind: Kind.Request, flags, id, epoch, instance, sequence }, tag)
  if (hasPrefix) {
    const [trace, span] = hasTrace ? [asciiOf(traceId), asciiOf(spanId)] : ["", ""]
    // Headers are text, for which JSON has words.
    const json = headers.length === 0 ? "" : JSON.stringify(headers)
    packer.byte(trace.length)
    packer.byte(span.length)
    packer.sized(json, trace + span)
  }
  if (typeof body === "string") packer.text(body)
  else packer.bytes(body)
  packer.end()
  return undefined
}

/** Ids of traces and spans are hexadecimal. */
const asciiOf = (id: string): string => (/^[\x20-\x7e]*$/.test(id) ? id : "")

const noHeaders: ReadonlyArray<[string, string]> = []

/** Whose codec the other end cannot have meant, and what else is no call. */
export type RequestProblem = "codec" | "prefix" | "json"

/** A Request that has come in, for `RpcServer`, with this id. `bytes` is whether our codec makes bytes. */
export const readRequest = (
  record: Record,
  id: string | number,
  bytes: boolean
): RpcMessage.RequestEncoded | RequestProblem => {
  const { bodyStart, end, flags, frame } = record
  if (((flags & Flag.Bytes) !== 0) !== bytes) return "codec"
  let headers = noHeaders
  let from = bodyStart
  let trace: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
  if ((flags & Flag.Prefix) !== 0) {
    if (end - bodyStart < prefixSize) return "prefix"
    // Within the record, as are the lengths once they are added up.
    const traceSize = frame[bodyStart] as number
    const spanSize = frame[bodyStart + 1] as number
    const headersSize = u32(frame, bodyStart + 2)
    const traceStart = bodyStart + prefixSize
    const headersStart = traceStart + traceSize + spanSize
    from = headersStart + headersSize
    if (from > end) return "prefix"
    if (spanSize > 0) {
      trace = {
        traceId: textOf(frame, traceStart, traceStart + traceSize),
        spanId: textOf(frame, traceStart + traceSize, headersStart),
        sampled: (flags & Flag.Sampled) !== 0
      }
    }
    if (headersSize > 0) {
      const read = parse(textOf(frame, headersStart, from))
      if (Option.isNone(read) || !isPairs(read.value)) return "prefix"
      headers = read.value
    }
  }
  const payload = readBody(record, from)
  if (Option.isNone(payload)) return "json"
  const request = { _tag: "Request", id, tag: record.tag, payload: payload.value, headers } as const
  const marked =
    (flags & Flag.Notification) !== 0
      ? ({ ...request, isNotification: true } as const)
      : (flags & Flag.Discard) !== 0
        ? ({ ...request, discard: true } as const)
        : request
  return trace === undefined ? marked : { ...marked, ...trace }
}

const u32 = (bytes: Uint8Array, at: number): number =>
  // The caller has looked at the bounds.
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0

const isPairs = (value: unknown): value is ReadonlyArray<[string, string]> =>
  Array.isArray(value) &&
  value.every(
    (pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" && typeof pair[1] === "string"
  )
