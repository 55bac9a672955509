/**
 * A message that every connection begins with.
 *
 * It is written when a pipe is attached, so that it comes before whatever waits there for the first connection, and again
 * with each further connection.
 *
 * @since 0.1.0
 */
import type { Message } from "../Message.ts"
import type { Pipe } from "./Pipe.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Greeting {
  private readonly message: Message | undefined
  /** The pipes whose next connection has its greeting already. */
  private readonly written = new Set<Pipe>()

  constructor(message: Message | undefined) {
    this.message = message
  }

  attach(pipe: Pipe): void {
    if (this.message === undefined) return
    this.written.add(pipe)
    pipe.write(this.message)
  }

  connected(pipe: Pipe): void {
    if (this.message !== undefined && !this.written.delete(pipe)) pipe.write(this.message)
  }

  detach(pipe: Pipe): void {
    this.written.delete(pipe)
  }
}
