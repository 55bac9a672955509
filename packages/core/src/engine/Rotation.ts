/**
 * Pipes that take turns: the order that round robin and fair queueing share.
 *
 * The active pipes, those that may be of use, are at the front of the list. One that is not is swapped out behind them,
 * and comes back to their end when it is of use again.
 *
 * @since 0.1.0
 */
import type { Pipe } from "./Pipe.ts"
import { type IN, type OUT, PipeList } from "./PipeList.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Rotation {
  private readonly list: PipeList
  private active = 0
  /** The index of the pipe whose turn it is. */
  private current = 0

  constructor(kind: typeof IN | typeof OUT) {
    this.list = new PipeList(kind)
  }

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

  /** The pipe is of use again. */
  activated(pipe: Pipe): void {
    const index = this.list.indexOf(pipe)
    if (index < this.active) return
    this.list.swap(index, this.active)
    this.active++
  }

  /** The pipe whose turn it is, if any is active. */
  protected get turn(): Pipe | undefined {
    return this.active === 0 ? undefined : this.list.at(this.current)
  }

  protected get isAlone(): boolean {
    return this.active === 1
  }

  /** The turn goes to the next one. */
  protected advance(): void {
    if (++this.current >= this.active) this.current = 0
  }

  /** Swaps out the pipe whose turn it is; the turn is the one's that takes its place. */
  protected deactivate(): void {
    this.active--
    this.list.swap(this.current, this.active)
    if (this.current === this.active) this.current = 0
  }
}
