import type { Message } from "../../Message.ts"
import { Distributor } from "../Distributor.ts"
import { DROPPED, FULL, type Options, Pattern, SENT, type Sent } from "../Pattern.ts"
import type { Command, Pipe } from "../Pipe.ts"
import { Subscribers } from "../SubscriptionTree.ts"

/**
 * PUB (RFC 29): each message goes to every subscriber of a prefix of its first frame. One whose queue is full loses it,
 * unless `noDrop`.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Pub extends Pattern {
  protected readonly out = new Distributor()
  protected readonly subscribers = new Subscribers<Pipe>()
  protected readonly options: Options
  protected readonly match = (pipe: Pipe): void => this.out.match(pipe)

  constructor(options: Options) {
    super()
    this.options = options
  }

  override attach(pipe: Pipe): void {
    this.out.attach(pipe)
    pipe.discard()
  }

  override detach(pipe: Pipe): void {
    this.subscribers.removeAll(pipe)
    this.out.detach(pipe)
  }

  /** The subscriptions of a lost connection are kept, so that messages queue for the next; which then brings its own. */
  override connected(pipe: Pipe): void {
    this.subscribers.removeAll(pipe)
  }

  override readActivated(pipe: Pipe): void {
    pipe.discard()
  }

  override writeActivated(pipe: Pipe): void {
    this.out.activated(pipe)
  }

  override command(pipe: Pipe, command: Command, body: Uint8Array): number {
    if (command === "SUBSCRIBE") this.subscribers.add(body, pipe)
    else this.subscribers.remove(body, pipe)
    return this.subscribers.count(pipe)
  }

  /** What is done with each who is subscribed to the message at hand. */
  protected audience(): (pipe: Pipe) => void {
    return this.match
  }

  override send(message: Message): Sent {
    this.subscribers.visitMatching(message[0], this.audience())
    if (this.options.invertMatching) this.out.reverse()
    if (this.options.noDrop && !this.out.hasRoom()) {
      this.out.unmatch()
      return FULL
    }
    return this.out.send(message) > 0 ? SENT : DROPPED
  }
}
