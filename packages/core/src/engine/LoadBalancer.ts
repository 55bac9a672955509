/**
 * Round robin over the pipes that have room: each message goes to the next one in turn.
 *
 * The pipes with room, the active ones, are at the front of the list. One that refuses is swapped out behind them, and
 * comes back to their end when it has room.
 *
 * @since 0.1.0
 */
import type { Message } from "../Message.ts"
import type { Pipe } from "./Pipe.ts"
import { OUT, PipeList } from "./PipeList.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class LoadBalancer {
  private readonly list = new PipeList(OUT)
  private active = 0
  /** The index of the pipe whose turn it is. */
  private current = 0

  attach(pipe: Pipe): void {
    this.list.push(pipe)
    this.activated(pipe)
  }

  detach(pipe: Pipe): void {
    const index = this.list.indexOf(pipe)
    if (index < this.active) {
      this.active--
      this.list.swap(index, this.active)
      if (this.current === this.active) this.current = 0
    }
    this.list.remove(pipe)
  }

  /** The pipe has room again. */
  activated(pipe: Pipe): void {
    const index = this.list.indexOf(pipe)
    if (index < this.active) return
    this.list.swap(index, this.active)
    this.active++
  }

  /** The pipe that took the message; `undefined` where none has room. */
  send(message: Message): Pipe | undefined {
    while (this.active > 0) {
      const pipe = this.list.at(this.current)
      if (pipe.write(message)) {
        if (++this.current >= this.active) this.current = 0
        return pipe
      }
      this.active--
      if (this.current < this.active) this.list.swap(this.current, this.active)
      else this.current = 0
    }
    return undefined
  }
}
