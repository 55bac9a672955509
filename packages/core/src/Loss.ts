/**
 * What became of messages that nobody will receive: each has a cause, and is counted.
 *
 * A socket keeps a `Ledger` of the messages that it lost. It is told in three ways: by the metric `zmq_messages_dropped`, at
 * any time and exactly; by the event `Dropped`, when the count of a cause reaches 1, 2, 4, 8 and so on, so that a flood of
 * losses is no flood of events; and by `Closed`, with which the account is closed.
 *
 * In memory every message that was sent is received, in a queue, or here. Over a wire in TypeScript that is so of all that the
 * sockets have, and not of what the system has (`ZmtpTransport`). What libzmq loses inside, it tells nobody: what can be known
 * there says `ZmqTransport`.
 *
 * @since 0.1.0
 */

/**
 * Why a message is lost. A loss is the sender's as long as the message is the sender's, or under way; then the receiver's.
 *
 * Of who sends:
 *
 * - `noSubscriber`: a PUB, XPUB or XSUB had nobody to send to
 * - `queueFull`: the high-water mark of this peer was reached, on a socket that does not wait (PUB, XPUB, XSUB; ROUTER with
 *   `onFull: "drop"`)
 * - `unroutable`: the reply of a REP to a client that has left, or that has no room; a ROUTER's message without a body
 * - `disconnected`: on its way, or queued by a socket that is bound, when the connection ended
 * - `unsent`: queued when the socket closed, and its linger was over
 *
 * Of both:
 *
 * - `conflated`: a newer one took its place (`conflate`)
 *
 * Of who receives:
 *
 * - `unread`: come in, and not taken when the socket closed or gave the connection up; or of a kind that it does not read
 * - `tooLarge`: a frame beyond `maxMessageSize`, and what came behind it
 * - `malformed`: what does not fit the schema of who received it, or is no request
 * - `unrequested`: what comes to a REQ and is no reply to its request: late ones to a request that was withdrawn
 * - `unsubscribed`: what comes to a SUB after the subscription to it ended
 *
 * @category models
 * @since 0.1.0
 */
export type Cause = (typeof causes)[number]

/**
 * All causes.
 *
 * @category constants
 * @since 0.1.0
 */
export const causes = [
  "noSubscriber",
  "queueFull",
  "unroutable",
  "disconnected",
  "unsent",
  "conflated",
  "unread",
  "tooLarge",
  "malformed",
  "unrequested",
  "unsubscribed"
] as const

/**
 * How many messages were lost, by cause; a cause that is missing has lost none.
 *
 * @category models
 * @since 0.1.0
 */
export type Losses = { readonly [C in Cause]?: number }

/**
 * A new loss, as `Dropped` tells it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly cause: Cause
  /** How many messages, since the last report of this cause. */
  readonly count: number
  /** How many by this cause, since the socket was opened. */
  readonly total: number
  /** Whose the last of them was, as far as the transport tells peers apart. */
  readonly peer: string | undefined
}

/**
 * A peer that a message was lost for or from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly label: string | undefined
}

/**
 * What one socket has lost. For transport authors: a `Handle` may have one, and adds to it in the step in which a message
 * is lost.
 *
 * @category models
 * @since 0.1.0
 */
export class Ledger {
  private readonly counts: { [C in Cause]?: number } = {}
  /** Up to which count of each cause it was reported. */
  private readonly reported = new Map<Cause, number>()
  private readonly report: (report: Report) => void
  private heir: ((cause: Cause, count: number) => void) | undefined = undefined

  constructor(report: (report: Report) => void) {
    this.report = report
  }

  /** So many messages are lost. `peer` is looked at only when it is reported. */
  add(cause: Cause, count: number, peer?: Peer): void {
    if (count === 0) return
    const total = (this.counts[cause] ?? 0) + count
    this.counts[cause] = total
    this.heir?.(cause, count)
    const reported = this.reported.get(cause) ?? 0
    if (total < 2 * reported) return
    this.reported.set(cause, total)
    this.report({ cause, count: total - reported, total, peer: peer?.label })
  }

  /** How many by this cause. */
  count(cause: Cause): number {
    return this.counts[cause] ?? 0
  }

  /** What was lost so far. */
  get losses(): Losses {
    return { ...this.counts }
  }

  /** Has somebody count what is still to be lost: of a socket that is closed, and had messages on their way. */
  inherit(heir: (cause: Cause, count: number) => void): void {
    this.heir = heir
  }
}

/**
 * The sum of all causes.
 *
 * @category getters
 * @since 0.1.0
 */
export const total = (losses: Losses): number => Object.values(losses).reduce((sum, count) => sum + count, 0)
