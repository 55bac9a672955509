import type { Message } from "../../Message.ts"
import { FairQueue } from "../FairQueue.ts"
import { Greeting } from "../Greeting.ts"
import { FULL, type Options, type Sent } from "../Pattern.ts"
import type { Command, Pipe } from "../Pipe.ts"
import { Subscribers } from "../SubscriptionTree.ts"
import { Pub } from "./pub.ts"

/** A connection of a subscriber, for as long as there is one. */
interface Subscriber {
  pipe: Pipe | undefined
}

/** A message to be taken; and whose subscription it tells of, where it does. */
interface Notice {
  readonly message: Message
  readonly subscriber: Subscriber | undefined
  /** Whether its subscriber sent it as a message. */
  readonly wasSent: boolean
}

/**
 * XPUB (RFC 29): a PUB that takes what subscribers send, and their subscriptions: a byte, 1 for a new one and 0 for one
 * that ended, and the prefix.
 *
 * Told are subscriptions to what nobody was subscribed to, and ends after which nobody is; all of them by `verbosity`. With
 * `manual` all are told, and none holds but for what `subscribe` and `unsubscribe` say, of the subscriber whose message was
 * taken last.
 *
 * @category patterns
 * @since 0.1.0
 */
export class XPub extends Pub {
  private readonly in = new FairQueue()
  private readonly greeting: Greeting
  /** In the order in which they came, and after what their subscribers had sent before; up to `told` they were taken. */
  private notices: Array<Notice> = []
  private told = 0
  /** How many of the others are messages. */
  private sent = 0
  /** What was asked for, and need not hold. Of `manual`. */
  private readonly asked = new Subscribers<Pipe>()
  private last: Pipe | undefined = undefined
  /** The connections that there are notices of. */
  private readonly known = new Map<Pipe, Subscriber>()

  constructor(options: Options) {
    super(options)
    this.greeting = new Greeting(options.welcomeMessage && [options.welcomeMessage])
  }

  override attach(pipe: Pipe): void {
    this.out.attach(pipe)
    this.in.attach(pipe)
    this.greeting.attach(pipe)
  }

  override detach(pipe: Pipe): void {
    this.forget(pipe)
    this.greeting.detach(pipe)
    this.in.detach(pipe)
    this.out.detach(pipe)
  }

  override connected(pipe: Pipe): void {
    this.forget(pipe)
    this.greeting.connected(pipe)
  }

  override readActivated(pipe: Pipe): void {
    this.in.activated(pipe)
  }

  override command(pipe: Pipe, command: Command, body: Uint8Array): number {
    for (const message of pipe.take(Number.POSITIVE_INFINITY)) {
      this.notices.push({ message, subscriber: undefined, wasSent: true })
      this.sent++
    }
    const { manual, verbosity } = this.options
    const isNew = command === "SUBSCRIBE"
    const subscribers = manual ? this.asked : this.subscribers
    const isFirstOrLast = isNew ? subscribers.add(body, pipe) : subscribers.remove(body, pipe)
    if (manual || isFirstOrLast || verbosity === "all" || (isNew && verbosity === "subscriptions")) {
      this.tell(isNew, body, this.subscriberOf(pipe))
    }
    return subscribers.count(pipe)
  }

  override subscribe(prefix: Uint8Array): void {
    if (this.last !== undefined) this.subscribers.add(prefix, this.last)
  }

  override unsubscribe(prefix: Uint8Array): void {
    if (this.last !== undefined) this.subscribers.remove(prefix, this.last)
  }

  /** With `lastValue`, once after each notice, its subscriber alone. */
  protected override audience(): (pipe: Pipe) => void {
    const { last } = this
    if (!this.options.lastValue || last === undefined) return this.match
    this.last = undefined
    return (pipe) => {
      if (pipe === last) this.match(pipe)
    }
  }

  /** What waits for room is for its subscriber alone as before. */
  override send(message: Message): Sent {
    const { last } = this
    const sent = super.send(message)
    if (sent === FULL) this.last = last
    return sent
  }

  override hasIn(): boolean {
    // Who is found to have left leaves notices.
    return this.untold > 0 || this.in.hasIn() || this.untold > 0
  }

  override holds(): number {
    return this.sent
  }

  override takeOne(): Message | undefined {
    if (!this.hasIn()) return undefined
    const notice = this.notices[this.told]
    this.last = notice?.subscriber?.pipe
    if (notice === undefined) return this.in.takeOne()
    this.told++
    if (notice.wasSent) this.sent--
    if (this.told * 2 >= this.notices.length) {
      this.notices = this.notices.slice(this.told)
      this.told = 0
    }
    return notice.message
  }

  /** With `manual` one at a time, to be confirmed before the next. */
  override take(max: number): ReadonlyArray<Message> {
    if (!this.hasIn()) return []
    if (this.untold === 0 && !this.options.manual) return this.in.take(max)
    const most = this.options.manual ? 1 : Math.min(max, this.untold)
    return Array.from({ length: most }, () => this.takeOne() as Message) // there are so many
  }

  private get untold(): number {
    return this.notices.length - this.told
  }

  /** The subscriptions of a peer that has left, or of its last connection. */
  private forget(pipe: Pipe): void {
    const { manual, verbosity } = this.options
    const tellAll = manual || verbosity === "all"
    const tell = (prefix: Uint8Array, isGone: boolean) => {
      if (tellAll || isGone) this.tell(false, prefix, undefined)
    }
    this.asked.removeAll(pipe, tell)
    this.subscribers.removeAll(pipe, manual ? undefined : tell)
    if (this.last === pipe) this.last = undefined
    // What it had asked for, and is not taken yet, is of nobody.
    const subscriber = this.known.get(pipe)
    if (subscriber === undefined) return
    subscriber.pipe = undefined
    this.known.delete(pipe)
  }

  private subscriberOf(pipe: Pipe): Subscriber {
    const known = this.known.get(pipe)
    if (known !== undefined) return known
    const subscriber = { pipe }
    this.known.set(pipe, subscriber)
    return subscriber
  }

  private tell(isNew: boolean, prefix: Uint8Array, subscriber: Subscriber | undefined): void {
    const frame = new Uint8Array(prefix.length + 1)
    frame[0] = isNew ? 1 : 0
    frame.set(prefix, 1)
    this.notices.push({ message: [frame], subscriber, wasSent: false })
  }
}
