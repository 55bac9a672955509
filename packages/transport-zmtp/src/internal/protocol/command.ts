/** The bodies of commands (RFC 37): a name, and what depends on it. */

const encoder = new TextEncoder()
const decoder = new TextDecoder("latin1")

export interface Command {
  readonly name: string
  readonly data: Uint8Array
}

export const encodeCommand = (name: string, ...data: ReadonlyArray<Uint8Array>): Uint8Array =>
  concat([frequent.get(name) ?? prefixed(encoder.encode(name)), ...data])

/** `undefined` where it has no name. */
export const decodeCommand = (body: Uint8Array): Command | undefined => {
  if (isMisspelled(body)) return { name: "ERROR", data: body.subarray(5) }
  const length = body[0] ?? 0
  if (length === 0 || body.length <= length) return undefined
  return { name: nameOf(body, length), data: body.subarray(1 + length) }
}

const nameOf = (body: Uint8Array, length: number): string => {
  for (const [name, encoded] of frequent) if (encoded.length === length + 1 && startsWith(body, encoded)) return name
  return decoder.decode(body.subarray(1, 1 + length))
}

const startsWith = (bytes: Uint8Array, start: Uint8Array): boolean => {
  for (let i = 0; i < start.length; i++) if (bytes[i] !== start[i]) return false
  return true
}

/** The PLAIN server of libzmq writes "^RROR" for the length and the name of ERROR. */
const isMisspelled = (body: Uint8Array): boolean => body[0] === 0x5e && decoder.decode(body.subarray(1, 5)) === "RROR"

// -----------------------------------------------------------------------------
// Properties
// -----------------------------------------------------------------------------

/** By name, in lower case: the case of names has no meaning. */
export type Properties = ReadonlyMap<string, Uint8Array>

export const encodeProperties = (properties: Iterable<readonly [string, Uint8Array]>): Uint8Array =>
  concat(
    Array.from(properties).flatMap(([name, value]) => [prefixed(encoder.encode(name)), uint32(value.length), value])
  )

/** `undefined` where they are malformed. */
export const decodeProperties = (data: Uint8Array): Properties | undefined => {
  const properties = new Map<string, Uint8Array>()
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  for (let at = 0; at < data.length; ) {
    const value = at + 1 + view.getUint8(at) + 4
    if (value > data.length || value === at + 5) return undefined
    const end = value + view.getUint32(value - 4)
    if (end > data.length) return undefined
    properties.set(decoder.decode(data.subarray(at + 1, value - 4)).toLowerCase(), data.slice(value, end))
    at = end
  }
  return properties
}

// -----------------------------------------------------------------------------
// What follows the names
// -----------------------------------------------------------------------------

/** PING: the time to live in tenths of a second, then a context that comes back with PONG. */
export const encodePing = (timeToLive: number, context: Uint8Array = new Uint8Array(0)): Uint8Array => {
  const data = new Uint8Array(2)
  new DataView(data.buffer).setUint16(0, Math.min(Math.round(timeToLive / 100), 0xffff))
  return encodeCommand("PING", data, context)
}

/** Of the context 16 bytes count at most. */
export const decodePing = (
  data: Uint8Array
): { readonly timeToLive: number; readonly context: Uint8Array } | undefined =>
  data.length < 2
    ? undefined
    : { timeToLive: ((data[0] ?? 0) * 256 + (data[1] ?? 0)) * 100, context: data.slice(2, 18) }

export const encodeError = (reason: string): Uint8Array => encodeCommand("ERROR", prefixed(encoder.encode(reason)))

export const decodeError = (data: Uint8Array): string => decoder.decode(data.subarray(1, 1 + (data[0] ?? 0)))

/** HELLO of PLAIN. */
export const encodeHello = (username: string, password: string): Uint8Array =>
  encodeCommand("HELLO", prefixed(encoder.encode(username)), prefixed(encoder.encode(password)))

export const decodeHello = (data: Uint8Array): { readonly username: string; readonly password: string } | undefined => {
  const middle = 1 + (data[0] ?? 0)
  const end = middle + 1 + (data[middle] ?? 0)
  if (middle >= data.length || end !== data.length) return undefined
  const utf8 = new TextDecoder()
  return { username: utf8.decode(data.subarray(1, middle)), password: utf8.decode(data.subarray(middle + 1)) }
}

const prefixed = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length + 1)
  out[0] = bytes.length
  out.set(bytes, 1)
  return out
}

/** The names of commands that there may be many of, as they are in front of a body. */
const frequent: ReadonlyMap<string, Uint8Array> = new Map(
  ["SUBSCRIBE", "CANCEL", "PING", "PONG"].map((name) => [name, prefixed(encoder.encode(name))])
)

const uint32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
