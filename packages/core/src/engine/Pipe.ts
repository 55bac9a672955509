/**
 * One end of the connection between two sockets: what came in and is not taken yet, and the way out.
 *
 * The way in is one concrete queue, so that readers see one shape of object whatever the link. The way out is the link's:
 * it queues, encodes and transmits as it likes, and counts. A pipe of a connecting socket exists before its connection
 * and outlives it; a pipe of a bound socket exists for one peer.
 *
 * @since 0.1.0
 */
import { type Message, weight } from "../Message.ts"
import type { RoutingId } from "../RoutingId.ts"
import type { SocketType } from "../SocketType.ts"

/**
 * What peers tell each other beside messages (RFC 37). Commands take no room in queues, and are never dropped.
 *
 * @category models
 * @since 0.1.0
 */
export type Command = "SUBSCRIBE" | "CANCEL"

/**
 * What a pipe tells its socket. All of it is called synchronously, from within the link.
 *
 * @category models
 * @since 0.1.0
 */
export interface PipeEvents {
  /** There is something to take, for the first time since the pipe was found empty. */
  readonly readActivated: (pipe: Pipe) => void
  /** There is room, for the first time since `write` or `hasRoom` said that there was none. */
  readonly writeActivated: (pipe: Pipe) => void
  /** The pipe has a connection; a pipe that connects may have had others before. */
  readonly connected: (pipe: Pipe) => void
  /** The connection is gone. What was taken in by then can still be taken. */
  readonly disconnected: (pipe: Pipe) => void
  /** Answers with how many subscriptions the peer holds then. */
  readonly command: (pipe: Pipe, command: Command, body: Uint8Array) => number
  /** Nothing is unsent any more, in a pipe that was told to `linger`. */
  readonly flushed: (pipe: Pipe) => void
  /** The last message was taken from a pipe that is `finished`. */
  readonly ended: (pipe: Pipe) => void
  /** A message was dropped, because the pipe has no room. */
  readonly missed?: (pipe: Pipe) => void
}

/**
 * Messages that were written and have not left: those queued, those encoded, and those that the system has but has not
 * confirmed. The high-water mark counts their sum.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unsent {
  readonly queued: number
  readonly encoded: number
  readonly inFlight: number
}

/**
 * How many messages must be taken from a queue with this high-water mark before its writer is told of the room:
 * half of them, rounded up.
 *
 * @category marks
 * @since 0.1.0
 */
export const lowWaterMark = (highWaterMark: number): number => Math.floor((highWaterMark + 1) / 2)

/** From how many empty places on the front of a queue is cut off. */
const cut = 1024

/** How many messages are decoded ahead, at most, when they are taken one by one. */
const decodeAhead = 4096

/**
 * @category models
 * @since 0.1.0
 */
export abstract class Pipe {
  /** The socket that the pipe belongs to. */
  readonly events: PipeEvents
  /** What the peer wants a ROUTER to call it: the link says so before `connected`. */
  announced: Uint8Array | undefined = undefined
  /** What a ROUTER calls the peer; with another connection it is still the same. */
  routingId: Uint8Array | undefined = undefined
  /** What the peer says of itself: the link says so before `connected`. */
  introduced:
    | {
        readonly type: SocketType
        readonly routingId: RoutingId | undefined
        readonly metadata: Readonly<Record<string, Uint8Array>>
      }
    | undefined = undefined
  /** Who the peer was let in as: the link says so before `connected`. */
  user: { readonly id: string } | undefined = undefined
  /** Whether messages can be written at all: `false` once the peer is gone for good, or the pipe is given up. */
  open = true
  /** Whether nothing more comes in: the pipe ends when the last message is taken. */
  finished = false
  /** The pipe's places in the lists that it is in, for the lists alone: the one to read from, the one to write to. */
  readonly places: [number, number] = [-1, -1]
  /** How many messages its socket dropped for this peer, because there was no room. */
  missed = 0

  /** What has come in; before `head`, empty places. */
  protected queue: Array<Message | undefined> = []
  protected head = 0
  /** What is in the queue, and what is on its way and has its room: in bytes. */
  protected bytes = 0
  protected coming = 0
  /** Whether the link holds what it has not decoded yet: `pull` gets it. */
  protected starved = false
  /** How many messages have come in, and how many were taken: since ever. */
  protected received = 0
  protected taken = 0
  /** How many taken messages the writer knows of: it is told in steps of the low-water mark. */
  private acknowledged = 0
  private mark: number
  private byteMark: number
  /** Whether the writer found no room by the mark of bytes. */
  private overfull = false
  /** The count of `taken` at which the writer is told. */
  private creditAt: number
  /** Whether the pipe was found empty, and has to tell when it no longer is. */
  private asleep = false

  constructor(events: PipeEvents, inHwm: number, inBytes = Number.POSITIVE_INFINITY) {
    this.events = events
    this.mark = inHwm
    this.byteMark = inBytes
    this.creditAt = lowWaterMark(inHwm)
  }

  /** Hands a message over, or takes nothing and answers `false`: `writeActivated` comes when there is room. */
  abstract write(message: Message): boolean
  /** Whether `write` would take a message; `writeActivated` comes if not. */
  abstract hasRoom(): boolean
  abstract readonly unsent: Unsent
  /** Tells the peer. Does nothing without a connection: `connected` is the time to tell a new one all that it must know. */
  abstract command(command: Command, body: Uint8Array): void
  /** From now on `flushed` tells when nothing is unsent, at once included. */
  abstract linger(): void
  /** Ends the connection, if there is one, and drops what is unsent. The peer learns of it; this side's socket does not. */
  abstract close(): void
  /** Decodes at most `max` messages more of what the link holds, to the end of `into`, and gives `into`. */
  protected abstract pull(into: Array<Message | undefined>, max: number): Array<Message | undefined>
  /** So much was taken that the writer is to be told: look at `hasSpace`. */
  protected abstract credited(): void

  /** How many messages can wait to be taken before the writer is refused. */
  get inHwm(): number {
    return this.mark
  }

  /** How many bytes can, in messages: there is room while there are fewer. */
  get inBytes(): number {
    return this.byteMark
  }

  /** How many messages wait to be taken, decoded. */
  get pending(): number {
    return this.queue.length - this.head
  }

  /** How many of them are the receiver's already: a link may have those of the sender in the same queue. */
  get arrived(): number {
    return this.pending
  }

  /** What its peer is called, for a person to read. */
  get label(): string | undefined {
    return undefined
  }

  /** Whether there is something to take; `readActivated` comes if not. */
  hasIn(): boolean {
    if (this.head < this.queue.length) return true
    if (this.starved && this.pull(this.queue, decodeAhead).length > this.head) return true
    this.asleep = true
    return false
  }

  /** The next message; `undefined` where there is none, and then `readActivated` comes. */
  takeOne(): Message | undefined {
    if (!this.hasIn()) return undefined
    const message = this.queue[this.head] as Message // from `head` on there are no empty places
    this.queue[this.head++] = undefined // lets go of it
    this.bytes -= weight(message)
    this.trim()
    this.count(1)
    return message
  }

  /** At most `max` of what is here, in an array that the caller owns; where it is empty, `readActivated` comes. */
  take(max: number): Array<Message> {
    const ready = this.pending
    let out: Array<Message | undefined>
    if (ready <= max) {
      out = this.head === 0 ? this.queue : this.queue.slice(this.head)
      this.queue = []
      this.head = 0
      this.bytes = 0
    } else {
      const end = this.head + max
      out = this.queue.slice(this.head, end)
      this.queue.fill(undefined, this.head, end)
      for (const message of out) this.bytes -= weight(message as Message) // as below
      this.head = end
      this.trim()
    }
    if (this.starved && out.length < max) out = this.pull(out, max - out.length)
    if (out.length === 0) this.asleep = true
    else this.count(out.length)
    // From `head` on there are no empty places.
    return out as Array<Message>
  }

  /** Drops what has come in. */
  discard(): void {
    while (this.take(decodeAhead).length > 0);
  }

  /** Takes in a message. */
  protected push(message: Message): void {
    this.queue.push(message)
    this.pushed(1, weight(message))
  }

  /** So many messages, of so many bytes, were put to the end of the queue. */
  protected pushed(count: number, bytes: number): void {
    this.received += count
    this.bytes += bytes
    if (this.asleep) {
      this.asleep = false
      this.events.readActivated(this)
    }
  }

  /** Keeps only the newest message. */
  protected replace(message: Message): void {
    if (this.pending === 0) this.push(message)
    else {
      const last = this.queue.length - 1
      this.bytes += weight(message) - weight(this.queue[last] as Message) // there is one
      this.queue[last] = message
    }
  }

  /** Whether the writer knows of room. */
  protected get hasSpace(): boolean {
    if (this.received - this.acknowledged >= this.mark) return false
    if (this.bytes + this.coming < this.byteMark) return true
    this.overfull = true
    return false
  }

  /** Begins to count anew, for a new writer. */
  protected restart(inHwm: number, inBytes: number): void {
    this.mark = inHwm
    this.byteMark = inBytes
    this.overfull = false
    this.acknowledged = this.taken
    this.creditAt = this.taken + lowWaterMark(inHwm)
  }

  /** Gives back the newest messages, `count` of them, oldest first. */
  protected unpush(count: number): Array<Message> {
    this.received -= count
    // From `head` on there are no empty places, and `count` is at most `pending`.
    const messages = this.queue.splice(this.queue.length - count) as Array<Message>
    for (const message of messages) this.bytes -= weight(message)
    return messages
  }

  /** Has the next `credited` come after at most so many messages. */
  protected creditWithin(count: number): void {
    this.creditAt = Math.min(this.creditAt, this.taken + count)
  }

  private count(messages: number): void {
    this.taken += messages
    const isEmptier = this.overfull && this.bytes <= this.byteMark / 2
    if (isEmptier) this.overfull = false
    if (this.taken < this.creditAt) {
      if (isEmptier) this.credited()
      return
    }
    const low = lowWaterMark(this.mark)
    this.creditAt += low * (Math.floor((this.taken - this.creditAt) / low) + 1)
    this.acknowledged = low === Number.POSITIVE_INFINITY ? this.taken : this.creditAt - low
    this.credited()
  }

  private trim(): void {
    if (this.head === this.queue.length) {
      this.queue = []
      this.head = 0
    } else if (this.head >= cut && this.head * 2 >= this.queue.length) {
      this.queue = this.queue.slice(this.head)
      this.head = 0
    }
  }
}
