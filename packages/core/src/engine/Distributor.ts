/**
 * Fan-out: a message goes to every pipe that was matched for it and has room. One without room loses that message whole,
 * and all further ones until it has room again.
 *
 * At the front of the list are the pipes that match the message at hand, then the others that have room, the active ones,
 * then those without.
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
export class Distributor {
  private readonly list = new PipeList(OUT)
  private matching = 0
  private active = 0
  /** How many of the others match the message at hand: they are right behind the active ones. */
  private missing = 0

  attach(pipe: Pipe): void {
    this.list.push(pipe)
    this.activated(pipe)
  }

  detach(pipe: Pipe): void {
    if (this.list.indexOf(pipe) < this.matching) this.list.swap(this.list.indexOf(pipe), --this.matching)
    if (this.list.indexOf(pipe) < this.active) this.list.swap(this.list.indexOf(pipe), --this.active)
    this.list.remove(pipe)
  }

  /** The pipe has room again. */
  activated(pipe: Pipe): void {
    const index = this.list.indexOf(pipe)
    if (index < this.active) return
    this.list.swap(index, this.active)
    this.active++
  }

  /** Marks a pipe to be sent the next message. */
  match(pipe: Pipe): void {
    const index = this.list.indexOf(pipe)
    if (index < this.active) {
      if (index >= this.matching) this.list.swap(index, this.matching++)
    } else if (index >= this.active + this.missing) this.list.swap(index, this.active + this.missing++)
  }

  /** Marks every pipe. */
  matchAll(): void {
    this.matching = this.active
    this.missing = this.list.size - this.active
  }

  /** Marks the others. */
  reverse(): void {
    const matched = this.matching
    this.matching = 0
    for (let i = matched; i < this.active; i++) this.list.swap(i, this.matching++)
    const missed = this.missing
    this.missing = 0
    for (let i = this.active + missed; i < this.list.size; i++) this.list.swap(i, this.active + this.missing++)
  }

  unmatch(): void {
    this.matching = 0
    this.missing = 0
  }

  /** Whether every marked pipe has room. */
  hasRoom(): boolean {
    for (let i = 0; i < this.matching; i++) {
      const pipe = this.list.at(i)
      if (pipe.open && !pipe.hasRoom()) return false
    }
    return true
  }

  /**
   * Sends to the marked pipes, of which none is marked afterwards; answers how many it was for. Those that had no room for
   * it count it.
   */
  send(message: Message): number {
    let aimed = this.matching
    if (this.missing > 0) aimed += this.missAll()
    for (let i = 0; i < this.matching; ) {
      const pipe = this.list.at(i)
      if (pipe.write(message)) i++
      else {
        if (!miss(pipe)) aimed--
        this.list.swap(i, --this.matching)
        this.list.swap(this.list.indexOf(pipe), --this.active)
      }
    }
    this.matching = 0
    return aimed
  }

  private missAll(): number {
    let missed = 0
    for (let i = this.active; i < this.active + this.missing; i++) if (miss(this.list.at(i))) missed++
    this.missing = 0
    return missed
  }
}

/** Counts a message that a pipe has no room for; `false` where it has no peer any more. */
const miss = (pipe: Pipe): boolean => {
  if (pipe.open) {
    pipe.missed++
    pipe.events.missed?.(pipe)
  }
  return pipe.open
}
