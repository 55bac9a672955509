/**
 * Fair queueing over the pipes that have messages: one message of each in turn.
 *
 * @since 0.1.0
 */
import type { Message } from "../Message.ts"
import type { Pipe } from "./Pipe.ts"
import { IN } from "./PipeList.ts"
import { Rotation } from "./Rotation.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class FairQueue extends Rotation {
  /** The pipe that the last message came from, where messages are taken one by one. */
  last: Pipe | undefined = undefined

  constructor() {
    super(IN)
  }

  override detach(pipe: Pipe): void {
    if (this.last === pipe) this.last = undefined
    super.detach(pipe)
  }

  /** Whether there is a message; takes none. */
  hasIn(): boolean {
    for (let pipe = this.turn; pipe !== undefined; pipe = this.turn) {
      if (pipe.hasIn()) return true
      this.found(pipe)
    }
    return false
  }

  /** The next message in turn. */
  takeOne(): Message | undefined {
    for (let pipe = this.turn; pipe !== undefined; pipe = this.turn) {
      const message = pipe.takeOne()
      if (message !== undefined) {
        this.advance()
        this.last = pipe
        return message
      }
      this.found(pipe)
    }
    return undefined
  }

  /**
   * At most `max` messages, in an array that the caller owns: a whole queue at once where only one pipe has messages,
   * otherwise one of each in turn.
   */
  take(max: number): Array<Message> {
    const out: Array<Message> = []
    for (let pipe = this.turn; pipe !== undefined && out.length < max; pipe = this.turn) {
      if (this.isAlone && out.length === 0) {
        const batch = pipe.take(max)
        if (batch.length > 0) return batch
        this.found(pipe)
      } else {
        const message = pipe.takeOne()
        if (message === undefined) this.found(pipe)
        else {
          out.push(message)
          this.advance()
        }
      }
    }
    return out
  }

  /** The pipe whose turn it is was found empty. */
  private found(pipe: Pipe): void {
    this.deactivate()
    // Only now, with the list in order: this detaches the pipe.
    if (pipe.finished) pipe.events.ended(pipe)
  }
}
