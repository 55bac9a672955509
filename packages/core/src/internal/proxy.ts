/** The pump of a proxy from one socket to another, by what the other one is. */
import * as Effect from "effect/Effect"
import type { Message } from "../Message.ts"
import type { Reason } from "../ZmqError.ts"
import type { Capture } from "./capture.ts"
import { keyOf } from "./forwarding.ts"
import { Pump } from "./pump.ts"
import { RouterPump, type Settings } from "./routerPump.ts"
import type { SocketImpl } from "./socket.ts"

/** To an XSUB: what tells of a subscription becomes one of the XSUB, which tells its publishers, also those to come. */
class XSubPump extends Pump {
  /** How often a prefix was subscribed to, where only the last end is told. */
  private readonly open = new Map<string, number>()

  protected override offer(message: Message): boolean {
    return !isSubscription(message) && super.offer(message)
  }

  protected override get send(): Effect.Effect<void, Reason> {
    const { hand } = this
    const first = hand[this.next] as Message // below the length
    if (isSubscription(first)) return this.pass(first)
    let end = this.next + 1
    while (end < hand.length && !isSubscription(hand[end] as Message)) end++ // likewise
    return this.sendUpTo(end)
  }

  private pass(message: Message): Effect.Effect<void, Reason> {
    const { from, to } = this
    return Effect.uninterruptible(
      Effect.gen({ self: this }, function* () {
        const topic = message[0].subarray(1)
        const isNew = message[0][0] === 1
        // An XPUB with `manual` gives them one at a time, each to be confirmed before the next is taken: as `XPub.confirm` does.
        const { inner } = from.handle
        if (from.tells === "manual") yield* isNew ? inner.subscribe(topic) : inner.unsubscribe(topic)
        for (let n = this.count(topic, isNew); n > 0; n--) yield* isNew ? to.subscribe(topic) : to.unsubscribe(topic)
        this.next++
        this.wasSent(message)
      })
    )
  }

  /** How many subscriptions of the XSUB a change is: each is told, and of the ends perhaps the last one only. */
  private count(topic: Uint8Array, isNew: boolean): number {
    if (this.from.tells !== "subscriptions") return 1
    const key = keyOf(topic)
    const count = this.open.get(key) ?? 0
    if (isNew) this.open.set(key, count + 1)
    else this.open.delete(key)
    return isNew ? 1 : count
  }
}

const isSubscription = (message: Message): boolean =>
  message.length === 1 && (message[0][0] === 1 || message[0][0] === 0)

/** The pump for what is sent to. */
export const pump = (from: SocketImpl, to: SocketImpl, capture: Capture | undefined, settings: Settings): Pump => {
  if (to.type === "ROUTER") return new RouterPump(from, to, capture, settings)
  return to.type === "XSUB" ? new XSubPump(from, to, capture) : new Pump(from, to, capture)
}
