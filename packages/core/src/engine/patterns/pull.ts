import type { Message } from "../../Message.ts"
import { FairQueue } from "../FairQueue.ts"
import { Pattern } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"

/**
 * PULL (RFC 30): the messages of all PUSHes, one of each in turn.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Pull extends Pattern {
  private readonly in = new FairQueue()

  override attach(pipe: Pipe): void {
    this.in.attach(pipe)
  }

  override detach(pipe: Pipe): void {
    this.in.detach(pipe)
  }

  override readActivated(pipe: Pipe): void {
    this.in.activated(pipe)
  }

  override hasIn(): boolean {
    return this.in.hasIn()
  }

  override takeOne(): Message | undefined {
    return this.in.takeOne()
  }

  override take(max: number): ReadonlyArray<Message> {
    return this.in.take(max)
  }
}
