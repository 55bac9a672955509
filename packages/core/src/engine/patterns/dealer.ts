import type { Message } from "../../Message.ts"
import { FairQueue } from "../FairQueue.ts"
import { Greeting } from "../Greeting.ts"
import { LoadBalancer } from "../LoadBalancer.ts"
import { FULL, type Options, Pattern, SENT, type Sent } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"

/** A message of one frame, without bytes, by which a ROUTER learns of a peer. */
export const probe: Message = [new Uint8Array(0)]

/**
 * DEALER (RFC 28): sends each message to one peer, in turn, and takes those of all, one of each in turn.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Dealer extends Pattern {
  protected readonly out = new LoadBalancer()
  protected readonly in = new FairQueue()
  private readonly greeting: Greeting

  constructor(options: Options) {
    super()
    this.greeting = new Greeting(options.probeRouter ? probe : undefined)
  }

  override attach(pipe: Pipe): void {
    this.out.attach(pipe)
    this.in.attach(pipe)
    this.greeting.attach(pipe)
  }

  override detach(pipe: Pipe): void {
    this.out.detach(pipe)
    this.in.detach(pipe)
    this.greeting.detach(pipe)
  }

  override connected(pipe: Pipe): void {
    this.greeting.connected(pipe)
  }

  override readActivated(pipe: Pipe): void {
    this.in.activated(pipe)
  }

  override writeActivated(pipe: Pipe): void {
    this.out.activated(pipe)
  }

  override send(message: Message): Sent {
    return this.out.send(message) === undefined ? FULL : SENT
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
