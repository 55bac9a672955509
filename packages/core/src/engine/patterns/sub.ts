import type { Message } from "../../Message.ts"
import { type Options, type Sent, WRONG_STATE } from "../Pattern.ts"
import { XSub } from "./xsub.ts"

/**
 * SUB (RFC 29): an XSUB that does not send, and takes only what matches its subscriptions: what was under way when one
 * ended is filtered here.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Sub extends XSub {
  private readonly inverted: boolean
  /** Found by `hasIn`, and not taken yet. */
  private held: Message | undefined = undefined

  constructor(options: Options) {
    super(options)
    this.inverted = options.invertMatching
  }

  override send(_message: Message): Sent {
    return WRONG_STATE
  }

  override hasIn(): boolean {
    this.held = this.takeOne()
    return this.held !== undefined
  }

  override holds(): number {
    return this.held === undefined ? 0 : 1
  }

  override takeOne(): Message | undefined {
    let message = this.held ?? this.in.takeOne()
    this.held = undefined
    while (message !== undefined && !this.passes(message)) message = this.in.takeOne()
    return message
  }

  override take(max: number): ReadonlyArray<Message> {
    const first = this.takeOne()
    if (first === undefined) return []
    if (max === 1) return [first]
    const out = [first]
    for (const message of this.in.take(max - 1)) if (this.passes(message)) out.push(message)
    return out
  }

  private passes(message: Message): boolean {
    const passes = this.matches(message)
    if (!passes) this.driver.lost("unsubscribed")
    return passes
  }

  private matches(message: Message): boolean {
    return this.subscriptions.matches(message[0]) !== this.inverted
  }
}
