/** The greeting that a connection begins with (RFC 37): 64 bytes each way. */

export const greetingSize = 64

export interface Greeting {
  readonly minor: number
  readonly mechanism: string
  readonly asServer: boolean
}

/**
 * Bytes 1 to 8 are padding. As libzmq does, the length of the routing id and 1 is written there: what ZMTP 1.0 took for
 * the length of its first frame.
 */
export const encodeGreeting = (mechanism: string, asServer: boolean, routingIdLength: number): Uint8Array => {
  const bytes = new Uint8Array(greetingSize)
  const view = new DataView(bytes.buffer)
  bytes[0] = 0xff
  view.setUint32(5, routingIdLength + 1)
  bytes[9] = 0x7f
  bytes[10] = 3
  bytes[11] = 1
  bytes.set(new TextEncoder().encode(mechanism), 12)
  bytes[32] = asServer ? 1 : 0
  return bytes
}

/** What is wrong with the beginning of a greeting, as far as it has come. */
export const greetingProblem = (bytes: Uint8Array): string | undefined => {
  const [first, last, major] = [bytes[0], bytes[9], bytes[10]]
  if (first !== undefined && first !== 0xff) return "the peer is no ZeroMQ socket, or speaks ZMTP 1.0"
  if (last !== undefined && (last & 1) === 0) return "the peer is no ZeroMQ socket, or speaks ZMTP 1.0"
  return major !== undefined && major < 3 ? "the peer speaks ZMTP 2.0 or older" : undefined
}

/** Reads a whole greeting without a problem. */
export const decodeGreeting = (bytes: Uint8Array): Greeting => {
  const name = bytes.subarray(12, 32)
  const end = name.indexOf(0)
  return {
    // A later version has to understand this one.
    minor: (bytes[10] ?? 3) > 3 ? 1 : (bytes[11] ?? 0),
    mechanism: new TextDecoder("latin1").decode(end === -1 ? name : name.subarray(0, end)),
    asServer: bytes[32] === 1
  }
}
