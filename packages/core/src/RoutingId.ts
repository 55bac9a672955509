/**
 * Routing ids: the names by which a ROUTER knows its peers.
 *
 * @see RFC 28
 * @since 0.1.0
 */
import type * as Brand from "effect/Brand"

/**
 * The name of a peer: 1 to 255 bytes, of any value. Two ids are the same where their bytes are; `toHex` gives a key.
 *
 * @category models
 * @since 0.1.0
 */
export type RoutingId = Uint8Array & Brand.Brand<"@effect-zmq/core/RoutingId">

/**
 * What a routing id can be given as: bytes, or text (in UTF-8).
 *
 * @category models
 * @since 0.1.0
 */
export type Input = string | Uint8Array

/**
 * Makes a routing id of bytes, or of text in UTF-8. Gives `undefined` where it has no byte, or more than 255.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (id: Input): RoutingId | undefined => {
  const bytes = typeof id === "string" ? encoder.encode(id) : id
  // The length was checked: that is all that a brand adds.
  return bytes.length > 0 && bytes.length <= 255 ? (bytes as RoutingId) : undefined
}

const encoder = new TextEncoder()

/**
 * Tells whether an id looks like those that ROUTERs make up for peers without one: a zero byte, and a number of four.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isMadeUp = (self: Uint8Array): boolean => self.length === 5 && self[0] === 0

/**
 * The id in hexadecimal: what to print, and what to use as a key.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toHex = (self: Uint8Array): string => {
  let out = ""
  // Below the length.
  for (let i = 0; i < self.length; i++) out += (self[i] as number).toString(16).padStart(2, "0")
  return out
}
