import type { Message } from "../../Message.ts"
import { Distributor } from "../Distributor.ts"
import { FairQueue } from "../FairQueue.ts"
import { DROPPED, type Options, Pattern, SENT, type Sent } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"
import { Subscriptions } from "../SubscriptionTree.ts"

/**
 * XSUB (RFC 29): tells every publisher what it subscribes to, takes what they send, one message of each in turn, and sends
 * messages to all of them; one whose queue is full loses it.
 *
 * Publishers are told of every subscription, of several to the same prefix too; and of its end when the last of them ends,
 * or of every one with `verboseUnsubscribe`.
 *
 * @category patterns
 * @since 0.1.0
 */
export class XSub extends Pattern {
  protected readonly in = new FairQueue()
  protected readonly subscriptions = new Subscriptions()
  private readonly out = new Distributor()
  private readonly pipes = new Set<Pipe>()
  private readonly tellsAll: boolean

  constructor(options: Options) {
    super()
    this.tellsAll = options.verboseUnsubscribe
  }

  override attach(pipe: Pipe): void {
    this.in.attach(pipe)
    this.out.attach(pipe)
    this.pipes.add(pipe)
  }

  override detach(pipe: Pipe): void {
    this.in.detach(pipe)
    this.out.detach(pipe)
    this.pipes.delete(pipe)
  }

  override connected(pipe: Pipe): void {
    this.subscriptions.visit((prefix) => pipe.command("SUBSCRIBE", prefix))
  }

  override readActivated(pipe: Pipe): void {
    this.in.activated(pipe)
  }

  override writeActivated(pipe: Pipe): void {
    this.out.activated(pipe)
  }

  override subscribe(prefix: Uint8Array): void {
    this.subscriptions.add(prefix)
    for (const pipe of this.pipes) pipe.command("SUBSCRIBE", prefix)
  }

  override unsubscribe(prefix: Uint8Array): void {
    if (!this.subscriptions.remove(prefix) && !this.tellsAll) return
    for (const pipe of this.pipes) pipe.command("CANCEL", prefix)
  }

  override send(message: Message): Sent {
    this.out.matchAll()
    return this.out.send(message) > 0 ? SENT : DROPPED
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
