/**
 * Fair queueing over the pipes that have messages: one message of each in turn.
 *
 * The pipes that may have messages, the active ones, are at the front of the list. One that is found empty is swapped out
 * behind them, and comes back to their end when something arrives.
 *
 * @since 0.1.0
 */
import type { Message } from "../Message.ts"
import type { Pipe } from "./Pipe.ts"
import { IN, PipeList } from "./PipeList.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class FairQueue {
  /** The pipe that the last message came from. */
  last: Pipe | undefined = undefined
  private readonly list = new PipeList(IN)
  private active = 0
  /** The index of the pipe whose turn it is. */
  private current = 0

  attach(pipe: Pipe): void {
    this.list.push(pipe)
    this.activated(pipe)
  }

  detach(pipe: Pipe): void {
    if (this.last === pipe) this.last = undefined
    const index = this.list.indexOf(pipe)
    if (index < this.active) {
      this.active--
      this.list.swap(index, this.active)
      if (this.current === this.active) this.current = 0
    }
    this.list.remove(pipe)
  }

  /** Something arrived in a pipe that was found empty. */
  activated(pipe: Pipe): void {
    const index = this.list.indexOf(pipe)
    if (index < this.active) return
    this.list.swap(index, this.active)
    this.active++
  }

  /** Whether there is a message; takes none. */
  hasIn(): boolean {
    while (this.active > 0) {
      const pipe = this.list.at(this.current)
      if (pipe.hasIn()) return true
      this.deactivate(pipe)
    }
    return false
  }

  /** The next message in turn. */
  takeOne(): Message | undefined {
    while (this.active > 0) {
      const pipe = this.list.at(this.current)
      const message = pipe.takeOne()
      if (message !== undefined) {
        if (++this.current >= this.active) this.current = 0
        this.last = pipe
        return message
      }
      this.deactivate(pipe)
    }
    return undefined
  }

  /**
   * At most `max` messages, in an array that the caller owns: a whole queue at once where only one pipe has messages,
   * otherwise one of each in turn.
   */
  take(max: number): Array<Message> {
    const out: Array<Message> = []
    while (this.active > 0 && out.length < max) {
      const pipe = this.list.at(this.current)
      if (this.active === 1 && out.length === 0) {
        const batch = pipe.take(max)
        if (batch.length > 0) return batch
        this.deactivate(pipe)
      } else {
        const message = pipe.takeOne()
        if (message === undefined) this.deactivate(pipe)
        else {
          out.push(message)
          if (++this.current >= this.active) this.current = 0
        }
      }
    }
    return out
  }

  private deactivate(pipe: Pipe): void {
    this.active--
    this.list.swap(this.current, this.active)
    if (this.current === this.active) this.current = 0
    // Only now, with the list in order: this detaches the pipe.
    if (pipe.finished) pipe.events.ended(pipe)
  }
}
