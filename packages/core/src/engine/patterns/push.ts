import type { Message } from "../../Message.ts"
import { LoadBalancer } from "../LoadBalancer.ts"
import { FULL, Pattern, SENT, type Sent } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"

/**
 * PUSH (RFC 30): each message goes to one PULL, in turn; without room it waits.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Push extends Pattern {
  private readonly out = new LoadBalancer()

  override attach(pipe: Pipe): void {
    this.out.attach(pipe)
    pipe.discard()
  }

  override detach(pipe: Pipe): void {
    this.out.detach(pipe)
  }

  override readActivated(pipe: Pipe): void {
    pipe.discard()
  }

  override writeActivated(pipe: Pipe): void {
    this.out.activated(pipe)
  }

  override send(message: Message): Sent {
    return this.out.send(message) === undefined ? FULL : SENT
  }
}
