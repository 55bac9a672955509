import type { Message } from "../../Message.ts"
import { FULL, Pattern, SENT, type Sent } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"

/**
 * PAIR (RFC 31): one peer, to and fro. While it has one, any other is left aside.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Pair extends Pattern {
  /** The peer, last; before it those who have left, and whose messages are not all taken. */
  private readonly pipes: Array<Pipe> = []

  override attach(pipe: Pipe): void {
    if (this.peer === undefined || this.peer.finished) this.pipes.push(pipe)
    else this.driver.leaveAside(pipe)
  }

  override detach(pipe: Pipe): void {
    this.pipes.splice(this.pipes.indexOf(pipe), 1)
  }

  override send(message: Message): Sent {
    return this.peer?.write(message) ? SENT : FULL
  }

  override hasIn(): boolean {
    for (let pipe = this.pipes[0]; pipe !== undefined; pipe = this.pipes[0]) {
      if (pipe.hasIn()) return true
      if (!pipe.finished) return false
      pipe.events.ended(pipe) // detaches it
    }
    return false
  }

  override takeOne(): Message | undefined {
    return this.hasIn() ? this.pipes[0]?.takeOne() : undefined
  }

  override take(max: number): ReadonlyArray<Message> {
    return this.hasIn() ? (this.pipes[0]?.take(max) ?? []) : []
  }

  private get peer(): Pipe | undefined {
    return this.pipes[this.pipes.length - 1]
  }
}
