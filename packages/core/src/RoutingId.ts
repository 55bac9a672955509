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
 * Makes a routing id of bytes, or of text in UTF-8. Gives `undefined` where it has no byte, or more than 255.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (id: Uint8Array | string): RoutingId | undefined => {
  const bytes = typeof id === "string" ? new TextEncoder().encode(id) : id
  // The length was checked: that is all that a brand adds.
  return bytes.length > 0 && bytes.length <= 255 ? (bytes as RoutingId) : undefined
}

/**
 * The id in hexadecimal: what to print, and what to use as a key.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toHex = (self: Uint8Array): string => {
  let out = ""
  for (let i = 0; i < self.length; i++) out += (self[i] as number).toString(16).padStart(2, "0")
  return out
}
