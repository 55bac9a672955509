/**
 * A socket type as a synchronous state machine: where messages go, where they come from, and what may be done when.
 *
 * A pattern knows pipes, and nothing of fibers, clocks, chance and I/O: what it needs of these are arguments. Whoever
 * drives it (`SocketEngine`) calls it from one thread, and never from within one of its own calls.
 *
 * @since 0.1.0
 */
import type { Message } from "../Message.ts"
import type { Command, Pipe } from "./Pipe.ts"

/**
 * The message was taken.
 *
 * @category results of send
 * @since 0.1.0
 */
export const SENT = 0

/**
 * The message was taken, and goes to nobody: by the rules of the socket type that is no error.
 *
 * @category results of send
 * @since 0.1.0
 */
export const DROPPED = 1

/**
 * There is no room, or no peer: the message was not taken, and may be when a pipe is attached or has room.
 *
 * @category results of send
 * @since 0.1.0
 */
export const FULL = 2

/**
 * No peer has the routing id: the message was not taken.
 *
 * @category results of send
 * @since 0.1.0
 */
export const UNROUTABLE = 3

/**
 * The socket may not send now: the message was not taken, and `sendProblem` says why.
 *
 * @category results of send
 * @since 0.1.0
 */
export const WRONG_STATE = 4

/**
 * There is no room for this peer, and the socket is told not to wait for any: the message was not taken.
 *
 * @category results of send
 * @since 0.1.0
 */
export const PEER_FULL = 5

/**
 * What became of a message. Up to `DROPPED` it was taken.
 *
 * @category results of send
 * @since 0.1.0
 */
export type Sent =
  | typeof SENT
  | typeof DROPPED
  | typeof FULL
  | typeof UNROUTABLE
  | typeof WRONG_STATE
  | typeof PEER_FULL

/**
 * The options that patterns have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly invertMatching: boolean
  readonly noDrop: boolean
  readonly correlate: boolean
  readonly onFull: "suspend" | "fail"
  readonly handover: boolean
  readonly probeRouter: boolean
  readonly verbosity: "unique" | "subscriptions" | "all"
  readonly manual: boolean
  readonly lastValue: boolean
  readonly welcomeMessage: Uint8Array | undefined
  readonly verboseUnsubscribe: boolean
  /** A random number from 0 to 2^32 - 1, from which a REQ counts its requests, and a ROUTER the peers it names. */
  readonly first: number
}

/**
 * What a pattern tells who drives it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  /** The pattern has no place for a pipe, or no longer: it was not, or is not, attached. Its next connection is a new try. */
  readonly leaveAside: (pipe: Pipe) => void
  /** A peer that is known by a routing id is connected. */
  readonly joined: (routingId: Uint8Array, pipe: Pipe) => void
  readonly left: (routingId: Uint8Array) => void
  /** A message that was taken from a pipe is not for this socket. */
  readonly lost: (cause: "malformed" | "unrequested" | "unsubscribed") => void
}

const nobody: Driver = { leaveAside: () => {}, joined: () => {}, left: () => {}, lost: () => {} }

const nothing: ReadonlyArray<Message> = []
const none: ReadonlyArray<Uint8Array> = []

/**
 * @category models
 * @since 0.1.0
 */
export abstract class Pattern {
  driver: Driver = nobody

  /** A pipe to a peer, or to a peer to come. */
  abstract attach(pipe: Pipe): void
  abstract detach(pipe: Pipe): void
  readActivated(_pipe: Pipe): void {}
  writeActivated(_pipe: Pipe): void {}
  /** An attached pipe has a connection: its first, or another one. */
  connected(_pipe: Pipe): void {}
  /** An attached pipe has lost its connection, and stays: it will have another one, or is `finished`. */
  disconnected(_pipe: Pipe): void {}
  /** Answers with how many subscriptions the peer holds then. */
  command(_pipe: Pipe, _command: Command, _body: Uint8Array): number {
    return 0
  }

  send(_message: Message): Sent {
    return WRONG_STATE
  }

  /** The routing ids of the peers that are connected. */
  get peers(): ReadonlyArray<Uint8Array> {
    return none
  }

  /** For whom a message that is `FULL` waits, where that is one peer: messages for others need not wait behind it. */
  destination(_message: Message): Pipe | undefined {
    return undefined
  }

  /** Why nothing can be sent now, where `send` says `WRONG_STATE`. */
  get sendProblem(): string {
    return "this socket cannot send"
  }

  /** Whether there is a message to take. */
  hasIn(): boolean {
    return false
  }

  /** How many messages it has taken from its pipes that are not taken from it. */
  holds(): number {
    return 0
  }

  takeOne(): Message | undefined {
    return undefined
  }

  /** At most `max` messages, in an array that the caller owns. */
  take(_max: number): ReadonlyArray<Message> {
    return nothing
  }

  /** Why nothing can be received now, although messages may be waiting. */
  get receiveProblem(): string | undefined {
    return undefined
  }

  /** Who sent the message that was taken last. */
  userOf(_message: Message): Pipe["user"] {
    return undefined
  }

  subscribe(_prefix: Uint8Array): void {}
  unsubscribe(_prefix: Uint8Array): void {}

  /** Withdraws what waits for an answer: the pipe that it would come from, to be opened anew. */
  withdraw(): Pipe | undefined {
    return undefined
  }
}
