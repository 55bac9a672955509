/** What waits to be encoded: messages, and among them, in its place, what the peer is told beside them. */
import type { Pipe } from "@effect-zmq/core/engine"
import { type Message, weight } from "@effect-zmq/core/Message"

/** What is told to a peer beside messages, in its order among them. */
export class Told {
  readonly command: Pipe.Command
  readonly body: Uint8Array

  constructor(command: Pipe.Command, body: Uint8Array) {
    this.command = command
    this.body = body
  }
}

export class Outbox {
  /** How many messages there are, and of how many bytes, as marks count them: 0, where that is of no use. */
  messages = 0
  bytes = 0
  private readonly isWeighed: boolean
  /** Before `at`, empty places. */
  private queue: Array<Message | Told | undefined> = []
  private at = 0

  constructor(isWeighed: boolean) {
    this.isWeighed = isWeighed
  }

  get isEmpty(): boolean {
    return this.at === this.queue.length
  }

  add(message: Message): void {
    this.queue.push(message)
    this.messages++
    if (this.isWeighed) this.bytes += weight(message)
  }

  tell(told: Told): void {
    this.queue.push(told)
  }

  /** The next one; only where it is not empty. */
  next(): Message | Told {
    const next = this.queue[this.at] as Message | Told // it is not empty
    this.queue[this.at++] = undefined // lets go of it
    if (!(next instanceof Told)) {
      this.messages--
      if (this.isWeighed) this.bytes -= weight(next)
    }
    if (this.isEmpty || (this.at >= 1024 && this.at * 2 >= this.queue.length)) {
      this.queue = this.queue.slice(this.at)
      this.at = 0
    }
    return next
  }

  /** Lets go of what is told: another connection is told anew. */
  forget(): void {
    this.keep((next) => !(next instanceof Told))
  }

  /** Lets go of the messages; answers with how many there were. */
  drop(): number {
    const { messages } = this
    this.keep((next) => next instanceof Told)
    this.messages = 0
    this.bytes = 0
    return messages
  }

  private keep(isKept: (next: Message | Told | undefined) => boolean): void {
    this.queue = this.queue.slice(this.at).filter(isKept)
    this.at = 0
  }
}
