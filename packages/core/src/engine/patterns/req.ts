import type { Message } from "../../Message.ts"
import { FULL, type Options, SENT, type Sent, WRONG_STATE } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"
import { Dealer } from "./dealer.ts"

const delimiter = new Uint8Array(0)

/**
 * REQ (RFC 28): sends a request to one server, in turn, behind an empty frame; then takes the reply of that server, and
 * nothing else. With `correlate` a number comes before the empty frame, and another request may be sent before the reply.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Req extends Dealer {
  private readonly correlate: boolean
  /** Of the last request: only its low 32 bits are sent. */
  private request: number
  private waiting = false
  /** Whom the last request went to, while it is there. */
  private server: Pipe | undefined = undefined
  /** Found by `hasIn`, and not taken yet. */
  private held: Message | undefined = undefined

  constructor(options: Options) {
    super(options)
    this.correlate = options.correlate
    this.request = options.first
  }

  override detach(pipe: Pipe): void {
    super.detach(pipe)
    if (this.server === pipe) this.server = undefined
  }

  override send(message: Message): Sent {
    if (this.waiting && !this.correlate) return WRONG_STATE
    // What servers said beside the question must not be taken for the answer to the next.
    if (this.held !== undefined) this.driver.lost("unrequested")
    this.held = undefined
    while (this.in.takeOne() !== undefined) this.driver.lost("unrequested")
    const envelope = this.correlate ? [numbered(this.request + 1), delimiter] : [delimiter]
    // The envelope is not empty.
    const server = this.out.send([...envelope, ...message] as unknown as Message)
    if (server === undefined) return FULL
    this.request++
    this.server = server
    this.waiting = true
    return SENT
  }

  override get sendProblem(): string {
    return "a REQ socket sends and receives in turn: receive the reply to the last request before sending the next"
  }

  override hasIn(): boolean {
    if (!this.waiting) return false
    this.held ??= this.next()
    return this.held !== undefined
  }

  override holds(): number {
    return this.held === undefined ? 0 : 1
  }

  override takeOne(): Message | undefined {
    if (!this.hasIn()) return undefined
    const reply = this.held
    this.forget()
    return reply
  }

  override take(_max: number): ReadonlyArray<Message> {
    const reply = this.takeOne()
    return reply === undefined ? [] : [reply]
  }

  override get receiveProblem(): string | undefined {
    return this.waiting ? undefined : "a REQ socket sends and receives in turn: there is no request to be answered"
  }

  /** A numbered request needs no other connection: its reply is known by the number. */
  override withdraw(): Pipe | undefined {
    const server = this.waiting && !this.correlate ? this.server : undefined
    if (this.held !== undefined) this.driver.lost("unrequested")
    this.forget()
    return server
  }

  private forget(): void {
    this.held = undefined
    this.server = undefined
    this.waiting = false
  }

  private next(): Message | undefined {
    const body = this.correlate ? 2 : 1
    for (let message = this.in.takeOne(); message !== undefined; message = this.in.takeOne()) {
      // Longer than its envelope.
      if (this.answers(message, body)) return message.slice(body) as unknown as Message
      this.driver.lost("unrequested")
    }
    return undefined
  }

  private answers(message: Message, body: number): boolean {
    if (message.length <= body || message[body - 1]?.length !== 0) return false
    if (this.correlate && !isNumbered(message[0], this.request)) return false
    // The number tells a reply of the same server by another connection.
    return this.in.last === this.server || (this.correlate && this.server === undefined)
  }
}

const numbered = (request: number): Uint8Array => {
  const frame = new Uint8Array(4)
  new DataView(frame.buffer).setUint32(0, request)
  return frame
}

const isNumbered = (frame: Uint8Array, request: number): boolean =>
  frame.length === 4 && new DataView(frame.buffer, frame.byteOffset).getUint32(0) === request >>> 0
