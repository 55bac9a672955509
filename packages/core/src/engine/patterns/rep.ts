import type { Message } from "../../Message.ts"
import { FairQueue } from "../FairQueue.ts"
import { DROPPED, Pattern, SENT, type Sent, WRONG_STATE } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"

type Frames = ReadonlyArray<Uint8Array>

/** The envelope of a client that nobody is between. */
const noHops = [new Uint8Array(0)] as const

/**
 * REP (RFC 28): takes the requests of all its clients, one of each in turn, and sends each reply back along the envelope
 * of its request: the frames up to the first empty one. A reply to a client that has left, or whose queue is full, is
 * dropped.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Rep extends Pattern {
  private readonly in = new FairQueue()
  /** Found by `hasIn`, and not taken yet. */
  private held: Message | undefined = undefined
  /** Of the request that was taken, or is held. */
  private envelope: Frames = []
  private client: Pipe | undefined = undefined
  private user: Pipe["user"] = undefined
  private answering = false

  override attach(pipe: Pipe): void {
    this.in.attach(pipe)
  }

  override detach(pipe: Pipe): void {
    this.disconnected(pipe)
    this.in.detach(pipe)
  }

  /** A reply must not reach another client that the pipe may be connected to next. */
  override disconnected(pipe: Pipe): void {
    if (!pipe.finished) pipe.discard()
    if (this.client === pipe) this.client = undefined
  }

  override readActivated(pipe: Pipe): void {
    this.in.activated(pipe)
  }

  override hasIn(): boolean {
    if (this.answering) return false
    this.held ??= this.next()
    return this.held !== undefined
  }

  override holds(): number {
    return this.held === undefined ? 0 : 1
  }

  override takeOne(): Message | undefined {
    if (!this.hasIn()) return undefined
    const request = this.held
    this.held = undefined
    this.answering = true
    return request
  }

  /** One at a time: the next only after the answer. */
  override take(_max: number): ReadonlyArray<Message> {
    const request = this.takeOne()
    return request === undefined ? [] : [request]
  }

  override userOf(): Pipe["user"] {
    return this.user
  }

  override get receiveProblem(): string | undefined {
    return this.answering
      ? "a REP socket receives and sends in turn: reply to the last request before receiving the next"
      : undefined
  }

  override send(message: Message): Sent {
    if (!this.answering) return WRONG_STATE
    this.answering = false
    const { client, envelope } = this
    this.client = undefined
    // The envelope has at least its empty frame.
    const isShort = envelope === noHops && message.length === 1
    const reply: Message = isShort ? [noHops[0], message[0]] : ([...envelope, ...message] as unknown as Message)
    return client?.write(reply) ? SENT : DROPPED
  }

  override get sendProblem(): string {
    return "a REP socket receives and sends in turn: there is no request to reply to"
  }

  private next(): Message | undefined {
    for (let message = this.in.takeOne(); message !== undefined; message = this.in.takeOne()) {
      // One empty frame and a body: what a REQ sends.
      if (message.length === 2 && message[0].length === 0) {
        this.client = this.in.last
        this.user = this.client?.user
        this.envelope = noHops
        return [message[1] as Uint8Array] // the second of two
      }
      const delimiter = message.findIndex((frame) => frame.length === 0)
      if (delimiter === -1 || delimiter === message.length - 1) {
        this.driver.lost("malformed") // no request
        continue
      }
      this.client = this.in.last
      this.user = this.client?.user
      this.envelope = message.slice(0, delimiter + 1)
      // Frames follow the delimiter.
      return message.slice(delimiter + 1) as unknown as Message
    }
    return undefined
  }
}
