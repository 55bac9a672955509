/**
 * The socket types of ZeroMQ, and which of them talk to each other.
 *
 * @see RFC 28 (request-reply), RFC 29 (publish-subscribe), RFC 30 (pipeline), RFC 31 (exclusive pair)
 * @since 0.1.0
 */

/**
 * The types of socket, by their names on the wire (RFC 37).
 *
 * @category models
 * @since 0.1.0
 */
export type SocketType = keyof typeof peers

/**
 * The socket types that a socket of a type may be connected with. Anything else is refused: over tcp and ipc by the
 * handshake, in memory and over inproc by the transport.
 *
 * @category models
 * @since 0.1.0
 */
export const peers = {
  REQ: ["REP", "ROUTER"],
  REP: ["REQ", "DEALER"],
  DEALER: ["REP", "DEALER", "ROUTER"],
  ROUTER: ["REQ", "DEALER", "ROUTER"],
  PUB: ["SUB", "XSUB"],
  SUB: ["PUB", "XPUB"],
  XPUB: ["SUB", "XSUB"],
  XSUB: ["PUB", "XPUB"],
  PUSH: ["PULL"],
  PULL: ["PUSH"],
  PAIR: ["PAIR"]
} as const

/**
 * The socket types that a socket of type `Type` may be connected with.
 *
 * @category models
 * @since 0.1.0
 */
export type Peer<Type extends SocketType> = (typeof peers)[Type][number]

/**
 * Every socket type.
 *
 * @category models
 * @since 0.1.0
 */
// The keys of `peers` are the socket types.
export const all: ReadonlyArray<SocketType> = Object.keys(peers) as Array<SocketType>

/**
 * Tells whether sockets of two types may be connected.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isCompatible = (self: SocketType, that: SocketType): boolean =>
  (peers[self] as ReadonlyArray<SocketType>).includes(that) // widened, to ask about any type
