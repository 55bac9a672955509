import type { Message } from "../../Message.ts"
import { FairQueue } from "../FairQueue.ts"
import { type Options, Pattern } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"
import { Subscriptions } from "../SubscriptionTree.ts"

/**
 * SUB (RFC 29): tells every publisher what it subscribes to, and takes what matches, one message of each in turn. What was
 * under way when a subscription ended is filtered here.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Sub extends Pattern {
  private readonly in = new FairQueue()
  private readonly pipes = new Set<Pipe>()
  private readonly subscriptions = new Subscriptions()
  private readonly inverted: boolean
  /** Found by `hasIn`, and not taken yet. */
  private held: Message | undefined = undefined

  constructor(options: Options) {
    super()
    this.inverted = options.invertMatching
  }

  override attach(pipe: Pipe): void {
    this.in.attach(pipe)
    this.pipes.add(pipe)
  }

  override detach(pipe: Pipe): void {
    this.in.detach(pipe)
    this.pipes.delete(pipe)
  }

  override connected(pipe: Pipe): void {
    this.subscriptions.visit((prefix) => pipe.command("SUBSCRIBE", prefix))
  }

  override readActivated(pipe: Pipe): void {
    this.in.activated(pipe)
  }

  override subscribe(prefix: Uint8Array): void {
    if (!this.subscriptions.add(prefix)) return
    for (const pipe of this.pipes) pipe.command("SUBSCRIBE", prefix)
  }

  override unsubscribe(prefix: Uint8Array): void {
    if (!this.subscriptions.remove(prefix)) return
    for (const pipe of this.pipes) pipe.command("CANCEL", prefix)
  }

  override hasIn(): boolean {
    this.held = this.takeOne()
    return this.held !== undefined
  }

  override takeOne(): Message | undefined {
    let message = this.held ?? this.in.takeOne()
    this.held = undefined
    while (message !== undefined && !this.matches(message)) message = this.in.takeOne()
    return message
  }

  override take(max: number): ReadonlyArray<Message> {
    const first = this.takeOne()
    if (first === undefined) return []
    if (max === 1) return [first]
    const out = [first]
    for (const message of this.in.take(max - 1)) if (this.matches(message)) out.push(message)
    return out
  }

  private matches(message: Message): boolean {
    return this.subscriptions.matches(message[0]) !== this.inverted
  }
}
