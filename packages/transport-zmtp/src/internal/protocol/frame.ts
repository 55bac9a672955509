/** Frames (RFC 37): a byte of flags, the length in 1 or 8 bytes, and the body. */

/** Another frame of the message follows. */
export const MORE = 1
/** The length has 8 bytes. */
export const LONG = 2
/** The frame is a command, and no part of a message. */
export const COMMAND = 4

/** The longest body whose length has 1 byte. */
export const shortest = 255

/** The most bytes that come before a body. */
export const longestHeader = 9

/** Writes what comes before a body of this length; gives the place behind it. */
export const writeHeader = (into: Uint8Array, at: number, flags: number, length: number): number => {
  if (length <= shortest) {
    into[at] = flags
    into[at + 1] = length
    return at + 2
  }
  into[at] = flags | LONG
  let rest = length
  for (let i = at + 8; i > at; i--) {
    into[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return at + longestHeader
}

/** The length in 8 bytes at this place; beyond 2^53 inexact, and above every limit. */
export const readLength = (bytes: Uint8Array, at: number): number => {
  let length = 0
  for (let i = at; i < at + 8; i++) length = length * 256 + (bytes[i] as number) // callers see to it that 8 are there
  return length
}

export const encodeFrame = (flags: number, body: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(body.length + (body.length <= shortest ? 2 : longestHeader))
  bytes.set(body, writeHeader(bytes, 0, flags, body.length))
  return bytes
}
